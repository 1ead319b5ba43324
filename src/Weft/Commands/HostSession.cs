using System.Collections.Immutable;
using Weft.Core;
using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;

namespace Weft.Commands;

/// <summary>One of an overlay's hosts, with the doors to it open: what every command on a host begins with.</summary>
internal sealed class HostSession : IAsyncDisposable
{
    private readonly LocalHost doors;
    private readonly HostOverlay on;

    private HostSession(HostOverlay on, LocalHost doors)
    {
        this.on = on;
        this.doors = doors;
    }

    /// <summary>The overlay.</summary>
    public Overlay Overlay => on.Overlay;

    /// <summary>The host's name.</summary>
    public string Host => on.Host;

    /// <summary>Opens the doors to this machine as one of the overlay's hosts.</summary>
    /// <exception cref="HostException">Open vSwitch does not answer.</exception>
    public static async Task<HostSession> OpenAsync(
        Overlay overlay,
        string host,
        string database,
        TimeSpan patience,
        CancellationToken cancellationToken
    ) =>
        new(
            new HostOverlay(overlay, host),
            await LocalHost.ConnectAsync(database, patience, cancellationToken)
        );

    /// <summary>Waits, at boot, until the daemons have restored what is theirs to restore. The lock must be held.</summary>
    /// <exception cref="HostException">ovs-vswitchd did not in time.</exception>
    public async Task WaitUntilStartedAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        await doors.WaitUntilRestoredAsync(patience, cancellationToken);
        if (Overlay.Tunnels.Ipsec is not null)
        {
            await doors.WaitForStrongSwanAsync(patience, cancellationToken);
        }
    }

    /// <summary>Keeps every other Weft from changing this host until this process ends, and waits until its switch is at rest.</summary>
    public Task LockAsync(
        TimeSpan patience,
        IProgress<string>? progress,
        CancellationToken cancellationToken
    ) => doors.LockAsync(patience, progress, cancellationToken);

    /// <summary>Reads the host.</summary>
    public async Task<HostObservation> ObserveAsync(CancellationToken cancellationToken) =>
        on.WithRecords(await doors.ObserveAsync(on.Interest, on.Credentials, cancellationToken));

    /// <summary>The same, where what was set up by hand may be taken over.</summary>
    /// <param name="observation">What it looks like.</param>
    /// <param name="adopt">Whether what is nobody's, and is as the overlay needs it, is taken over.</param>
    public HostIntent Intend(HostObservation observation, bool adopt) =>
        on.Intend(observation, adopt);

    /// <summary>What the host must look like, which depends on what its kernel can do.</summary>
    public HostIntent Intend(HostObservation observation) => on.Intend(observation);

    /// <summary>Reads what the switch's interfaces have carried.</summary>
    public Task<ImmutableDictionary<string, TrafficCounters>> ReadTrafficAsync(
        CancellationToken cancellationToken
    ) => doors.ReadTrafficAsync(cancellationToken);

    /// <summary>Makes the host match the intent that an observation leads to.</summary>
    public Task<ApplyResult> ApplyAsync(
        Func<HostObservation, HostIntent> intend,
        HostObservation observation,
        TimeSpan patience,
        IProgress<string>? progress,
        CancellationToken cancellationToken
    ) =>
        new Applier(
            doors,
            ObserveAsync,
            seen =>
            {
                on.Record(seen);
                return Planner.Plan(intend(seen), seen);
            },
            patience,
            TimeProvider.System
        ).ApplyAsync(observation, progress, cancellationToken);

    /// <summary>Has every peer negotiated with that packets are not exchanged with yet.</summary>
    /// <returns>The peers that this did not come to an end with in time, and why.</returns>
    public Task<ImmutableArray<FailedPeer>> EstablishAsync(
        HostIntent intent,
        TimeSpan patience,
        CancellationToken cancellationToken
    ) => Applier.EstablishAsync(doors, intent, patience, cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => doors.DisposeAsync();
}
