using Spectre.Console;

namespace Weft.Rendering;

/// <summary>What the user sees while something takes its time.</summary>
internal static class Waiting
{
    /// <summary>
    /// Does something that takes a while. Who watches sees what is being done in one line that moves; everybody
    /// else is told once, at the beginning.
    /// </summary>
    public static Task<T> WhileAsync<T>(
        this Output output,
        string what,
        Func<Action<string>, Task<T>> work
    )
    {
        if (LiveView.IsWatched(output.Error))
        {
            return output
                .Error.Status()
                .StartAsync(
                    Markup.Escape(what),
                    status => work(doing => status.Status = Markup.Escape($"{what}: {doing}"))
                );
        }
        output.Progress(what);
        return work(_ => { });
    }
}
