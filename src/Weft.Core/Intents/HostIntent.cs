using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Ipsec;
using Weft.Core.Overlays;

namespace Weft.Core.Intents;

/// <summary>
/// What one host must look like for an overlay. Everything named here is Weft's on that host; what a host has
/// beyond it is Weft's to remove only if it carries this overlay's mark.
/// </summary>
public sealed record HostIntent
{
    /// <summary>The overlay's name, which marks what Weft makes.</summary>
    public required string Overlay { get; init; }

    /// <summary>The host's name.</summary>
    public required string Host { get; init; }

    /// <summary>
    /// The address that the host has on its link to the others: its underlay address, or its local one where the other
    /// is translated into it; null where nothing is wanted of the host.
    /// </summary>
    public IPAddress? Underlay { get; init; }

    /// <summary>The underlay MTU in bytes that the file declares for this host; 0 where nothing is wanted of it.</summary>
    public int UnderlayMtu { get; init; }

    /// <summary>The MTU that containers get and how it came about; null where nothing is wanted of the host.</summary>
    public OverlayMtu? Mtu { get; init; }

    /// <summary>The Open vSwitch bridge; null where nothing is wanted of the host.</summary>
    public SwitchIntent? Switch { get; init; }

    /// <summary>How the tunnels are encrypted; null where they are not.</summary>
    public IpsecIntent? Ipsec { get; init; }

    /// <summary>The links that iproute2 makes, in the order they must be made in.</summary>
    public ImmutableArray<LinkIntent> Links { get; init; } = [];

    /// <summary>The links that the switch makes by itself for its internal ports, and what they carry.</summary>
    public ImmutableArray<InternalLinkIntent> InternalLinks { get; init; } = [];

    /// <summary>The host's own links into the networks, each called as its network is, and its addresses there: container bridges, and internal ports' links.</summary>
    public IEnumerable<(
        string Name,
        ImmutableArray<InterfaceAddress> Addresses
    )> LinksIntoNetworks =>
        Links
            .OfType<BridgeLinkIntent>()
            .Select(bridge => (bridge.Name, bridge.Addresses))
            .Concat(InternalLinks.Select(link => (link.Name, link.Addresses)));

    /// <summary>Whether the file has this host forward what comes in from a network.</summary>
    /// <param name="network">The network's name.</param>
    public bool IsRouterOf(string network) =>
        Links.OfType<BridgeLinkIntent>().Any(bridge => bridge.Name == network && bridge.Forwards)
        || InternalLinks.Any(link => link.Name == network && link.Forwards);

    /// <summary>The containers' places.</summary>
    public ImmutableArray<AttachmentIntent> Attachments { get; init; } = [];

    /// <summary>The addresses that something else puts on links, and that are no matter of Weft's wherever they are.</summary>
    public ImmutableHashSet<IPAddress> Floating { get; init; } = [];

    /// <summary>What the administrator should know of the containers, each with what to do.</summary>
    public ImmutableArray<string> Notices { get; init; } = [];

    /// <summary>Which containers wait for addresses, since these cannot be recorded, and why; null where none does.</summary>
    public string? Waiting { get; init; }

    /// <summary>The intent of a host from which the overlay goes away.</summary>
    public static HostIntent Nothing(string overlay, string host) =>
        new() { Overlay = overlay, Host = host };
}

/// <summary>The Open vSwitch bridge of a host.</summary>
/// <param name="Name">The bridge's name, and that of its local port.</param>
/// <param name="Userspace">Whether ovs-vswitchd forwards by itself (<c>datapath_type=netdev</c>).</param>
/// <param name="Ports">All ports, the local one first.</param>
public sealed record SwitchIntent(string Name, bool Userspace, ImmutableArray<PortIntent> Ports)
{
    /// <summary>Which datapath forwards, as the overlay file calls it.</summary>
    public string Datapath => Userspace ? "userspace" : "kernel";

    /// <summary>
    /// What <see cref="MonitorOptions.CertificateSettings"/> must be, none of them where this is empty; null where it is no matter.
    /// </summary>
    public ImmutableSortedDictionary<string, string>? CertificateSettings { get; init; }

    /// <summary>
    /// Whether it passes the frames on by which container bridges find loops that lead from host to host
    /// (<see cref="PassSpanningTree"/>).
    /// </summary>
    public bool PassesSpanningTree { get; init; }

    /// <summary>The key of <c>other_config</c> by which Open vSwitch passes on what it else drops (ovs-vswitchd.conf.db(5), table Bridge).</summary>
    public const string PassSpanningTree = "forward-bpdu";

    /// <summary>The key of <c>external_ids</c> that tells that Weft set <see cref="PassSpanningTree"/>: one that somebody else set is theirs.</summary>
    public const string PassSpanningTreeMark = "weft-forward-bpdu";

    /// <summary>What <c>other_config</c> of the bridge must have.</summary>
    public ImmutableSortedDictionary<string, string> Settings =>
        PassesSpanningTree
            ? ImmutableSortedDictionary<string, string>.Empty.Add(PassSpanningTree, "true")
            : ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>What tells in <c>external_ids</c> of a bridge that is made whose it is, and what of it.</summary>
    /// <param name="overlay">The overlay's name.</param>
    public ImmutableSortedDictionary<string, string> Marks(string overlay)
    {
        var marks = ImmutableSortedDictionary<string, string>.Empty.Add(OwnershipMark.Key, overlay);
        return PassesSpanningTree ? marks.Add(PassSpanningTreeMark, "true") : marks;
    }

    /// <summary>Whether the bridge was there and is taken over.</summary>
    public bool IsAdopted { get; init; }

    /// <summary>The value of <c>datapath_type</c> (ovs-vswitchd.conf.db(5), table Bridge); empty for the kernel's.</summary>
    public string DatapathType => Userspace ? "netdev" : "";
}

/// <summary>One port of the switch with its one interface.</summary>
public sealed record PortIntent
{
    /// <summary>The name of port and interface.</summary>
    public required string Name { get; init; }

    /// <summary>What the port is there for, in words.</summary>
    public required string Purpose { get; init; }

    /// <summary>The VLAN of an access port; null for a port that carries all VLANs, tagged.</summary>
    public int? Tag { get; init; }

    /// <summary>
    /// Whether frames from this port may not leave by another such port: split horizon, which keeps a full
    /// mesh of tunnels free of loops.
    /// </summary>
    public bool Protected { get; init; }

    /// <summary>The interface's type: empty for a link that is there already, <c>internal</c>, or a tunnel's.</summary>
    public string Type { get; init; } = "";

    /// <summary>The interface's options: those of a tunnel.</summary>
    public ImmutableSortedDictionary<string, string> Options { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>The key that is to be among the interface's options: that of a tunnel which ovs-monitor-ipsec has encrypted.</summary>
    public Secret? Key { get; init; }

    /// <summary>The MTU in bytes that the switch is to give an internal interface.</summary>
    public int? MtuRequest { get; init; }

    /// <summary>The Ethernet address that the switch is to give an internal interface.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>The other host, for a tunnel.</summary>
    public string? Peer { get; init; }

    /// <summary>Whether a container's engine makes the port too, unmarked: Weft marks what it finds.</summary>
    public bool IsMadeByEngine { get; init; }

    /// <summary>Whether the port was there and is taken over: name and Ethernet address are those that it has.</summary>
    public bool IsAdopted { get; init; }
}

/// <summary>A link that Weft makes on a host with iproute2.</summary>
public abstract record LinkIntent
{
    /// <summary>The link's name.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// The link's Ethernet address, derived from overlay, host and name. The kernel sets it in the very call that
    /// makes the link, but the alias only by a later one: a link with this address and no alias is one whose
    /// making was interrupted.
    /// </summary>
    public required MacAddress Mac { get; init; }

    /// <summary>The MTU in bytes.</summary>
    public required int Mtu { get; init; }

    /// <summary>What the link is there for, in words.</summary>
    public required string Purpose { get; init; }

    /// <summary>Whether the link was there and is taken over: names and Ethernet addresses are those that it has.</summary>
    public bool IsAdopted { get; init; }
}

/// <summary>A container bridge.</summary>
public sealed record BridgeLinkIntent : LinkIntent
{
    /// <summary>
    /// The least priority to be the root of a spanning tree (IEEE 802.1D): whatever else is plugged into a network knows better
    /// who is.
    /// </summary>
    public const int TreePriority = 61440;

    /// <summary>The network whose bridge it is.</summary>
    public required string Network { get; init; }

    /// <summary>Whether the bridge speaks the spanning tree protocol.</summary>
    public required bool Stp { get; init; }

    /// <summary>Seconds in each of the states before forwarding.</summary>
    public required int ForwardDelay { get; init; }

    /// <summary>Whether the host forwards what comes in by the bridge, by IPv4.</summary>
    public bool Forwards { get; init; }

    /// <summary>The host's own addresses on the bridge.</summary>
    public ImmutableArray<InterfaceAddress> Addresses { get; init; } = [];

    /// <summary>Whether the host speaks IPv6 on the bridge.</summary>
    public bool HasIpv6Address =>
        Addresses.Any(address => address.Address.AddressFamily == AddressFamily.InterNetworkV6);
}

/// <summary>A veth pair that ties a container bridge to the switch.</summary>
public sealed record VethIntent : LinkIntent
{
    /// <summary>The end that goes into the container bridge; <see cref="LinkIntent.Name"/> is the switch's port.</summary>
    public required string Peer { get; init; }

    /// <summary>The Ethernet address of <see cref="Peer"/>.</summary>
    public required MacAddress PeerMac { get; init; }

    /// <summary>The container bridge.</summary>
    public required string Bridge { get; init; }

    /// <summary>
    /// Whether the kernel must complete checksums as frames leave <see cref="Peer"/>: the userspace datapath reads
    /// frames from a packet socket, where a checksum left to the hardware would stay undone and TCP would never connect.
    /// </summary>
    public required bool ChecksumAtPeer { get; init; }
}

/// <summary>What an internal port's link carries, once the switch has made it.</summary>
/// <param name="Name">The link's name.</param>
/// <param name="Addresses">The host's addresses on it.</param>
public sealed record InternalLinkIntent(string Name, ImmutableArray<InterfaceAddress> Addresses)
{
    /// <summary>Whether the host forwards what comes in by the link, by IPv4.</summary>
    public bool Forwards { get; init; }
}

/// <summary>An address and the length of its subnet's prefix.</summary>
public readonly record struct InterfaceAddress(IPAddress Address, int PrefixLength)
{
    /// <summary>The subnet that the address is in.</summary>
    public IPNetwork Subnet => IPText.SubnetOf(Address, PrefixLength);

    /// <summary>Whether both are IPv4 addresses of one subnet with prefixes of one length.</summary>
    public bool SharesSubnetWith(InterfaceAddress other) =>
        Address.AddressFamily is AddressFamily.InterNetwork && Subnet == other.Subnet;

    /// <summary>The address as iproute2 writes it.</summary>
    public override string ToString() => $"{Address}/{PrefixLength}";
}

/// <summary>A container's interface in one network.</summary>
public sealed record AttachmentIntent
{
    /// <summary>The container's name.</summary>
    public required string Container { get; init; }

    /// <summary>What runs the container.</summary>
    public required Engine Engine { get; init; }

    /// <summary>The container, as its engine knows it.</summary>
    public ContainerKey Key => new(Engine, Container);

    /// <summary>The engine's own device that makes the interface; null where Weft makes it, of a veth pair.</summary>
    public NicDevice? Nic { get; init; }

    /// <summary>What else the container reaches by this interface.</summary>
    public ImmutableArray<Route> Routes { get; init; } = [];

    /// <summary>The addresses and routes in words.</summary>
    public string Carries => string.Join(", ", [.. Addresses, .. Routes.Cast<object>()]);

    /// <summary>The network.</summary>
    public required string Network { get; init; }

    /// <summary>The interface's name inside the container.</summary>
    public required string Interface { get; init; }

    /// <summary>What a change of the interface is of, in words.</summary>
    public string InterfaceName => $"{Interface} in {Container}";

    /// <summary>What a change of the engine's device is of, in words, where the device is called what the interface is.</summary>
    public string DeviceName => $"{Interface} of {Container}";

    /// <summary>The interface's Ethernet address.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>The interface's addresses.</summary>
    public required ImmutableArray<InterfaceAddress> Addresses { get; init; }

    /// <summary>The MTU in bytes.</summary>
    public required int Mtu { get; init; }

    /// <summary>The host's end of the veth pair.</summary>
    public required string HostEnd { get; init; }

    /// <summary>The Ethernet address of the host's end.</summary>
    public required MacAddress HostEndMac { get; init; }

    /// <summary>The container bridge that the host's end goes into; null if it is a port of the switch itself.</summary>
    public string? Bridge { get; init; }

    /// <summary>
    /// Whether the container bridge takes no root of its spanning tree from the container, which would give all others its
    /// timers, and lead their frames its way.
    /// </summary>
    public bool BlocksRoot { get; init; }

    /// <summary>Whether the veth pair was there and is taken over: the host's end keeps its name and Ethernet address.</summary>
    public bool IsAdopted { get; init; }

    /// <summary>Whether the kernel must complete checksums as frames leave the container (userspace datapath without a veth uplink).</summary>
    public required bool ChecksumAtContainer { get; init; }
}
