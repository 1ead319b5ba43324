using Spectre.Console;
using Weft.Rendering;

namespace Weft.Tracing;

/// <summary>Shows a trace to people: every hop, host by host, then the first thing that is wrong.</summary>
internal static class TraceView
{
    /// <summary>Writes the trace.</summary>
    public static void Write(IAnsiConsole console, TraceReport report)
    {
        console.Line(
            $"[bold]{report.From.EscapeMarkup()} → {report.To.EscapeMarkup()}[/]"
                + (report.Network is { } network ? $" in network {network.EscapeMarkup()}" : "")
        );
        Write(console, "", report.There);
        Write(console, "back, ", report.Back);
        console.WriteLine();
        foreach (var unasked in report.Unasked)
        {
            console.LineInterpolated(
                $"[yellow]![/] {unasked.Host} was not asked, and its half of the way is not here: {unasked.Why}"
            );
        }
        var times = report.Answers.Select(answer => answer.Milliseconds).OfType<double>().ToList();
        if (report.Wrong is { } wrong)
        {
            console.LineInterpolated(
                $"[red]✗[/] first wrong, on {wrong.Host}: {wrong.What}: {wrong.Words}"
            );
        }
        else
        {
            console.Line(
                $"[green]✓[/] nothing is wrong: {Sizes(report)} bytes are answered, the quickest in {times.Min():0.00} ms"
            );
        }
    }

    private static void Write(IAnsiConsole console, string way, IReadOnlyList<TraceHop> hops)
    {
        var width = hops.Count == 0 ? 0 : hops.Max(hop => hop.What.Length);
        string? host = null;
        foreach (var hop in hops)
        {
            if (hop.Host != host)
            {
                host = hop.Host;
                console.LineInterpolated($"[dim]{way}on {host}[/]");
            }
            console.Line(
                $"  {hop.Verdict.Mark} {hop.What.PadRight(width).EscapeMarkup()}  {hop.Words.EscapeMarkup()}"
            );
        }
    }

    private static string Sizes(TraceReport report) =>
        string.Join(" and ", report.Answers.Select(answer => answer.Size).Distinct().Order());
}
