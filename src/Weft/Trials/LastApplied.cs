using Weft.Commands;
using Weft.Core;
using Weft.Core.Engines;
using Weft.Core.History;
using Weft.Core.Intents;

namespace Weft.Trials;

/// <summary>
/// What this host was made by last, which its overlay file may have ceased to say: Open vSwitch makes the tunnels of that again
/// whenever it starts, out of its database.
/// </summary>
internal static class LastApplied
{
    /// <summary>
    /// The file that was applied last to stay, where that is certain: this host has one overlay, and nothing of it is tried.
    /// </summary>
    /// <param name="host">Which host of it this is.</param>
    /// <param name="root">Where the host keeps what it remembers of overlays.</param>
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
    /// The encrypted ones of what was applied last to stay and of tries that have not come to their end, of each overlay
    /// that this host has or had.
    /// </summary>
    /// <param name="unread">Is told of what cannot be read, which keeps nobody from the rest.</param>
    /// <param name="root">Where the host keeps what it remembers of overlays.</param>
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
                // Which datapath the kernel has matters to nobody who asks for this.
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
