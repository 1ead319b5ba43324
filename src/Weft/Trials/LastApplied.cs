using Weft.Commands;
using Weft.Core;
using Weft.Core.Engines;
using Weft.Core.History;
using Weft.Core.Intents;

namespace Weft.Trials;

/// <summary>
/// What was applied on this host last, which its overlay file may no longer say. Open vSwitch recreates the tunnels of that from
/// its database whenever it starts.
/// </summary>
internal static class LastApplied
{
    /// <summary>
    /// The last file that was applied to stay, if that is certain: the host has one overlay, and no try of it is open.
    /// </summary>
    /// <param name="host">Whether a name in the overlay is this host's.</param>
    /// <param name="root">The directory of what the host remembers of overlays.</param>
    /// <returns>Its path and its bytes; null where it is not certain.</returns>
    public static (string Path, byte[] Bytes)? Only(
        Func<string, bool> host,
        string root = AddressStore.DefaultDirectory
    )
    {
        try
        {
            var books = HistoryStore.All(root).Select(store => (Store: store, Book: store.Read()));
            return
                books
                    .Where(one => one.Book.Open is not null || one.Book.Settled?.File is not null)
                    .ToList()
                    is [
                        {
                            Book: { Open: null, Settled: { File: { } file } entry },
                            Store: var store
                        },
                    ]
                && host(entry.Host)
                ? (store.PathOf(file), store.FileOf(file))
                : null;
        }
        catch (HostException)
        {
            return null;
        }
    }

    /// <summary>
    /// The encrypted overlays among those last applied to stay and those whose tries have not ended, for every overlay that this
    /// host has or had.
    /// </summary>
    /// <param name="unread">Called with errors of what cannot be read; the rest is still returned.</param>
    /// <param name="root">The directory of what the host remembers of overlays.</param>
    public static IReadOnlyList<HostIntent> Encrypted(
        IProgress<string>? unread = null,
        string root = AddressStore.DefaultDirectory
    )
    {
        var found = new List<HostIntent>();
        foreach (var store in HistoryStore.All(root))
        {
            Try(() =>
            {
                var book = store.Read();
                foreach (var entry in (HistoryEntry?[])[book.Settled, book.Open])
                {
                    Try(() => Add(store, entry));
                }
            });
        }
        return found;

        void Add(HistoryStore store, HistoryEntry? entry)
        {
            if (entry?.File is not { } file)
            {
                return;
            }
            var overlay = OverlayLoader
                .Of(store.PathOf(file), store.FileOf(file), engine: null, datapath: null)
                .Overlay;
            if (overlay.Tunnels.Ipsec is not null)
            {
                // The choice of datapath does not matter to the callers.
                found.Add(IntentBuilder.Build(overlay, entry.Host, kernelDatapath: true));
            }
        }

        void Try(Action read)
        {
            try
            {
                read();
            }
            catch (Exception exception) when (exception is HostException or InvalidOverlayException)
            {
                unread?.Report(exception.Message);
            }
        }
    }
}
