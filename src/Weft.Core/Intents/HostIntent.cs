using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Ipsec;
using Weft.Core.Overlays;

namespace Weft.Core.Intents;

/// <summary>
/// The desired state of one host for an overlay. Everything in it is Weft's on that host; anything else on the host may be
/// removed only if it carries this overlay's mark.
/// </summary>
public sealed record HostIntent
{
    /// <summary>The overlay's name, with which Weft marks what it creates.</summary>
    public required string Overlay { get; init; }

    /// <summary>The host's name.</summary>
    public required string Host { get; init; }

    /// <summary>
    /// The host's address on its link to the other hosts: its underlay address, or its local address if the underlay address is
    /// translated into that; null if the host should have nothing.
    /// </summary>
    public IPAddress? Underlay { get; init; }

    /// <summary>The host's underlay MTU in bytes as the file declares it; 0 if the host should have nothing.</summary>
    public int UnderlayMtu { get; init; }

    /// <summary>The containers' MTU and how it is computed; null if the host should have nothing.</summary>
    public OverlayMtu? Mtu { get; init; }

    /// <summary>The Open vSwitch bridge; null if the host should have nothing.</summary>
    public SwitchIntent? Switch { get; init; }

    /// <summary>How the tunnels are encrypted; null if they are not.</summary>
    public IpsecIntent? Ipsec { get; init; }

    /// <summary>The links to create with iproute2, in order.</summary>
    public ImmutableArray<LinkIntent> Links { get; init; } = [];

    /// <summary>The links that Open vSwitch creates for its internal ports, and their addresses.</summary>
    public ImmutableArray<InternalLinkIntent> InternalLinks { get; init; } = [];

    /// <summary>
    /// The host's own links into the networks, that is, container bridges and the links of internal ports. Each has its network's
    /// name, and the host's addresses there.
    /// </summary>
    public IEnumerable<(
        string Name,
        ImmutableArray<InterfaceAddress> Addresses
    )> LinksIntoNetworks =>
        Links
            .OfType<BridgeLinkIntent>()
            .Select(bridge => (bridge.Name, bridge.Addresses))
            .Concat(InternalLinks.Select(link => (link.Name, link.Addresses)));

    /// <summary>Whether this host should forward what comes in from a network.</summary>
    /// <param name="network">The network's name.</param>
    public bool IsRouterOf(string network) =>
        Links.OfType<BridgeLinkIntent>().Any(bridge => bridge.Name == network && bridge.Forwards)
        || InternalLinks.Any(link => link.Name == network && link.Forwards);

    /// <summary>The containers' interfaces.</summary>
    public ImmutableArray<AttachmentIntent> Attachments { get; init; } = [];

    /// <summary>The addresses that something other than Weft manages; Weft ignores them wherever they are.</summary>
    public ImmutableHashSet<IPAddress> Floating { get; init; } = [];

    /// <summary>Messages about the containers for the administrator, each with what to do.</summary>
    public ImmutableArray<string> Notices { get; init; } = [];

    /// <summary>Which containers wait for addresses because these cannot be recorded, and why; null if none does.</summary>
    public string? Waiting { get; init; }

    /// <summary>The intent for a host from which the overlay is removed.</summary>
    public static HostIntent Nothing(string overlay, string host) =>
        new() { Overlay = overlay, Host = host };
}

/// <summary>The Open vSwitch bridge of a host.</summary>
/// <param name="Name">The bridge's name, and that of its local port.</param>
/// <param name="Userspace">Whether it uses the userspace datapath of ovs-vswitchd (<c>datapath_type=netdev</c>).</param>
/// <param name="Ports">All ports, the local one first.</param>
public sealed record SwitchIntent(string Name, bool Userspace, ImmutableArray<PortIntent> Ports)
{
    /// <summary>Which datapath forwards, as the overlay file calls it.</summary>
    public string Datapath => Userspace ? "userspace" : "kernel";

    /// <summary>
    /// The desired values of <see cref="MonitorOptions.CertificateSettings"/>: empty to remove them, null to leave them alone.
    /// </summary>
    public ImmutableSortedDictionary<string, string>? CertificateSettings { get; init; }

    /// <summary>
    /// Whether it forwards spanning tree frames, by which container bridges find loops across hosts (<see
    /// cref="PassSpanningTree"/>).
    /// </summary>
    public bool PassesSpanningTree { get; init; }

    /// <summary>
    /// The key of <c>other_config</c> that makes Open vSwitch forward spanning tree frames, which it otherwise drops
    /// (ovs-vswitchd.conf.db(5), table Bridge).
    /// </summary>
    public const string PassSpanningTree = "forward-bpdu";

    /// <summary>
    /// The key of <c>external_ids</c> that says that Weft set <see cref="PassSpanningTree"/>; if someone else set it, Weft leaves
    /// it alone.
    /// </summary>
    public const string PassSpanningTreeMark = "weft-forward-bpdu";

    /// <summary>The entries that <c>other_config</c> of the bridge must have.</summary>
    public ImmutableSortedDictionary<string, string> Settings =>
        PassesSpanningTree
            ? ImmutableSortedDictionary<string, string>.Empty.Add(PassSpanningTree, "true")
            : ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>The <c>external_ids</c> of a new bridge: the overlay that it belongs to, and which settings are Weft's.</summary>
    /// <param name="overlay">The overlay's name.</param>
    public ImmutableSortedDictionary<string, string> Marks(string overlay)
    {
        var marks = ImmutableSortedDictionary<string, string>.Empty.Add(OwnershipMark.Key, overlay);
        return PassesSpanningTree ? marks.Add(PassSpanningTreeMark, "true") : marks;
    }

    /// <summary>Whether the bridge existed before and is adopted.</summary>
    public bool IsAdopted { get; init; }

    /// <summary>
    /// The value of <c>datapath_type</c> (ovs-vswitchd.conf.db(5), table Bridge); empty for the kernel datapath.
    /// </summary>
    public string DatapathType => Userspace ? "netdev" : "";
}

/// <summary>One port of the switch, with its one interface.</summary>
public sealed record PortIntent
{
    /// <summary>The name of the port and of its interface.</summary>
    public required string Name { get; init; }

    /// <summary>The port's purpose, in words.</summary>
    public required string Purpose { get; init; }

    /// <summary>The VLAN of an access port; null for a port that carries all VLANs, tagged.</summary>
    public int? Tag { get; init; }

    /// <summary>
    /// Whether frames from this port may not leave by another protected port: split horizon, which keeps a full mesh of tunnels
    /// free of loops.
    /// </summary>
    public bool Protected { get; init; }

    /// <summary>The interface's type: empty for an existing link, <c>internal</c>, or a tunnel's type.</summary>
    public string Type { get; init; } = "";

    /// <summary>The interface's options, for a tunnel.</summary>
    public ImmutableSortedDictionary<string, string> Options { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>The key to set among the interface's options, for a tunnel that ovs-monitor-ipsec encrypts.</summary>
    public Secret? Key { get; init; }

    /// <summary>The MTU in bytes that the switch should give an internal interface.</summary>
    public int? MtuRequest { get; init; }

    /// <summary>The Ethernet address that the switch should give an internal interface.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>The other host, for a tunnel.</summary>
    public string? Peer { get; init; }

    /// <summary>Whether the container's engine creates the port too, without a mark; Weft then adds its mark.</summary>
    public bool IsMadeByEngine { get; init; }

    /// <summary>Whether the port existed before and is adopted: it keeps its name and Ethernet address.</summary>
    public bool IsAdopted { get; init; }
}

/// <summary>A link that Weft creates on a host with iproute2.</summary>
public abstract record LinkIntent
{
    /// <summary>The link's name.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// The link's Ethernet address, derived from overlay, host and name. The kernel sets it in the call that creates the link,
    /// but the alias only in a later one. A link with this address and no alias was left by an interrupted run.
    /// </summary>
    public required MacAddress Mac { get; init; }

    /// <summary>The MTU in bytes.</summary>
    public required int Mtu { get; init; }

    /// <summary>The link's purpose, in words.</summary>
    public required string Purpose { get; init; }

    /// <summary>Whether the link existed before and is adopted: it keeps its names and Ethernet addresses.</summary>
    public bool IsAdopted { get; init; }
}

/// <summary>A container bridge.</summary>
public sealed record BridgeLinkIntent : LinkIntent
{
    /// <summary>
    /// The bridge priority least likely to become the root of a spanning tree (IEEE 802.1D): any other bridge in the network is a
    /// better root.
    /// </summary>
    public const int TreePriority = 61440;

    /// <summary>The name of its network.</summary>
    public required string Network { get; init; }

    /// <summary>Whether the bridge speaks the spanning tree protocol.</summary>
    public required bool Stp { get; init; }

    /// <summary>The seconds in each of the states before forwarding.</summary>
    public required int ForwardDelay { get; init; }

    /// <summary>Whether the host forwards IPv4 packets that come in by the bridge.</summary>
    public bool Forwards { get; init; }

    /// <summary>The host's own addresses on the bridge.</summary>
    public ImmutableArray<InterfaceAddress> Addresses { get; init; } = [];

    /// <summary>Whether the host has an IPv6 address on the bridge.</summary>
    public bool HasIpv6Address =>
        Addresses.Any(address => address.Address.AddressFamily == AddressFamily.InterNetworkV6);
}

/// <summary>A veth pair that ties a container bridge to the switch.</summary>
public sealed record VethIntent : LinkIntent
{
    /// <summary>The end in the container bridge; <see cref="LinkIntent.Name"/> is the end at the switch.</summary>
    public required string Peer { get; init; }

    /// <summary>The Ethernet address of <see cref="Peer"/>.</summary>
    public required MacAddress PeerMac { get; init; }

    /// <summary>The container bridge.</summary>
    public required string Bridge { get; init; }

    /// <summary>
    /// Whether the kernel must complete checksums of frames that leave <see cref="Peer"/>. The userspace datapath reads frames
    /// from a packet socket, where a checksum left to the hardware is never computed and TCP would not connect.
    /// </summary>
    public required bool ChecksumAtPeer { get; init; }
}

/// <summary>The configuration of an internal port's link, once the switch has created the link.</summary>
/// <param name="Name">The link's name.</param>
/// <param name="Addresses">The host's addresses on it.</param>
public sealed record InternalLinkIntent(string Name, ImmutableArray<InterfaceAddress> Addresses)
{
    /// <summary>Whether the host forwards IPv4 packets that come in by the link.</summary>
    public bool Forwards { get; init; }
}

/// <summary>An address and its prefix length.</summary>
public readonly record struct InterfaceAddress(IPAddress Address, int PrefixLength)
{
    /// <summary>The subnet that the address is in.</summary>
    public IPNetwork Subnet => IPText.SubnetOf(Address, PrefixLength);

    /// <summary>Whether both are IPv4 addresses of the same subnet with the same prefix length.</summary>
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

    /// <summary>The engine that runs the container.</summary>
    public required Engine Engine { get; init; }

    /// <summary>The container's key in its engine.</summary>
    public ContainerKey Key => new(Engine, Container);

    /// <summary>The engine's device that creates the interface; null if Weft creates it, as a veth pair.</summary>
    public NicDevice? Nic { get; init; }

    /// <summary>The routes that the container has by this interface.</summary>
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

    /// <summary>The container bridge of the host's end; null if that is a port of the switch itself.</summary>
    public string? Bridge { get; init; }

    /// <summary>
    /// Whether the container bridge refuses a spanning tree root behind this port. A container that became the root would impose
    /// its timers on all bridges, and draw their frames its way.
    /// </summary>
    public bool BlocksRoot { get; init; }

    /// <summary>
    /// Whether the veth pair existed before and is adopted: the host's end keeps its name and Ethernet address.
    /// </summary>
    public bool IsAdopted { get; init; }

    /// <summary>
    /// Whether the kernel must complete checksums of frames that leave the container (userspace datapath without a veth uplink).
    /// </summary>
    public required bool ChecksumAtContainer { get; init; }
}
