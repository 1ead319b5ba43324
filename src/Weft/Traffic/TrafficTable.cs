using System.Globalization;
using Spectre.Console;
using Weft.Rendering;

namespace Weft.Traffic;

/// <summary>Rates as a person reads them.</summary>
internal static class TrafficTable
{
    private static readonly string[] Units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];

    /// <summary>The table as lines of markup.</summary>
    /// <param name="flows">What carries how much.</param>
    public static IEnumerable<string> Lines(IReadOnlyCollection<FlowRate> flows)
    {
        if (flows.Count == 0)
        {
            return ["nothing carries packets here: no tunnel, no container, no address"];
        }
        var isOneHost = flows.Select(flow => flow.Host).Distinct().Count() == 1;
        string[][] rows =
        [
            [
                "HOST",
                "KIND",
                "NAME",
                "NETWORK",
                "LINK",
                "IN",
                "OUT",
                "PACKETS/S IN",
                "OUT",
                "ERRORS",
                "DROPS",
            ],
            .. flows.Select(Row),
        ];
        return AlignedRows.Lines(isOneHost ? [.. rows.Select(row => row[1..])] : rows);
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
        return $"{bits.ToString(digits, CultureInfo.InvariantCulture), 4} {Units[unit]}";
    }

    private static string[] Row(FlowRate flow) =>
        [
            Markup.Escape(flow.Host),
            flow.Kind.ToString().ToLowerInvariant(),
            Markup.Escape(flow.Name),
            Markup.Escape(flow.Network),
            Markup.Escape(flow.Link),
            flow.IsThere ? Cell(flow.Rate?.BitsIn, Bits) : "[red]not there[/]",
            Cell(flow.Rate?.BitsOut, Bits),
            Cell(flow.Rate?.PacketsIn, Packets),
            Cell(flow.Rate?.PacketsOut, Packets),
            Faults(flow.Errors),
            Faults(flow.Drops),
        ];

    private static string Cell(double? rate, Func<double, string> words) =>
        rate switch
        {
            null => "[dim]…[/]",
            0 => $"[dim]{words(0)}[/]",
            { } some => words(some),
        };

    private static string Packets(double packets) =>
        packets.ToString(packets is > 0 and < 9.95 ? "0.0" : "0", CultureInfo.InvariantCulture);

    private static string Faults(long number) => number == 0 ? "[dim]0[/]" : $"[red]{number}[/]";
}
