using System.Globalization;
using Spectre.Console;
using Weft.Rendering;

namespace Weft.Reachability;

/// <summary>A report as a person reads it: one table a network, and a sentence for each thing that is wrong.</summary>
internal static class ReachabilityTable
{
    private const int MostSentences = 12;

    /// <summary>Writes the report. A table that the console is too narrow for has numbers for columns.</summary>
    public static void Write(IAnsiConsole console, ReachabilityReport report)
    {
        foreach (var network in report.Results.GroupBy(result => result.Network))
        {
            var results = network.ToArray();
            console.MarkupLine(
                $"[bold]{Markup.Escape(network.Key)}[/]  [dim]packets of {Sizes(results)} bytes, round trip in ms[/]"
            );
            var rows = Rows(results, brief: false);
            AlignedRows.Write(
                console,
                AlignedRows.Width(rows) <= console.Profile.Width ? rows : Rows(results, brief: true)
            );
            console.WriteLine();
        }
        WriteVerdict(console, report);
    }

    private static void WriteVerdict(IAnsiConsole console, ReachabilityReport report)
    {
        var ways = report
            .Results.GroupBy(result => (result.Network, result.From, result.To))
            .ToArray();
        var closed = ways.Where(way => way.Any(IsBroken)).ToArray();
        foreach (var way in closed.Take(MostSentences))
        {
            console.MarkupLine($"[red]✗[/] {Markup.Escape(Sentence([.. way]))}");
        }
        if (closed.Length > MostSentences)
        {
            console.MarkupLine($"[dim]  and {closed.Length - MostSentences} more[/]");
        }
        console.MarkupLine(
            (ways.Length, closed.Length) switch
            {
                (0, _) =>
                    "[yellow]![/] nothing to reach: no network has two addresses of one family",
                (_, 0) => $"[green]✓[/] all {ways.Length} ways are open",
                _ => $"[red]✗[/] {closed.Length} of {ways.Length} ways are not open",
            }
        );
    }

    private static List<string[]> Rows(ProbeResult[] results, bool brief)
    {
        var sources = results.Select(result => Who(result.From)).Distinct().ToArray();
        var destinations = results.Select(result => Who(result.To)).ToHashSet();
        var all = sources.Union(destinations).ToArray();
        var columns = all.Where(destinations.Contains).ToArray();
        var cells = results.ToLookup(result => (Who(result.From), Who(result.To)));
        List<string[]> rows =
        [
            ["", .. columns.Select(column => brief ? Number(column) : Name(column))],
            .. sources.Select(source =>
                new[] { Label(source) }
                    .Concat(columns.Select(column => Cell([.. cells[(source, column)]], brief)))
                    .ToArray()
            ),
        ];
        if (brief)
        {
            rows.AddRange(
                all.Except(sources)
                    .Select(other =>
                        new[] { Label(other) }.Concat(columns.Select(_ => "")).ToArray()
                    )
            );
        }
        return rows;

        string Label((string, string?) who) => brief ? $"{Number(who)} {Name(who)}" : Name(who);

        string Number((string, string?) who) => $"{Array.IndexOf(all, who) + 1}";
    }

    private static string Cell(ProbeResult[] results, bool brief)
    {
        if (results.Length == 0)
        {
            return "[dim]–[/]";
        }
        if (Array.Find(results, IsBroken) is not { } broken)
        {
            var fastest = results.Min(result => result.Milliseconds ?? 0);
            return brief
                ? "[green]✓[/]"
                : $"[green]✓[/] {fastest.ToString("0.00", CultureInfo.InvariantCulture)}";
        }
        return Array.TrueForAll(results, IsBroken)
            ? $"[red]✗{(brief ? "" : $" {Word(broken.Outcome)}")}[/]"
            : $"[yellow]▲{(brief ? "" : " in part")}[/]";
    }

    // What gets through is as telling as what does not: small packets alone mean an MTU that is too large somewhere.
    private static string Sentence(ProbeResult[] way)
    {
        var (from, to) = (way[0].From, way[0].To);
        var broken = way.Where(IsBroken)
            .GroupBy(Words)
            .Select(same => $"{Sizes([.. same])} bytes: {same.Key}");
        var whole = way.Where(result => !IsBroken(result)).ToArray();
        var said = whole.Length == 0 ? broken : broken.Append($"{Sizes(whole)} bytes get through");
        return $"{from.Name} → {to.Name} ({from.Address} → {to.Address}), {string.Join("; ", said)}";
    }

    private static string Words(ProbeResult result) =>
        result.Outcome switch
        {
            Outcome.Lost => "no answer",
            Outcome.TooLong => "message too long",
            Outcome.NoAddress => $"{result.From.Name} does not have {result.From.Address}",
            Outcome.NotRunning => result.Detail
                ?? $"{result.From.Name} does not run on {result.From.Host}",
            _ => result.Detail ?? "nobody answers for that address",
        };

    private static string Word(Outcome outcome) =>
        outcome switch
        {
            Outcome.Lost => "lost",
            Outcome.TooLong => "too long",
            Outcome.NoAddress => "no address",
            Outcome.NotRunning => "not running",
            _ => "unreachable",
        };

    private static string Sizes(ProbeResult[] results) =>
        string.Join(" and ", results.Select(result => result.Size).Distinct().Order());

    private static bool IsBroken(ProbeResult result) => result.Outcome is not Outcome.Reached;

    private static (string Host, string? Container) Who(Endpoint endpoint) =>
        (endpoint.Host, endpoint.Container);

    private static string Name((string Host, string? Container) who) =>
        Markup.Escape(who.Container ?? who.Host);
}
