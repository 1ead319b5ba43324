using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>
/// Finds what protects the packets to and from one peer, by what strongSwan calls it. Weft itself loads one connection for a
/// peer. ovs-monitor-ipsec makes one or two, named after the tunnel's port and numbered anew whenever the port's row changes.
/// </summary>
internal sealed partial class PeerConnection
{
    // strongSwan retransmits after 4 s, and after 7.2 s more: two associations that were begun at once are established within
    // this time of each other.
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(8);

    private readonly Naming naming;
    private readonly StrongSwanObservation seen;

    private PeerConnection(string name, IpsecPeer peer, StrongSwanObservation seen, Naming naming)
    {
        Name = name;
        Peer = peer;
        this.naming = naming;
        this.seen = seen;
        var named = seen.Connections.Keys.ToLookup(naming.VersionOf);
        var newest = named.Max(group => group.Key);
        Children =
        [
            .. (newest is null ? [] : named[newest])
                .Order(StringComparer.Ordinal)
                .SelectMany(connection =>
                    seen.Connections[connection].Select(child => new NamedChild(connection, child))
                ),
        ];
    }

    /// <summary>The name of changes that concern it: that of the connection, or of the port that it is for.</summary>
    public string Name { get; }

    /// <summary>The other host.</summary>
    public IpsecPeer Peer { get; }

    /// <summary>What the daemon has loaded to protect packets by.</summary>
    public ImmutableArray<NamedChild> Children { get; }

    /// <summary>Identifies what the daemon has loaded: it changes as soon as addresses, traffic or credentials do.</summary>
    public string Loaded => string.Join(' ', Children.Select(child => child.Name));

    /// <summary>The associations, including those negotiated before the connection changed.</summary>
    public IEnumerable<IkeAssociation> Associations =>
        seen.Associations.Where(ike => IsCalled(ike.Connection));

    /// <summary>
    /// Whether the two hosts have proved who they are with their present credentials. If they did so beside an association that
    /// packets cross by, it has left an association without children.
    /// </summary>
    public bool IsProven =>
        Associations.Any(ike => ike.IsEstablished && (ike.Children.IsEmpty || IsCurrent(ike)));

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

    /// <summary>Whether strongSwan calls this connection so, now or before it changed.</summary>
    public bool IsCalled(string connection) => naming.VersionOf(connection) is not null;

    /// <summary>Whether every packet to the peer and from it is protected.</summary>
    public bool IsUp => !Children.IsEmpty && Children.All(IsInstalled);

    /// <summary>
    /// Whether the daemon has what ovs-monitor-ipsec was told last. A tunnel that was taken over with its own options has no
    /// lifetime among them. For that one any connection will do, as nobody has told ovs-monitor-ipsec anything else.
    /// </summary>
    public bool IsTakenOver(SwitchObservation @switch) =>
        @switch.Ports.GetValueOrDefault(Name) is { Interfaces: [var row] }
        && Children.Length == (Peer.Traffic.Port is null ? 1 : 2)
        && (
            MonitorOptions.RekeyTimeOf(row.Options.GetValueOrDefault(MonitorOptions.Lifetime))
                is not { } wanted
            || Children.All(child => seen.RekeyTimes.GetValueOrDefault(child.Connection) == wanted)
        );

    /// <summary>Whether an association was negotiated for the connection as it is loaded now.</summary>
    public bool IsCurrent(IkeAssociation ike) =>
        ike.Children.Any(child => Children.Any(wanted => wanted.Name == child.Name));

    /// <summary>Whether packets that a child is for are protected.</summary>
    public bool IsInstalled(NamedChild wanted) =>
        Associations.Any(ike => ike.IsEstablished && Gives(ike, wanted));

    /// <summary>Whether an association protects packets that a child is for.</summary>
    public bool Gives(IkeAssociation ike, NamedChild wanted) =>
        ike.Children.Any(child =>
            child.IsInstalled && naming.TrafficOf(child.Name) == naming.TrafficOf(wanted.Name)
        );

    /// <summary>
    /// The associations that protect nothing which another does not. If two hosts begin at once, both end the same one: that
    /// which was not begun by the host whose name comes first. A restarted host has lost what it had and begins afresh: only
    /// the other still has an association older than that, and would send by it in vain.
    /// </summary>
    /// <param name="host">This host's name.</param>
    public IEnumerable<IkeAssociation> Repeated(string host)
    {
        var mine = string.CompareOrdinal(host, Peer.Name) < 0;
        var complete = Associations
            .Where(ike => ike.IsEstablished && ike.Children.Any(child => child.IsInstalled))
            .ToList();
        var newest = complete.Min(ike => ike.Age);
        var needed = Children.ToList();
        foreach (
            var (index, ike) in complete
                // Associations from before the keys or the overlay changed are the first to go.
                .OrderByDescending(IsCurrent)
                .ThenBy(ike => ike.Age - newest > AtOnce)
                .ThenByDescending(ike => ike.IsInitiator == mine)
                .ThenByDescending(ike => ike.Id)
                .Index()
        )
        {
            // The two children may be in two associations, one begun by each host.
            var gives = needed.RemoveAll(child => Gives(ike, child));
            if (index > 0 && gives == 0)
            {
                yield return ike;
            }
        }
    }

    private static PeerConnection OfWeft(string overlay, IpsecPeer peer, StrongSwanObservation seen)
    {
        var name = IpsecPlanner.ConnectionName(overlay, peer.Name);
        return new PeerConnection(
            name,
            peer,
            seen,
            new Naming(other => other == name ? 0 : null, IpsecPlanner.TrafficOf)
        );
    }

    /// <summary>Only connections with the newest number count: ovs-monitor-ipsec ends the earlier ones.</summary>
    private static PeerConnection OfMonitor(string port, IpsecPeer peer, StrongSwanObservation seen)
    {
        // Traffic with ports has a connection for each direction. The two patterns keep host1's connection host1-in-1 apart
        // from that of a port host1-in.
        var version = peer.Traffic.Port is null ? Version() : VersionOfOneWay();
        return new(
            port,
            peer,
            seen,
            new Naming(
                name =>
                    name.StartsWith(port, StringComparison.Ordinal)
                    && version.Match(name[port.Length..]) is { Success: true } match
                        ? int.Parse(match.Groups["version"].ValueSpan)
                        : null,
                child => child
            )
        );
    }

    [GeneratedRegex("^-(?<version>[0-9]{1,9})$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Version();

    [GeneratedRegex("^-(in|out)-(?<version>[0-9]{1,9})$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex VersionOfOneWay();

    /// <summary>How a manager calls connections and children.</summary>
    /// <param name="VersionOf">The number of a connection by its name; null if it is another's.</param>
    /// <param name="TrafficOf">What a child's name says of the packets that it is for.</param>
    private sealed record Naming(Func<string, int?> VersionOf, Func<string, string> TrafficOf);
}

/// <summary>A child of a connection, by the names of both.</summary>
internal readonly record struct NamedChild(string Connection, string Name);
