using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Overlays;

namespace Weft.Core.Observation;

/// <summary>What one host looks like: the other side of the planner.</summary>
public sealed record HostObservation
{
    private const string Vrf = "vrf";

    /// <summary>What Open vSwitch's database holds.</summary>
    public required SwitchObservation Switch { get; init; }

    /// <summary>The links of the host itself, by name.</summary>
    public required IReadOnlyDictionary<string, Link> Links { get; init; }

    /// <summary>The containers that the engines know, those that do not run too.</summary>
    public IReadOnlyDictionary<ContainerKey, ContainerSighting> Containers { get; init; } =
        ImmutableDictionary<ContainerKey, ContainerSighting>.Empty;

    /// <summary>The host's ends that engines made for devices of an overlay's.</summary>
    public IEnumerable<string> DeviceEndsOf(string overlay) =>
        Containers
            .Values.Where(container => !container.Nics.IsEmpty)
            .SelectMany(container => container.Nics.Values)
            .Where(nic => nic.Mark == overlay)
            .Select(nic => nic.HostEnd);

    /// <summary>The engines that matter to the overlay and did not answer, each with the reason.</summary>
    public ImmutableSortedDictionary<Engine, string> SilentEngines { get; init; } =
        ImmutableSortedDictionary<Engine, string>.Empty;

    /// <summary>Who has which address of the host's own slices, as it was recorded.</summary>
    public ImmutableArray<AddressRecord> AddressRecords { get; init; } = [];

    /// <summary>Why no further addresses can be recorded; null if they can, or if nobody has tried.</summary>
    public string? RecordsProblem { get; init; }

    /// <summary>The links inside each running container of the overlay's, by name.</summary>
    public IReadOnlyDictionary<
        ContainerKey,
        IReadOnlyDictionary<string, Link>
    > Inside { get; init; } =
        ImmutableDictionary<ContainerKey, IReadOnlyDictionary<string, Link>>.Empty;

    /// <summary>The observation without some addresses, whichever links have them.</summary>
    internal HostObservation Without(IReadOnlySet<IPAddress> addresses)
    {
        return addresses.Count == 0
            ? this
            : this with
            {
                Links = Of(Links),
                Inside = Inside.ToDictionary(inside => inside.Key, inside => Of(inside.Value)),
            };

        // Links that have none of them stay the same objects, for those who compare by reference.
        IReadOnlyDictionary<string, Link> Of(IReadOnlyDictionary<string, Link> links) =>
            links.Values.Any(link => link.Addresses.Any(Goes))
                ? links.ToDictionary(
                    link => link.Key,
                    link =>
                        link.Value.Addresses.Any(Goes)
                            ? link.Value with
                            {
                                Addresses = link.Value.Addresses.RemoveAll(one => Goes(one)),
                                Floating = [.. link.Value.Addresses.Where(Goes)],
                            }
                            : link.Value,
                    StringComparer.Ordinal
                )
                : links;

        bool Goes(InterfaceAddress one) => addresses.Contains(one.Address);
    }

    /// <summary>What strongSwan has loaded and negotiated.</summary>
    public StrongSwanObservation StrongSwan { get; init; } = new();

    /// <summary>The negotiations that failed, the last one with each other host, as they were recorded.</summary>
    public ImmutableArray<FailedNegotiation> FailedNegotiations { get; init; } = [];

    /// <summary>The host's credentials; null if nobody asked for them.</summary>
    public CredentialsObservation? Credentials { get; init; }

    /// <summary>Says that ovs-vswitchd does not run, so that its database is out of date, and what to do; null if it runs.</summary>
    public string? SwitchProblem { get; init; }

    /// <summary>Why ovs-monitor-ipsec does nothing here and what to do; null if it runs.</summary>
    public string? MonitorProblem { get; init; }

    /// <summary>How the host's certificate stands now; null where it has none.</summary>
    public CertificateStanding? Certificate => Credentials?.Certificate?.StandingAt(Time);

    /// <summary>Whether the host's kernel has Open vSwitch's datapath; null where nothing tells.</summary>
    public required bool? KernelDatapath { get; init; }

    /// <summary>The kernel's IPsec policies.</summary>
    public GuardObservation Guard { get; init; } = GuardObservation.Empty;

    /// <summary>The packets that were to cross in plaintext and did not; null where the kernel does not count them.</summary>
    public BlockedPackets? Blocked { get; init; }

    /// <summary>What the host's clock said when it was looked at.</summary>
    public DateTimeOffset Time { get; init; }

    /// <summary>Whether the host's kernel speaks IPv6.</summary>
    public bool HasIpv6 { get; init; } = true;

    /// <summary>Why tunnels may send in plaintext when the host boots, and what to do; null where the switch waits for the guard, or need not.</summary>
    public string? BootProblem { get; init; }

    /// <summary>
    /// Whether a switch may have the kernel's datapath. Where nothing tells, it keeps the one that it has: that was chosen by a
    /// process that sees more of the host, and would choose it again.
    /// </summary>
    /// <param name="switch">The switch's name.</param>
    public bool HasKernelDatapathFor(string @switch) =>
        KernelDatapath ?? Switch.Bridges.GetValueOrDefault(@switch) is { IsUserspace: false };

    /// <summary>The host's link that has an address, however it came by it; null where none has.</summary>
    public Link? LinkWith(IPAddress address) =>
        Links.Values.FirstOrDefault(link =>
            link.Addresses.Any(one => one.Address.Equals(address))
            || link.Leased.Any(one => one.Address.Equals(address))
        );

    /// <summary>The VRF that the link is, or is in: it has routes of its own (ip-vrf(8)); null where it is in none.</summary>
    public string? VrfOf(Link link) =>
        link.Kind == Vrf ? link.Name
        : link.Master is { } master && Links.GetValueOrDefault(master) is { Kind: Vrf } ? master
        : null;

    /// <summary>A host with Open vSwitch running and nothing configured.</summary>
    /// <param name="kernelDatapath">Whether its kernel has Open vSwitch's datapath.</param>
    /// <param name="namespaces">The network namespaces of its containers.</param>
    public static HostObservation Bare(
        bool kernelDatapath,
        params IEnumerable<string> namespaces
    ) =>
        new()
        {
            Switch = new SwitchObservation(),
            Links = ImmutableDictionary<string, Link>.Empty,
            Credentials = new CredentialsObservation(),
            Inside = namespaces.ToImmutableDictionary(
                name => new ContainerKey(Engine.Netns, name),
                IReadOnlyDictionary<string, Link> (_) => ImmutableDictionary<string, Link>.Empty
            ),
            Containers = namespaces
                .Select(ContainerSighting.OfNamespace)
                .ToImmutableDictionary(sighting => sighting.Key),
            KernelDatapath = kernelDatapath,
        };
}

/// <summary>The rows of database Open_vSwitch that matter here; see ovs-vswitchd.conf.db(5) for each column.</summary>
public sealed record SwitchObservation
{
    /// <summary>The one row of table Open_vSwitch.</summary>
    public Guid Root { get; init; }

    /// <summary>The version of Open vSwitch, such as <c>3.1.0</c>; null while ovs-vswitchd has not said.</summary>
    public string? Version { get; init; }

    /// <summary>The datapath types that ovs-vswitchd offers.</summary>
    public ImmutableArray<string> DatapathTypes { get; init; } = [];

    /// <summary>The owners' own notes on the whole of Open vSwitch.</summary>
    public ImmutableSortedDictionary<string, string> ExternalIds { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>The settings of the whole of Open vSwitch.</summary>
    public ImmutableSortedDictionary<string, string> OtherConfig { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>The overlay whose mark the whole of Open vSwitch carries: the one whose <see cref="MonitorOptions.CertificateSettings"/> are set.</summary>
    public string? Mark => OwnershipMark.OfRow(ExternalIds);

    /// <summary>The last configuration that a client asked to be carried out.</summary>
    public long NextConfig { get; init; }

    /// <summary>The last configuration that ovs-vswitchd has carried out.</summary>
    public long CurrentConfig { get; init; }

    /// <summary>All bridges, by name.</summary>
    public ImmutableDictionary<string, BridgeRow> Bridges { get; init; } =
        ImmutableDictionary<string, BridgeRow>.Empty;

    /// <summary>All ports of all bridges, by name (the database keeps port names unique).</summary>
    public ImmutableDictionary<string, PortRow> Ports { get; init; } =
        ImmutableDictionary<string, PortRow>.Empty;
}

/// <summary>A row of table Bridge.</summary>
public sealed record BridgeRow
{
    /// <summary>The row.</summary>
    public required Guid Uuid { get; init; }

    /// <summary>The bridge's name.</summary>
    public required string Name { get; init; }

    /// <summary>The owners' own notes.</summary>
    public ImmutableSortedDictionary<string, string> ExternalIds { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>The overlay whose mark the row carries.</summary>
    public string? Mark => OwnershipMark.OfRow(ExternalIds);

    /// <summary>Which datapath: empty for the kernel's, <c>netdev</c> for the userspace one.</summary>
    public string DatapathType { get; init; } = "";

    /// <summary>
    /// Whether it forwards in userspace. The type of the kernel's datapath is empty or <c>system</c> (ovs-vswitchd.conf.db(5)).
    /// </summary>
    public bool IsUserspace => DatapathType == "netdev";

    /// <summary>What the bridge does without a controller; null for standalone: it acts as a learning switch.</summary>
    public string? FailMode { get; init; }

    /// <summary>Whether it breaks loops by STP or RSTP.</summary>
    public bool SpansTree { get; init; }

    /// <summary>The bridge's further settings.</summary>
    public ImmutableSortedDictionary<string, string> OtherConfig { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>The controllers that rule the bridge, rows of table Controller.</summary>
    public ImmutableArray<Guid> Controllers { get; init; } = [];

    /// <summary>The ports that the bridge holds.</summary>
    public ImmutableArray<Guid> Ports { get; init; } = [];
}

/// <summary>A row of table Port with its interface.</summary>
public sealed record PortRow
{
    /// <summary>The row.</summary>
    public required Guid Uuid { get; init; }

    /// <summary>The port's name.</summary>
    public required string Name { get; init; }

    /// <summary>The name of the bridge that the port is in.</summary>
    public required string Bridge { get; init; }

    /// <summary>The owners' own notes.</summary>
    public ImmutableSortedDictionary<string, string> ExternalIds { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>
    /// The overlay whose mark the port carries, or one of its interfaces: Weft marks both, so that losing one
    /// mark by accident does not lose the port.
    /// </summary>
    public string? Mark =>
        OwnershipMark.OfRow(ExternalIds)
        ?? Interfaces
            .Select(row => OwnershipMark.OfRow(row.ExternalIds))
            .FirstOrDefault(mark => mark is not null);

    /// <summary>Whether the overlay whose mark the port carries did not make it, but took it over.</summary>
    public bool IsAdopted =>
        ExternalIds.ContainsKey(OwnershipMark.AdoptedKey)
        || Interfaces.Any(row => row.ExternalIds.ContainsKey(OwnershipMark.AdoptedKey));

    /// <summary>The access VLAN.</summary>
    public int? Tag { get; init; }

    /// <summary>The VLANs of a trunk port.</summary>
    public ImmutableArray<long> Trunks { get; init; } = [];

    /// <summary>The VLAN mode, where one is set by hand.</summary>
    public string? VlanMode { get; init; }

    /// <summary>Whether the port is protected.</summary>
    public bool Protected { get; init; }

    /// <summary>The interfaces; more than one for a bond.</summary>
    public ImmutableArray<InterfaceRow> Interfaces { get; init; } = [];
}

/// <summary>A row of table Interface.</summary>
public sealed record InterfaceRow
{
    /// <summary>The row.</summary>
    public required Guid Uuid { get; init; }

    /// <summary>The interface's name.</summary>
    public required string Name { get; init; }

    /// <summary>The interface's type; empty for a link of the kernel's.</summary>
    public string Type { get; init; } = "";

    /// <summary>The type's options, but for <see cref="Key"/>.</summary>
    public ImmutableSortedDictionary<string, string> Options { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>The key among the options (<see cref="MonitorOptions.Key"/>).</summary>
    public Secret? Key { get; init; }

    /// <summary>The MTU that was asked for, in bytes.</summary>
    public int? MtuRequest { get; init; }

    /// <summary>The Ethernet address that was asked for.</summary>
    public string? Mac { get; init; }

    /// <summary>The owners' own notes.</summary>
    public ImmutableSortedDictionary<string, string> ExternalIds { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>What keeps the interface from working, in ovs-vswitchd's words.</summary>
    public string? Error { get; init; }

    /// <summary>The OpenFlow port number; null while there is none yet, -1 if the interface could not be made.</summary>
    public long? OpenFlowPort { get; init; }

    /// <summary>What is wrong with the interface, in words; null if nothing is.</summary>
    public string? Problem =>
        Error
        ?? (
            OpenFlowPort is -1 || OpenFlowPort is null && IsCarriedOut
                ? "Open vSwitch could not make the port; /var/log/openvswitch/ovs-vswitchd.log says why"
                : null
        );

    /// <summary>Whether ovs-vswitchd has carried out the row's configuration: what it has not made by then it will not make.</summary>
    public bool IsCarriedOut { get; init; }
}

/// <summary>A network link as the kernel knows it.</summary>
public sealed record Link
{
    /// <summary>The link's number within its network namespace.</summary>
    public required int Index { get; init; }

    /// <summary>The link's name.</summary>
    public required string Name { get; init; }

    /// <summary>The names that it has besides, which no other link can have either (ip-link(8), <c>property</c>).</summary>
    public ImmutableArray<string> AlternativeNames { get; init; } = [];

    /// <summary>The one among some links that has a name as an alternative name; null if none has.</summary>
    public static Link? AlsoCalled(string name, IReadOnlyDictionary<string, Link> links) =>
        links.Values.FirstOrDefault(link => link.AlternativeNames.Contains(name));

    /// <summary>What made it: <c>bridge</c>, <c>veth</c>, <c>openvswitch</c>, <c>tun</c>, …; empty for hardware.</summary>
    public string Kind { get; init; } = "";

    /// <summary>The MTU in bytes.</summary>
    public int Mtu { get; init; }

    /// <summary>The Ethernet address; null for a link without one.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>Whether the link is administratively up.</summary>
    public bool Up { get; init; }

    /// <summary>Whether the other end is there (IFF_LOWER_UP): a cable, or a link that is up.</summary>
    public bool HasCarrier { get; init; } = true;

    /// <summary>What a bridge does with the frames of this port; null for a link that is no bridge's port.</summary>
    public BridgePortState? PortState { get; init; }

    /// <summary>The bridge that the link is a port of, or the bond, team or VRF that it is in.</summary>
    public string? Master { get; init; }

    /// <summary>The free text that an owner may put on a link.</summary>
    public string? Alias { get; init; }

    /// <summary>The other end of a veth pair, if it is in the same network namespace.</summary>
    public string? Peer { get; init; }

    /// <summary>The number of the other end of a veth pair within that end's network namespace, if it is in another.</summary>
    public int? PeerIndex { get; init; }

    /// <summary>The number by which this network namespace knows that of the other end (ip-netns(8), <c>list-id</c>).</summary>
    public int? PeerNamespace { get; init; }

    /// <summary>The number of the bridge that the link is a port of.</summary>
    public int? MasterIndex { get; init; }

    /// <summary>The addresses that somebody set, without <see cref="LinkLocal"/>.</summary>
    public ImmutableArray<InterfaceAddress> Addresses { get; init; } = [];

    /// <summary>
    /// The addresses that something else moves between hosts or containers. Weft neither sets nor removes them, and once an
    /// intent has named them they are in no other list.
    /// </summary>
    public ImmutableArray<InterfaceAddress> Floating { get; init; } = [];

    /// <summary>The addresses that come and go by themselves: from DHCP, or from a router's advertisement (RFC 4862).</summary>
    public ImmutableArray<InterfaceAddress> Leased { get; init; } = [];

    /// <summary>The IPv6 link-local addresses (RFC 4291 section 2.5.6).</summary>
    public ImmutableArray<InterfaceAddress> LinkLocal { get; init; } = [];

    /// <summary>The routes by the link in the main table and with the usual metric; read only inside containers.</summary>
    public ImmutableArray<LinkRoute> Routes { get; init; } = [];

    /// <summary>Whether a bridge speaks the spanning tree protocol.</summary>
    public bool Stp { get; init; }

    /// <summary>The forward delay in force on a bridge, in hundredths of a second: that of the tree's root (IEEE 802.1D).</summary>
    public int ForwardDelay { get; init; }

    /// <summary>Whether a bridge is the root of its spanning tree.</summary>
    public bool IsRoot { get; init; } = true;

    /// <summary>
    /// Whether a bridge sends multicast only where it has heard of listeners (<c>mcast_snooping</c>, RFC 4541); false where the kernel
    /// cannot, and for what is no bridge.
    /// </summary>
    public bool SnoopsMulticast { get; init; }

    /// <summary>Whether the bridge refuses a root of its spanning tree behind this port (ip-link(8), <c>root_block</c>).</summary>
    public bool BlocksRoot { get; init; }

    /// <summary>
    /// Whether the link accepts router advertisements (RFC 4861), even if only while the host is no router; null where it has
    /// no IPv6.
    /// </summary>
    public bool? TakesAdvertisements { get; init; }

    /// <summary>Whether IPv6 is switched off for the link; null where the link has no IPv6.</summary>
    public bool? IsIpv6Off { get; init; }

    /// <summary>
    /// How the kernel checks that it would answer the sender of an incoming packet by the same link (<c>rp_filter</c>, RFC
    /// 3704): 0 not at all, 1 strictly, 2 loosely; null where the link has no IPv4.
    /// </summary>
    public int? ReversePathFilter { get; init; }

    /// <summary>
    /// Whether the host forwards IPv4 packets that come in by the link (<c>forwarding</c>); null where the link has no IPv4.
    /// </summary>
    public bool? Forwards { get; init; }

    /// <summary>Whether packets that leave by this link may still lack their checksums; null if nobody asked.</summary>
    public bool? LeavesChecksumsUndone { get; init; }
}

/// <summary>What a bridge does with the frames of a port (IEEE 802.1D; linux/if_bridge.h, BR_STATE).</summary>
public enum BridgePortState
{
    /// <summary>The port's link is down, or somebody has closed it.</summary>
    Disabled,

    /// <summary>The spanning tree looks for loops before it opens the port.</summary>
    Listening,

    /// <summary>The port is about to open; addresses are learned already.</summary>
    Learning,

    /// <summary>The port is open.</summary>
    Forwarding,

    /// <summary>The spanning tree keeps the port closed, because there is another way.</summary>
    Blocking,
}

/// <summary>A route by a link as the kernel knows it.</summary>
/// <param name="Destination">Where it leads.</param>
/// <param name="Via">The next hop; null if the destination is on the link itself.</param>
/// <param name="Protocol">Who made it (rtnetlink(7), <c>rtm_protocol</c>).</param>
public sealed record LinkRoute(IPNetwork Destination, IPAddress? Via, byte Protocol)
{
    /// <summary>The route as iproute2 writes it.</summary>
    public override string ToString() =>
        $"{(Destination.PrefixLength == 0 ? "default" : Destination)}{(Via is null ? "" : $" via {Via}")}";
}
