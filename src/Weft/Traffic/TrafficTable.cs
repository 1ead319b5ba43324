using System.Collections.Immutable;
using Spectre.Console;
using Weft.Rendering;

namespace Weft.Traffic;

/// <summary>Shows rates to people.</summary>
internal static class TrafficTable
{
    private static readonly string[] Units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];

    private static readonly ImmutableArray<Column> Columns =
    [
        new("HOST", flow => Markup.Escape(flow.Host)),
        new("KIND", flow => flow.Kind.ToString().ToLowerInvariant()),
        new("NAME", flow => Markup.Escape(flow.Name)),
        new("NETWORK", flow => Markup.Escape(flow.Network), Spare: 3),
        new("LINK", flow => Markup.Escape(flow.Link), Spare: 1),
        new("IN", flow => flow.IsThere ? Cell(flow.Rate?.BitsIn, Bits) : "[red]not there[/]"),
        new("OUT", flow => Cell(flow.Rate?.BitsOut, Bits)),
        new("PACKETS/S IN", flow => Cell(flow.Rate?.PacketsIn, Packets), Spare: 2),
        new("OUT", flow => Cell(flow.Rate?.PacketsOut, Packets), Spare: 2),
        new("ERRORS", flow => Faults(flow.Errors)),
        new("DROPS", flow => Faults(flow.Drops)),
    ];

    /// <summary>The table as lines of markup.</summary>
    /// <param name="flows">The rate of each flow.</param>
    /// <param name="width">The width of the terminal in columns.</param>
    public static IEnumerable<string> Lines(IReadOnlyCollection<FlowRate> flows, int width)
    {
        if (flows.Count == 0)
        {
            return ["nothing carries packets here: no tunnel, no container, no address"];
        }
        var isOneHost = flows.Select(flow => flow.Host).Distinct().Count() == 1;
        var columns = Columns.Where(column => !isOneHost || column.Heading != "HOST").ToList();
        var mostSpare = Columns.Max(column => column.Spare);
        for (
            var spare = 1;
            spare <= mostSpare && AlignedRows.Width(Rows(columns, flows)) > width;
            spare++
        )
        {
            columns.RemoveAll(column => column.Spare == spare);
        }
        return AlignedRows.Lines(Rows(columns, flows));
    }

    /// <summary>A rate in three digits and its unit.</summary>
    internal static string Bits(double bits)
    {
        var unit = 0;
        while (bits >= 999.5 && unit < Units.Length - 1)
        {
            bits /= 1000;
            unit++;
        }
        var digits =
            unit == 0 || bits >= 99.95 ? "0"
            : bits >= 9.995 ? "0.0"
            : "0.00";
        return $"{bits.ToString(digits), 4} {Units[unit]}";
    }

    private static string[][] Rows(IReadOnlyList<Column> columns, IEnumerable<FlowRate> flows) =>
        [
            [.. columns.Select(column => column.Heading)],
            .. flows.Select(flow => columns.Select(column => column.Cell(flow)).ToArray()),
        ];

    private static string Cell(double? rate, Func<double, string> words) =>
        rate switch
        {
            null => "[dim]…[/]",
            0 => $"[dim]{words(0)}[/]",
            { } some => words(some),
        };

    private static string Packets(double packets) =>
        packets.ToString(packets is > 0 and < 9.95 ? "0.0" : "0");

    private static string Faults(long number) => number == 0 ? "[dim]0[/]" : $"[red]{number}[/]";

    /// <summary>A column of the table.</summary>
    /// <param name="Heading">The column's heading.</param>
    /// <param name="Cell">The column's text for a flow.</param>
    /// <param name="Spare">The order in which a narrow terminal drops columns: 1 first; 0 never.</param>
    private sealed record Column(string Heading, Func<FlowRate, string> Cell, int Spare = 0);
}
