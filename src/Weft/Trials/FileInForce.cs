using Weft.Core;
using Weft.Core.History;
using Weft.Core.Linux;

namespace Weft.Trials;

/// <summary>
/// The file that stands for the host's own copy of the overlay file. A try leaves that copy alone until it is confirmed: however
/// a try ends, even by a power cut, the disk still has the file that was in force before.
/// </summary>
/// <param name="Path">The file to read.</param>
/// <param name="Until">When the file in force may change by itself; null if it will not.</param>
internal sealed record FileInForce(string Path, DateTimeOffset? Until = null)
{
    /// <summary>The file in force for this path now: the tried one during a try, otherwise the one from before it.</summary>
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
                // An unreadable history does not prevent use of the file itself; trying and applying report it.
            }
        }
        return new(path);
    }
}
