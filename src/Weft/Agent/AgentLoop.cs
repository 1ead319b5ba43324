using System.Runtime.InteropServices;
using Weft.Commands;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
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
    // In bytes; a look at a small host that has not changed allocates less.
    private const long WorthCollecting = 8 << 20;

    private static readonly TimeSpan Look = TimeSpan.FromMinutes(1);

    // Kernel and engines notify us of changes; reading everything anew is insurance against a notification that was lost.
    private static readonly TimeSpan Resync = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestResync = TimeSpan.FromMinutes(30);

    // A host with a thousand containers is read so much more seldom that this takes 0.03 % of a processor at most.
    private const int ResyncShare = 3000;
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);

    // Longer than what counts as quiet, so that memory is given back meanwhile.
    private static readonly TimeSpan KeptPause = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan StrongSwanPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);

    private readonly TimeProvider clock = TimeProvider.System;
    private readonly SteadyClock steady = new(TimeProvider.System);
    private readonly AgentLog log = new(journal, state);
    private readonly Wakeups wakeups = new();
    private readonly ServiceManager manager = new();
    private readonly HostMirror mirror = new(host);
    private readonly HashSet<Engine> watched = [];

    // None ends by itself: what ends one is a fault, and ends the agent.
    private readonly List<Task> watches = [];
    private long collected;
    private DateTimeOffset nextLook;
    private DateTimeOffset nextResync;
    private DateTimeOffset nextKept;
    private TimeSpan? resyncedAt;

    /// <summary>Runs until it is told to end.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var restraint = new Restraint(steady);
        var complaints = new Complaints(steady);
        var reconciler = new Reconciler(host, mirror, restraint, clock);
        var negotiator = new Negotiator(host, state, log, wakeups.Wake, steady);
        using var file = new FileKeeper(load, state, log, wakeups.Wake, clock);
        using var hangup = PosixSignalRegistration.Create(
            PosixSignal.SIGHUP,
            context =>
            {
                context.Cancel = true;
                file.Changed("SIGHUP");
            }
        );
        file.Watch();
        mirror.WatchLinks(moved =>
            wakeups.Wake(moved.Namespace is null ? "links changed" : "a container's links changed")
        );
        GuardWatch.Start(() => wakeups.Wake("IPsec policies or associations changed"));
        watches.Add(host.WatchSwitchAsync(wakeups.Wake, cancellationToken));
        // A stuck agent ends no rounds, and the service manager restarts it.
        using var alive = manager.StartWatchdog(() => state.SinceLast, Look + StartPatience);
        WatchEngines(cancellationToken);
        watches.Add(WatchStrongSwanAsync(cancellationToken));
        wakeups.Wake("start");
        var isReady = false;
        var pace = new Pace(clock);
        while (true)
        {
            var woken = await RestAsync(
                Pause(
                    nextLook,
                    restraint.Due,
                    complaints.Due,
                    negotiator.Due,
                    file.Until is { } until ? steady.Reckoned(until) : null,
                    mirror.IsKept ? nextKept : null
                ),
                cancellationToken
            );
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
                file.Look();
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
            var isNewFile = file.Refresh(manager);
            if (isNewFile)
            {
                mirror.Everything();
            }
            WatchEngines(cancellationToken);
            var round = await reconciler.RunAsync(
                state.On!,
                isNewFile || !isReady,
                file.IsAnotherInForce,
                cancellationToken
            );
            Note(round, restraint, complaints, woken?.Why ?? "time passed", woken?.Since);
            if (round.IsInForce)
            {
                await file.RecordAsync(cancellationToken);
            }
            negotiator.Follow(round, cancellationToken);
            if (!isReady)
            {
                isReady = true;
                manager.Ready();
            }
        }
    }

    /// <summary>When to read the whole host again.</summary>
    /// <param name="cost">What it took of a processor the last time.</param>
    internal static TimeSpan ResyncAfter(TimeSpan cost) =>
        TimeSpan.FromTicks(
            Math.Clamp((cost * ResyncShare).Ticks, Resync.Ticks, LongestResync.Ticks)
        );

    /// <summary>Waits for what is next; if nothing comes for a while, gives memory back.</summary>
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

    /// <summary>How long there is nothing to do if nothing happens.</summary>
    /// <param name="due">When there is something to do, by <see cref="steady"/>; null for never.</param>
    private TimeSpan Pause(params IEnumerable<DateTimeOffset?> due)
    {
        var pause = due.Min()!.Value - steady.GetUtcNow();
        return pause < ShortestPause ? ShortestPause : pause;
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

    /// <summary>Logs that keys with a peer are agreed on, or gone. New keys in place of old ones change nothing.</summary>
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
        log.Say(
            Severity.Info,
            "change",
            $"encryption {peer}: {(happened.Kind is AssociationEventKind.ChildUp ? "keys agreed on" : "keys gone")} (strongSwan)",
            "strongSwan",
            ("CHANGE", "encryption"),
            ("NAME", peer)
        );
    }

    private void Note(
        Round round,
        Restraint restraint,
        Complaints complaints,
        string why,
        long? since
    )
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
            log.Say(
                Severity.Info,
                "change",
                $"{change.Action.Word} {change.What} {change.Name}{(change.Detail.Length > 0 ? $": {change.Detail}" : "")} ({why}; {round.Elapsed.TotalMilliseconds:0} ms)",
                why,
                ("CHANGE", change.What),
                ("NAME", change.Name)
            );
        }
        foreach (
            var problem in complaints.Next(round.Problem, state.Status, restraint.Failures.Values)
        )
        {
            log.Say(Severity.Error, "problem", problem, why);
        }
        state.NoteFailures(round.Failed);
        state.Tell(
            new AgentEvent(
                clock.GetUtcNow(),
                AgentEvent.Round,
                $"{round.Done.Count} changes in {round.Elapsed.TotalMilliseconds:0} ms",
                why
            )
        );
        manager.Status(
            state.Problem is { } wrong ? wrong
            : state.Refused is not null ? $"{state.File} is refused; the one before is in force"
            : $"overlay {state.On!.Overlay.Name}, host {state.On.Host}: as intended"
        );
    }
}
