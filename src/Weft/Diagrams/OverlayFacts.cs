using System.Collections.Immutable;
using System.Net;
using Weft.Core.Ipsec;
using Weft.Core.Overlays;
using Weft.Rendering;

namespace Weft.Diagrams;

/// <summary>The facts about an overlay that diagrams show, in the order of the overlay file, gathered in one pass.</summary>
internal sealed class OverlayFacts
{
    private readonly Dictionary<string, int> networks;
    private readonly ILookup<string, Container> containers;
    private readonly ILookup<string, (int Network, ImmutableArray<IPAddress> Addresses)> own;

    /// <summary>Gathers the facts.</summary>
    public OverlayFacts(Overlay overlay)
    {
        Overlay = overlay;
        networks = overlay
            .Networks.Select((network, index) => (network.Name, index))
            .ToDictionary(pair => pair.Name, pair => pair.index, StringComparer.Ordinal);
        containers = overlay.Containers.ToLookup(container => container.Host);
        own = overlay
            .Networks.SelectMany(
                (network, index) =>
                    network.Hosts.Select(host => (host.Host, Network: index, host.Addresses))
            )
            .ToLookup(entry => entry.Host, entry => (entry.Network, entry.Addresses));
    }

    /// <summary>The overlay.</summary>
    public Overlay Overlay { get; }

    /// <summary>The numbers of hosts, networks and containers, and the MTU.</summary>
    public string Size =>
        string.Join(
            ", ",
            new[]
            {
                Counted.Of(Overlay.Hosts.Length, "host"),
                Counted.Of(Overlay.Networks.Length, "network"),
                Counted.Of(Overlay.Containers.Length, "container"),
                $"MTU {OverlayMtu.Of(Overlay).Bytes}",
            }
        );

    /// <summary>How the hosts are connected.</summary>
    public string Tunnels
    {
        get
        {
            var hosts = (long)Overlay.Hosts.Length;
            var (settings, word) = (
                Overlay.Tunnels,
                Overlay.Tunnels.Type.ToString().ToLowerInvariant()
            );
            return hosts < 2
                ? "one host, no tunnels"
                : (
                    hosts == 2
                        ? $"a tunnel, {word}"
                        : $"{Counted.Of(hosts * (hosts - 1) / 2, "tunnel")}, each host to each other one, {word}"
                )
                    + (settings.Key is { } key ? $", key {key}" : "")
                    + (settings.Port is { } port ? $", port {port}" : "")
                    + (
                        settings.Ipsec is { } ipsec
                            ? $", encrypted by {ipsec.Manager.Word}"
                            : ", not encrypted"
                    );
        }
    }

    /// <summary>A host's own addresses, and then those of its containers.</summary>
    public IEnumerable<Place> PlacesOn(Host host)
    {
        foreach (var (network, addresses) in own[host.Name])
        {
            yield return new Place(null, network, Texts(addresses));
        }
        foreach (var container in containers[host.Name])
        {
            foreach (var attachment in container.Attachments)
            {
                yield return new Place(
                    container,
                    networks[attachment.Network],
                    attachment.Addresses.IsEmpty ? ["by its host"] : Texts(attachment.Addresses)
                );
            }
        }
    }

    /// <summary>A host's underlay address, and what is special about it.</summary>
    public static string Underlay(Host host) =>
        host.Address
        + (host.Local is { } local ? $" for {local}" : "")
        + (host.Mtu == Host.DefaultMtu ? "" : $", MTU {host.Mtu}");

    /// <summary>A network's subnets and bridge.</summary>
    public static string Describe(Network network) =>
        string.Join(", ", network.Subnets)
        + network.Bridge switch
        {
            null => "",
            { Uplink: Uplink.Direct } => ", bridge, uplink direct",
            { Stp: true } => ", bridge, STP",
            _ => ", bridge",
        };

    /// <summary>Which containers a selection chooses by label, and the networks that they get.</summary>
    public string Describe(Selection selection) =>
        $"{string.Join(", ", selection.Labels.Select(label => $"{label.Key}={label.Value}"))}"
        + $" on {selection.Host ?? "every host"}"
        + $" → {string.Join(", ", selection.Attachments.Select(attachment => $"{attachment.Network} ({VlanOf(attachment.Network)})"))}";

    private int VlanOf(string network) => Overlay.Networks[networks[network]].Vlan;

    private static ImmutableArray<string> Texts(ImmutableArray<IPAddress> addresses) =>
        [.. addresses.Select(address => address.ToString())];
}

/// <summary>The addresses of a host or container in one network.</summary>
/// <param name="Container">The container; null for the host itself.</param>
/// <param name="Network">The network's index in the overlay file.</param>
/// <param name="Addresses">The addresses, or where they will come from.</param>
internal sealed record Place(Container? Container, int Network, ImmutableArray<string> Addresses);
