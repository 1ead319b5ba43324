using System.Collections.Immutable;
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
    // What is not answered strongSwan repeats after 4 s, and after 7.2 s more: two that were begun at once are made this soon
    // after one another.
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

    /// <summary>What changes of it are called: the connection, or the port that it is for.</summary>
    public string Name { get; }

    /// <summary>The other host.</summary>
    public IpsecPeer Peer { get; }

    /// <summary>What the daemon has loaded to protect packets by.</summary>
    public ImmutableArray<NamedChild> Children { get; }

    /// <summary>What the daemon has loaded, in one word: another as soon as addresses, packets or proof are others.</summary>
    public string Loaded => string.Join(' ', Children.Select(child => child.Name));

    /// <summary>What is negotiated, also under what the connection was before it changed.</summary>
    public IEnumerable<IkeAssociation> Associations =>
        seen.Associations.Where(ike => IsCalled(ike.Connection));

    /// <summary>
    /// Whether two hosts have proved themselves with what they are to prove themselves with now. Where that was done
    /// beside an association that packets cross by, it has left one without children.
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

    /// <summary>Whether strongSwan calls it so, now or before it changed.</summary>
    public bool IsCalled(string connection) => naming.VersionOf(connection) is not null;

    /// <summary>Whether every packet to the peer and from it is protected.</summary>
    public bool IsUp => !Children.IsEmpty && Children.All(IsInstalled);

    /// <summary>
    /// Whether the daemon has what ovs-monitor-ipsec was told last. Of a tunnel that was taken over with the options that
    /// it had, which tell of no lifetime, any connection will do: nobody has told it anything else.
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
    /// The associations that protect nothing which another does not. Of two hosts that begin at once both end the same one: that
    /// which the host has not begun whose name comes first. A host that was started anew has lost what it had, and begins afresh:
    /// what is older than that the other has alone, and would send by it in vain.
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
                // Those from before the keys or the overlay changed go first.
                .OrderByDescending(IsCurrent)
                .ThenBy(ike => ike.Age - newest > AtOnce)
                .ThenByDescending(ike => ike.IsInitiator == mine)
                .ThenByDescending(ike => ike.Id)
                .Index()
        )
        {
            // Of two children each may have come about by another host's doing.
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

    /// <summary>ovs-monitor-ipsec ends what is of an earlier number: only the newest counts.</summary>
    private static PeerConnection OfMonitor(string port, IpsecPeer peer, StrongSwanObservation seen)
    {
        // A tunnel whose packets have ports has a connection for each direction. Of host1's and of host1-in's one begins as the other.
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
