using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Weft.Commands;
using Weft.Core;
using Weft.Core.Execution;
using Weft.Core.History;
using Weft.Core.Intents;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Trials;
using Weft.Vici;

namespace Weft.Agent;

/// <summary>
/// Keeps this host as the overlay file says: runs the straight line whenever something moved, and now and then though
/// nothing seems to have.
/// </summary>
/// <param name="host">The doors to the host.</param>
/// <param name="load">Reads an overlay file, by its path: the overlay, or throws <see cref="InvalidOverlayException"/> or <see cref="UsageException"/>.</param>
/// <param name="state">What others may know.</param>
/// <param name="measures">What is counted.</param>
/// <param name="journal">The log.</param>
internal sealed class AgentLoop(
    LocalHost host,
    Func<string, (HostOverlay On, LoadedFile Read)> load,
    AgentState state,
    AgentMeasures measures,
    Journal journal
)
{
    // Bytes: a look at a small host that is as it was allocates less.
    private const long WorthCollecting = 8 << 20;

    private static readonly TimeSpan Look = TimeSpan.FromMinutes(1);

    // Kernel and engines tell of what they keep: to read it all though they told of nothing is for what went amiss between.
    private static readonly TimeSpan Resync = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestResync = TimeSpan.FromMinutes(30);

    // A host with a thousand containers is read that much more seldom, so that this takes 0.03 % of a processor at most.
    private const int ResyncShare = 3000;
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);

    // Longer than what counts as quiet, so that memory is given back meanwhile.
    private static readonly TimeSpan KeptPause = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan StrongSwanPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan NegotiationPatience = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan NegotiationPause = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);

    private readonly TimeProvider clock = TimeProvider.System;
    private readonly SteadyClock steady = new(TimeProvider.System);
    private readonly Wakeups wakeups = new();
    private readonly ServiceManager manager = new();
    private readonly HostMirror mirror = new(host);
    private readonly HashSet<Engine> watched = [];

    // None ends by itself: what ends one is a fault, and ends the agent.
    private readonly List<Task> watches = [];
    private int isFileNew;
    private Task negotiation = Task.CompletedTask;
    private DateTimeOffset nextNegotiation;
    private bool isNegotiationDue;
    private long collected;
    private DateTimeOffset nextLook;
    private DateTimeOffset nextResync;
    private DateTimeOffset nextKept;
    private TimeSpan? resyncedAt;
    private ImmutableArray<string> notNegotiated = [];
    private Complaints Complaints => field ??= new Complaints(steady);
    private FileInForce inForce = new(state.File);
    private byte[] seen = [];
    private FileTarget? target;
    private bool isRecorded;
    private DateTimeOffset nextRecord;
    private string? notRecorded;

    /// <summary>Runs until it is told to end.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var restraint = new Restraint(steady);
        var reconciler = new Reconciler(host, mirror, restraint, clock);
        using var hangup = PosixSignalRegistration.Create(
            PosixSignal.SIGHUP,
            context =>
            {
                context.Cancel = true;
                FileChanged("SIGHUP");
            }
        );
        inForce = FileInForce.Of(state.File, clock);
        seen = Content(inForce.Path) ?? [];
        using var watcher = WatchFile(Path.GetFullPath(state.File));
        using var ofTarget = new FileTarget(Path.GetFullPath(state.File), WatchFile);
        target = ofTarget;
        using var trials = WatchTrials();
        mirror.WatchLinks(moved =>
            wakeups.Wake(moved.Namespace is null ? "links changed" : "a container's links changed")
        );
        GuardWatch.Start(() => wakeups.Wake("IPsec policies or associations changed"));
        watches.Add(host.WatchSwitchAsync(wakeups.Wake, cancellationToken));
        // One that is stuck ends no rounds, and is started anew.
        using var alive = manager.StartWatchdog(() => state.SinceLast, Look + StartPatience);
        WatchEngines(cancellationToken);
        watches.Add(WatchStrongSwanAsync(cancellationToken));
        wakeups.Wake("start");
        var isReady = false;
        var pace = new Pace(clock);
        while (true)
        {
            var woken = await RestAsync(Pause(restraint), cancellationToken);
            if (resyncedAt is { } before)
            {
                nextResync =
                    steady.GetUtcNow() + ResyncAfter(Environment.CpuUsage.TotalTime - before);
                resyncedAt = null;
            }
            if (pace.Take() is { Ticks: > 0 } wait)
            {
                await Task.Delay(wait, clock, cancellationToken);
            }
            if (nextLook <= steady.GetUtcNow())
            {
                // A file may change and nobody be told: on a network's file system, or where the kernel watches no more files.
                if (IsOutdated() || IsGone())
                {
                    FileChanged("the overlay file changed");
                }
                nextLook = steady.GetUtcNow() + Look;
            }
            if (nextResync <= steady.GetUtcNow())
            {
                mirror.Everything();
                nextResync = steady.GetUtcNow() + Resync;
                resyncedAt = Environment.CpuUsage.TotalTime;
            }
            if (mirror.IsKept && nextKept <= steady.GetUtcNow())
            {
                mirror.AskAgain();
                nextKept = steady.GetUtcNow() + KeptPause;
            }
            if (watches.Find(watch => watch.IsFaulted) is { } failed)
            {
                await failed;
            }
            if (inForce.Until <= clock.GetUtcNow())
            {
                FileChanged("the time to confirm a try is over");
            }
            var isNewFile = Interlocked.Exchange(ref isFileNew, 0) != 0 && Reload();
            WatchEngines(cancellationToken);
            var round = await reconciler.RunAsync(
                state.On!,
                isNewFile || !isReady,
                IsAnotherInForce,
                cancellationToken
            );
            Note(round, restraint, woken?.Why ?? "time passed", woken?.Since);
            if (round.IsInForce && !isRecorded && nextRecord <= steady.GetUtcNow())
            {
                isRecorded = await RecordAsync(cancellationToken);
            }
            Negotiate(round, cancellationToken);
            if (!isReady)
            {
                isReady = true;
                manager.Ready();
            }
        }

        bool IsAnotherInForce()
        {
            var isAnother = IsOutdated();
            if (isAnother)
            {
                // Nobody else may say so: where the disk is full the end of a try is not in the history.
                FileChanged("another file is in force");
            }
            return isAnother;
        }
    }

    /// <summary>When to read the whole host again.</summary>
    /// <param name="cost">What it took of a processor the last time.</param>
    internal static TimeSpan ResyncAfter(TimeSpan cost) =>
        TimeSpan.FromTicks(
            Math.Clamp((cost * ResyncShare).Ticks, Resync.Ticks, LongestResync.Ticks)
        );

    /// <summary>Waits for what is next; where nothing comes for a while, the memory of what was is given back.</summary>
    private async Task<(string Why, long Since)?> RestAsync(
        TimeSpan pause,
        CancellationToken cancellationToken
    )
    {
        if (pause > Quiet)
        {
            if (await wakeups.WaitAsync(Quiet, cancellationToken) is { } woken)
            {
                return woken;
            }
            var allocated = GC.GetTotalAllocatedBytes();
            if (allocated - collected > WorthCollecting)
            {
                collected = allocated;
                GC.Collect(
                    GC.MaxGeneration,
                    GCCollectionMode.Aggressive,
                    blocking: true,
                    compacting: true
                );
            }
            pause -= Quiet;
        }
        return await wakeups.WaitAsync(pause, cancellationToken);
    }

    private TimeSpan Pause(Restraint restraint)
    {
        var next = new[]
        {
            nextLook,
            restraint.Due,
            mirror.IsKept ? nextKept : null,
            inForce.Until is { } until ? steady.Reckoned(until) : null,
            isNegotiationDue ? nextNegotiation : null,
            Complaints.Due,
        }
            .Min()!
            .Value;
        var pause = next - steady.GetUtcNow();
        return pause < ShortestPause ? ShortestPause : pause;
    }

    private void FileChanged(string why)
    {
        Interlocked.Exchange(ref isFileNew, 1);
        wakeups.Wake(why);
    }

    private FileSystemWatcher WatchFile(string path)
    {
        var watcher = new FileSystemWatcher(Path.GetDirectoryName(path)!, Path.GetFileName(path));
        // Editors write in place, or write another file and give it the name.
        watcher.Changed += (_, _) => FileChanged("the overlay file changed");
        watcher.Created += (_, _) => FileChanged("the overlay file changed");
        watcher.Renamed += (_, _) => FileChanged("the overlay file changed");
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
            // The kernel watches so many files for a user and no more, whoever uses them up.
            Say(
                Severity.Warning,
                "file",
                $"{watcher.Path} is looked at each minute only: {exception.Message}",
                null
            );
        }
    }

    /// <summary>Watches for tries that begin or end.</summary>
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
                FileChanged("a try began or ended");
            }
            else if (now != inForce)
            {
                inForce = now;
                wakeups.Wake("the time to confirm a try began");
            }
        };
        Begin(watcher);
        return watcher;
    }

    /// <summary>Watches what the overlay file is a link to, which changes and nobody tells of it where the link is.</summary>
    private sealed class FileTarget : IDisposable
    {
        private readonly string path;
        private readonly Func<string, FileSystemWatcher> watch;
        private FileSystemWatcher? watcher;
        private string? watched;

        public FileTarget(string path, Func<string, FileSystemWatcher> watch)
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

    private bool IsOutdated() =>
        Content(FileInForce.Of(state.File, clock).Path) is { } now
        && !now.AsSpan().SequenceEqual(seen);

    /// <summary>Whether the file that was there is so no more. For a moment it is not while an editor writes it: so nobody is to say it at once.</summary>
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

    /// <summary>Keeps every other Weft from changing the host; null where one does not come to an end.</summary>
    private static async Task<SafeFileHandle?> LockAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await HostLock.TakeAsync(
                () => { },
                cancellationToken,
                patience: Reconciler.Patience
            );
        }
        catch (HostException)
        {
            return null;
        }
    }

    /// <summary>Writes down that the file in force is applied, and that a try is over which nobody else has ended.</summary>
    /// <returns>Whether there is nothing more to write down of this file.</returns>
    private async Task<bool> RecordAsync(CancellationToken cancellationToken)
    {
        if (IsOutdated() || state.Read is not { } read)
        {
            return false;
        }
        try
        {
            var store = new HistoryStore(read.Overlay.Name);
            using var only = await LockAsync(cancellationToken);
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
                Say(Severity.Warning, "file", $"not written down: {notRecorded}", null);
            }
            nextRecord = nextLook;
            return false;
        }
        notRecorded = null;
        return true;
    }

    /// <summary>Reads the overlay file anew. One with mistakes is refused, and the one before stays in force.</summary>
    private bool Reload()
    {
        manager.Reloading();
        try
        {
            isRecorded = false;
            nextRecord = default;
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
            mirror.Everything();
            Say(Severity.Info, "file", $"{inForce.Path}: in force now", null);
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

        void Refuse(IReadOnlyList<string> mistakes)
        {
            state.Refused = mistakes;
            foreach (var mistake in mistakes)
            {
                Say(Severity.Error, "file", mistake, null);
            }
            Say(
                Severity.Error,
                "file",
                $"{state.File} is refused as it is now; what was read before stays in force",
                null
            );
        }
    }

    /// <summary>Watches the engines that the overlay has to do with.</summary>
    private void WatchEngines(CancellationToken cancellationToken)
    {
        foreach (var engine in state.On!.Interest.Engines.Where(watched.Add))
        {
            watches.Add(
                new EngineWatch(
                    host.Engines.Of(engine),
                    name => mirror.ContainerChanged(engine, name),
                    wakeups.Wake,
                    clock
                ).RunAsync(cancellationToken)
            );
        }
    }

    private async Task WatchStrongSwanAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                if (
                    state.On!.Overlay.Tunnels.Ipsec is not null
                    && await host.StrongSwanAsync(cancellationToken) is { } daemon
                )
                {
                    await using var events = await daemon.SubscribeAsync(
                        [
                            EventNames.IkeUpdown,
                            EventNames.IkeRekey,
                            EventNames.ChildUpdown,
                            EventNames.ChildRekey,
                        ],
                        cancellationToken
                    );
                    wakeups.Wake("strongSwan is there");
                    await foreach (var told in events.WithCancellation(cancellationToken))
                    {
                        wakeups.Wake("strongSwan's associations changed");
                        Note(told.ToAssociationEvent());
                    }
                }
            }
            catch (ViciException)
            {
                wakeups.Wake("strongSwan went away");
            }
            catch (OperationCanceledException)
            {
                return;
            }
            try
            {
                await Task.Delay(StrongSwanPause, clock, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>Has peers negotiated with that nothing is exchanged with yet, beside all else: a peer may take its time to answer.</summary>
    private void Negotiate(Round round, CancellationToken cancellationToken)
    {
        // What was asked for under other connections, or of a daemon that is gone, is no answer for these.
        if (round.Done.OfType<IpsecChange>().Any())
        {
            nextNegotiation = default;
        }
        isNegotiationDue =
            round is { Intent.Ipsec: not null, Observation.StrongSwan.Problem: null }
            && state.Status!.Items.Any(item =>
                item.Kind == "encryption" && item.State is not ItemState.Ok
            );
        if (!isNegotiationDue)
        {
            notNegotiated = [];
            if (round.Observation is { FailedNegotiations: { IsEmpty: false } former })
            {
                // Keys were agreed on since, by the other host's doing, or the daemon that was asked is gone.
                new NegotiationStore(state.On!.Overlay.Name).Remove(
                    former.Select(failed => failed.Peer)
                );
            }
            return;
        }
        if (!negotiation.IsCompleted)
        {
            // Its end is a reason to wake.
            isNegotiationDue = false;
            return;
        }
        if (steady.GetUtcNow() < nextNegotiation)
        {
            return;
        }
        nextNegotiation = steady.GetUtcNow() + NegotiationPause;
        negotiation = NegotiateAsync(round.Intent!);

        async Task NegotiateAsync(HostIntent intent)
        {
            try
            {
                var before = notNegotiated;
                notNegotiated = await NotNegotiatedAsync(
                    Applier.EstablishAsync(host, intent, NegotiationPatience, cancellationToken)
                );
                foreach (var problem in notNegotiated.Except(before))
                {
                    Say(Severity.Warning, "problem", problem, null);
                }
            }
            catch (OperationCanceledException)
            {
                // The agent ends.
            }
            finally
            {
                // The next round sees what there is, and asks again.
                wakeups.Wake("keys were negotiated");
            }
        }
    }

    /// <summary>What stands in the way of a negotiation: peers, or this host itself, which may lack a program that it takes.</summary>
    internal static async Task<ImmutableArray<string>> NotNegotiatedAsync(
        Task<ImmutableArray<FailedPeer>> negotiating
    )
    {
        try
        {
            return [.. (await negotiating).Select(peer => peer.ToString())];
        }
        catch (Exception exception) when (HostFault.Is(exception))
        {
            return [$"keys cannot be negotiated, and it is tried again: {exception.Message}"];
        }
    }

    /// <summary>Says of a peer that keys are agreed on with it, or are no more. Where new ones took the place of others nothing changed.</summary>
    private void Note(AssociationEvent? happened)
    {
        if (
            happened
                is not {
                    Kind: AssociationEventKind.ChildUp or AssociationEventKind.ChildDown,
                    Ike.Name: var name
                }
            || state.Last?.Intent is not { } intent
            || PeerConnection
                .AllOf(intent, new StrongSwanObservation())
                .FirstOrDefault(connection => connection.IsCalled(name))
                is not { Peer.Name: var peer }
        )
        {
            return;
        }
        Say(
            Severity.Info,
            "change",
            $"encryption {peer}: {(happened.Kind is AssociationEventKind.ChildUp ? "keys agreed on" : "keys gone")} (strongSwan)",
            "strongSwan",
            ("CHANGE", "encryption"),
            ("NAME", peer)
        );
    }

    private void Note(Round round, Restraint restraint, string why, long? since)
    {
        state.Note(
            round,
            restraint.Failures.ToDictionary(
                failure => failure.Key,
                failure => failure.Value with { Until = steady.Shown(failure.Value.Until) }
            )
        );
        measures.Note(round, since is { } start ? clock.GetElapsedTime(start) : round.Elapsed);
        foreach (var change in round.Done)
        {
            Say(
                Severity.Info,
                "change",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{change.Action.ToString().ToLowerInvariant()} {change.What} {change.Name}{(change.Detail.Length > 0 ? $": {change.Detail}" : "")} ({why}; {round.Elapsed.TotalMilliseconds:0} ms)"
                ),
                why,
                ("CHANGE", change.What),
                ("NAME", change.Name)
            );
        }
        foreach (
            var problem in Complaints.Next(round.Problem, state.Status, restraint.Failures.Values)
        )
        {
            Say(Severity.Error, "problem", problem, why);
        }
        state.NoteFailures(round.Failed);
        state.Tell(
            new AgentEvent(
                clock.GetUtcNow(),
                AgentEvent.Round,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{round.Done.Count} changes in {round.Elapsed.TotalMilliseconds:0} ms"
                ),
                why
            )
        );
        manager.Status(
            state.Problem is { } wrong ? wrong
            : state.Refused is not null ? $"{state.File} is refused; the one before is in force"
            : $"overlay {state.On!.Overlay.Name}, host {state.On.Host}: as intended"
        );
    }

    private void Say(
        Severity severity,
        string kind,
        string message,
        string? why,
        params ReadOnlySpan<(string, string)> fields
    )
    {
        journal.Write(severity, message, fields);
        state.Tell(new AgentEvent(clock.GetUtcNow(), kind, message, why));
    }
}
