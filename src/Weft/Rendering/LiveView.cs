using Spectre.Console;

namespace Weft.Rendering;

/// <summary>Lines of a terminal that are written anew again and again, in their place.</summary>
internal static class LiveView
{
    /// <summary>Whether somebody watches, on a terminal whose cursor goes back to what was written.</summary>
    public static bool IsWatched(IAnsiConsole console) =>
        console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi;

    /// <summary>Does something that shows lines of markup meanwhile; what it showed last stays.</summary>
    /// <param name="console">The terminal.</param>
    /// <param name="work">What to do; it is given what shows lines.</param>
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

    // What scrolls away could not be written anew.
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
