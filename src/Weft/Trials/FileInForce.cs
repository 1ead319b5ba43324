using Weft.Core;
using Weft.Core.History;
using Weft.Core.Linux;

namespace Weft.Trials;

/// <summary>
/// Which file stands for the host's own copy of the overlay file. A try does not touch that copy before it is confirmed:
/// whatever ends it, a power cut too, what is on the disk is what was in force before.
/// </summary>
/// <param name="Path">The file to read.</param>
/// <param name="Until">When another may stand in its place by itself; null where none will.</param>
internal sealed record FileInForce(string Path, DateTimeOffset? Until = null)
{
    /// <summary>The file that stands for this one now: the tried one while a try is on, else the one of before it.</summary>
    public static FileInForce Of(string path, TimeProvider clock)
    {
        foreach (var store in HistoryStore.All())
        {
            try
            {
                if (store.Read().Open is { Trial: { } trial } open && trial.Kept == path)
                {
                    return
                        HistoryBook.IsOn(open, clock.GetUtcNow(), Boot.Id) && open.File is { } tried
                        ? new(store.PathOf(tried), trial.Deadline)
                        : new(trial.Before is { } before ? store.PathOf(before) : path);
                }
            }
            catch (HostException)
            {
                // What cannot be read keeps nobody from the file itself; whoever tries or applies is told.
            }
        }
        return new(path);
    }
}
