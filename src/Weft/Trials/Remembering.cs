using Weft.Commands;
using Weft.Core;
using Weft.Core.History;
using Weft.Rendering;

namespace Weft.Trials;

/// <summary>Records in the history what was applied to stay.</summary>
internal static class Remembering
{
    /// <summary>The action in an entry for a file that was in force before anything was recorded.</summary>
    public const string Found = "found";

    /// <summary>
    /// Records what a command has applied. A failure to record is reported, but does not make the command fail.
    /// </summary>
    /// <param name="terminal">Where to report it.</param>
    /// <param name="session">The host, locked.</param>
    /// <param name="did">The command.</param>
    /// <param name="file">The file; null where the overlay was removed from the host.</param>
    /// <param name="hasChanged">Whether the host was changed, which makes it worth an entry even if the file is the same.</param>
    public static void Note(
        Output terminal,
        HostSession session,
        string did,
        ReadOnlyMemory<byte>? file,
        bool hasChanged
    )
    {
        try
        {
            Add(
                session.History,
                Administrator.Current.Entry(did, session.Host, TimeProvider.System.GetUtcNow()),
                file,
                hasChanged
            );
        }
        catch (Exception exception)
            when (exception is HostException or InvalidOverlayException or IOException)
        {
            terminal.Notice($"not written down for `weft history`: {exception.Message}");
        }
    }

    /// <summary>
    /// Adds an entry if it says something new. It also closes a try that was over, as reverted: whatever was applied now, the
    /// host is no longer as tried. The host's lock must be held.
    /// </summary>
    /// <param name="store">The overlay's history.</param>
    /// <param name="entry">The entry; its file is set here.</param>
    /// <param name="file">The file; null where the overlay was removed from the host.</param>
    /// <param name="hasChanged">Whether the host was changed, which makes it worth an entry even if the file is the same.</param>
    /// <exception cref="HostException">It cannot be written.</exception>
    public static void Add(
        HistoryStore store,
        HistoryEntry entry,
        ReadOnlyMemory<byte>? file,
        bool hasChanged
    )
    {
        var book = store.Read();
        if (book.Open is { State: EntryState.Trying })
        {
            return;
        }
        var wasTried = book.Open is not null;
        book = book.Settle(EntryState.Reverted, entry.Time);
        entry = entry with { File = file is { } applied ? book.NameOf(applied.Span) : null };
        if (book.Settled is { } settled && settled.File == entry.File && !hasChanged)
        {
            if (wasTried)
            {
                store.Write(book);
            }
            return;
        }
        List<ReadOnlyMemory<byte>> files = file is { } bytes ? [bytes] : [];
        if (
            book.Settled is null
            && TrialRun.OwnFileOf(store.Overlay) is { } own
            && book.NameOf(own.Bytes.Span) is var name
            && name != entry.File
        )
        {
            book = book.Add(
                new HistoryEntry
                {
                    Time = new DateTimeOffset(File.GetLastWriteTimeUtc(own.Path)),
                    Did = Found,
                    Host = entry.Host,
                    File = name,
                }
            );
            files.Add(own.Bytes);
        }
        store.Write(book.Add(entry), files);
    }
}
