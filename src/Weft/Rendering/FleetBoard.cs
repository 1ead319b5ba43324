using Spectre.Console;

namespace Weft.Rendering;

/// <summary>Where many hosts stand while something is done on all of them: a live table for who watches, lines elsewhere.</summary>
internal sealed class FleetBoard
{
    private readonly Lock turn = new();
    private readonly Dictionary<string, int> rows = new(StringComparer.Ordinal);
    private readonly int width;
    private Table? table;
    private LiveDisplayContext? live;
    private IAnsiConsole? lines;

    private FleetBoard(IReadOnlyList<string> hosts)
    {
        foreach (var host in hosts)
        {
            rows.Add(host, rows.Count);
        }
        width = hosts.Max(host => host.Length);
    }

    /// <summary>Does something on many hosts.</summary>
    /// <param name="terminal">Where to show it.</param>
    /// <param name="hosts">The hosts.</param>
    /// <param name="lines">Where what came of each host is said as a line, unless on a terminal; null where that is said afterwards.</param>
    /// <param name="work">What is done.</param>
    public static Task<T> ShowAsync<T>(
        Output terminal,
        IReadOnlyList<string> hosts,
        IAnsiConsole? lines,
        Func<FleetBoard, Task<T>> work
    )
    {
        var board = new FleetBoard(hosts);
        var isWatched = LiveView.IsWatched(terminal.Error);
        if (!isWatched || lines?.Profile.Out.IsTerminal == false)
        {
            board.lines = lines;
        }
        if (!isWatched)
        {
            return work(board);
        }
        var shown = new Table().Border(TableBorder.None).HideHeaders();
        shown.AddColumns("", "", "");
        foreach (var host in hosts)
        {
            shown.AddRow("[grey]…[/]", host.EscapeMarkup(), "");
        }
        board.table = shown;
        return terminal
            .Error.Live(shown)
            // What is said afterwards takes the table's place.
            .AutoClear(lines is null)
            .StartAsync(context =>
            {
                board.live = context;
                return work(board);
            });
    }

    /// <summary>Says what is being done on a host.</summary>
    public void Step(string host, string step) => Show(host, "[grey]…[/]", step, "grey");

    /// <summary>Says what came of a host.</summary>
    public void Done(string host, bool isWell, string words)
    {
        var sign = isWell ? "[green]✓[/]" : "[red]✗[/]";
        Show(host, sign, words, isWell ? "default" : "red");
        lock (turn)
        {
            lines?.Line($"{sign} {host.PadRight(width).EscapeMarkup()}  {words.EscapeMarkup()}");
        }
    }

    private void Show(string host, string sign, string words, string color)
    {
        lock (turn)
        {
            if (table is null)
            {
                return;
            }
            table.UpdateCell(rows[host], 0, sign);
            table.UpdateCell(rows[host], 2, $"[{color}]{words.EscapeMarkup()}[/]");
            live?.Refresh();
        }
    }
}
