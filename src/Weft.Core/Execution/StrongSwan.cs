using System.Collections.Immutable;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Vici;

namespace Weft.Core.Execution;

/// <summary>Changes what strongSwan's daemon has loaded, and has it negotiate.</summary>
internal static class StrongSwan
{
    private static readonly TimeSpan TerminatePatience = TimeSpan.FromSeconds(2);

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
                    LoadConnection load => client.LoadConnectionAsync(
                        load.Name,
                        load.Message,
                        cancellationToken
                    ),
                    UnloadConnection unload => UnloadAsync(client, unload.Name, cancellationToken),
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
                    UnloadAuthority unload => client.UnloadAuthorityAsync(
                        unload.Name,
                        cancellationToken
                    ),
                    UnloadSharedKey key => client.UnloadSharedAsync(key.Name, cancellationToken),
                    LoadPrivateKey key => client.LoadKeyAsync(
                        key.Key.Reveal().ToArray(),
                        cancellationToken: cancellationToken
                    ),
                    _ => throw new InvalidOperationException($"unknown change {change}"),
                }
            );
        }
        catch (ViciException exception)
        {
            throw new HostException(
                $"strongSwan would not {change.Action.ToString().ToLowerInvariant()} {change.What} {change.Name}: {exception.Message}",
                exception
            );
        }
    }

    /// <summary>
    /// Has every peer negotiated with that has nothing installed, and ends what is there twice because both hosts began
    /// at once.
    /// </summary>
    /// <param name="client">The daemon.</param>
    /// <param name="intent">What this host must look like.</param>
    /// <param name="patience">How long the peers may take.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The peers that this did not come to an end with in time.</returns>
    public static async Task<ImmutableArray<FailedPeer>> EstablishAsync(
        ViciClient client,
        HostIntent intent,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var seen = await StrongSwanReader.ReadAsync(client, cancellationToken);
        var policies = GuardReader.Read();
        // A negotiation keeps its connection to the daemon until it ends: each has its own.
        var down = await Task.WhenAll(
            PeerConnection
                .AllOf(intent, seen)
                .Select(async connection =>
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
                    var isBroken = former.Exists(one =>
                        one.IsLost || one.IsInstalled && !isSelected
                    );
                    if (isBroken)
                    {
                        // The daemon does not know that it is broken, and would go on believing so of a part of it.
                        foreach (
                            var name in connection
                                .Associations.Select(ike => ike.Connection)
                                .Distinct()
                        )
                        {
                            await TerminateAsync(
                                client,
                                new AssociationSelector { Ike = name },
                                cancellationToken
                            );
                        }
                    }
                    // What was whole of it has ended with the rest.
                    foreach (var child in Missing(connection, isSelected && !isBroken))
                    {
                        if (
                            await InitiateAsync(peer, child, patience, cancellationToken) is { } why
                        )
                        {
                            return new FailedPeer(
                                peer.Name,
                                why,
                                isSelected && former.Exists(one => one.IsInstalled)
                            );
                        }
                    }
                    return null;
                })
        );
        await EndDuplicatesAsync(client, intent, cancellationToken);
        return [.. down.OfType<FailedPeer>()];
    }

    /// <summary>Whether the kernel sends the tunnel's packets through the daemon's associations, and takes them from there only.</summary>
    private static bool IsSelected(GuardObservation policies, IpsecPeer peer)
    {
        return policies.Problem is not null
            || Demands(XfrmDirection.Out) && Demands(XfrmDirection.In);

        bool Demands(XfrmDirection direction) =>
            policies.Policies.Any(policy =>
                policy is { Encrypts: true, IsPartial: false }
                && policy.Direction == direction
                && policy.Selector.Protocol == peer.Traffic.Protocol
                && policy.Selector.DestinationPort == peer.Traffic.Port
                && (
                    direction is XfrmDirection.Out
                        ? policy.Selector.Destination
                        : policy.Selector.Source
                ).Contains(peer.Address)
            );
    }

    private static IEnumerable<NamedChild> Missing(PeerConnection connection, bool isSelected)
    {
        var installed = connection
            .Associations.Where(ike => ike.IsEstablished)
            .SelectMany(ike => ike.Children)
            .Where(child => isSelected && child.IsInstalled)
            .Select(child => child.Name)
            .ToHashSet(StringComparer.Ordinal);
        return connection.Children.Where(child => !installed.Contains(child.Name));
    }

    private static async Task<string?> InitiateAsync(
        IpsecPeer peer,
        NamedChild child,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var log = new List<string>();
        try
        {
            await using var own = await ViciClient.ConnectAsync(
                cancellationToken: cancellationToken
            );
            await own.InitiateAsync(
                child.Name,
                child.Connection,
                patience,
                line => log.Add(line.Text),
                cancellationToken: cancellationToken
            );
            return null;
        }
        catch (ViciException exception)
        {
            return IkeFailure.Explain(peer, log, exception.Message);
        }
    }

    /// <summary>Both hosts end the same ones: those that were not begun by the one whose name comes first.</summary>
    private static async Task EndDuplicatesAsync(
        ViciClient client,
        HostIntent intent,
        CancellationToken cancellationToken
    )
    {
        var seen = await StrongSwanReader.ReadAsync(client, cancellationToken);
        foreach (var connection in PeerConnection.AllOf(intent, seen))
        {
            var mine = string.CompareOrdinal(intent.Host, connection.Peer.Name) < 0;
            var needed = connection
                .Children.Select(child => child.Name)
                .ToHashSet(StringComparer.Ordinal);
            var complete = connection
                .Associations.Where(ike =>
                    ike.IsEstablished && ike.Children.Any(child => child.IsInstalled)
                )
                // Those from before the keys or the overlay changed go first.
                .OrderByDescending(ike => ike.Children.Any(child => needed.Contains(child.Name)))
                .ThenByDescending(ike => ike.IsInitiator == mine)
                .ThenByDescending(ike => ike.Id)
                .ToList();
            foreach (var (index, ike) in complete.Index())
            {
                // Of two children one may have come about by either host's doing.
                var gives = ike.Children.Count(child =>
                    child.IsInstalled && needed.Remove(child.Name)
                );
                if (index > 0 && gives == 0)
                {
                    await TerminateAsync(
                        client,
                        new AssociationSelector { IkeId = ike.Id },
                        cancellationToken
                    );
                }
            }
        }
    }

    private static async Task UnloadAsync(
        ViciClient client,
        string name,
        CancellationToken cancellationToken
    )
    {
        await client.UnloadConnectionAsync(name, cancellationToken);
        await TerminateAsync(client, new AssociationSelector { Ike = name }, cancellationToken);
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
public sealed record FailedPeer(string Peer, string Why, bool HasFormer);
