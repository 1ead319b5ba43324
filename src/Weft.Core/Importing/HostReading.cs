using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Weft.Core.Engines;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Core.Importing;

/// <summary>
/// The state of a host that was set up by hand, as far as an overlay can describe it, in a form that can be carried to another
/// host. It holds no secret.
/// </summary>
public sealed record HostReading
{
    /// <summary>The host's name, as <c>hostname</c> prints it.</summary>
    public required string Name { get; init; }

    /// <summary>How SSH reached the host; null if it was not read by SSH, or if the reading was carried here as text.</summary>
    [JsonIgnore]
    public SshTarget? Ssh { get; init; }

    /// <summary>Whether ovs-monitor-ipsec runs here.</summary>
    public bool HasMonitor { get; init; }

    /// <summary>Whether the tunnels have keys, all the same, and that key is in the key file.</summary>
    public bool HasKeyFile { get; init; }

    /// <summary>Whether that key is shorter than Weft accepts.</summary>
    public bool HasShortKey { get; init; }

    /// <summary>Why some engines of this host could not be asked for their containers.</summary>
    public ImmutableArray<string> SilentEngines { get; init; } = [];

    /// <summary>The bridges of Open vSwitch.</summary>
    public ImmutableArray<SwitchReading> Switches { get; init; } = [];

    /// <summary>The links that have an address, are bridges, or lead into one.</summary>
    public ImmutableArray<LinkReading> Links { get; init; } = [];

    /// <summary>The containers.</summary>
    public ImmutableArray<ContainerReading> Containers { get; init; } = [];

    /// <summary>Extracts from an observation what an import needs. Pure.</summary>
    /// <param name="name">The host's name.</param>
    /// <param name="observation">The observation, with the insides of all containers.</param>
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

/// <summary>A bridge of Open vSwitch.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Userspace">Whether it uses the userspace datapath of ovs-vswitchd.</param>
/// <param name="Ports">Its ports.</param>
public sealed record SwitchReading(string Name, bool Userspace, ImmutableArray<PortReading> Ports)
{
    /// <summary>The overlay that it already belongs to.</summary>
    public string? Mark { get; init; }
}

/// <summary>A port of a bridge.</summary>
public sealed record PortReading
{
    /// <summary>The port's name.</summary>
    public required string Name { get; init; }

    /// <summary>The type of its interface; empty for a link of the kernel.</summary>
    public string Type { get; init; } = "";

    /// <summary>The access VLAN.</summary>
    public int? Tag { get; init; }

    /// <summary>The interface's options, without a key.</summary>
    public ImmutableSortedDictionary<string, string> Options { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Whether a key is among the options.</summary>
    public bool HasKey { get; init; }

    /// <summary>The requested MTU in bytes.</summary>
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

/// <summary>A link of the host.</summary>
public sealed record LinkReading
{
    /// <summary>The link's name.</summary>
    public required string Name { get; init; }

    /// <summary>The kind of link, such as <c>bridge</c>; empty for hardware.</summary>
    public string Kind { get; init; } = "";

    /// <summary>The MTU in bytes.</summary>
    public int Mtu { get; init; }

    /// <summary>The bridge that it is a port of.</summary>
    public string? Master { get; init; }

    /// <summary>The other end of a veth pair on the host.</summary>
    public string? Peer { get; init; }

    /// <summary>The addresses with their prefix lengths, leased ones last.</summary>
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
/// <param name="Engine">The engine that runs it.</param>
/// <param name="Name">Its name in its engine.</param>
/// <param name="Runs">Whether it runs, in a network namespace of its own.</param>
/// <param name="Interfaces">Its interfaces that lead to the host.</param>
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
                // The engine of a stopped container still knows its future interfaces.
                .. from nic in container.Nics.Values
                where !container.IsReady
                select new InterfaceReading(nic.Interface, "", $"{nic.Mac}", [], [])
                {
                    Parent = nic.Parent,
                },
            ]
        );
}

/// <summary>An interface of a container.</summary>
/// <param name="Name">Its name inside.</param>
/// <param name="HostEnd">The other end, on the host; empty if the container is stopped.</param>
/// <param name="Mac">Its Ethernet address.</param>
/// <param name="Addresses">Its addresses with their prefix lengths.</param>
/// <param name="Routes">Its routes via a neighbour.</param>
public sealed record InterfaceReading(
    string Name,
    string HostEnd,
    string Mac,
    ImmutableArray<string> Addresses,
    ImmutableArray<RouteReading> Routes
)
{
    /// <summary>The bridge that it will be in, if the container is stopped.</summary>
    public string? Parent { get; init; }
}

/// <summary>A route of a container.</summary>
/// <param name="Destination">The destination.</param>
/// <param name="Via">The gateway.</param>
public sealed record RouteReading(string Destination, string Via);
