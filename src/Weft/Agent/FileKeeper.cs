using Weft.Commands;
using Weft.Core;
using Weft.Core.History;
using Weft.Core.Linux;
using Weft.Trials;

namespace Weft.Agent;

/// <summary>
/// Keeps the overlay file in force: reads it once it has changed, puts a tried one in its place for as long as the try lasts,
/// and writes down that it was applied.
/// </summary>
/// <param name="load">Reads an overlay file, by its path: the overlay, or throws <see cref="InvalidOverlayException"/> or <see cref="UsageException"/>.</param>
/// <param name="state">What others may know, the overlay in force with it.</param>
/// <param name="log">Where mistakes go.</param>
/// <param name="wake">Wakes the agent, and is told why.</param>
/// <param name="clock">The clock.</param>
internal sealed class FileKeeper(
    Func<string, (HostOverlay On, LoadedFile Read)> load,
    AgentState state,
    AgentLog log,
    Action<string> wake,
    TimeProvider clock
) : IDisposable
{
    private const string WasChanged = "the overlay file changed";

    private readonly List<IDisposable> watchers = [];
    private LinkTarget? target;
    private int isNew;
    private FileInForce inForce = new(state.File);
    private byte[] seen = [];
    private bool isRecorded;
    private bool mayRecord = true;
    private string? notRecorded;

    /// <summary>When another file may come into force by itself; null if none will.</summary>
    public DateTimeOffset? Until => inForce.Until;

    /// <summary>Begins to watch the file, and for tries that begin or end.</summary>
    public void Watch()
    {
        inForce = FileInForce.Of(state.File, clock);
        // What was read at the start, not what is there by now. If the file was refused then, what is there now is no news.
        seen =
            state.Read is { } read && read.Path == inForce.Path
                ? read.Bytes.ToArray()
                : Content(inForce.Path) ?? [];
        var path = Path.GetFullPath(state.File);
        watchers.Add(WatchFile(path));
        target = new LinkTarget(path, WatchFile);
        watchers.Add(target);
        watchers.Add(WatchTrials());
        if (IsOutdated())
        {
            Changed(WasChanged);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => watchers.ForEach(watcher => watcher.Dispose());

    /// <summary>Has the file read before the next round.</summary>
    /// <param name="why">What happened.</param>
    public void Changed(string why)
    {
        Interlocked.Exchange(ref isNew, 1);
        wake(why);
    }

    /// <summary>
    /// Looks for a change that nobody reported: on a network file system, or where the kernel watches no more files.
    /// </summary>
    public void Look()
    {
        mayRecord = true;
        if (IsOutdated() || IsGone())
        {
            Changed(WasChanged);
        }
    }

    /// <summary>
    /// Whether another file is in force than the one that was read last. Perhaps nothing else reports it: where the disk is
    /// full, the end of a try is not in the history.
    /// </summary>
    public bool IsAnotherInForce()
    {
        var isAnother = IsOutdated();
        if (isAnother)
        {
            Changed("another file is in force");
        }
        return isAnother;
    }

    /// <summary>Reads the file if it has changed. One with mistakes is refused, and the one before stays in force.</summary>
    /// <param name="manager">Is told that the agent takes a new one.</param>
    /// <returns>Whether another overlay is in force now.</returns>
    public bool Refresh(ServiceManager manager)
    {
        if (inForce.Until <= clock.GetUtcNow())
        {
            Changed("the time to confirm a try is over");
        }
        if (Interlocked.Exchange(ref isNew, 0) == 0)
        {
            return false;
        }
        manager.Reloading();
        try
        {
            Reload();
            return true;
        }
        catch (InvalidOverlayException exception)
        {
            Refuse([.. exception.Mistakes.Select(mistake => mistake.ToString())]);
        }
        catch (Exception exception)
            when (exception is UsageException or IOException or UnauthorizedAccessException)
        {
            Refuse([exception.Message]);
        }
        finally
        {
            manager.Ready();
        }
        return false;
    }

    /// <summary>
    /// Records, once, that the file in force is applied, and the end of a try that nobody else has ended. What cannot be
    /// written is tried again after the next <see cref="Look"/>.
    /// </summary>
    public async Task RecordAsync(CancellationToken cancellationToken)
    {
        if (isRecorded || !mayRecord || IsOutdated() || state.Read is not { } read)
        {
            return;
        }
        try
        {
            isRecorded = await TryRecordAsync(read, cancellationToken);
            notRecorded = null;
        }
        catch (Exception exception)
            when (exception
                    is HostException
                        or InvalidOverlayException
                        or IOException
                        or UnauthorizedAccessException
            )
        {
            if (exception.Message != notRecorded)
            {
                notRecorded = exception.Message;
                log.Say(Severity.Warning, "file", $"not written down: {notRecorded}");
            }
            mayRecord = false;
        }
    }

    private void Reload()
    {
        (isRecorded, mayRecord) = (false, true);
        inForce = FileInForce.Of(state.File, clock);
        seen = Content(inForce.Path) ?? [];
        target?.Follow();
        var (next, read) = load(inForce.Path);
        if (state.On is { } on && on.Overlay.Name != next.Overlay.Name)
        {
            throw new UsageException(
                $"the overlay is called '{next.Overlay.Name}' now, and '{on.Overlay.Name}' is what this host has: run `weft destroy` with the former file first"
            );
        }
        state.On = next;
        state.Read = read;
        state.Refused = null;
        log.Say(Severity.Info, "file", $"{inForce.Path}: in force now");
    }

    private void Refuse(IReadOnlyList<string> mistakes)
    {
        state.Refused = mistakes;
        foreach (var mistake in mistakes)
        {
            log.Say(Severity.Error, "file", mistake);
        }
        log.Say(
            Severity.Error,
            "file",
            $"{state.File} is refused as it is now; what was read before stays in force"
        );
    }

    /// <summary>Records it, unless another Weft is changing the host, or a try of the file is on, which is recorded already.</summary>
    /// <returns>Whether there is nothing more to write down of this file.</returns>
    private async Task<bool> TryRecordAsync(LoadedFile read, CancellationToken cancellationToken)
    {
        var store = new HistoryStore(read.Overlay.Name);
        using var only = await HostLock.TryTakeAsync(Reconciler.Patience, cancellationToken);
        if (only is null)
        {
            return false;
        }
        var book = store.Read();
        if (book.Open is { } open && HistoryBook.IsOn(open, clock.GetUtcNow(), Boot.Id))
        {
            return true;
        }
        TrialGate.Pass(store, progress: null, mayPass: true, clock);
        Remembering.Add(
            store,
            new HistoryEntry
            {
                Time = clock.GetUtcNow(),
                Did = "agent",
                Host = state.On!.Host,
            },
            read.Bytes,
            hasChanged: false
        );
        return true;
    }

    private bool IsOutdated() =>
        Content(FileInForce.Of(state.File, clock).Path) is { } now
        && !now.AsSpan().SequenceEqual(seen);

    /// <summary>
    /// Whether the file that was there is gone. It may be for a moment while an editor writes it, so only the regular look
    /// asks.
    /// </summary>
    private bool IsGone() =>
        seen.Length > 0 && Content(FileInForce.Of(state.File, clock).Path) is null;

    private static byte[]? Content(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private FileSystemWatcher WatchFile(string path)
    {
        var watcher = new FileSystemWatcher(Path.GetDirectoryName(path)!, Path.GetFileName(path));
        // Editors write in place, or write another file and give it the name.
        watcher.Changed += (_, _) => Changed(WasChanged);
        watcher.Created += (_, _) => Changed(WasChanged);
        watcher.Renamed += (_, _) => Changed(WasChanged);
        Begin(watcher);
        return watcher;
    }

    private FileSystemWatcher WatchTrials()
    {
        var store = new HistoryStore(state.On!.Overlay.Name);
        store.Make();
        var watcher = new FileSystemWatcher(
            Path.GetDirectoryName(store.Path)!,
            Path.GetFileName(store.Path)
        );
        watcher.Renamed += (_, _) =>
        {
            var now = FileInForce.Of(state.File, clock);
            if (now.Path != inForce.Path)
            {
                Changed("a try began or ended");
            }
            else if (now != inForce)
            {
                inForce = now;
                wake("the time to confirm a try began");
            }
        };
        Begin(watcher);
        return watcher;
    }

    private void Begin(FileSystemWatcher watcher)
    {
        try
        {
            watcher.EnableRaisingEvents = true;
        }
        catch (IOException exception)
        {
            // The kernel limits how many files a user may watch, over all of the user's programs.
            log.Say(
                Severity.Warning,
                "file",
                $"{watcher.Path} is looked at each minute only: {exception.Message}"
            );
        }
    }

    /// <summary>Watches what the overlay file is a link to: no change of that is reported where the link is.</summary>
    private sealed class LinkTarget : IDisposable
    {
        private readonly string path;
        private readonly Func<string, FileSystemWatcher> watch;
        private FileSystemWatcher? watcher;
        private string? watched;

        public LinkTarget(string path, Func<string, FileSystemWatcher> watch)
        {
            (this.path, this.watch) = (path, watch);
            Follow();
        }

        /// <summary>Looks where it leads now.</summary>
        public void Follow()
        {
            var now = Target();
            if (now == watched)
            {
                return;
            }
            watcher?.Dispose();
            (watcher, watched) = (null, now);
            if (now is not null && Directory.Exists(Path.GetDirectoryName(now)))
            {
                watcher = watch(now);
            }
        }

        /// <inheritdoc/>
        public void Dispose() => watcher?.Dispose();

        private string? Target()
        {
            try
            {
                return File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName;
            }
            catch (Exception exception)
                when (exception is IOException or UnauthorizedAccessException)
            {
                // It is gone, or leads in a circle: reading it says so.
                return null;
            }
        }
    }
}
