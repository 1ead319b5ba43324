using System.Diagnostics;
using Spectre.Console;
using Weft.Commands;
using Weft.Rendering;

namespace Weft.Fleet;

/// <summary>
/// Runs <c>weft apply</c> or <c>weft destroy</c> on many hosts: shows all plans, asks one question, carries all out.
/// </summary>
/// <param name="terminal">Where to write.</param>
/// <param name="fleet">The hosts.</param>
/// <param name="name">The command's name.</param>
/// <param name="destroys">Whether it removes the overlay from the hosts.</param>
internal sealed class FleetApply(Output terminal, FleetSession fleet, string name, bool destroys)
{
    /// <summary>The question to ask before anything is changed.</summary>
    public required string Question { get; init; }

    /// <summary>Whether to ask it.</summary>
    public required bool Asks { get; init; }

    /// <summary>Whether to write the result as JSON.</summary>
    public required bool Json { get; init; }

    /// <summary>More options for both <c>weft plan</c> and the command on each host.</summary>
    public required IReadOnlyList<string> Overrides { get; init; }

    /// <summary>More options for the command alone.</summary>
    public required IReadOnlyList<string> Options { get; init; }

    /// <summary>Runs the command.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        if (Asks && (Json || !Output.CanAsk))
        {
            throw new UsageException(
                Json
                    ? "--json is for programs, which are asked nothing: add --yes"
                    : $"{name} asks before it changes anything, and there is no terminal to ask on: add --yes"
            );
        }
        var planned = await FleetBoard.ShowAsync(
            terminal,
            fleet.Hosts,
            lines: null,
            board =>
                FleetPlan.AskAsync(
                    fleet,
                    board,
                    [.. Overrides, .. destroys ? ["--destroy"] : (string[])[]],
                    keys: destroys ? null : KeyPlacing.WhereNone,
                    cancellationToken
                )
        );
        if (!Json)
        {
            FleetPlan.Write(terminal, planned);
        }
        HostPlan[] able = [.. planned.Where(one => one.IsAble)];
        foreach (var one in planned.Where(one => one.Plan is null))
        {
            terminal.Fail(one.Why!);
        }
        var isChange = able.Any(one => one.Plan!.Changes.Count > 0);
        if (Asks && isChange && !await terminal.ConfirmAsync(QuestionOf(able), cancellationToken))
        {
            terminal.Error.WriteLine(Unchanged());
            return ExitCode.Failed;
        }
        var started = Stopwatch.GetTimestamp();
        var answers = await CarryOutAsync(able, cancellationToken);
        foreach (var answer in answers)
        {
            foreach (var remark in answer.Remarks.Except(RemarksOf(planned, answer.Host)))
            {
                terminal.Notice($"{answer.Host}: {remark}");
            }
        }
        var done = answers.Count(answer => answer.ExitCode == ExitCode.Done);
        if (Json)
        {
            FleetJson.Write(Console.Out, planned, answers);
        }
        else
        {
            var isAll = done == planned.Count;
            var left = isAll
                ? ""
                : $"; the same command again mends the rest: {Left(planned, answers)}";
            terminal.Out.Line(
                $"{(isAll ? "[green]✓[/]" : "[red]✗[/]")} {done} of {Counted.Of(planned.Count, "host")} as intended, in {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s{left.EscapeMarkup()}"
            );
        }
        return done == planned.Count ? ExitCode.Done : ExitCode.Failed;
    }

    /// <summary>
    /// Orders the hosts: MTUs shrink on all hosts before one grows anywhere, so that nobody sends packets that are too large for
    /// a host yet to change.
    /// </summary>
    internal static IEnumerable<string[]> Phases(IEnumerable<HostPlan> able) =>
        able.GroupBy(one => one.Plan!.Shrinks)
            .OrderByDescending(phase => phase.Key)
            .Select(phase => phase.Select(one => one.Host).ToArray());

    private async Task<IReadOnlyList<HostAnswer>> CarryOutAsync(
        HostPlan[] able,
        CancellationToken cancellationToken
    )
    {
        if (able.Length == 0)
        {
            return [];
        }
        var renewed = able.Where(one => one.Keys is { Due.Count: > 0 })
            .Select(one => one.Host)
            .ToHashSet(StringComparer.Ordinal);
        return await FleetBoard.ShowAsync(
            terminal,
            [.. able.Select(one => one.Host)],
            Json ? terminal.Error : terminal.Out,
            async board =>
            {
                var answers = new List<HostAnswer>();
                foreach (var phase in Phases(able))
                {
                    answers.AddRange(
                        await fleet.EachAsync(
                            board,
                            phase,
                            async (host, cancellation) =>
                            {
                                if (renewed.Contains(host))
                                {
                                    board.Step(host, "replacing certificates");
                                    await fleet.PutKeysAsync(
                                        host,
                                        KeyPlacing.Everywhere,
                                        cancellation
                                    );
                                }
                                board.Step(host, destroys ? "removing" : "applying");
                                return await fleet.AskAsync(
                                    host,
                                    [
                                        name,
                                        "-",
                                        "--as",
                                        host,
                                        "--yes",
                                        .. destroys ? [] : (string[])["--store"],
                                        .. Overrides,
                                        .. Options,
                                    ],
                                    fleet.File,
                                    cancellation
                                );
                            },
                            answer => (answer.ExitCode == ExitCode.Done, Words(answer)),
                            cancellationToken
                        )
                    );
                }
                return answers;
            }
        );
    }

    /// <summary>The answer to a no: making the plans may already have put files on hosts that had none.</summary>
    private string Unchanged()
    {
        var put = fleet.Put;
        return put.Count == 0
            ? "Nothing was changed."
            : $"Nothing was changed, but that files were put where there were none: {string.Join("; ", fleet.Hosts.Where(put.Contains).Select(host => $"{string.Join(", ", put[host])} on {host}"))}.";
    }

    private string QuestionOf(HostPlan[] able) =>
        $"{Question.TrimEnd('?')} on {(able is [var only] ? only.Host : $"{able.Length} hosts")}?";

    /// <summary>The remarks that were shown with a host's plan already.</summary>
    private static IEnumerable<string> RemarksOf(IReadOnlyList<HostPlan> planned, string host) =>
        planned.First(one => one.Host == host).Plan is { } plan
            ? plan.Notices.Concat(plan.Interruptions)
            : [];

    private static string Words(HostAnswer answer) =>
        answer.ExitCode != ExitCode.Done
            ? answer.LastRemark ?? "failed"
            : answer
                .Output.Split('\n')
                .FirstOrDefault(line => line.StartsWith("✓ done", StringComparison.Ordinal))
                ?[2..]
                ?? "nothing to change";

    private static string Left(
        IReadOnlyList<HostPlan> planned,
        IReadOnlyList<HostAnswer> answers
    ) =>
        string.Join(
            ", ",
            planned
                .Select(one => one.Host)
                .Except(
                    answers
                        .Where(answer => answer.ExitCode == ExitCode.Done)
                        .Select(answer => answer.Host)
                )
        );
}
