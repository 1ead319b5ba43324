using System.Globalization;
using Spectre.Console;

namespace Weft.Reachability;

/// <summary>A report as a person reads it: one table a network, and a sentence for each thing that is wrong.</summary>
internal static class ReachabilityTable
{
    private const int MostSentences = 12;
    private const int Gap = 2;

    /// <summary>The report in lines of Spectre's markup.</summary>
    /// <param name="report">The report.</param>
    /// <param name="width">How many columns there are; a table that is wider numbers its columns instead.</param>
    public static IEnumerable<string> Lines(ReachabilityReport report, int width)
    {
        foreach (var network in report.Results.GroupBy(result => result.Network))
        {
            var results = network.ToArray();
            yield return $"[bold]{Markup.Escape(network.Key)}[/]  [dim]packets of {Sizes(results)} bytes, round trip in ms[/]";
            foreach (var line in Table(results, width))
            {
                yield return line;
            }
            yield return "";
        }
        var pairs = report.Results.GroupBy(Pair).ToArray();
        var broken = pairs.Where(pair => pair.Any(IsBroken)).ToArray();
        foreach (var pair in broken.Take(MostSentences))
        {
            yield return $"[red]✗[/] {Markup.Escape(Sentence([.. pair]))}";
        }
        if (broken.Length > MostSentences)
        {
            yield return $"[dim]and {broken.Length - MostSentences} more[/]";
        }
        yield return pairs.Length == 0
            ? "[yellow]Nothing to reach: no network has two addresses of one family.[/]"
            : (broken.Length == 0 ? "[green]✓[/]" : "[red]✗[/]")
                + $" {pairs.Length - broken.Length} of {pairs.Length} ways are open";
    }

    private static IEnumerable<string> Table(ProbeResult[] results, int width)
    {
        var rows = results.Select(result => Who(result.From)).Distinct().ToArray();
        var columns = rows.Concat(results.Select(result => Who(result.To)))
            .Distinct()
            .Where(one => results.Any(result => Who(result.To) == one))
            .ToArray();
        var cells = results.ToLookup(result => (Who(result.From), Who(result.To)));
        var label = rows.Max(row => Name(row).Length);
        var wide = columns
            .Select(column =>
                rows.Select(row => Cell([.. cells[(row, column)]], brief: false).Text.Length)
                    .Append(Name(column).Length)
                    .Max()
            )
            .ToArray();
        var brief = label + wide.Sum(one => one + Gap) > width;
        if (brief)
        {
            label =
                rows.Concat(columns).Max(one => Name(one).Length)
                + Number(columns.Length).Length
                + 1;
            wide = [.. columns.Select((_, index) => Number(index).Length)];
        }
        yield return $"[dim]{new string(' ', label)}{string.Concat(columns.Select((column, index) => Padded(brief ? Number(index) : Name(column), wide[index])))}[/]";
        foreach (var row in rows)
        {
            var name = brief ? $"{Number(Array.IndexOf(columns, row))} {Name(row)}" : Name(row);
            yield return Markup.Escape(name.PadRight(label))
                + string.Concat(
                    columns.Select(
                        (column, index) =>
                        {
                            var (text, style) = Cell([.. cells[(row, column)]], brief);
                            return $"[{style}]{Padded(text, wide[index])}[/]";
                        }
                    )
                );
        }
        foreach (var column in brief ? columns.Except(rows) : [])
        {
            yield return $"[dim]{Number(Array.IndexOf(columns, column))} {Markup.Escape(Name(column))}[/]";
        }
    }

    private static (string Text, string Style) Cell(ProbeResult[] results, bool brief)
    {
        if (results.Length == 0)
        {
            return ("–", "dim");
        }
        if (Array.Find(results, IsBroken) is not { } broken)
        {
            var fastest = results.Min(result => result.Milliseconds ?? 0);
            return (
                brief ? "✓" : $"✓ {fastest.ToString("0.00", CultureInfo.InvariantCulture)}",
                "green"
            );
        }
        return results.Any(result => !IsBroken(result))
            ? (brief ? "▲" : "▲ in part", "yellow")
            : (brief ? "✗" : $"✗ {Word(broken.Outcome)}", "red");
    }

    // What gets through is as telling as what does not: small packets alone mean an MTU that is too large somewhere.
    private static string Sentence(ProbeResult[] pair)
    {
        var (from, to) = (pair[0].From, pair[0].To);
        var said = pair.Where(IsBroken)
            .GroupBy(result => Words(result))
            .Select(same => $"{Sizes([.. same])} bytes: {same.Key}")
            .Concat(
                pair.Any(result => !IsBroken(result))
                    ? [$"{Sizes([.. pair.Where(result => !IsBroken(result))])} bytes: get through"]
                    : Array.Empty<string>()
            );
        return $"{from.Name} → {to.Name} ({from.Address} → {to.Address}): {string.Join("; ", said)}";

        string Words(ProbeResult result) =>
            result.Outcome switch
            {
                Outcome.Lost => "no answer",
                Outcome.TooLong => "message too long",
                Outcome.NoAddress => $"{from.Name} does not have {from.Address}",
                Outcome.NotRunning => $"{from.Name} does not run on {from.Host}",
                _ => result.Detail ?? "nobody answers for that address",
            };
    }

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

    private static string Name((string Host, string? Container) who) => who.Container ?? who.Host;

    private static object Pair(ProbeResult result) => (result.Network, result.From, result.To);

    private static string Number(int index) => $"{index + 1}";

    private static string Padded(string text, int width) =>
        new string(' ', Gap) + text.PadRight(width);
}
