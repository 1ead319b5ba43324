using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Ipsec;

namespace Weft.Core.Overlays;

/// <summary>
/// A whole overlay: hosts, networks, containers, tunnels. Values of this type are valid: the reader of the overlay file refuses
/// everything it can find wrong before it creates one. Order is the file's order.
/// </summary>
public sealed record Overlay
{
    /// <summary>The overlay's name, which marks everything that Weft makes on a host.</summary>
    public required string Name { get; init; }

    /// <summary>The Open vSwitch bridge on every host.</summary>
    public string Switch { get; init; } = "ovsbr0";

    /// <summary>Which datapath the switch uses.</summary>
    public DatapathChoice Datapath { get; init; } = DatapathChoice.Auto;

    /// <summary>The machines that run containers.</summary>
    public required ImmutableArray<Host> Hosts { get; init; }

    /// <summary>How the switches are joined.</summary>
    public Tunnels Tunnels { get; init; } = new();

    /// <summary>The broadcast domains.</summary>
    public ImmutableArray<Network> Networks { get; init; } = [];

    /// <summary>The containers and where they attach.</summary>
    public ImmutableArray<Container> Containers { get; init; } = [];

    /// <summary>Containers that attach too though the file does not name them, selected by labels.</summary>
    public ImmutableArray<Selection> Selections { get; init; } = [];
}

/// <summary>A machine that runs containers.</summary>
public sealed record Host
{
    /// <summary>The default underlay MTU in bytes: plain Ethernet.</summary>
    public const int DefaultMtu = 1500;

    /// <summary>The host's name, as its own <c>hostname</c> prints it.</summary>
    public required string Name { get; init; }

    /// <summary>The underlay address, by which other hosts reach this one.</summary>
    public required IPAddress Address { get; init; }

    /// <summary>
    /// The address that the host itself has, if a device on the way translates <see cref="Address"/> into it one to one; null if
    /// the host has <see cref="Address"/> itself.
    /// </summary>
    public IPAddress? Local { get; init; }

    /// <summary>The MTU in bytes of the link that carries the underlay address.</summary>
    public int Mtu { get; init; } = DefaultMtu;

    /// <summary>How the administrator's SSH reaches the host; null if at <see cref="Address"/>.</summary>
    public SshTarget? Ssh { get; init; }
}

/// <summary>How the switches are joined: one tunnel between every two hosts.</summary>
public sealed record Tunnels
{
    /// <summary>The tunnel protocol.</summary>
    public TunnelType Type { get; init; } = TunnelType.Gre;

    /// <summary>
    /// The GRE key (1 to 2^32-1) or the VXLAN or Geneve network identifier (1 to 2^24-1). Two overlays on the same hosts need
    /// different ones. 0 is not allowed: Open vSwitch takes it to mean no key (ovs-vswitchd.conf.db(5)).
    /// </summary>
    public uint? Key { get; init; }

    /// <summary>The UDP destination port of VXLAN or Geneve; null for the protocol's own.</summary>
    public ushort? Port { get; init; }

    /// <summary>How the tunnels are encrypted; null if they are not.</summary>
    public IpsecSettings? Ipsec { get; init; }
}

/// <summary>One broadcast domain over all hosts.</summary>
public sealed record Network
{
    /// <summary>The name, which is also that of the network's link on a host (at most 15 bytes).</summary>
    public required string Name { get; init; }

    /// <summary>The VLAN tag, 1 to 4094.</summary>
    public required int Vlan { get; init; }

    /// <summary>At most one IPv4 and at most one IPv6 subnet; at least one of them.</summary>
    public required ImmutableArray<IPNetwork> Subnets { get; init; }

    /// <summary>The network's Linux bridge on each host, for engines that attach containers to bridges.</summary>
    public ContainerBridge? Bridge { get; init; }

    /// <summary>
    /// Whether all hosts forward what comes in from this network, as routers between it and others. Without it, a host forwards
    /// only if some container has a route via it.
    /// </summary>
    public bool Forward { get; init; }

    /// <summary>The hosts' own addresses in this network.</summary>
    public ImmutableArray<HostAddresses> Hosts { get; init; } = [];

    /// <summary>
    /// The declared slices: the part of each subnet that a host assigns addresses from. A host not listed here has a part that
    /// follows from the hosts' order.
    /// </summary>
    public ImmutableArray<HostSlices> Slices { get; init; } = [];

    /// <summary>The addresses that something other than Weft puts on hosts or containers, and moves between them.</summary>
    public ImmutableArray<IPAddress> Floating { get; init; } = [];

    /// <summary>The subnet that holds the address.</summary>
    /// <exception cref="ArgumentException">No subnet of this network holds it.</exception>
    public IPNetwork SubnetOf(IPAddress address)
    {
        foreach (var subnet in Subnets)
        {
            if (subnet.Contains(address))
            {
                return subnet;
            }
        }
        throw new ArgumentException(
            $"network '{Name}' has no subnet that holds {address}",
            nameof(address)
        );
    }
}

/// <summary>The addresses that one host has in one network.</summary>
public sealed record HostAddresses(string Host, ImmutableArray<IPAddress> Addresses);

/// <summary>The parts of one network's subnets that one host assigns addresses from: at most one of each family.</summary>
public sealed record HostSlices(string Host, ImmutableArray<IPNetwork> Slices);

/// <summary>The Linux bridge of a network.</summary>
public sealed record ContainerBridge
{
    /// <summary>Whether the bridge speaks the spanning tree protocol (IEEE 802.1D).</summary>
    public bool Stp { get; init; }

    /// <summary>
    /// Seconds that a port spends listening, and again learning, before it forwards: 2 to 30. The kernel's own default of 15
    /// would keep each container silent for half a minute.
    /// </summary>
    public int ForwardDelay { get; init; } = 2;

    /// <summary>What ties the bridge to the switch.</summary>
    public Uplink Uplink { get; init; } = Uplink.Veth;
}

/// <summary>What ties a container bridge to the switch.</summary>
public enum Uplink
{
    /// <summary>A veth pair: the bridge learns, and may carry an address.</summary>
    Veth,

    /// <summary>The bridge device itself is the switch's port: simpler, but every frame from another host is flooded.</summary>
    Direct,
}

/// <summary>Which of Open vSwitch's datapaths the switch uses.</summary>
public enum DatapathChoice
{
    /// <summary>The kernel datapath if the kernel has one, else the userspace one.</summary>
    Auto,

    /// <summary>The kernel module.</summary>
    Kernel,

    /// <summary>The one inside ovs-vswitchd (<c>datapath_type=netdev</c>).</summary>
    Userspace,
}

/// <summary>A container and the networks it attaches to.</summary>
public sealed record Container
{
    /// <summary>The container's name in its engine.</summary>
    public required string Name { get; init; }

    /// <summary>The name of the host that it runs on.</summary>
    public required string Host { get; init; }

    /// <summary>The engine that runs it.</summary>
    public required Engine Engine { get; init; }

    /// <summary>Its interfaces in networks.</summary>
    public required ImmutableArray<Attachment> Attachments { get; init; }
}

/// <summary>One container's interface in one network.</summary>
public sealed record Attachment
{
    /// <summary>The name of the network.</summary>
    public required string Network { get; init; }

    /// <summary>The interface's name inside the container (at most 15 bytes).</summary>
    public required string Interface { get; init; }

    /// <summary>The addresses, each inside one of the network's subnets; none if the host assigns them from its slices.</summary>
    public required ImmutableArray<IPAddress> Addresses { get; init; }

    /// <summary>The interface's Ethernet address.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>What the interface attaches to on the host.</summary>
    public required AttachTo To { get; init; }

    /// <summary>The routes that the container has by this interface.</summary>
    public ImmutableArray<Route> Routes { get; init; } = [];
}

/// <summary>What a container's interface attaches to on its host.</summary>
public enum AttachTo
{
    /// <summary>The network's container bridge.</summary>
    Bridge,

    /// <summary>The switch itself, with the network's VLAN tag.</summary>
    Switch,
}

/// <summary>A route that a container has by one of its interfaces.</summary>
/// <param name="Destination">The destination.</param>
/// <param name="Via">The gateway, a neighbour inside the network's subnet.</param>
public sealed record Route(IPNetwork Destination, IPAddress Via)
{
    /// <summary>The route as iproute2 writes it.</summary>
    public override string ToString() =>
        $"{(Destination.PrefixLength == 0 ? "default" : Destination)} via {Via}";
}

/// <summary>Containers selected by their labels, on any host, and the networks that they attach to.</summary>
public sealed record Selection
{
    /// <summary>The selection's name in the file.</summary>
    public required string Name { get; init; }

    /// <summary>The one host whose containers are selected; null for all.</summary>
    public string? Host { get; init; }

    /// <summary>The one engine whose containers are selected; null for all.</summary>
    public Engine? Engine { get; init; }

    /// <summary>The labels that a container must carry, all of them; at least one.</summary>
    public required ImmutableSortedDictionary<string, string> Labels { get; init; }

    /// <summary>The interfaces that each selected container gets.</summary>
    public required ImmutableArray<SelectedAttachment> Attachments { get; init; }
}

/// <summary>
/// The interface in one network that each container of a selection gets. The host assigns its addresses from its slices; its
/// Ethernet address is derived.
/// </summary>
public sealed record SelectedAttachment
{
    /// <summary>The name of the network.</summary>
    public required string Network { get; init; }

    /// <summary>
    /// The interface's name inside the container; null for the next free one of eth1, eth2 and so on, which depends on what else
    /// selects the same container.
    /// </summary>
    public string? Interface { get; init; }

    /// <summary>What the interface attaches to on the host.</summary>
    public required AttachTo To { get; init; }

    /// <summary>The routes that the container has by this interface.</summary>
    public ImmutableArray<Route> Routes { get; init; } = [];
}

/// <summary>The engine that runs a container.</summary>
public enum Engine
{
    /// <summary>A named network namespace (<c>ip netns</c>).</summary>
    Netns,

    /// <summary>LXD.</summary>
    Lxd,

    /// <summary>Incus.</summary>
    Incus,

    /// <summary>Docker.</summary>
    Docker,

    /// <summary>Podman.</summary>
    Podman,
}

/// <summary>The names of engines.</summary>
public static class EngineWords
{
    extension(Engine engine)
    {
        /// <summary>The engine's name in the overlay file.</summary>
        public string Word => engine.ToString().ToLowerInvariant();
    }
}
