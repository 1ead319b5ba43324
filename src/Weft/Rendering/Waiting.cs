using Spectre.Console;

namespace Weft.Rendering;

/// <summary>What the user sees while something takes its time.</summary>
internal static class Waiting
{
    /// <summary>
    /// Does something that takes a while. A terminal shows what is being done in one line that moves; everything
    /// else is told once, at the beginning.
    /// </summary>
    public static Task<T> WhileAsync<T>(
        this Output output,
        string what,
        Func<Action<string>, Task<T>> work
    )
    {
        if (output.Error.Profile.Out.IsTerminal)
        {
            return output
                .Error.Status()
                .StartAsync(
                    Markup.Escape(what),
                    status => work(doing => status.Status = Markup.Escape($"{what}: {doing}"))
                );
        }
        output.Error.WriteLine(what);
        return work(_ => { });
    }
}
