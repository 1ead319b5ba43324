using Spectre.Console;
using Weft.Rendering;
using Owner = (string Host, string? Container);

namespace Weft.Reachability;

/// <summary>Shows a report to people: one table per network, and a sentence for each thing that is wrong.</summary>
internal static class ReachabilityTable
{
    private const int MostSentences = 12;

    // With one sign per pair this is as wide as a large screen.
    private const int MostInMatrix = 250;

    /// <summary>Writes the report. A table that is too wide for the console has one sign for each pair.</summary>
    /// <param name="console">Where to.</param>
    /// <param name="report">Who reached whom.</param>
    /// <param name="ways">
    /// The limit on pairs that the user gave; null if none, so that the kernel's neighbour table was the limit.
    /// </param>
    public static void Write(IAnsiConsole console, ReachabilityReport report, int? ways = null)
    {
        foreach (var line in Matrix(report, console.Profile.Width, Cell))
        {
            console.Line(line);
        }
        WriteVerdict(console, report, ways);
    }

    /// <summary>The matrix of each network, as lines of markup.</summary>
    /// <param name="report">Who reached whom.</param>
    /// <param name="width">How many columns there are; a matrix that does not fit has one sign for each pair.</param>
    /// <param name="cell">The text for one source-destination pair.</param>
    public static IEnumerable<string> Matrix(
        ReachabilityReport report,
        int width,
        Func<ProbeResult[], string> cell
    )
    {
        foreach (var network in report.Results.GroupBy(result => result.Network))
        {
            var results = network.ToArray();
            yield return $"[bold]{Markup.Escape(network.Key)}[/]  [dim]packets of {Sizes(results)} bytes, round trip in ms[/]";
            foreach (var line in Lines(results, width, cell))
            {
                yield return line;
            }
            yield return "";
        }
    }

    private static IEnumerable<string> Lines(
        ProbeResult[] results,
        int width,
        Func<ProbeResult[], string> cell
    )
    {
        var (rows, columns) = Axes(results);
        var most = int.Max(rows.Length, columns.Length);
        if (most > MostInMatrix)
        {
            return
            [
                $"[dim]{rows.Length} ask {columns.Length}: more than {MostInMatrix}, which a matrix would not be read of[/]",
            ];
        }
        var full = Rows(results, cell);
        return AlignedRows.Width(full) <= width ? AlignedRows.Lines(full) : Dense(results);
    }

    private static void WriteVerdict(IAnsiConsole console, ReachabilityReport report, int? ways)
    {
        var asked = report
            .Results.GroupBy(result => (result.Network, result.From, result.To))
            .ToArray();
        var closed = asked.Where(way => way.Any(IsBroken)).ToArray();
        foreach (var way in closed.Take(MostSentences))
        {
            console.Line($"[red]✗[/] {Markup.Escape(Sentence([.. way]))}");
        }
        if (closed.Length > MostSentences)
        {
            console.Line($"[dim]  and {closed.Length - MostSentences} more[/]");
        }
        console.Line(
            (asked.Length, closed.Length) switch
            {
                (0, _) =>
                    "[yellow]![/] nothing to reach: no network has two addresses of one family",
                (_, 0) => $"[green]✓[/] all {asked.Length} ways are open",
                _ => $"[red]✗[/] {closed.Length} of {asked.Length} ways are not open",
            }
        );
        if (report.Unasked > 0)
        {
            var why = ways is { } most
                ? $"--ways {most} leaves them out"
                : "the kernel keeps no more neighbours: `weft ping --ways NUMBER` asks of more";
            console.Line($"[dim]  {report.Unasked} more were not asked of, as {why}[/]");
        }
    }

    private static List<string[]> Rows(ProbeResult[] results, Func<ProbeResult[], string> cell)
    {
        var (rows, columns) = Axes(results);
        var cells = results.ToLookup(result => (Who(result.From), Who(result.To)));
        return
        [
            ["", .. columns.Select(Name)],
            .. rows.Select(row =>
                new[] { Name(row) }
                    .Concat(columns.Select(column => cell([.. cells[(row, column)]])))
                    .ToArray()
            ),
        ];
    }

    // One sign per pair: each column is headed by its row's number, written downwards.
    private static IEnumerable<string> Dense(ProbeResult[] results)
    {
        var (rows, columns) = Axes(results);
        var all = rows.Union(columns).ToArray();
        var cells = results.ToLookup(result => (Who(result.From), Who(result.To)));
        var digits = $"{all.Length}".Length;
        var name = all.Max(one => Name(one).Length);
        for (var digit = 0; digit < digits; digit++)
        {
            var heading = columns.Select(column => Number(column)[digit]);
            yield return $"[dim]{new string(' ', digits + name + 2)}{string.Concat(heading)}[/]";
        }
        foreach (var row in all)
        {
            var signs = rows.Contains(row)
                ? columns.Select(column => Sign([.. cells[(row, column)]]))
                : [];
            yield return $"[dim]{Number(row)}[/] {Name(row).PadRight(name)} {string.Concat(signs)}".TrimEnd();
        }

        string Number(Owner who) => $"{Array.IndexOf(all, who) + 1}".PadLeft(digits);
    }

    private static (Owner[] Rows, Owner[] Columns) Axes(ProbeResult[] results)
    {
        var rows = results.Select(result => Who(result.From)).Distinct().ToArray();
        var destinations = results.Select(result => Who(result.To)).ToHashSet();
        return (rows, [.. rows.Union(destinations).Where(destinations.Contains)]);
    }

    private static string Cell(ProbeResult[] results)
    {
        var broken = Array.Find(results, IsBroken);
        return Sign(results)
            + (
                results.Length == 0 ? ""
                : broken is null ? $" {results.Min(result => result.Milliseconds ?? 0):0.00}"
                : Array.TrueForAll(results, IsBroken) ? $" [red]{Word(broken)}[/]"
                : " [yellow]in part[/]"
            );
    }

    /// <summary>The state of a source-destination pair in one sign.</summary>
    public static string Sign(ProbeResult[] results) =>
        results.Length == 0 ? "[dim]–[/]"
        : !Array.Exists(results, IsBroken) ? "[green]✓[/]"
        : Array.TrueForAll(results, IsBroken) ? "[red]✗[/]"
        : "[yellow]▲[/]";

    // What gets through says as much as what does not: if only small packets do, an MTU somewhere is too large.
    internal static string Sentence(ProbeResult[] way)
    {
        var (from, to) = (way[0].From, way[0].To);
        var broken = way.Where(IsBroken)
            .GroupBy(Words)
            .Select(same => $"{Sizes([.. same])} bytes: {same.Key}");
        var whole = way.Where(result => !IsBroken(result)).ToArray();
        var fits = way.Max(result => result.Fits);
        var said =
            whole.Length == 0 ? broken
            : fits is { } most ? broken.Append($"up to {most} bytes get through")
            : broken.Append($"{Sizes(whole)} bytes get through");
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

    private static string Word(ProbeResult result) =>
        result.Outcome switch
        {
            Outcome.Lost => "lost",
            Outcome.TooLong => "too long",
            Outcome.NoAddress => "no address",
            // It is not known whether it runs.
            Outcome.NotRunning when result.Detail is not null => "not asked",
            Outcome.NotRunning => "not running",
            _ => "unreachable",
        };

    private static string Sizes(ProbeResult[] results) =>
        string.Join(" and ", results.Select(result => result.Size).Distinct().Order());

    internal static bool IsBroken(ProbeResult result) => result.Outcome is not Outcome.Reached;

    private static Owner Who(Endpoint endpoint) => (endpoint.Host, endpoint.Container);

    private static string Name(Owner who) => Markup.Escape(who.Container ?? who.Host);
}
