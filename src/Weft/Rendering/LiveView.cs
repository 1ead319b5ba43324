using Spectre.Console;

namespace Weft.Rendering;

/// <summary>Shows lines on a terminal that are updated in place.</summary>
internal static class LiveView
{
    /// <summary>Whether the output is a terminal whose cursor can go back.</summary>
    public static bool IsWatched(IAnsiConsole console) =>
        console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi;

    /// <summary>Runs work that shows lines of markup as it goes; the last ones stay.</summary>
    /// <param name="console">The terminal.</param>
    /// <param name="work">The work; its argument shows lines.</param>
    public static Task RunAsync(
        IAnsiConsole console,
        Func<Action<IReadOnlyList<string>>, Task> work
    ) =>
        console
            .Live(new Text(""))
            .StartAsync(view =>
                work(lines =>
                {
                    view.UpdateTarget(
                        new Rows(Fitting(lines, console.Profile.Height).Select(Line))
                    );
                    view.Refresh();
                })
            );

    // Lines that scroll off the screen could not be updated.
    private static IEnumerable<string> Fitting(IReadOnlyList<string> lines, int height)
    {
        var most = Math.Max(1, height - 2);
        return lines.Count <= most
            ? lines
            : lines
                .Take(most)
                .Append($"[dim]… and {lines.Count - most} lines more than the terminal has[/]");
    }

    private static Markup Line(string markup) => new(markup.Length == 0 ? " " : markup);
}
