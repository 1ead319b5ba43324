using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;
using Weft.Core.Engines;
using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Ovsdb;
using Weft.Vici;

namespace Weft.Core.Observation;

/// <summary>The doors to the host that this process runs on: Open vSwitch's database, strongSwan and the engines of containers.</summary>
public sealed class LocalHost : IAsyncDisposable
{
    /// <summary>Where Open vSwitch's database listens unless it is told otherwise.</summary>
    public const string DefaultRemote = "unix:/run/openvswitch/db.sock";

    private const string Lock = "weft";

    private static readonly TimeSpan StartPause = TimeSpan.FromMilliseconds(100);

    private readonly OvsdbClient client;
    private readonly bool isHostsOwn;

    // Fills while links are read and the lock is taken: only what needs it waits for it.
    private readonly Task<Replica> replica;

    private readonly Lock strongSwanLock = new();

    // Connected with the first observation. Most hosts have no strongSwan, which the missing socket says at once.
    private Task<ViciClient?> strongSwan = Task.FromResult<ViciClient?>(null);

    // Why this process may not ask a strongSwan that is there.
    private volatile string? strongSwanDenial;

    private SafeFileHandle? linksLock;
    private long lastTurn;
    private OvsdbLock? switchLock;

    private LocalHost(OvsdbClient client, Task<Replica> replica, bool isHostsOwn)
    {
        this.client = client;
        this.isHostsOwn = isHostsOwn;
        this.replica = replica;
    }

    /// <summary>The engines of the host's containers.</summary>
    public EngineSet Engines { get; } = new(engine => ContainerEngines.Of(engine));

    /// <summary>Connects to the host's Open vSwitch.</summary>
    /// <param name="remote">The database's remote, as <c>ovs-vsctl --db</c> takes it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HostException">Open vSwitch is not there or not running.</exception>
    public static async Task<LocalHost> ConnectAsync(
        string remote,
        CancellationToken cancellationToken
    )
    {
        try
        {
            var connected = await OvsdbClient.ConnectAsync(remote, cancellationToken);
            return new LocalHost(
                connected,
                connected.MonitorAsync(
                    SwitchReader.Database,
                    SwitchReader.Columns,
                    cancellationToken
                ),
                isHostsOwn: remote == DefaultRemote
            );
        }
        catch (OvsdbConnectionException exception) when (SocketAccess.IsDenied(exception))
        {
            // With an inner exception of another type, as this is not to be retried like a database that is about to start.
            throw new HostException(
                SocketAccess.Missing("talking to Open vSwitch's database", remote),
                new UnauthorizedAccessException(exception.Message, exception)
            );
        }
        catch (OvsdbConnectionException exception)
        {
            throw new HostException(
                $"Open vSwitch's database does not answer at {remote}: {HostServices.Here.StartSwitch} ({exception.Message})",
                exception
            );
        }
        catch (FormatException exception)
        {
            throw new HostException(
                $"'{remote}' is no remote of a database: {exception.Message}",
                exception
            );
        }
    }

    /// <summary>Connects to the host's Open vSwitch as soon as it answers.</summary>
    /// <param name="remote">The database's remote, as <c>ovs-vsctl --db</c> takes it.</param>
    /// <param name="patience">How long it may take to start.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HostException">Open vSwitch was not started in that time.</exception>
    public static async Task<LocalHost> ConnectAsync(
        string remote,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return await ConnectAsync(remote, cancellationToken);
            }
            catch (HostException exception)
                when (exception.InnerException is OvsdbConnectionException
                    && TimeProvider.System.GetElapsedTime(started) < patience
                )
            {
                await Task.Delay(StartPause, cancellationToken);
            }
        }
    }

    /// <summary>
    /// Waits for the host's strongSwan to answer, for as long as it may take to start. If it does not, whoever needs it reports
    /// that it is missing.
    /// </summary>
    public async Task WaitForStrongSwanAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (
            await StrongSwanAsync(cancellationToken) is null
            && strongSwanDenial is null
            && TimeProvider.System.GetElapsedTime(started) < patience
        )
        {
            await Task.Delay(StartPause, cancellationToken);
        }
    }

    /// <summary>
    /// Waits until ovs-vswitchd, started a moment ago, has made what the database holds: what it reports there may be from
    /// before. The lock must be held.
    /// </summary>
    /// <param name="patience">How long it may take.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HostException">It did not in that time.</exception>
    public Task WaitUntilRestoredAsync(TimeSpan patience, CancellationToken cancellationToken) =>
        TransactAsync(
            [SwitchReader.AskAgain, SwitchReader.SelectNextConfig],
            patience,
            cancellationToken
        );

    /// <summary>
    /// Waits until no other Weft changes this host, and until ovs-vswitchd has carried out what it was asked before. One lock
    /// is for the host's links; the other is the database's own (RFC 7047 section 4.1.8), for what a killed run has sent there
    /// and the database has not answered yet.
    /// </summary>
    /// <param name="patience">How long ovs-vswitchd may take.</param>
    /// <param name="progress">Is told what is waited for. If null, patience limits the wait for another Weft too.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>
    /// Whether what was read of the host still holds: nothing was waited for, and no other Weft has had the host since this one
    /// had it last.
    /// </returns>
    /// <exception cref="HostException">Root's rights are missing, ovs-vswitchd is stuck, or another Weft has not come to an end.</exception>
    public async Task<bool> LockAsync(
        TimeSpan patience,
        IProgress<string>? progress,
        CancellationToken cancellationToken
    )
    {
        linksLock = await HostLock.TakeAsync(
            progress,
            cancellationToken,
            patience: progress is null ? patience : null
        );
        try
        {
            return await LockSwitchAsync(linksLock, patience, cancellationToken);
        }
        catch
        {
            // An agent lives on, and would wait for itself the next time.
            await UnlockAsync();
            throw;
        }
    }

    private async Task<bool> LockSwitchAsync(
        SafeFileHandle links,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        switchLock = await client.LockAsync(Lock, cancellationToken);
        await switchLock.WaitUntilHeldAsync(cancellationToken);
        // A killed run may have left rows whose links ovs-vswitchd has yet to make: a plan made from both would set up links
        // that do not exist.
        var asked = await client.TransactAsync(
            SwitchReader.Database,
            [SwitchReader.SelectNextConfig],
            cancellationToken
        );
        var configuration = SwitchReader.NextConfig(asked);
        var isSettled = SwitchReader.CurrentConfig((await replica).Snapshot) >= configuration;
        await WaitForSwitchAsync(configuration, patience, cancellationToken);
        var (before, turn) = (lastTurn, HostLock.TurnOf(links));
        lastTurn = turn;
        return isSettled && turn == before + 1;
    }

    /// <summary>Starts a program that outlives this one, and so must not inherit its lock.</summary>
    internal Process StartApart(IReadOnlyList<string> command)
    {
        SetInherited(false);
        try
        {
            return Tool.Start(command);
        }
        finally
        {
            SetInherited(true);
        }

        void SetInherited(bool isInherited)
        {
            if (linksLock is { } held)
            {
                _ = Libc.SetDescriptorFlags(
                    held,
                    Libc.SetFlags,
                    isInherited ? 0 : Libc.CloseOnExec
                );
            }
        }
    }

    /// <summary>Lets others change this host again.</summary>
    public async Task UnlockAsync()
    {
        if (switchLock is { } held)
        {
            switchLock = null;
            await held.DisposeAsync();
        }
        linksLock?.Dispose();
        linksLock = null;
    }

    /// <summary>Tells each time that something of the switch has changed, or that its database went away or came back.</summary>
    /// <param name="changed">Is told what has moved, in words.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task WatchSwitchAsync(Action<string> changed, CancellationToken cancellationToken)
    {
        var rows = await replica;
        await Task.WhenAny(WatchRowsAsync(), WatchStateAsync()).Unwrap();

        async Task WatchRowsAsync()
        {
            await foreach (var _ in rows.ChangesAsync(rows.Snapshot, cancellationToken))
            {
                changed("the switch's database changed");
            }
        }

        async Task WatchStateAsync()
        {
            while (true)
            {
                await rows.WaitForStateAsync(state => !state.IsLive, cancellationToken);
                changed("the switch's database went away");
                await rows.WaitForStateAsync(state => state.IsLive, cancellationToken);
                changed("the switch's database is back");
            }
        }
    }

    /// <summary>
    /// What has crossed the switch's interfaces, by name: now, and each time that ovs-vswitchd has counted anew, which is
    /// every 5 seconds unless it was told otherwise. The counters are replicated for as long as somebody wants to know.
    /// </summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="OvsdbException">The database does not answer.</exception>
    public async IAsyncEnumerable<ImmutableDictionary<string, TrafficCounters>> WatchTrafficAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await using var counters = await client.MonitorAsync(
            SwitchReader.Database,
            SwitchTraffic.Columns,
            cancellationToken
        );
        await foreach (var change in counters.ChangesAsync(Snapshot.Empty, cancellationToken))
        {
            yield return SwitchTraffic.Read(change.Snapshot);
        }
    }

    /// <summary>Why what is known of the switch is out of date; null while it is what the database holds.</summary>
    public string? SwitchProblem =>
        replica is { IsCompletedSuccessfully: true }
        && replica.Result.State is { IsLive: false } state
            ? $"Open vSwitch's database does not answer since {state.Since:u}: {state.Reason}; see `systemctl status {HostServices.Here.Switch}`"
            : null;

    /// <summary>Reads the host.</summary>
    /// <param name="interest">Which containers to look into.</param>
    /// <param name="credentials">Where the host's credentials are; null if its tunnels are not encrypted.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HostException">The host could not be read.</exception>
    public async Task<HostObservation> ObserveAsync(
        ContainerInterest interest,
        IpsecCredentials? credentials,
        CancellationToken cancellationToken
    )
    {
        var containers = await ContainerReader.ReadAsync(Engines, interest, cancellationToken);
        return await ObserveAsync(containers, LinkReader.Read(), credentials, cancellationToken);
    }

    /// <summary>Reads what is not known of the host already.</summary>
    /// <param name="containers">What is known of its containers.</param>
    /// <param name="links">What is known of its links.</param>
    /// <param name="credentials">Where the host's credentials are; null if its tunnels are not encrypted.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HostException">The host could not be read.</exception>
    public async Task<HostObservation> ObserveAsync(
        ContainersSeen containers,
        IReadOnlyDictionary<string, Link> links,
        IpsecCredentials? credentials,
        CancellationToken cancellationToken
    ) =>
        new()
        {
            Containers = containers.Sightings,
            SilentEngines = containers.Silent,
            Inside = containers.Links,
            Links = links,
            Switch = await ReadSwitchAsync(),
            SwitchProblem =
                isHostsOwn && SwitchProcess.Find() is null ? SwitchProcess.Absence : null,
            Guard = GuardReader.Read(),
            StrongSwan = await StrongSwanReader.ReadAsync(
                await StrongSwanAsync(cancellationToken),
                cancellationToken,
                strongSwanDenial
            ),
            MonitorProblem = MonitorReader.Problem(),
            Credentials = credentials is null ? null : CredentialsReader.Read(credentials),
            Blocked = BlockedPackets.Read(),
            Time = TimeProvider.System.GetUtcNow(),
            KernelDatapath = Observation.KernelDatapath.IsThere(),
            HasIpv6 = Directory.Exists("/proc/sys/net/ipv6"),
        };

    /// <summary>Why this process may not ask the host's strongSwan; null where it may, or none runs.</summary>
    internal string? StrongSwanDenial => strongSwanDenial;

    /// <summary>
    /// The host's strongSwan; null where it does not run. All callers share one connection. If that has closed, or there was
    /// none, a daemon that was started since is found.
    /// </summary>
    public Task<ViciClient?> StrongSwanAsync(CancellationToken cancellationToken)
    {
        lock (strongSwanLock)
        {
            if (
                strongSwan
                is not (
                    { IsCompleted: false }
                    or { IsCompletedSuccessfully: true, Result.Closed.IsCompleted: false }
                )
            )
            {
                strongSwan = ConnectAsync();
            }

            // Cancelling ends only this caller's wait: others may share the connection by then.
            return strongSwan.WaitAsync(cancellationToken);
        }

        async Task<ViciClient?> ConnectAsync()
        {
            strongSwanDenial = null;
            if (StrongSwanReader.Socket is not { } socket)
            {
                return null;
            }
            try
            {
                return await ViciClient.ConnectAsync(
                    socket,
                    StrongSwanReader.Patience,
                    CancellationToken.None
                );
            }
            catch (ViciConnectionException exception)
            {
                strongSwanDenial = SocketAccess.IsDenied(exception)
                    ? SocketAccess.Missing("asking strongSwan", socket)
                    : null;
                return null;
            }
        }
    }

    /// <summary>Reads the host's switch.</summary>
    /// <exception cref="HostException">Open vSwitch's database was never initialised.</exception>
    public async Task<SwitchObservation> ReadSwitchAsync() =>
        SwitchReader.Read((await replica).Snapshot);

    /// <summary>Reads what the switch's interfaces have carried, as far as ovs-vswitchd has written it down.</summary>
    public async Task<ImmutableDictionary<string, TrafficCounters>> ReadTrafficAsync(
        CancellationToken cancellationToken
    ) =>
        SwitchTraffic.Read(
            await client.TransactAsync(
                SwitchReader.Database,
                [SwitchTraffic.Question],
                cancellationToken
            )
        );

    /// <summary>Waits until the switch meets a condition, or for some time.</summary>
    /// <param name="condition">What to wait for; it must be quick.</param>
    /// <param name="patience">How long at most.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The switch as it is then.</returns>
    public async Task<SwitchObservation> WaitForSwitchAsync(
        Func<SwitchObservation, bool> condition,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        // Where the condition is not met the caller sees what is.
        _ = await TryWaitAsync(
            snapshot => condition(SwitchReader.Read(snapshot)),
            patience,
            cancellationToken
        );
        return await ReadSwitchAsync();
    }

    /// <summary>Carries a transaction out, under the lock, and waits until ovs-vswitchd has it.</summary>
    /// <exception cref="HostException">Somebody else changed the switch meanwhile, or ovs-vswitchd did not take it in time.</exception>
    public async Task TransactAsync(
        ImmutableArray<Operation> operations,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        TransactionResult result;
        try
        {
            result = await client.TransactAsync(
                SwitchReader.Database,
                [new AssertLock(Lock), .. operations],
                cancellationToken
            );
        }
        catch (OvsdbTransactionException exception)
            when (exception.Errors.Any(error => error.Error == ErrorNames.TimedOut))
        {
            throw new HostException(
                "the switch was changed by somebody else while the plan was made; nothing was done to it: apply again",
                exception
            );
        }
        await WaitForSwitchAsync(SwitchReader.NextConfig(result), patience, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // The client ends its replicas, and fails one that has not begun; whoever awaited that one has been told.
        await client.DisposeAsync();
        await ((Task)strongSwan).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (strongSwan is { IsCompletedSuccessfully: true, Result: { } daemon })
        {
            await daemon.DisposeAsync();
        }
        await Engines.DisposeAsync();
        linksLock?.Dispose();
        await replica.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    private async Task WaitForSwitchAsync(
        long configuration,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        if (
            !await TryWaitAsync(
                snapshot => SwitchReader.CurrentConfig(snapshot) >= configuration,
                patience,
                cancellationToken
            )
        )
        {
            throw new HostException(
                $"ovs-vswitchd did not carry out what it was asked to within {patience.TotalSeconds:0.#} s: is it running? "
                    + $"See `systemctl status {HostServices.Here.Switch}` and /var/log/openvswitch/ovs-vswitchd.log, then apply again"
            );
        }
    }

    private async Task<bool> TryWaitAsync(
        Func<Snapshot, bool> condition,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(patience);
        try
        {
            await (await replica).WaitAsync(condition, deadline.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }
}
