using System.Collections.Immutable;
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
    /// <returns>The peers that packets are not yet exchanged with, and why.</returns>
    public static async Task<ImmutableArray<(string Peer, string Why)>> EstablishAsync(
        ViciClient client,
        HostIntent intent,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        if (intent.Ipsec is not { Manager: IpsecManager.StrongSwan } ipsec)
        {
            return [];
        }
        var seen = await StrongSwanReader.ReadAsync(client, cancellationToken);
        // A negotiation keeps its connection to the daemon until it ends: each has its own.
        var down = await Task.WhenAll(
            ipsec.Peers.Select(async peer =>
            {
                var name = IpsecPlanner.ConnectionName(intent.Overlay, peer.Name);
                foreach (var child in Missing(seen, name))
                {
                    if (
                        await InitiateAsync(peer, name, child, patience, cancellationToken) is
                        { } why
                    )
                    {
                        return (peer.Name, why);
                    }
                }
                return default((string Peer, string Why)?);
            })
        );
        await EndDuplicatesAsync(client, intent, ipsec, cancellationToken);
        return [.. down.OfType<(string, string)>()];
    }

    private static IEnumerable<string> Missing(StrongSwanObservation seen, string connection)
    {
        var installed = seen
            .Associations.Where(ike => ike.Connection == connection && ike.IsEstablished)
            .SelectMany(ike => ike.Children)
            .Where(child => child.IsInstalled)
            .Select(child => child.Name)
            .ToHashSet(StringComparer.Ordinal);
        return seen
            .Connections.GetValueOrDefault(connection, [])
            .Where(child => !installed.Contains(child));
    }

    private static async Task<string?> InitiateAsync(
        IpsecPeer peer,
        string connection,
        string child,
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
                child,
                connection,
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
        IpsecIntent ipsec,
        CancellationToken cancellationToken
    )
    {
        var seen = await StrongSwanReader.ReadAsync(client, cancellationToken);
        foreach (var peer in ipsec.Peers)
        {
            var name = IpsecPlanner.ConnectionName(intent.Overlay, peer.Name);
            var mine = string.CompareOrdinal(intent.Host, peer.Name) < 0;
            var complete = seen
                .Associations.Where(ike =>
                    ike.Connection == name
                    && ike.IsEstablished
                    && ike.Children.Any(child => child.IsInstalled)
                )
                .OrderByDescending(ike => ike.IsInitiator == mine)
                .ThenByDescending(ike => ike.Id);
            foreach (var ike in complete.Skip(1))
            {
                await TerminateAsync(
                    client,
                    new AssociationSelector { IkeId = ike.Id },
                    cancellationToken
                );
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
