using System.Collections.Concurrent;
using System.Text.Json;
using Spectre.Console;
using Weft.Rendering;

namespace Weft.Fleet;

/// <summary>How plans are written.</summary>
internal enum PlanFormat
{
    /// <summary>For people.</summary>
    Words,

    /// <summary>As the commands that an administrator would type.</summary>
    Commands,

    /// <summary>For programs.</summary>
    Json,
}

/// <summary>The plans of many hosts.</summary>
internal static class FleetPlan
{
    /// <summary>Shows what would change on each.</summary>
    public static async Task<int> ShowAsync(
        Output terminal,
        FleetSession fleet,
        IReadOnlyList<string> options,
        PlanFormat format,
        bool tellsDifferences,
        CancellationToken cancellationToken
    )
    {
        var planned = await FleetBoard.ShowAsync(
            terminal,
            fleet.Hosts,
            lines: null,
            board => AskAsync(fleet, board, options, withKeys: false, cancellationToken)
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
        return planned.Any(one => one.Plan is null or { Conflicts.Count: > 0 }) ? ExitCode.Failed
            : tellsDifferences && planned.Any(one => one.Plan!.Changes.Count > 0)
                ? ExitCode.Differences
            : ExitCode.Done;
    }

    /// <summary>Asks each host for its plan.</summary>
    /// <param name="fleet">The hosts.</param>
    /// <param name="board">Where that is shown.</param>
    /// <param name="options">What <c>weft plan</c> takes besides.</param>
    /// <param name="withKeys">
    /// Whether the files that the overlay file names go along. A fresh host has no plan without them; in the place of
    /// others none is put yet, which the plan then says.
    /// </param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<IReadOnlyList<HostPlan>> AskAsync(
        FleetSession fleet,
        FleetBoard board,
        IReadOnlyList<string> options,
        bool withKeys,
        CancellationToken cancellationToken
    )
    {
        var keys = new ConcurrentDictionary<string, HostKeys>(StringComparer.Ordinal);
        var answers = await fleet.EachAsync(
            board,
            fleet.Hosts,
            async (host, cancellation) =>
            {
                if (withKeys)
                {
                    keys[host] = await fleet.PutKeysAsync(host, replaces: false, cancellation);
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
            var own = keys.GetValueOrDefault(answer.Host);
            return Read(answer) is { } plan
                ? new HostPlan(
                    answer.Host,
                    plan with
                    {
                        Changes = [.. own?.Due ?? [], .. plan.Changes],
                    },
                    null,
                    own
                )
                : new HostPlan(answer.Host, null, answer.Why("has no plan"), own);
        }
    }

    /// <summary>Writes plans, those that change nothing in one line.</summary>
    public static void Write(
        Output terminal,
        IReadOnlyList<HostPlan> planned,
        PlanFormat format = PlanFormat.Words
    )
    {
        foreach (var plan in planned.Select(one => one.Plan).OfType<PlanDocument>())
        {
            if (format is PlanFormat.Commands)
            {
                PlanView.WriteCommands(Console.Out, plan);
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

/// <summary>What would change on one host.</summary>
/// <param name="Host">The host.</param>
/// <param name="Plan">Its plan; null where there is none.</param>
/// <param name="Why">Why there is none.</param>
/// <param name="Keys">How the files stand that the overlay file names; null where they do not matter.</param>
internal sealed record HostPlan(string Host, PlanDocument? Plan, string? Why, HostKeys? Keys)
{
    /// <summary>
    /// Whether it can be carried out. Files that are no certificate and its key, as when the connection was lost between
    /// them, are in nobody's way where others take their place.
    /// </summary>
    public bool IsAble =>
        Plan is { } plan
        && plan.Conflicts.All(conflict =>
            Keys is { Due.Count: > 0 } keys
            && keys.Files.Any(file => conflict.Contains(file, StringComparison.Ordinal))
        );
}
