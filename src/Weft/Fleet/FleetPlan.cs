using System.Collections.Concurrent;
using System.Text.Json;
using Spectre.Console;
using Weft.Rendering;

namespace Weft.Fleet;

/// <summary>The format of plans.</summary>
internal enum PlanFormat
{
    /// <summary>For people.</summary>
    Words,

    /// <summary>As the commands that an administrator would type.</summary>
    Commands,

    /// <summary>For programs.</summary>
    Json,
}

/// <summary>Makes and shows the plans of many hosts.</summary>
internal static class FleetPlan
{
    /// <summary>Shows what would change on each host.</summary>
    public static async Task<int> ShowAsync(
        Output terminal,
        FleetSession fleet,
        IReadOnlyList<string> options,
        bool destroys,
        PlanFormat format,
        bool tellsDifferences,
        CancellationToken cancellationToken
    )
    {
        var planned = await FleetBoard.ShowAsync(
            terminal,
            fleet.Hosts,
            lines: null,
            board =>
                AskAsync(
                    fleet,
                    board,
                    [.. options, .. destroys ? ["--destroy"] : (string[])[]],
                    destroys ? null : KeyPlacing.Nowhere,
                    cancellationToken
                )
        );
        if (format is PlanFormat.Json)
        {
            Console.Out.WriteLine(
                PlanJson.Text([.. planned.Select(one => one.Plan).OfType<PlanDocument>()])
            );
        }
        else
        {
            Write(terminal, planned, format);
        }
        foreach (var one in planned.Where(one => one.Why is not null))
        {
            terminal.Fail(one.Why!);
        }
        return planned.Any(one => !one.IsAble) ? ExitCode.Failed
            : tellsDifferences && planned.Any(one => one.Plan!.Changes.Count > 0)
                ? ExitCode.Differences
            : ExitCode.Done;
    }

    /// <summary>Asks each host for its plan.</summary>
    /// <param name="fleet">The hosts.</param>
    /// <param name="board">Where to show progress.</param>
    /// <param name="options">More options for <c>weft plan</c>.</param>
    /// <param name="keys">
    /// Where to put the files that the overlay file names; null where they do not matter. Without them a fresh host has no
    /// complete plan. Files that are still to be put there become part of the plan.
    /// </param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<IReadOnlyList<HostPlan>> AskAsync(
        FleetSession fleet,
        FleetBoard board,
        IReadOnlyList<string> options,
        KeyPlacing? keys,
        CancellationToken cancellationToken
    )
    {
        var stand = new ConcurrentDictionary<string, HostKeys>(StringComparer.Ordinal);
        var answers = await fleet.EachAsync(
            board,
            fleet.Hosts,
            async (host, cancellation) =>
            {
                if (keys is { } where)
                {
                    stand[host] = await fleet.PutKeysAsync(host, where, cancellation);
                }
                board.Step(host, "planning");
                return await fleet.AskAsync(
                    host,
                    ["plan", "-", "--as", host, "--json", .. options],
                    fleet.File,
                    cancellation
                );
            },
            answer =>
                PlanOf(answer).Plan is { } plan
                    ? (plan.Conflicts.Count == 0, PlanView.Summary(plan))
                    : (false, answer.LastRemark ?? "no plan"),
            cancellationToken
        );
        return [.. answers.Select(PlanOf)];

        HostPlan PlanOf(HostAnswer answer)
        {
            var own = stand.GetValueOrDefault(answer.Host);
            return Read(answer) is { } plan
                ? new HostPlan(answer.Host, own is null ? plan : With(plan, own), null, own)
                : new HostPlan(answer.Host, null, answer.Why("has no plan"), own);
        }
    }

    /// <summary>
    /// Adds the files that are to be put on the host first. Conflicts about these files (missing, or a certificate without its
    /// key because only one was copied) are then removed: the files resolve them.
    /// </summary>
    private static PlanDocument With(PlanDocument plan, HostKeys keys)
    {
        var mended = keys.Due is []
            ? []
            : plan
                .Conflicts.Where(conflict =>
                    keys.Files.Any(file => conflict.Contains(file, StringComparison.Ordinal))
                )
                .ToList();
        return plan with
        {
            Changes = [.. keys.Due, .. plan.Changes],
            Conflicts = [.. plan.Conflicts.Except(mended)],
            Notices =
            [
                .. plan.Notices,
                .. mended is []
                    ? []
                    : (string[])
                        [
                            $"what encrypts is planned once {string.Join(", ", keys.Due.Select(due => due.Name))} {(keys.Due is [_] ? "is" : "are")} there",
                        ],
            ],
        };
    }

    /// <summary>Writes plans; one that changes nothing takes one line.</summary>
    public static void Write(
        Output terminal,
        IReadOnlyList<HostPlan> planned,
        PlanFormat format = PlanFormat.Words
    )
    {
        foreach (var one in planned)
        {
            if (one.Plan is not { } plan)
            {
                continue;
            }
            if (format is PlanFormat.Commands)
            {
                PlanView.WriteCommands(Console.Out, plan);
                foreach (var due in one.Keys?.Due ?? [])
                {
                    Console.Out.WriteLine($"# {due.Name}: {due.Detail}");
                }
            }
            else if (plan.Changes.Count == 0 && plan.Conflicts.Count == 0)
            {
                PlanView.WriteHeading(terminal.Out, plan);
            }
            else
            {
                PlanView.Write(terminal.Out, plan);
                terminal.Out.WriteLine();
            }
        }
        foreach (var one in planned)
        {
            PlanView.WriteRemarks(
                terminal,
                [
                    .. (one.Plan?.Notices ?? [])
                        .Concat(one.Keys?.Remark is { } remark ? [remark] : [])
                        .Select(notice => $"{one.Host}: {notice}"),
                ],
                (one.Plan?.Conflicts ?? []).Select(conflict => $"{one.Host}: {conflict}")
            );
        }
        foreach (
            var alike in planned
                .SelectMany(one =>
                    (one.Plan?.Interruptions ?? []).Select(interruption =>
                        (one.Host, Interruption: interruption)
                    )
                )
                .GroupBy(one => one.Interruption, one => one.Host, StringComparer.Ordinal)
        )
        {
            terminal.Notice($"{string.Join(", ", alike)}: {alike.Key}");
        }
    }

    private static PlanDocument? Read(HostAnswer answer)
    {
        try
        {
            return PlanJson.Read(answer.Output) is [var plan] ? plan : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>The plan for one host.</summary>
/// <param name="Host">The host.</param>
/// <param name="Plan">The plan; null where there is none.</param>
/// <param name="Why">Why there is none.</param>
/// <param name="Keys">The state of the files that the overlay file names; null where they do not matter.</param>
internal sealed record HostPlan(string Host, PlanDocument? Plan, string? Why, HostKeys? Keys)
{
    /// <summary>Whether the plan can be carried out.</summary>
    public bool IsAble => Plan is { Conflicts.Count: 0 };
}
