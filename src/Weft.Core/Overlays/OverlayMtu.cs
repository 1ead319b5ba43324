using Weft.Core.Addressing;

namespace Weft.Core.Overlays;

/// <summary>
/// The MTU of an overlay and how it came about. It is one for all hosts: a frame from the best connected host
/// must fit the path to the worst connected one.
/// </summary>
/// <param name="Underlay">The smallest underlay MTU of all hosts, in bytes.</param>
/// <param name="SmallestHost">The host that has it (the first in the file's order).</param>
/// <param name="Encapsulation">How frames are wrapped between hosts.</param>
public sealed record OverlayMtu(int Underlay, string SmallestHost, Encapsulation Encapsulation)
{
    /// <summary>The largest IP packet in bytes that crosses between hosts in one piece.</summary>
    public int Bytes { get; } = Encapsulation.OverlayMtu(Underlay);

    /// <summary>Works out the MTU of an overlay.</summary>
    public static OverlayMtu Of(Overlay overlay)
    {
        var smallest = overlay.Hosts.MinBy(host => host.Mtu)!;
        var ipv6 =
            smallest.Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        var encapsulation = new Encapsulation(
            overlay.Tunnels.Type,
            Ipv6Underlay: ipv6,
            Keyed: overlay.Tunnels is { Type: TunnelType.Gre, Key: not null },
            Vlan: true,
            EspMode.None
        );
        return new OverlayMtu(smallest.Mtu, smallest.Name, encapsulation);
    }

    /// <summary>The sum in words: <c>1458 = 1500 (host1) - 20 IPv4 header - …</c></summary>
    public string Explain() =>
        $"{Bytes} = {Underlay} (the smallest underlay, {SmallestHost}) "
        + string.Join(
            ' ',
            Encapsulation.Headers.Select(header => $"− {header.Bytes} {header.What}")
        );
}
