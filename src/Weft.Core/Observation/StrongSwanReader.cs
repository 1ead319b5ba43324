using System.Collections.Immutable;
using Weft.Vici;

namespace Weft.Core.Observation;

/// <summary>Reads what strongSwan's daemon has, over its VICI socket.</summary>
public static class StrongSwanReader
{
    private const string Advice =
        "install the Debian packages strongswan-starter and strongswan-swanctl and start it with `systemctl start strongswan-starter`";

    /// <summary>Reads all that is loaded and negotiated.</summary>
    /// <param name="client">The daemon; null where it does not run.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<StrongSwanObservation> ReadAsync(
        ViciClient? client,
        CancellationToken cancellationToken
    )
    {
        if (client is null)
        {
            return new StrongSwanObservation
            {
                Problem = $"strongSwan does not answer at {ViciClient.DefaultPath}: {Advice}",
            };
        }
        try
        {
            var connections = await client.ConnectionsAsync(cancellationToken: cancellationToken);
            return new StrongSwanObservation
            {
                Connections = connections.ToImmutableDictionary(
                    connection => connection.Name,
                    connection => connection.Children.Select(child => child.Name).ToImmutableArray()
                ),
                SharedKeys = await client.SharedIdsAsync(cancellationToken),
                PrivateKeys = await client.KeyIdsAsync(cancellationToken),
                Associations =
                [
                    .. (
                        await client.SecurityAssociationsAsync(cancellationToken: cancellationToken)
                    ).Select(Read),
                ],
            };
        }
        catch (ViciException exception)
        {
            return new StrongSwanObservation
            {
                Problem = $"strongSwan cannot be asked ({exception.Message}): {Advice}",
            };
        }
    }

    private static IkeAssociation Read(IkeSa ike) =>
        new(
            ike.Name,
            ike.UniqueId,
            ike.IsInitiator,
            ike.IsEstablished,
            [
                .. ike.Children.Select(child => new ChildAssociation(
                    child.Name,
                    // While the next one is being negotiated this one still protects.
                    child.IsInstalled
                        || child.State == ChildStates.Rekeying,
                    child.Proposal.ToString(),
                    child.IsEncapsulated,
                    child.Installed,
                    child.RekeyIn,
                    child.BytesIn,
                    child.BytesOut
                )),
            ]
        );
}
