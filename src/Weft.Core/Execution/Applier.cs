using System.Collections.Immutable;
using System.ComponentModel;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Ovsdb;

namespace Weft.Core.Execution;

/// <summary>
/// Carries plans out on this host: the guard, links that ports need, one transaction for the switch, what ports give. Then
/// it reads the host back, until it matches.
/// </summary>
/// <param name="host">The host.</param>
/// <param name="observe">Reads the host.</param>
/// <param name="plan">Observation → plan; called again after each round.</param>
/// <param name="patience">How long ovs-vswitchd may take for the transaction.</param>
/// <param name="notice">How long it may take beside that to open ports whose links were made a moment ago.</param>
/// <param name="clock">The clock.</param>
/// <param name="carriedOut">Is told what was carried out of each plan.</param>
public sealed class Applier(
    LocalHost host,
    Func<CancellationToken, Task<HostObservation>> observe,
    Func<HostObservation, Plan> plan,
    TimeSpan patience,
    TimeSpan notice,
    TimeProvider clock,
    Action<IEnumerable<Change>>? carriedOut = null
)
{
    // One round does it, unless something else moved meanwhile or the switch took a setting back.
    private const int MaxRounds = 3;

    // How many rounds may fail because a container has ended: where they start and end within moments, the next may have ended
    // too.
    private const int MostEnded = 5;
    private const int NamespacesAtOnce = 4;

    /// <summary>Makes the host match.</summary>
    /// <param name="observation">What the host looked like for the first round's plan.</param>
    /// <param name="progress">Is told each step in words as it begins.</param>
    /// <param name="cancellationToken">Stops between two steps; applying again mends what is left half done.</param>
    /// <returns>What was done and whether the host matches now.</returns>
    /// <exception cref="HostException">A step failed.</exception>
    /// <exception cref="OvsdbException">The database could not be reached or refused the transaction.</exception>
    public async Task<ApplyResult> ApplyAsync(
        HostObservation observation,
        IProgress<string>? progress,
        CancellationToken cancellationToken
    )
    {
        var started = clock.GetTimestamp();
        var counts = new Counts();
        var refusals = new Dictionary<string, string>(StringComparer.Ordinal);
        var current = plan(observation);
        var ended = 0;
        for (
            var round = 0;
            round < MaxRounds + ended
                && Without(refusals, current) is { IsEmpty: false, HasClearWay: true } possible;
            round++
        )
        {
            var isFinished = true;
            try
            {
                await CarryOutAsync(
                    possible,
                    observation.Switch,
                    counts,
                    refusals,
                    progress,
                    cancellationToken
                );
            }
            catch (HostException exception)
                when (ended < MostEnded
                    && (
                        exception.InnerException is LinkBatchException { IsOfNamespaceGone: true }
                        || IsOfContainerThatEnded(possible)
                    )
                )
            {
                // The container that ended needs nothing any more; what came after it in the plan is still to be done.
                ended++;
                isFinished = false;
            }
            progress?.Report("reading the host back");
            observation = await observe(cancellationToken);
            current = plan(observation);
            carriedOut?.Invoke(
                isFinished
                    ? Without(refusals, possible).Changes
                    : Finished(possible, current, NetworkNamespace.IsAt)
            );
        }
        if (refusals.Count > 0)
        {
            throw new HostException(string.Join("; ", refusals.Values))
            {
                Items = [.. refusals.Keys],
            };
        }
        var errors = Errors(observation.Switch);
        if (!errors.IsEmpty)
        {
            // What stood in a port's way may be gone, and ovs-vswitchd tries again only when it is asked for something.
            await host.WaitUntilRestoredAsync(patience, cancellationToken);
            // It opens a port whose link was made a moment ago once the kernel has told it so.
            errors = Errors(
                await host.WaitForSwitchAsync(
                    seen => Errors(seen).IsEmpty,
                    notice,
                    cancellationToken
                )
            );
        }
        return new ApplyResult(
            current,
            errors,
            counts.Operations,
            counts.LinkCommands,
            clock.GetElapsedTime(started)
        );

        ImmutableArray<string> Errors(SwitchObservation seen) =>
            [.. PortErrors(current.Overlay, seen, observation.Links)];
    }

    /// <summary>
    /// What was carried out of a plan that was abandoned as a container ended: what is not to be done any more, unless that is
    /// only because its container is gone.
    /// </summary>
    /// <param name="left">The plan.</param>
    /// <param name="next">What is to be done now.</param>
    /// <param name="isThere">Whether a network namespace is there, by its file.</param>
    internal static IEnumerable<Change> Finished(Plan left, Plan next, Func<string, bool> isThere)
    {
        var open = next.Changes.Select(change => change.Deed).ToHashSet();
        return left.Changes.Where(change =>
            !open.Contains(change.Deed)
            && (SpaceOf(change) is not { } space || isThere(ContainerSighting.PathOf(space)))
        );
    }

    /// <summary>Whether a container in which the plan sets something up has ended since it was made.</summary>
    private static bool IsOfContainerThatEnded(Plan plan) =>
        plan
            .Changes.Select(SpaceOf)
            .OfType<string>()
            .Distinct()
            .Any(space => !NetworkNamespace.IsAt(ContainerSighting.PathOf(space)));

    /// <summary>The network namespace of the container that something is set up for.</summary>
    private static string? SpaceOf(Change change) =>
        change switch
        {
            LinkChange link => link.Namespace,
            ChecksumChange checksum => checksum.Namespace,
            _ => null,
        };

    private async Task CarryOutAsync(
        Plan current,
        SwitchObservation seen,
        Counts counts,
        Dictionary<string, string> refusals,
        IProgress<string>? progress,
        CancellationToken cancellationToken
    )
    {
        await RunLinksAsync(current, Stage.First, counts, progress, cancellationToken);
        await RunIpsecAsync(current, Stage.BeforeSwitch, progress, cancellationToken);
        if (current.Reopenings.ToList() is { Count: > 0 } reopened)
        {
            await TransactAsync(reopened);
            seen = await host.ReadSwitchAsync();
        }
        await RunLinksAsync(current, Stage.BeforeSwitch, counts, progress, cancellationToken);
        var changes = current.SwitchChanges.ToList();
        if (changes.Count > 0)
        {
            progress?.Report($"switch: {changes.Count} changes in one transaction");
            await TransactAsync(changes);
            // What a port was to give cannot be set up where the port could not be made.
            var failed = FailedPorts(current.Overlay, await host.ReadSwitchAsync())
                .Where(row => changes.Exists(change => change.Name == row.Name))
                .ToList();
            if (failed.Count > 0)
            {
                throw new HostException(string.Join("; ", failed.Select(Words)))
                {
                    Items = [.. failed.Select(row => row.Name)],
                };
            }
        }
        await RunNicsAsync(current, Stage.AfterSwitch, refusals, progress, cancellationToken);
        await RunLinksAsync(current, Stage.AfterSwitch, counts, progress, cancellationToken);
        await RunIpsecAsync(current, Stage.Last, progress, cancellationToken);
        await RunNicsAsync(current, Stage.Last, refusals, progress, cancellationToken);
        current = Without(refusals, current);
        if (current.Changes.Any(change => change is GuardChange { Action: ChangeAction.Remove }))
        {
            await ForgetFlowsAsync(cancellationToken);
        }
        await RunLinksAsync(current, Stage.Last, counts, progress, cancellationToken);

        async Task TransactAsync(IReadOnlyList<SwitchChange> these)
        {
            var operations = SwitchTransaction.Build(
                these,
                seen,
                $"weft: overlay {current.Overlay}, host {current.Host}"
            );
            counts.Operations += operations.Length;
            await host.TransactAsync(operations, patience, cancellationToken);
        }
    }

    /// <summary>
    /// Waits until the kernel's flows are those that the switch would install now (<c>revalidator/wait</c>). ovs-vswitchd
    /// reports a tunnel as gone before its threads have removed the flows that lead into it, and while another tunnel of its
    /// kind is left the kernel goes on sending by these: unencrypted, but for the guard.
    /// </summary>
    /// <exception cref="HostException">It cannot be known: the guard stays.</exception>
    private static async Task ForgetFlowsAsync(CancellationToken cancellationToken)
    {
        var answer = await SwitchControl.AskAsync(["revalidator/wait"], cancellationToken);
        if (answer.ExitCode != 0)
        {
            // That works with one datapath only. If there are two, or none is left, all flows are purged and learnt again.
            answer = await SwitchControl.AskAsync(["revalidator/purge"], cancellationToken);
        }
        if (answer.ExitCode != 0)
        {
            throw new HostException(
                $"the guard stays, as ovs-vswitchd does not say that it sends nothing into the removed tunnels any more: {answer.Errors.Trim()}: apply again"
            );
        }
    }

    /// <summary>
    /// Negotiates with every peer that packets do not cross to yet, and records failures for whoever looks at the host.
    /// </summary>
    /// <param name="host">The host.</param>
    /// <param name="intent">What it must look like.</param>
    /// <param name="patience">How long the peers may take.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The peers with which this did not succeed in time.</returns>
    public static async Task<ImmutableArray<FailedPeer>> EstablishAsync(
        LocalHost host,
        HostIntent intent,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        if (intent.Ipsec is not { } ipsec)
        {
            return [];
        }
        var unknown = ipsec is { Manager: IpsecManager.OpenVSwitch }
            ? await IpsecMonitor.SettleAsync(host, intent, cancellationToken)
            : [];
        if (await host.StrongSwanAsync(cancellationToken) is not { } daemon)
        {
            return StrongSwan.Unanswered(ipsec, StrongSwanReader.Absent(host.StrongSwanDenial));
        }
        var down = await StrongSwan.EstablishAsync(daemon, intent, patience, cancellationToken);
        Keep(intent.Overlay, ipsec, down);
        return [.. unknown, .. down.ExceptBy(unknown.Select(one => one.Peer), one => one.Peer)];
    }

    private static void Keep(string overlay, IpsecIntent ipsec, ImmutableArray<FailedPeer> down)
    {
        var store = new NegotiationStore(overlay);
        store.Remove(ipsec.Peers.Select(peer => peer.Name).Except(down.Select(one => one.Peer)));
        var now = TimeProvider.System.GetUtcNow();
        foreach (var peer in down)
        {
            if (peer.Loaded is { } loaded)
            {
                store.Write(new FailedNegotiation(peer.Peer, loaded, now, peer.Why));
            }
        }
    }

    private async Task RunIpsecAsync(
        Plan current,
        Stage stage,
        IProgress<string>? progress,
        CancellationToken cancellationToken
    )
    {
        var changes = current.IpsecOf(stage).ToList();
        if (changes.Count == 0)
        {
            return;
        }
        progress?.Report("strongSwan's connections");
        var daemon =
            await host.StrongSwanAsync(cancellationToken)
            ?? throw new HostException(
                "strongSwan went away while the overlay was applied: apply again"
            );
        foreach (var change in changes)
        {
            await StrongSwan.ExecuteAsync(daemon, change, cancellationToken);
        }
    }

    /// <summary>
    /// What can be carried out of a plan besides what engines refused. No bridge goes meanwhile: a container does not start
    /// while a device of its names a bridge that is missing.
    /// </summary>
    private static Plan Without(Dictionary<string, string> refusals, Plan whole) =>
        refusals.Count == 0
            ? whole
            : whole with
            {
                Changes =
                [
                    .. whole.Changes.Where(change =>
                        change switch
                        {
                            NicChange => !refusals.ContainsKey(change.Name),
                            LinkChange => change
                                is not { Action: ChangeAction.Remove, What: "bridge" },
                            _ => true,
                        }
                    ),
                ],
            };

    /// <summary>Has engines change devices. A refusal, which may concern one container alone, holds nothing else up.</summary>
    private async Task RunNicsAsync(
        Plan current,
        Stage stage,
        Dictionary<string, string> refusals,
        IProgress<string>? progress,
        CancellationToken cancellationToken
    )
    {
        foreach (var change in current.NicsOf(stage))
        {
            progress?.Report("devices of containers");
            var engine = host.Engines.Of(change.Container.Engine);
            try
            {
                await engine.SetNicAsync(
                    change.Container.Name,
                    change.Device,
                    change.Nic,
                    cancellationToken
                );
            }
            catch (HostException exception)
            {
                refusals[change.Name] = exception.Message;
            }
        }
    }

    private static async Task RunLinksAsync(
        Plan current,
        Stage stage,
        Counts counts,
        IProgress<string>? progress,
        CancellationToken cancellationToken
    )
    {
        var lines = current.LinesOf(stage).ToList();
        var checksums = current.ChecksumsOf(stage).ToList();
        if (lines.Count == 0 && checksums.Count == 0)
        {
            return;
        }
        counts.LinkCommands += lines.Count + checksums.Count;
        progress?.Report(
            stage switch
            {
                Stage.First => "the guard",
                Stage.BeforeSwitch => "links that ports need",
                Stage.AfterSwitch => "addresses and what is left",
                _ => "links that nothing needs any more",
            }
        );
        try
        {
            await RunAsync(lines, cancellationToken);
        }
        catch (LinkBatchException exception)
        {
            throw new HostException(exception.Message, exception)
            {
                Items =
                [
                    .. current
                        .Changes.OfType<BatchChange>()
                        .Where(change =>
                            exception.Failed is { } failed && change.Lines.Contains(failed)
                        )
                        .Select(change => change.Name),
                ],
            };
        }
        foreach (var change in checksums)
        {
            SetChecksums(change);
        }
    }

    /// <summary>Runs the commands of a stage, those of one namespace together: the containers' before the host's, or after them.</summary>
    private static async Task RunAsync(List<LinkCommand> lines, CancellationToken cancellationToken)
    {
        var inContainers = lines
            .Where(line => line.Namespace is not null)
            .ToLookup(line => line.Namespace);
        var onHost = lines.Where(line => line.Namespace is null).ToList();
        var containersFirst = lines is [{ Namespace: not null }, ..];
        if (!containersFirst)
        {
            await LinkBatch.RunAsync(onHost, cancellationToken);
        }
        await Parallel.ForEachAsync(
            inContainers,
            new ParallelOptions
            {
                MaxDegreeOfParallelism = NamespacesAtOnce,
                CancellationToken = cancellationToken,
            },
            async (group, token) => await LinkBatch.RunAsync([.. group], token)
        );
        if (containersFirst)
        {
            await LinkBatch.RunAsync(onHost, cancellationToken);
        }
    }

    private static void SetChecksums(ChecksumChange change)
    {
        try
        {
            if (change.Namespace is null)
            {
                Ethtool.LeaveChecksumsUndone(change.Link, change.LeavesUndone);
                return;
            }
            NetworkNamespace.Run(
                ContainerSighting.PathOf(change.Namespace),
                () =>
                {
                    Ethtool.LeaveChecksumsUndone(change.Link, change.LeavesUndone);
                    return true;
                }
            );
        }
        catch (Exception exception) when (exception is IOException or Win32Exception)
        {
            throw new HostException(
                $"checksums of {change.Link} could not be set: {exception.Message}",
                exception
            )
            {
                Items = [change.Name],
            };
        }
    }

    /// <summary>Errors of ports, but not of those whose links are gone: when a container has ended, its port goes next.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="seen">The switch.</param>
    /// <param name="links">The host's links.</param>
    internal static IEnumerable<string> PortErrors(
        string overlay,
        SwitchObservation seen,
        IReadOnlyDictionary<string, Link> links
    ) =>
        FailedPorts(overlay, seen)
            // Links of all other types are made by the switch itself.
            .Where(row => row.Type.Length > 0 || links.ContainsKey(row.Name))
            .Select(Words);

    private static IEnumerable<InterfaceRow> FailedPorts(string overlay, SwitchObservation seen) =>
        from port in seen.Ports.Values
        where port.Mark == overlay
        from row in port.Interfaces
        where row.Problem is not null
        orderby row.Name
        select row;

    private static string Words(InterfaceRow row) => $"port {row.Name}: {row.Problem}";

    private sealed class Counts
    {
        public int Operations { get; set; }
        public int LinkCommands { get; set; }
    }
}

/// <summary>What applying came to.</summary>
/// <param name="Remaining">What still differs; empty if the host matches.</param>
/// <param name="Errors">Ports that Open vSwitch reports an error for.</param>
/// <param name="Operations">How many OVSDB operations were sent.</param>
/// <param name="LinkCommands">How many link commands were run.</param>
/// <param name="Elapsed">How long it took.</param>
public sealed record ApplyResult(
    Plan Remaining,
    ImmutableArray<string> Errors,
    int Operations,
    int LinkCommands,
    TimeSpan Elapsed
)
{
    /// <summary>Whether the host is as intended, apart from what is blocked and nothing else depends on.</summary>
    public bool Matches => Remaining is { IsEmpty: true, HasClearWay: true } && Errors.IsEmpty;

    /// <summary>Says of something that still differs what it is and why that may be.</summary>
    /// <param name="change">What still differs.</param>
    public static string StillDiffers(Change change) =>
        $"still not as intended: {change.What} {change.Name}: {change.Detail}: something else may be changing it back";
}
