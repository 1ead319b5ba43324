using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Weft.Core.Engines;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Core.Importing;

/// <summary>
/// What a host that was set up by hand looks like, as far as an overlay could describe it, in texts that can be carried from
/// host to host. No secret is in it.
/// </summary>
public sealed record HostReading
{
    /// <summary>The host's name, as <c>hostname</c> prints it.</summary>
    public required string Name { get; init; }

    /// <summary>Where SSH reached it; null where it was read otherwise, as it was where a text of it was carried on.</summary>
    [JsonIgnore]
    public SshTarget? Ssh { get; init; }

    /// <summary>Whether ovs-monitor-ipsec runs here.</summary>
    public bool HasMonitor { get; init; }

    /// <summary>Whether a key that tunnels have is in the key file, and is the same for all of them.</summary>
    public bool HasKeyFile { get; init; }

    /// <summary>Whether that key is shorter than Weft takes one.</summary>
    public bool HasShortKey { get; init; }

    /// <summary>Why engines that are here could not be asked for their containers.</summary>
    public ImmutableArray<string> SilentEngines { get; init; } = [];

    /// <summary>Open vSwitch's bridges.</summary>
    public ImmutableArray<SwitchReading> Switches { get; init; } = [];

    /// <summary>The links that have an address, are bridges, or lead into one.</summary>
    public ImmutableArray<LinkReading> Links { get; init; } = [];

    /// <summary>The containers.</summary>
    public ImmutableArray<ContainerReading> Containers { get; init; } = [];

    /// <summary>What of a host matters. Pure.</summary>
    /// <param name="name">The host's name.</param>
    /// <param name="observation">What it looks like, with the insides of all containers.</param>
    public static HostReading Of(string name, HostObservation observation)
    {
        var ports = observation.Switch.Ports.Values.ToLookup(
            port => port.Bridge,
            StringComparer.Ordinal
        );
        var pairs = new LinkPairs(observation.Links);
        return new HostReading
        {
            Name = name,
            HasMonitor = observation.MonitorProblem is null,
            SilentEngines = [.. observation.SilentEngines.Values],
            Switches =
            [
                .. observation
                    .Switch.Bridges.Values.OrderBy(bridge => bridge.Name, StringComparer.Ordinal)
                    .Select(bridge => new SwitchReading(
                        bridge.Name,
                        Userspace: bridge.IsUserspace,
                        [
                            .. ports[bridge.Name]
                                .OrderBy(port => port.Name, StringComparer.Ordinal)
                                .Select(PortReading.Of),
                        ]
                    )
                    {
                        Mark = bridge.Mark,
                    }),
            ],
            Links =
            [
                .. observation
                    .Links.Values.OrderBy(link => link.Index)
                    .Where(link => link.Name != "lo")
                    .Select(LinkReading.Of),
            ],
            Containers =
            [
                .. observation
                    .Containers.Values.OrderBy(
                        container => container.Key.Name,
                        StringComparer.Ordinal
                    )
                    .ThenBy(container => container.Key.Engine)
                    .Select(container =>
                        ContainerReading.Of(
                            container,
                            observation.Inside.GetValueOrDefault(container.Key),
                            pairs
                        )
                    ),
            ],
        };
    }
}

/// <summary>A bridge of Open vSwitch's.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Userspace">Whether ovs-vswitchd forwards by itself.</param>
/// <param name="Ports">Its ports.</param>
public sealed record SwitchReading(string Name, bool Userspace, ImmutableArray<PortReading> Ports)
{
    /// <summary>The overlay that it belongs to already.</summary>
    public string? Mark { get; init; }
}

/// <summary>A port of a bridge.</summary>
public sealed record PortReading
{
    /// <summary>The port's name.</summary>
    public required string Name { get; init; }

    /// <summary>The type of its interface; empty for a link of the kernel's.</summary>
    public string Type { get; init; } = "";

    /// <summary>The access VLAN.</summary>
    public int? Tag { get; init; }

    /// <summary>The interface's options, but for a key.</summary>
    public ImmutableSortedDictionary<string, string> Options { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Whether a key is among the options.</summary>
    public bool HasKey { get; init; }

    /// <summary>The MTU in bytes that was asked for.</summary>
    public int? MtuRequest { get; init; }

    internal static PortReading Of(PortRow port)
    {
        var wire = port.Interfaces is [var one, ..] ? one : null;
        return new PortReading
        {
            Name = port.Name,
            Type = wire?.Type ?? "",
            Tag = port.Tag,
            Options = wire?.Options ?? ImmutableSortedDictionary<string, string>.Empty,
            HasKey = wire?.Key is not null,
            MtuRequest = wire?.MtuRequest,
        };
    }
}

/// <summary>A link of the host's.</summary>
public sealed record LinkReading
{
    /// <summary>The link's name.</summary>
    public required string Name { get; init; }

    /// <summary>What made it; empty for hardware.</summary>
    public string Kind { get; init; } = "";

    /// <summary>The MTU in bytes.</summary>
    public int Mtu { get; init; }

    /// <summary>The bridge that it is a port of.</summary>
    public string? Master { get; init; }

    /// <summary>The other end of a veth pair on the host.</summary>
    public string? Peer { get; init; }

    /// <summary>The addresses with the lengths of their prefixes, those that were leased last.</summary>
    public ImmutableArray<string> Addresses { get; init; } = [];

    /// <summary>Whether a bridge speaks the spanning tree protocol.</summary>
    public bool Stp { get; init; }

    /// <summary>A bridge's forward delay in hundredths of a second.</summary>
    public int ForwardDelay { get; init; }

    internal static LinkReading Of(Link link) =>
        new()
        {
            Name = link.Name,
            Kind = link.Kind,
            Mtu = link.Mtu,
            Master = link.Master,
            Peer = link.Peer,
            Addresses = [.. link.Addresses.Concat(link.Leased).Select(address => $"{address}")],
            Stp = link.Stp,
            ForwardDelay = link.ForwardDelay,
        };
}

/// <summary>A container.</summary>
/// <param name="Engine">What runs it.</param>
/// <param name="Name">The name that its engine knows it by.</param>
/// <param name="Runs">Whether it runs, in a network namespace of its own.</param>
/// <param name="Interfaces">What of it leads to the host.</param>
public sealed record ContainerReading(
    Engine Engine,
    string Name,
    bool Runs,
    ImmutableArray<InterfaceReading> Interfaces
)
{
    internal static ContainerReading Of(
        ContainerSighting container,
        IReadOnlyDictionary<string, Link>? inside,
        LinkPairs pairs
    ) =>
        new(
            container.Key.Engine,
            container.Key.Name,
            container.IsReady,
            [
                .. from inner in (inside ?? new Dictionary<string, Link>()).Values
                orderby inner.Index
                let outer = pairs.HostEndOf(inner)
                where outer is not null && inner.Mac is not null
                select new InterfaceReading(
                    inner.Name,
                    outer.Name,
                    $"{inner.Mac}",
                    [.. inner.Addresses.Concat(inner.Leased).Select(address => $"{address}")],
                    [
                        .. inner
                            .Routes.Where(route => route.Via is not null)
                            .Select(route => new RouteReading(
                                $"{route.Destination}",
                                $"{route.Via}"
                            )),
                    ]
                ),
                // Of a container that does not run, its engine still knows where it will be.
                .. from nic in container.Nics.Values
                where !container.IsReady
                select new InterfaceReading(nic.Interface, "", $"{nic.Mac}", [], [])
                {
                    Parent = nic.Parent,
                },
            ]
        );
}

/// <summary>An interface of a container's.</summary>
/// <param name="Name">Its name inside.</param>
/// <param name="HostEnd">The other end, on the host; empty where the container does not run.</param>
/// <param name="Mac">Its Ethernet address.</param>
/// <param name="Addresses">Its addresses with the lengths of their prefixes.</param>
/// <param name="Routes">The routes by it that lead via a neighbour.</param>
public sealed record InterfaceReading(
    string Name,
    string HostEnd,
    string Mac,
    ImmutableArray<string> Addresses,
    ImmutableArray<RouteReading> Routes
)
{
    /// <summary>The bridge that it will be in, where the container does not run.</summary>
    public string? Parent { get; init; }
}

/// <summary>A route of a container's.</summary>
/// <param name="Destination">Where it leads.</param>
/// <param name="Via">The neighbour that knows the way.</param>
public sealed record RouteReading(string Destination, string Via);
