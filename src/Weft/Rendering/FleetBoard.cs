using Spectre.Console;

namespace Weft.Rendering;

/// <summary>Shows the progress of work on many hosts: a live table on a terminal, lines elsewhere.</summary>
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

    /// <summary>Does work on many hosts and shows its progress.</summary>
    /// <param name="terminal">Where to show it.</param>
    /// <param name="hosts">The hosts.</param>
    /// <param name="lines">
    /// Where to write one line per finished host, unless it is a terminal; null where the caller reports results itself.
    /// </param>
    /// <param name="work">The work, which is given the board.</param>
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
            // The report that follows replaces the table.
            .AutoClear(lines is null)
            .StartAsync(context =>
            {
                board.live = context;
                return work(board);
            });
    }

    /// <summary>Shows what is being done on a host.</summary>
    public void Step(string host, string step) => Show(host, "[grey]…[/]", step, "grey");

    /// <summary>Shows the result of a host.</summary>
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
