using System.Collections.Immutable;
using System.Security.Cryptography;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Vici;

namespace Weft.Core.Execution;

/// <summary>Changes what strongSwan's daemon has loaded, and has it negotiate.</summary>
internal static class StrongSwan
{
    private static readonly TimeSpan TerminatePatience = TimeSpan.FromSeconds(2);

    // A host that answers does so in a fraction of this.
    private static readonly TimeSpan SettlePatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan SettlePause = TimeSpan.FromMilliseconds(200);

    /// <summary>Carries one change out.</summary>
    /// <exception cref="HostException">The daemon refused it or went away.</exception>
    public static async Task ExecuteAsync(
        ViciClient client,
        IpsecChange change,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await (
                change switch
                {
                    LoadConnection load => LoadAsync(client, load, cancellationToken),
                    UnloadConnection unload => UnloadAsync(client, unload, cancellationToken),
                    LoadSharedKey key => client.LoadSharedAsync(
                        new SharedSecret
                        {
                            Id = key.Name,
                            Type = SharedSecretType.Ike,
                            Owners = [.. key.Owners],
                            Data = ViciValue.Secret(key.Key.Reveal().ToArray()),
                        },
                        cancellationToken
                    ),
                    LoadAuthority load => client.LoadAuthorityAsync(
                        load.Name,
                        new ViciMessage { ["cacert"] = new ViciValue(load.Certificate.AsMemory()) },
                        cancellationToken
                    ),
                    UnloadAuthority unload => UnloadIfThereAsync(
                        unload.Name,
                        client.UnloadAuthorityAsync,
                        client.AuthorityNamesAsync,
                        cancellationToken
                    ),
                    UnloadSharedKey key => client.UnloadSharedAsync(key.Name, cancellationToken),
                    LoadPrivateKey key => LoadAsync(client, key, cancellationToken),
                    UnloadPrivateKey key => UnloadAsync(client, key, cancellationToken),
                    _ => throw new InvalidOperationException($"unknown change {change}"),
                }
            );
        }
        catch (ViciException exception)
        {
            throw new HostException(
                $"strongSwan would not {change.Action.Word} {change.What} {change.Name}: {exception.Message}",
                exception
            );
        }
    }

    /// <summary>
    /// Negotiates with every peer for which nothing is installed, and ends what is there twice because both hosts began at
    /// once.
    /// </summary>
    /// <param name="client">The daemon.</param>
    /// <param name="intent">What this host must look like.</param>
    /// <param name="patience">How long the peers may take.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The peers with which this did not succeed in time.</returns>
    public static async Task<ImmutableArray<FailedPeer>> EstablishAsync(
        ViciClient client,
        HostIntent intent,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        if (intent.Ipsec is not { } ipsec)
        {
            return [];
        }
        try
        {
            return await EstablishAsync(client, intent, ipsec, patience, cancellationToken);
        }
        catch (ViciException exception)
        {
            return Unanswered(ipsec, StrongSwanReader.Silent(WentAway(exception)));
        }
    }

    private static string WentAway(ViciException exception) =>
        $"strongSwan went away meanwhile: {exception.Message}";

    /// <summary>Counts all peers as failed, where the daemon does not say how it stands with them.</summary>
    /// <param name="ipsec">What this host must look like.</param>
    /// <param name="silent">Why the daemon does not.</param>
    public static ImmutableArray<FailedPeer> Unanswered(
        IpsecIntent ipsec,
        StrongSwanObservation silent
    ) =>
        [
            .. ipsec.Peers.Select(peer => new FailedPeer(
                peer.Name,
                silent.Problem!,
                silent.IsLeftFor(peer.Address)
            )),
        ];

    private static async Task<ImmutableArray<FailedPeer>> EstablishAsync(
        ViciClient client,
        HostIntent intent,
        IpsecIntent ipsec,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var (seen, waited) = await SettleAsync(client, intent, patience, cancellationToken);
        if (seen.Problem is not null)
        {
            // The kernel's associations may be the daemon's all the same, and packets cross by them.
            return Unanswered(ipsec, seen);
        }
        var policies = GuardReader.Read();
        await EndStraysAsync(seen, policies, ipsec, cancellationToken);
        var left = patience - waited;
        left = left < SettlePatience ? SettlePatience : left;
        // A negotiation keeps its connection to the daemon until it ends: each has its own.
        var down = await Task.WhenAll(
            PeerConnection
                .AllOf(intent, seen)
                .Select(connection =>
                    EstablishAsync(client, ipsec, connection, policies, left, cancellationToken)
                )
        );
        seen = await StrongSwanReader.ReadNegotiatedAsync(client, cancellationToken);
        if (seen.Problem is not null)
        {
            // The daemon went away, and with it what was just agreed on.
            return Unanswered(ipsec, seen);
        }
        foreach (
            var ike in PeerConnection
                .AllOf(intent, seen)
                .SelectMany(connection => connection.Repeated(intent.Host))
        )
        {
            await TerminateAsync(
                client,
                new AssociationSelector { IkeId = ike.Id },
                cancellationToken
            );
        }
        // If two hosts begin at once, one may be refused what the other has just been granted.
        var up = PeerConnection
            .AllOf(intent, seen)
            .Where(connection => connection.IsUp)
            .Select(connection => connection.Peer.Name)
            .ToHashSet(StringComparer.Ordinal);
        return [.. down.OfType<FailedPeer>().Where(one => one.HasFormer || !up.Contains(one.Peer))];
    }

    /// <summary>
    /// Lets negotiations finish that this host has begun for a packet, while the switch was set up, or in vain before: for a
    /// moment if the other host does not answer, for all of the patience if it does, as its kernel may be loading ciphers. What
    /// has not finished then is terminated: asked to negotiate beside it, the daemon would only wait for its next
    /// retransmission, at growing intervals, though the other host may answer by now; and before strongSwan 5.9.6 it would
    /// negotiate the same child once for each request.
    /// </summary>
    /// <returns>What is there then, and how long that took.</returns>
    private static async Task<(StrongSwanObservation Seen, TimeSpan Waited)> SettleAsync(
        ViciClient client,
        HostIntent intent,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        for (var waited = TimeSpan.Zero; ; waited += SettlePause)
        {
            var seen = await StrongSwanReader.ReadNegotiatedAsync(client, cancellationToken);
            var begun = PeerConnection
                .AllOf(intent, seen)
                .SelectMany(connection => connection.Associations)
                .Where(ike => ike is { IsInitiator: true, IsConnecting: true })
                .ToLookup(ike => waited < (ike.IsAnswered ? patience : SettlePatience));
            foreach (var ike in begun[false])
            {
                await TerminateAsync(
                    client,
                    new AssociationSelector { IkeId = ike.Id },
                    cancellationToken
                );
            }
            if (!begun[true].Any())
            {
                return (seen, waited);
            }
            await Task.Delay(SettlePause, cancellationToken);
        }
    }

    private static async Task<FailedPeer?> EstablishAsync(
        ViciClient client,
        IpsecIntent ipsec,
        PeerConnection connection,
        GuardObservation policies,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var peer = connection.Peer;
        if (connection.Children.IsEmpty)
        {
            return new FailedPeer(
                peer.Name,
                $"strongSwan does not know the connection {connection.Name}: apply again",
                HasFormer: false
            );
        }
        var former = connection.Associations.SelectMany(ike => ike.Children).ToList();
        var isSelected = IsSelected(policies, peer);
        // Nothing crosses any more by an association with a former address of this host. If the other host were left to end it,
        // the daemon would reinstall policies for that address, which nobody would remove.
        var isOfElsewhere =
            ipsec.Manager is IpsecManager.StrongSwan
            && connection.Associations.Any(ike =>
                ike is { IsEstablished: true, Local: { } address }
                && !address.Equals(ipsec.LocalAddress)
            );
        var isBroken =
            isOfElsewhere || former.Exists(one => one.IsLost || one.IsInstalled && !isSelected);
        if (isBroken)
        {
            // The daemon does not know that it is broken, and would go on using any part that was left.
            foreach (var name in connection.Associations.Select(ike => ike.Connection).Distinct())
            {
                await TerminateAsync(
                    client,
                    new AssociationSelector { Ike = name },
                    cancellationToken
                );
            }
        }
        // What was whole of it has ended with the rest.
        var isWhole = isSelected && !isBroken;
        IReadOnlyList<(string Connection, string? Child)> missing =
        [
            .. connection
                .Children.Where(child => !isWhole || !connection.IsInstalled(child))
                .Select(child => (child.Connection, (string?)child.Name)),
        ];
        if (missing.Count == 0 && !connection.IsProven)
        {
            // Packets cross. Whether the two accept each other's new credentials is tested beside the association that they
            // cross by.
            missing = [(connection.Children[0].Connection, null)];
        }
        var hasFormer = isWhole && former.Exists(one => one.IsInstalled);
        foreach (var (ike, child) in missing)
        {
            try
            {
                if (await InitiateAsync(peer, ike, child, patience, cancellationToken) is { } why)
                {
                    return new FailedPeer(peer.Name, why, hasFormer) { Loaded = connection.Loaded };
                }
            }
            catch (ViciException exception)
            {
                return new FailedPeer(peer.Name, WentAway(exception), hasFormer);
            }
        }
        return null;
    }

    /// <summary>
    /// Removes associations that a killed daemon has left in the kernel and that the present daemon's policies would use. The
    /// kernel asks for no keys while it has an association, and the other host has lost its part of this one: packets would go
    /// nowhere until it expires.
    /// </summary>
    private static async Task EndStraysAsync(
        StrongSwanObservation seen,
        GuardObservation policies,
        IpsecIntent ipsec,
        CancellationToken cancellationToken
    )
    {
        var strays =
            from peer in ipsec.Peers
            from policy in policies.Policies
            where IsOfTunnel(policy, peer) && policy.RequestId != 0
            let isOut = policy.Direction is XfrmDirection.Out
            let source = isOut ? ipsec.LocalAddress : peer.Address
            let destination = isOut ? peer.Address : ipsec.LocalAddress
            from state in seen.Strays
            where
                state.RequestId == policy.RequestId
                && state.Source.Equals(source)
                && state.Destination.Equals(destination)
            select state;
        foreach (var stray in strays.Distinct())
        {
            try
            {
                await LinkBatch.RunAsync(
                    [new LinkCommand(Stage.Last, null, $"xfrm state delete {stray}")],
                    cancellationToken
                );
            }
            catch (HostException) when (GuardReader.ReadStates()?.Contains(stray) == false)
            {
                // The daemon was about to end it itself, as it does where both hosts have begun at once.
            }
        }
    }

    /// <summary>Whether the kernel sends the tunnel's packets through the daemon's associations, and takes them from there only.</summary>
    private static bool IsSelected(GuardObservation policies, IpsecPeer peer)
    {
        return policies.Problem is not null
            || Demands(XfrmDirection.Out) && Demands(XfrmDirection.In);

        bool Demands(XfrmDirection direction) =>
            policies.Policies.Any(policy =>
                policy.Direction == direction && IsOfTunnel(policy, peer)
            );
    }

    /// <summary>Whether a policy lets a tunnel's packets pass encrypted only.</summary>
    private static bool IsOfTunnel(XfrmPolicy policy, IpsecPeer peer) =>
        policy is { Encrypts: true, IsPartial: false }
        && policy.Direction is XfrmDirection.Out or XfrmDirection.In
        && policy.Selector.Protocol == peer.Traffic.Protocol
        && policy.Selector.DestinationPort == peer.Traffic.Port
        && (
            policy.Direction is XfrmDirection.Out
                ? policy.Selector.Destination
                : policy.Selector.Source
        ).Contains(peer.Address);

    private static async Task<string?> InitiateAsync(
        IpsecPeer peer,
        string connection,
        string? child,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var log = new List<string>();
        try
        {
            await using var own = await ViciClient.ConnectAsync(
                StrongSwanReader.Socket ?? ViciClient.DefaultPath,
                StrongSwanReader.Patience,
                cancellationToken
            );
            await own.InitiateAsync(
                child,
                connection,
                patience,
                line => log.Add(line.Text),
                cancellationToken: cancellationToken
            );
            return null;
        }
        catch (ViciCommandException exception)
        {
            return IkeFailure.Explain(peer, log, exception.Message);
        }
    }

    private static async Task LoadAsync(
        ViciClient client,
        LoadConnection load,
        CancellationToken cancellationToken
    )
    {
        if (load.Begins)
        {
            await client.LoadConnectionAsync(load.Name, load.Message, cancellationToken);
            await BeginAsync(client, load, cancellationToken);
            return;
        }
        var seen = await StrongSwanReader.ReadNegotiatedAsync(client, cancellationToken);
        if (seen.Problem is { } problem)
        {
            throw new HostException(problem);
        }
        // An association without children proved the former credentials, and proves nothing now. Once the connection is loaded
        // no later run would come back to end it: from here on nothing is cancelled.
        await client.LoadConnectionAsync(load.Name, load.Message, CancellationToken.None);
        foreach (
            var ike in seen.Associations.Where(ike =>
                ike.Connection == load.Name && ike.IsEstablished && ike.Children.IsEmpty
            )
        )
        {
            await TerminateAsync(
                client,
                new AssociationSelector { IkeId = ike.Id },
                CancellationToken.None
            );
        }
    }

    /// <summary>
    /// Has the daemon negotiate while all else is carried out: ovs-vswitchd takes longer for its ports than two daemons for
    /// their keys. What comes of it, and why nothing does,
    /// <see cref="EstablishAsync(ViciClient, HostIntent, TimeSpan, CancellationToken)"/> finds out.
    /// </summary>
    private static async Task BeginAsync(
        ViciClient client,
        LoadConnection load,
        CancellationToken cancellationToken
    )
    {
        foreach (var (child, _) in load.Message.Section("children")!.Sections)
        {
            try
            {
                await client.InitiateAsync(
                    child,
                    load.Name,
                    TimeSpan.Zero,
                    cancellationToken: cancellationToken
                );
            }
            catch (ViciCommandException)
            {
                // It cannot now.
            }
        }
    }

    private static async Task LoadAsync(
        ViciClient client,
        LoadPrivateKey key,
        CancellationToken cancellationToken
    )
    {
        await client.LoadKeyAsync(key.Key.Reveal().ToArray(), cancellationToken: cancellationToken);
        // After the key: if the run is killed in between, the key has no mark, and is left alone as it may be anybody's.
        await client.LoadSharedAsync(
            new SharedSecret
            {
                Id = key.Mark,
                Type = SharedSecretType.Ntlm,
                Owners = [key.Mark],
                Data = ViciValue.Secret(RandomNumberGenerator.GetBytes(16)),
            },
            cancellationToken
        );
    }

    private static async Task UnloadAsync(
        ViciClient client,
        UnloadPrivateKey key,
        CancellationToken cancellationToken
    )
    {
        if (!(await client.SharedIdsAsync(cancellationToken)).Contains(key.Mark))
        {
            // The mark is gone, so somebody else has loaded the key meanwhile and needs it.
            return;
        }
        await client.UnloadKeyAsync(key.Name, cancellationToken);
        await client.UnloadSharedAsync(key.Mark, cancellationToken);
    }

    private static async Task UnloadAsync(
        ViciClient client,
        UnloadConnection connection,
        CancellationToken cancellationToken
    )
    {
        await UnloadIfThereAsync(
            connection.Name,
            client.UnloadConnectionAsync,
            client.ConnectionNamesAsync,
            cancellationToken
        );
        await TerminateAsync(
            client,
            new AssociationSelector { Ike = connection.Name },
            cancellationToken
        );
    }

    // The daemon may have been started anew meanwhile, or an earlier Weft been ended in the midst of this.
    private static async Task UnloadIfThereAsync(
        string name,
        Func<string, CancellationToken, Task> unload,
        Func<CancellationToken, Task<ImmutableArray<string>>> names,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await unload(name, cancellationToken);
        }
        catch (ViciCommandException)
        {
            if ((await names(cancellationToken)).Contains(name))
            {
                throw;
            }
        }
    }

    private static async Task TerminateAsync(
        ViciClient client,
        AssociationSelector which,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await client.TerminateAsync(
                which,
                force: true,
                timeout: TerminatePatience,
                cancellationToken: cancellationToken
            );
        }
        catch (ViciCommandException)
        {
            // There was none, or the other host has ended it meanwhile.
        }
    }
}

/// <summary>A host that keys could not be agreed on with.</summary>
/// <param name="Peer">Its name.</param>
/// <param name="Why">What stands in the way, and what to do.</param>
/// <param name="HasFormer">Whether packets still cross, encrypted by what was agreed on before something changed.</param>
public sealed record FailedPeer(string Peer, string Why, bool HasFormer)
{
    /// <summary>What strongSwan had loaded for it when the two negotiated (<see cref="FailedNegotiation.Loaded"/>); null where they did not.</summary>
    public string? Loaded { get; init; }

    /// <summary>All of it, in words.</summary>
    public override string ToString() =>
        HasFormer
            ? $"packets to {Peer} are still encrypted as agreed before, and nothing new is agreed on: {Why}"
            : $"nothing crosses to {Peer} yet: {Why}";
}
