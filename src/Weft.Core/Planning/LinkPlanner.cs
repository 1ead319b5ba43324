using System.Collections.Immutable;
using System.Net.Sockets;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Core.Planning;

/// <summary>Plans links and addresses: container bridges, uplinks, containers' interfaces and internal ports' addresses.</summary>
internal sealed partial class LinkPlanner(
    HostIntent intent,
    HostObservation observation,
    Ownership ownership,
    Settled settled
)
{
    private const int LinkLocalPrefix = 64;

    // Of `rp_filter`, which may also be off (0) or loose (2).
    private const int Strict = 1;

    private readonly HashSet<string> wanted = new(
        intent.Attachments.Length,
        StringComparer.Ordinal
    );
    private readonly HashSet<string> replaced = new(StringComparer.Ordinal);
    private LinkPairs? pairs;

    // The links that the switch is to make for internal ports, whose names must be free by then.
    private readonly HashSet<string> ofSwitch =
    [
        .. (intent.Switch?.Ports ?? [])
            .Where(port => port.Type == "internal")
            .Select(port => port.Name),
    ];

    // Host ends that engines have made for devices, with which they go.
    private readonly HashSet<string> devices = [.. observation.DeviceEndsOf(intent.Overlay)];

    /// <summary>
    /// Keeps the kernel from giving a link-local address, by which containers could reach the host past all addresses of the
    /// file. A link whose MTU is too small for IPv6 gets none, and has no setting of IPv6 to change.
    /// </summary>
    private string Silently(int mtu) => SpeaksIpv6(mtu) ? "addrgenmode none " : "";

    /// <summary>
    /// Settings that keep containers from misusing a link. Linux accepts a packet for any of its addresses on any link (RFC
    /// 1122 section 3.3.4.2), even on a bridge without one: a container could forge a tunnel packet from a peer, and the host
    /// would decapsulate it into any network. So IPv4 is accepted only by the link on which the sender would be answered (RFC
    /// 3704 section 2.2), and IPv6, for which the kernel has no such check, only where the overlay has addresses of it. A
    /// router advertisement from a container would give the host an address and a route through the container (RFC 4861 section
    /// 6.3.4). All this applies to a port of a userspace switch too, as the kernel also receives what such a port does. And a
    /// host that forwards, as Docker and LXD have it do for their containers, would route from one network into another, and
    /// out of the overlay: what comes in by these links is forwarded only where the file says so. IPv6 forwarding is on for all
    /// links or for none (ip-sysctl, <c>conf/all/forwarding</c>).
    /// </summary>
    private ImmutableArray<LinkCommand> Unswayed(
        Stage stage,
        string name,
        int mtu,
        ImmutableArray<InterfaceAddress> addresses,
        bool forwards = false
    ) =>
        [
            FilterSenders(stage, name),
            Forward(stage, name, forwards),
            .. SpeaksIpv6(mtu)
                ? (ImmutableArray<LinkCommand>)
                    [
                        TakeNoAdvertisements(stage, name),
                        SwitchIpv6(stage, name, isOn: HasIpv6(addresses)),
                    ]
                : [],
        ];

    private static LinkCommand FilterSenders(Stage stage, string name) =>
        LinkCommand.SetIpv4(stage, null, name, "rp_filter", Strict);

    private static LinkCommand Forward(Stage stage, string name, bool isOn) =>
        LinkCommand.SetIpv4(stage, null, name, "forwarding", isOn ? 1 : 0);

    private static LinkCommand TakeNoAdvertisements(Stage stage, string name) =>
        LinkCommand.SetIpv6(stage, null, name, "accept_ra", 0);

    private static LinkCommand SwitchIpv6(Stage stage, string name, bool isOn) =>
        LinkCommand.SetIpv6(stage, null, name, "disable_ipv6", isOn ? 0 : 1);

    private static bool HasIpv6(ImmutableArray<InterfaceAddress> addresses) =>
        addresses.Any(IsIpv6);

    private static bool IsIpv6(InterfaceAddress address) =>
        address.Address.AddressFamily is AddressFamily.InterNetworkV6;

    private bool SpeaksIpv6(int mtu) => observation.HasIpv6 && mtu >= UnderlayCheck.LeastIpv6Mtu;

    public List<Change> Changes { get; } = [];
    public List<Conflict> Conflicts { get; } = [];

    /// <summary>The links on the host that are made, or made anew.</summary>
    public HashSet<string> Made { get; } = new(StringComparer.Ordinal);

    /// <summary>The host's ends of the attachments whose containers are there.</summary>
    public HashSet<string> PresentHostEnds { get; } =
        new(intent.Attachments.Length, StringComparer.Ordinal);

    public void Plan()
    {
        ConflictWithoutIpv6();
        foreach (var link in intent.Links)
        {
            wanted.Add(link.Name);
            switch (link)
            {
                case BridgeLinkIntent bridge:
                    PlanBridge(bridge);
                    break;
                case VethIntent veth:
                    wanted.Add(veth.Peer);
                    PlanUplink(veth);
                    break;
            }
        }
        PlanAttachments();
        CompareSubnets();
        RemoveWhatLeft();
    }

    /// <summary>
    /// Refuses IPv6 addresses on a kernel without IPv6: the first that fails would end the batch, and no link would get those
    /// after it.
    /// </summary>
    private void ConflictWithoutIpv6()
    {
        if (observation.HasIpv6)
        {
            return;
        }
        var addresses = intent
            .LinksIntoNetworks.SelectMany(link => link.Addresses)
            .Concat(intent.Attachments.SelectMany(attachment => attachment.Addresses));
        foreach (var address in addresses.Where(IsIpv6).Take(1))
        {
            Conflicts.Add(
                new(
                    "IPv6",
                    $"the kernel of {intent.Host} has no IPv6, and the overlay gives {address} there: start it without `ipv6.disable=1`, or take IPv6 out of the file"
                )
            );
        }
    }

    /// <summary>Plans what internal ports carry; <paramref name="isMade"/> tells whether the plan itself makes a port anew.</summary>
    public void PlanInternalLinks(Func<string, bool> isMade)
    {
        foreach (var port in intent.Switch?.Ports ?? [])
        {
            if (port.Type == "internal")
            {
                PlanInternalLink(
                    port,
                    intent.InternalLinks.FirstOrDefault(link => link.Name == port.Name),
                    isMade(port.Name)
                );
            }
        }
    }

    private void PlanInternalLink(PortIntent port, InternalLinkIntent? carried, bool isMade)
    {
        var name = port.Name;
        observation.Links.TryGetValue(name, out var actual);
        var isOfSwitch = actual is not null && ownership.IsOfSwitch(actual);
        if (isOfSwitch && !isMade)
        {
            // The switch itself sets what this plan's transaction asks of it.
            var asked = observation
                .Switch.Ports.GetValueOrDefault(name)
                ?.Interfaces.FirstOrDefault();
            SetIfNeeded(
                "internal link",
                name,
                [
                    .. carried is null
                        ? (Steps)[]
                        : Unswayed(
                            name,
                            port.MtuRequest ?? actual!.Mtu,
                            carried.Addresses,
                            actual!,
                            Stage.AfterSwitch,
                            port.IsAdopted,
                            carried.Forwards
                        ),
                    .. carried is null
                        ? (Steps)[]
                        : Addresses(
                            name,
                            carried.Addresses,
                            actual!.Addresses,
                            actual.Floating,
                            null,
                            port.MtuRequest ?? actual.Mtu
                        ),
                    port.Mac is { } mac && asked?.Mac == mac.ToString()
                        ? Address(name, mac, actual!, null)
                        : null,
                    port.MtuRequest is { } mtu && asked?.MtuRequest == mtu
                        ? Mtu(name, mtu, actual!, null)
                        : null,
                    carried is null ? null : Up(name, actual!, null),
                ]
            );
        }
        else if (carried is not null && (actual is null || ownership.Owns(actual)))
        {
            // The switch may turn out to keep the link, with what it carries.
            var verb = isOfSwitch ? "replace" : "add";
            Add(
                ChangeAction.Add,
                "address",
                name,
                string.Join(", ", carried.Addresses),
                [
                    .. Unswayed(
                        Stage.AfterSwitch,
                        name,
                        port.MtuRequest ?? int.MaxValue,
                        carried.Addresses,
                        carried.Forwards
                    ),
                    .. carried.Addresses.Select(address => SetAddress(verb, address, name, null)),
                    After($"link set dev {name} up"),
                ]
            );
        }
    }

    private void PlanBridge(BridgeLinkIntent bridge)
    {
        var name = bridge.Name;
        // The link-local address that IPv6 needs is set, not left to the kernel, which gives one only as a link comes up.
        var addresses = bridge.HasIpv6Address
            ? bridge.Addresses.Add(new(bridge.Mac.ToLinkLocal(), LinkLocalPrefix))
            : bridge.Addresses;
        var stage = StageToMake(name);
        if (Existing(name, "bridge") is not { } actual)
        {
            if (ConflictsWithForeign(name))
            {
                return;
            }
            Made.Add(name);
            Add(
                ChangeAction.Add,
                "bridge",
                name,
                bridge.Purpose
                    + (
                        bridge.Stp
                            ? $", spanning tree with forward delay {bridge.ForwardDelay} s"
                            : ""
                    )
                    + (bridge.Addresses.IsEmpty ? "" : $", {string.Join(", ", bridge.Addresses)}"),
                [
                    .. Replace(name),
                    Line(
                        stage,
                        null,
                        $"link add name {name} address {bridge.Mac} type bridge "
                            + $"stp_state {(bridge.Stp ? $"1 priority {BridgeLinkIntent.TreePriority}" : "0")} forward_delay {bridge.ForwardDelay * 100} mcast_snooping 0"
                    ),
                    .. Unswayed(stage, name, bridge.Mtu, addresses, bridge.Forwards),
                    Line(
                        stage,
                        null,
                        // A bridge does not keep the MTU that it is made with, which follows the ports that come and go; it
                        // keeps one set later.
                        $"link set dev {name} alias {ownership.Alias()} mtu {bridge.Mtu} {Silently(bridge.Mtu)}up"
                    ),
                    .. AddAddresses(name, addresses, null),
                ]
            );
            return;
        }
        var attributes = new List<string>();
        var words = new List<string>();
        if (actual.Stp != bridge.Stp)
        {
            attributes.Add(
                bridge.Stp ? $"stp_state 1 priority {BridgeLinkIntent.TreePriority}" : "stp_state 0"
            );
            words.Add($"spanning tree {(bridge.Stp ? "on" : "off")}");
        }
        // Where another bridge is the root, the root's delay is in force, whatever this one is set to.
        if (actual.IsRoot && actual.ForwardDelay != bridge.ForwardDelay * 100)
        {
            attributes.Add($"forward_delay {bridge.ForwardDelay * 100}");
            words.Add(
                $"forward delay {actual.ForwardDelay / 100.0:0.##} → {bridge.ForwardDelay} s"
            );
        }
        // Snooping misses the reports that listeners sent before the spanning tree opened a port or an uplink was made. Without
        // them a container gets no neighbour solicitations (RFC 4861) until somebody queries again.
        if (actual.SnoopsMulticast)
        {
            attributes.Add("mcast_snooping 0");
            words.Add("no multicast snooping");
        }
        SetIfNeeded(
            "bridge",
            name,
            [
                attributes.Count == 0
                    ? null
                    : new Step(
                        string.Join(", ", words),
                        Before($"link set dev {name} type bridge {string.Join(' ', attributes)}")
                    ),
                .. OnHost(
                    name,
                    bridge.Mac,
                    bridge.Mtu,
                    addresses,
                    actual,
                    bridge.IsAdopted,
                    bridge.Forwards
                ),
            ]
        );
    }

    private void PlanUplink(VethIntent veth)
    {
        var stage = StageToMake(veth.Name, veth.Peer);
        var atSwitch = Existing(veth.Name, "veth");
        var atBridge = Existing(veth.Peer, "veth");
        if (atSwitch is null || atBridge is null || atSwitch.Peer != veth.Peer)
        {
            if (ConflictsWithForeign(veth.Name) | ConflictsWithForeign(veth.Peer))
            {
                return;
            }
            Made.Add(veth.Name);
            Add(
                ChangeAction.Add,
                "veth",
                veth.Name,
                veth.Purpose,
                [
                    .. Replace(veth.Name),
                    .. Replace(veth.Peer),
                    Line(
                        stage,
                        null,
                        $"link add name {veth.Name} address {veth.Mac} mtu {veth.Mtu} type veth "
                            + $"peer name {veth.Peer} address {veth.PeerMac} mtu {veth.Mtu}"
                    ),
                    .. Unswayed(stage, veth.Name, veth.Mtu, []),
                    .. Unswayed(stage, veth.Peer, veth.Mtu, []),
                    Line(
                        stage,
                        null,
                        $"link set dev {veth.Name} alias {ownership.Alias()} {Silently(veth.Mtu)}up"
                    ),
                    Line(
                        Later(stage, StageToEnslave(veth.Peer, veth.Bridge)),
                        null,
                        $"link set dev {veth.Peer} alias {ownership.Alias()} {Silently(veth.Mtu)}master {veth.Bridge} up"
                    ),
                ]
            );
        }
        else
        {
            SetIfNeeded(
                "veth",
                veth.Name,
                [
                    Master(veth.Name, null, atSwitch),
                    .. OnHost(veth.Name, veth.Mac, veth.Mtu, [], atSwitch, veth.IsAdopted),
                ]
            );
            SetIfNeeded(
                "veth",
                veth.Peer,
                [
                    Master(veth.Peer, veth.Bridge, atBridge),
                    .. OnHost(veth.Peer, veth.PeerMac, veth.Mtu, [], atBridge, veth.IsAdopted),
                ]
            );
        }
        PlanChecksums(
            stage,
            null,
            veth.Peer,
            null,
            inSoftware: veth.ChecksumAtPeer,
            replaced.Contains(veth.Peer) ? null : atBridge
        );
    }

    private void RemoveWhatLeft()
    {
        var gone = new HashSet<string>(StringComparer.Ordinal);
        foreach (
            var link in observation
                .Links.Values.Where(link => !wanted.Contains(link.Name) && ownership.Owns(link))
                .OrderBy(link => link.Index)
        )
        {
            if (replaced.Contains(link.Name))
            {
                continue;
            }
            if (HasForeignPorts(link) || MayBeOfSilentEngine(link))
            {
                continue;
            }
            // Removing one end removes a pair; a link of the switch's own goes with its port.
            if (
                link.Kind is not ("bridge" or "veth")
                || link.Peer is { } peer && gone.Contains(peer)
            )
            {
                continue;
            }
            gone.Add(link.Name);
            var isInTheWay =
                ofSwitch.Contains(link.Name) || link.Peer is { } other && ofSwitch.Contains(other);
            Add(
                ChangeAction.Remove,
                link.Kind,
                link.Name,
                "",
                [
                    LinkCommand.RemoveLink(
                        isInTheWay ? Stage.BeforeSwitch : Stage.Last,
                        null,
                        link.Name
                    ),
                ]
            );
        }
    }

    /// <summary>
    /// Whether a link may be that of a container whose engine does not answer just now. When the whole overlay goes, the link
    /// goes too, whatever the engine says.
    /// </summary>
    private bool MayBeOfSilentEngine(Link link) =>
        intent.Switch is not null
        && !observation.SilentEngines.IsEmpty
        && link.PeerIndex is not null;

    /// <summary>Whether a bridge that is to go has ports that are not Weft's, which is a conflict.</summary>
    private bool HasForeignPorts(Link bridge)
    {
        if (bridge.Kind != "bridge")
        {
            return false;
        }
        var foreign = observation
            .Links.Values.Where(port => port.Master == bridge.Name && !ownership.Owns(port))
            .Select(port => port.Name)
            .Except(devices)
            .Order(StringComparer.Ordinal)
            .ToList();
        if (foreign.Count == 0)
        {
            return false;
        }
        Conflicts.Add(
            new(
                bridge.Name,
                $"bridge '{bridge.Name}' is to go, but {string.Join(", ", foreign)} in it "
                    + $"{(foreign.Count == 1 ? "is" : "are")} not Weft's: detach {(foreign.Count == 1 ? "it" : "them")} from the bridge first"
            )
            {
                StandsAlone = true,
            }
        );
        return true;
    }
}
