using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>
/// What strongSwan calls that which protects the packets to one peer and from it. Under Weft's own name there is one
/// connection. ovs-monitor-ipsec makes one or two, called after the tunnel's port and numbered anew whenever the port's
/// row changes.
/// </summary>
internal sealed partial class PeerConnection
{
    private readonly StrongSwanObservation seen;
    private readonly Func<string, int?> versionOf;
    private readonly ImmutableArray<string> loaded;

    private PeerConnection(
        string name,
        IpsecPeer peer,
        StrongSwanObservation seen,
        Func<string, int?> versionOf
    )
    {
        Name = name;
        Peer = peer;
        this.seen = seen;
        this.versionOf = versionOf;
        var named = seen.Connections.Keys.ToLookup(versionOf);
        var newest = named.Max(group => group.Key);
        loaded = [.. (newest is null ? [] : named[newest]).Order(StringComparer.Ordinal)];
        Children =
        [
            .. loaded.SelectMany(connection =>
                seen.Connections[connection]
                    .Where(child => versionOf(child) == newest || connection == name)
                    .Select(child => new NamedChild(connection, child))
            ),
        ];
    }

    /// <summary>What changes of it are called: the connection, or the port that it is for.</summary>
    public string Name { get; }

    /// <summary>The other host.</summary>
    public IpsecPeer Peer { get; }

    /// <summary>What the daemon has loaded to protect packets by.</summary>
    public ImmutableArray<NamedChild> Children { get; }

    /// <summary>What is negotiated, also under what the connection was before it changed.</summary>
    public IEnumerable<IkeAssociation> Associations =>
        seen.Associations.Where(ike => versionOf(ike.Connection) is not null);

    /// <summary>The connections to all peers.</summary>
    public static ImmutableArray<PeerConnection> AllOf(
        HostIntent intent,
        StrongSwanObservation seen
    ) =>
        intent.Ipsec is not { } ipsec
            ? []
            :
            [
                .. ipsec.Peers.Select(peer =>
                    ipsec.Manager is IpsecManager.StrongSwan
                        ? OfWeft(intent.Overlay, peer, seen)
                        : OfMonitor(
                            intent.Switch!.Ports.First(port => port.Peer == peer.Name).Name,
                            peer,
                            seen
                        )
                ),
            ];

    /// <summary>Whether the daemon has what ovs-monitor-ipsec was told last.</summary>
    public bool IsTakenOver(SwitchObservation @switch)
    {
        var wanted = @switch
            .Ports.GetValueOrDefault(Name)
            ?.Interfaces.Select(row => row.Options.GetValueOrDefault(MonitorOptions.Lifetime))
            .Select(MonitorOptions.RekeyTimeOf)
            .FirstOrDefault();
        return wanted is not null
            && Children.Length == (Peer.Traffic.Port is null ? 1 : 2)
            && loaded.All(connection => seen.RekeyTimes.GetValueOrDefault(connection) == wanted);
    }

    private static PeerConnection OfWeft(string overlay, IpsecPeer peer, StrongSwanObservation seen)
    {
        var name = IpsecPlanner.ConnectionName(overlay, peer.Name);
        return new PeerConnection(name, peer, seen, other => other == name ? 0 : null);
    }

    private static PeerConnection OfMonitor(
        string port,
        IpsecPeer peer,
        StrongSwanObservation seen
    ) =>
        new(
            port,
            peer,
            seen,
            name =>
                name.StartsWith(port, StringComparison.Ordinal)
                && Version().Match(name[port.Length..]) is { Success: true } match
                    ? int.Parse(match.Groups["version"].ValueSpan, CultureInfo.InvariantCulture)
                    : null
        );

    [GeneratedRegex("^(-in|-out)?-(?<version>[0-9]{1,9})$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Version();
}

/// <summary>A child of a connection, by the names of both.</summary>
internal readonly record struct NamedChild(string Connection, string Name);
