using System.Collections.Immutable;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Health;

/// <summary>
/// Compares where a host believes everybody to be with where the overlay file has them. Tables and links are indexed by their
/// keys: a host may have thousands of containers, each with neighbours of its own.
/// </summary>
internal sealed class WhereaboutsJudge
{
    private const int FreshSeconds = 2;
    private const int LeastAstray = 2;
    private const int MostNamed = 5;

    private readonly Whereabouts believed;
    private readonly Overlay overlay;
    private readonly HostIntent intent;
    private readonly HostObservation seen;
    private readonly HostPlaces places;
    private readonly string @switch;
    private readonly Dictionary<string, int> vlans;
    private readonly ILookup<MacAddress, BridgeEntry> onBridges;
    private readonly ILookup<(MacAddress Mac, int Vlan), SwitchEntry> onSwitch;
    private readonly ILookup<int, Link> links;
    private readonly ILookup<long?, string> ports;

    /// <summary>Judges a host.</summary>
    /// <param name="believed">Its MAC and neighbour tables.</param>
    /// <param name="overlay">The overlay.</param>
    /// <param name="intent">What the host must look like.</param>
    /// <param name="seen">What it looks like.</param>
    public WhereaboutsJudge(
        Whereabouts believed,
        Overlay overlay,
        HostIntent intent,
        HostObservation seen
    )
    {
        this.believed = believed;
        this.overlay = overlay;
        this.intent = intent;
        this.seen = seen;
        places = new HostPlaces(intent);
        @switch = intent.Switch!.Name;
        vlans = overlay.Networks.ToDictionary(
            network => network.Name,
            network => network.Vlan,
            StringComparer.Ordinal
        );
        onBridges = believed.Bridges.ToLookup(entry => entry.Mac);
        onSwitch = believed.Switch.ToLookup(entry => (entry.Mac, entry.Vlan));
        links = seen.Links.Values.ToLookup(link => link.Index);
        ports = seen
            .Switch.Ports.Values.Where(port => port.Bridge == @switch)
            .SelectMany(port => port.Interfaces.Select(row => (row.OpenFlowPort, port.Name)))
            .ToLookup(port => port.OpenFlowPort, port => port.Name);
    }

    /// <summary>Returns all that is wrong in what the host believes.</summary>
    public IReadOnlyList<Finding> JudgeAll()
    {
        var known = Resident.AllOf(overlay, intent);
        var acquaintances = JudgeNeighbours(known);
        var judged = known
            .SelectMany(one =>
                acquaintances[one].Prepend(JudgeSwitch(one)).Prepend(JudgeBridge(one))
            )
            .Append(believed.JudgeWayOn(@switch))
            .Append(JudgeLoop(known))
            .Append(believed.JudgeRules(@switch))
            .OfType<Finding>()
            .Concat(
                intent
                    .Links.OfType<BridgeLinkIntent>()
                    .SelectMany(bridge => Whereabouts.JudgePorts(bridge, intent, seen))
            )
            .Where(finding => finding.Verdict is not Verdict.Well)
            .ToList();
        return judged.Count > 0
            ? judged
            :
            [
                new Finding(
                    "forwarding",
                    Verdict.Well,
                    "ports are open, and bridges, switch and neighbours know everybody where the file has them"
                ),
            ];
    }

    /// <summary>
    /// Detects a forwarding loop: several residents heard at wrong ports within the last seconds. Somebody who has moved, or has
    /// another's address, is soon heard at one port only, and is one alone. Only the switch tells how long ago it heard an
    /// address.
    /// </summary>
    private Finding? JudgeLoop(ImmutableArray<Resident> known)
    {
        var astray = known
            .Where(one =>
                places.Expect(one).SwitchPort is { } expected
                && onSwitch[(one.Mac, vlans[one.Network])].FirstOrDefault()
                    is { IsStatic: false, Age: <= FreshSeconds } found
                && (ports[found.Port].FirstOrDefault() ?? @switch) != expected
            )
            .GroupBy(one => one.Network, StringComparer.Ordinal)
            .FirstOrDefault(ones => ones.Count() >= LeastAstray);
        return astray is null
            ? null
            : new Finding(
                $"switch {@switch}",
                Verdict.Wrong,
                $"hears {string.Join(", ", astray.Take(MostNamed).Select(one => one.Name))} in network {astray.Key} at the wrong ports this very moment: frames go round in a loop. "
                    + "Look for a second way between two hosts, such as a link of the local network in the container bridges of both, and take it away, or give the network `bridge: { stp: true }`, by which it is found and closed"
            );
    }

    /// <summary>
    /// Whether a container bridge has somebody behind the right port; null where there is no such bridge, or it has no entry.
    /// </summary>
    public Finding? JudgeBridge(Resident resident)
    {
        if (
            places.BridgeOf(resident.Network) is not { } bridge
            || places.Expect(resident).BridgePort is not { } expected
        )
        {
            return null;
        }
        var (entry, port) = onBridges[resident.Mac]
            .Select(entry => (entry, Port: PortOf(bridge, entry)))
            .FirstOrDefault(found => found.Port is not null);
        return port is null
            ? null
            : Judge(
                $"bridge {bridge.Name}",
                resident,
                port,
                expected,
                entry.IsStatic,
                $"bridge fdb del {resident.Mac} dev {port} master"
            );
    }

    /// <summary>Whether the switch has somebody behind the right port; null where it has no entry.</summary>
    public Finding? JudgeSwitch(Resident resident)
    {
        var vlan = vlans[resident.Network];
        return
            places.Expect(resident).SwitchPort is not { } expected
            || onSwitch[(resident.Mac, vlan)].FirstOrDefault() is not { } found
            ? null
            : Judge(
                $"switch {@switch}",
                resident,
                ports[found.Port].FirstOrDefault() ?? @switch,
                expected,
                found.IsStatic,
                $"ovs-appctl fdb/del {@switch} {vlan} {resident.Mac}"
            );
    }

    /// <summary>Whether a resident of this host has the right Ethernet address for another; null where it has no entry.</summary>
    public Finding? JudgeNeighbour(Resident here, Resident other) =>
        JudgeNeighbour(
            here,
            other,
            [.. MetBy(here).Where(neighbour => other.Addresses.Contains(neighbour.Address))]
        );

    /// <summary>The neighbour entries of all residents of this host, judged, by the resident that they are about.</summary>
    private ILookup<Resident, Finding?> JudgeNeighbours(ImmutableArray<Resident> known)
    {
        var residents = known
            .SelectMany(one => one.Addresses.Select(address => (one.Network, address, one)))
            .ToLookup(one => (one.Network, one.address), one => one.one);
        return (
            from here in known
            where here.Host == intent.Host
            from met in MetBy(here)
                .SelectMany(
                    neighbour => residents[(here.Network, neighbour.Address)],
                    (neighbour, other) => (neighbour, other)
                )
                .GroupBy(met => met.other, met => met.neighbour)
            select (Other: met.Key, Finding: JudgeNeighbour(here, met.Key, [.. met]))
        ).ToLookup(judged => judged.Other, Finding? (judged) => judged.Finding);
    }

    /// <summary>The neighbour entries of a resident of this host, in its network.</summary>
    private IEnumerable<Neighbour> MetBy(Resident here) =>
        LinkOf(here) is { } link
            ? TableOf(here).Where(neighbour => neighbour.Link == link.Index)
            : [];

    private ImmutableArray<Neighbour> TableOf(Resident here) =>
        places.AttachmentOf(here) is { } place
            ? believed.Inside.GetValueOrDefault(place.Key, [])
            : believed.Neighbours;

    private Link? LinkOf(Resident here) =>
        places.AttachmentOf(here) is { } place
            ? seen.Inside.GetValueOrDefault(place.Key)?.GetValueOrDefault(place.Interface)
            : seen.Links.GetValueOrDefault(here.Network);

    private string? PortOf(BridgeLinkIntent bridge, BridgeEntry entry) =>
        links[entry.Link]
            .FirstOrDefault(link => link.Name == bridge.Name || link.Master == bridge.Name)
            ?.Name;

    /// <summary>Whether a resident of this host has the right Ethernet address for another.</summary>
    /// <param name="here">The resident of this host.</param>
    /// <param name="other">The other.</param>
    /// <param name="met">The entries of <paramref name="here"/> for the other's addresses.</param>
    private Finding? JudgeNeighbour(Resident here, Resident other, List<Neighbour> met)
    {
        if (here == other)
        {
            return null;
        }
        var inside = places.AttachmentOf(here) is null ? "" : " inside the container";
        return met.Find(neighbour => neighbour.Mac is { } mac && mac != other.Mac) is { } wrong
                ? new Finding(
                    $"neighbours of {here.Name}",
                    wrong.IsPermanent ? Verdict.Wrong : Verdict.Doubtful,
                    wrong.IsPermanent
                        ? $"somebody has set {wrong.Address} of {other.Name} to be at {wrong.Mac}, and it is at {other.Mac}: `ip neigh del {wrong.Address} dev {LinkOf(here)!.Name}`{inside}"
                        : $"{wrong.Mac} has answered for {wrong.Address} of {other.Name}, which is at {other.Mac}: two may have that address, which `weft doctor` on {other.Host} tells"
                )
                {
                    Beyond = !wrong.IsPermanent,
                }
            : met.Find(neighbour => neighbour.Mac is null) is { } silent
                ? new Finding(
                    $"neighbours of {here.Name}",
                    Verdict.Well,
                    $"nobody has answered for {silent.Address} lately"
                )
            : met.Count > 0
                ? new Finding(
                    $"neighbours of {here.Name}",
                    Verdict.Well,
                    $"{other.Mac} has {string.Join(", ", met.Select(neighbour => neighbour.Address))}"
                )
            : null;
    }

    // A learned entry is only doubtful: it may date from before somebody moved, and the next frame replaces it.
    private static Finding Judge(
        string what,
        Resident resident,
        string found,
        string expected,
        bool isStatic,
        string remedy
    ) =>
        found == expected
            ? new Finding(
                what,
                Verdict.Well,
                $"{resident.Mac} of {resident.Name} is behind {found}"
            )
        : isStatic
            ? new Finding(
                what,
                Verdict.Wrong,
                $"somebody has set {resident.Mac} of {resident.Name} to be behind {found}, and it is behind {expected}: `{remedy}`"
            )
        : new Finding(
            what,
            Verdict.Doubtful,
            $"{resident.Mac} of {resident.Name} was last heard behind {found}, and it is behind {expected}: two have that Ethernet address, or there is a loop"
        );
}
