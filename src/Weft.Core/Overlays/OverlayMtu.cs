using Weft.Core.Addressing;

namespace Weft.Core.Overlays;

/// <summary>
/// The MTU of an overlay and how it is computed. All hosts share one: a frame from the best connected host must fit the path to
/// the worst connected one. The overlay MTU never shrinks as the underlay's grows, even with ESP's padding, so the smallest
/// underlay decides.
/// </summary>
/// <param name="Underlay">The smallest underlay MTU of all hosts, in bytes.</param>
/// <param name="SmallestHost">The host with that MTU (the first in the file's order).</param>
/// <param name="Encapsulation">How frames are wrapped between hosts.</param>
public sealed record OverlayMtu(int Underlay, string SmallestHost, Encapsulation Encapsulation)
{
    /// <summary>The largest IP packet in bytes that crosses between hosts in one piece.</summary>
    public int Bytes { get; } = Encapsulation.OverlayMtu(Underlay);

    /// <summary>Works out the MTU of an overlay.</summary>
    public static OverlayMtu Of(Overlay overlay)
    {
        var smallest = overlay.Hosts.MinBy(host => host.Mtu)!;
        var isIpv6 =
            smallest.Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        return new OverlayMtu(smallest.Mtu, smallest.Name, Encapsulate(overlay, isIpv6));
    }

    /// <summary>
    /// How the frames of an overlay are wrapped. If one host is behind address translation, all are treated as if they were,
    /// since the whole overlay has one MTU.
    /// </summary>
    internal static Encapsulation Encapsulate(Overlay overlay, bool isIpv6) =>
        new(
            overlay.Tunnels.Type,
            Ipv6Underlay: isIpv6,
            Keyed: overlay.Tunnels is { Type: TunnelType.Gre, Key: not null },
            Vlan: true,
            overlay.Tunnels.Ipsec is null ? EspMode.None
                : overlay.Hosts.Any(host => host.Local is not null) ? EspMode.TransportInUdp
                : EspMode.Transport
        );

    /// <summary>The sum in words: <c>1458 = 1500 (host1) - 20 IPv4 header - …</c></summary>
    public string Explain() =>
        $"{Bytes} = {Underlay} (the smallest underlay, {SmallestHost}) "
        + string.Join(
            ' ',
            Encapsulation.Breakdown(Underlay).Select(part => $"− {part.Bytes} {part.What}")
        );
}
