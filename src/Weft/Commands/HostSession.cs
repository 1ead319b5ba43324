using System.Collections.Immutable;
using System.Diagnostics;
using Weft.Core;
using Weft.Core.Execution;
using Weft.Core.History;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Trials;

namespace Weft.Commands;

/// <summary>One of an overlay's hosts, with the doors to it open: what every command on a host begins with.</summary>
internal sealed class HostSession : IAsyncDisposable
{
    private static readonly TimeSpan KnockPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan NoticePatience = TimeSpan.FromSeconds(2);

    private readonly LocalHost doors;
    private readonly HostOverlay on;

    private HostSession(HostOverlay on, LocalHost doors)
    {
        this.on = on;
        this.doors = doors;
        History = new HistoryStore(on.Overlay.Name);
    }

    /// <summary>The overlay.</summary>
    public Overlay Overlay => on.Overlay;

    /// <summary>The host's name.</summary>
    public string Host => on.Host;

    /// <summary>Which of the host's containers matter.</summary>
    public ContainerInterest Interest => on.Interest;

    /// <summary>What to say where an engine is not there or does not run.</summary>
    public string AbsenceOf(Engine engine) => doors.Engines.Of(engine).Absence;

    /// <summary>What the overlay was read from; null if that is not to be recorded.</summary>
    public ReadOnlyMemory<byte>? Source { get; set; }

    /// <summary>What was applied of the overlay on this host.</summary>
    public HistoryStore History { get; }

    /// <summary>Refuses everyone but root.</summary>
    /// <param name="doing">What takes root's rights.</param>
    /// <exception cref="HostException">The user is not root.</exception>
    public static void RequireRoot(string doing = "looking into a host's containers")
    {
        if (!Environment.IsPrivilegedProcess)
        {
            throw new HostException($"{doing} takes root's rights: use sudo");
        }
    }

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
    /// <param name="patience">How long the switch may take.</param>
    /// <param name="progress">Is told what is waited for.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="keepsTrial">Whether the caller keeps to the file in force, so that a try is not in the way.</param>
    /// <param name="isPartOfTrial">Whether the caller is about to end a try.</param>
    /// <exception cref="HostException">A try waits for its confirmation.</exception>
    public async Task LockAsync(
        TimeSpan patience,
        IProgress<string>? progress,
        CancellationToken cancellationToken,
        bool keepsTrial = false,
        bool isPartOfTrial = false
    )
    {
        await KnockAsync(progress, cancellationToken);
        await doors.LockAsync(patience, progress, cancellationToken);
        if (!isPartOfTrial)
        {
            TrialGate.Pass(History, progress, keepsTrial, TimeProvider.System);
        }
    }

    /// <summary>Waits for engines that hang, and says so, before they are asked for what others wait for.</summary>
    /// <param name="progress">Is told what is waited for.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task KnockAsync(IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var knocks = on
            .Interest.Engines.Union(ContainerReader.Keepers)
            .ToDictionary(
                engine => engine,
                engine => doors.Engines.Of(engine).KnockAsync(cancellationToken)
            );
        var all = Task.WhenAll(knocks.Values);
        if (await Task.WhenAny(all, Task.Delay(KnockPause, cancellationToken)) != all)
        {
            var slow = knocks
                .Where(knock => !knock.Value.IsCompleted)
                .Select(knock => knock.Key.Word)
                .ToList();
            progress?.Report(
                $"{string.Join(" and ", slow)} {(slow.Count > 1 ? "do not answer yet: waiting for them" : "does not answer yet: waiting for it")}"
            );
        }
        await all;
    }

    /// <summary>Lets others change this host again, while somebody is asked who may take all day.</summary>
    public Task UnlockAsync() => doors.UnlockAsync();

    /// <summary>Starts a program that outlives this session, and so must not inherit its lock.</summary>
    public Process StartApart(IReadOnlyList<string> command) => doors.StartApart(command);

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
    /// <param name="intend">Observation → intent.</param>
    /// <param name="observation">What the host looks like.</param>
    /// <param name="first">The plan that was made of that.</param>
    /// <param name="patience">How long ovs-vswitchd may take.</param>
    /// <param name="progress">Is told each step.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    public Task<ApplyResult> ApplyAsync(
        Func<HostObservation, HostIntent> intend,
        HostObservation observation,
        Plan first,
        TimeSpan patience,
        IProgress<string>? progress,
        CancellationToken cancellationToken
    ) =>
        new Applier(
            doors,
            ObserveAsync,
            seen =>
            {
                var recorded = on.Record(seen);
                return ReferenceEquals(recorded, observation)
                    ? first
                    : Planner.Plan(intend(recorded), recorded);
            },
            patience,
            NoticePatience,
            TimeProvider.System
        ).ApplyAsync(observation, progress, cancellationToken);

    /// <summary>Negotiates with every peer that packets do not cross to yet.</summary>
    /// <returns>The peers with which this did not succeed in time, and why.</returns>
    public Task<ImmutableArray<FailedPeer>> EstablishAsync(
        HostIntent intent,
        TimeSpan patience,
        CancellationToken cancellationToken
    ) => Applier.EstablishAsync(doors, intent, patience, cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => doors.DisposeAsync();
}
