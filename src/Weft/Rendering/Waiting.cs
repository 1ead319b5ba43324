using Spectre.Console;

namespace Weft.Rendering;

/// <summary>Shows that something takes its time.</summary>
internal static class Waiting
{
    /// <summary>
    /// Does work that takes a while. On a terminal one line shows what is being done; elsewhere it is said once, at the
    /// beginning.
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
