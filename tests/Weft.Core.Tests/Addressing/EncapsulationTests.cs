using Weft.Core.Addressing;

namespace Weft.Core.Tests.Addressing;

public sealed class EncapsulationTests
{
    public static TheoryData<Encapsulation> All =>
        [
            .. from tunnel in Enum.GetValues<TunnelType>()
            from esp in Enum.GetValues<EspMode>()
            from bits in Enumerable.Range(0, 8)
            select new Encapsulation(
                tunnel,
                (bits & 1) != 0,
                (bits & 2) != 0,
                (bits & 4) != 0,
                esp
            ),
        ];

    // Written by hand from the sizes in the RFCs, for an underlay MTU of 1500. Taken off, from the outside in:
    // IPv4 20 (RFC 791) or IPv6 40 (RFC 8200); UDP 8 with NAT traversal (RFC 3948); ESP header 8, IV 8, ICV 16
    // (RFC 4303, RFC 4106), then down to a multiple of four, then ESP trailer 2; GRE 4 (RFC 2784), with key 8
    // (RFC 2890), UDP and VXLAN 16 (RFC 7348), UDP and Geneve 16 (RFC 8926); Ethernet 14; VLAN tag 4 (802.1Q).
    // A VXLAN or Geneve header has room for the key anyway.
    [Theory]
    // tunnel, IPv6, key, ESP mode, MTU with a VLAN tag, MTU without
    [InlineData(TunnelType.Gre, false, false, EspMode.None, 1458, 1462)]
    [InlineData(TunnelType.Gre, false, true, EspMode.None, 1454, 1458)]
    [InlineData(TunnelType.Gre, true, false, EspMode.None, 1438, 1442)]
    [InlineData(TunnelType.Gre, true, true, EspMode.None, 1434, 1438)]
    [InlineData(TunnelType.Vxlan, false, false, EspMode.None, 1446, 1450)]
    [InlineData(TunnelType.Vxlan, false, true, EspMode.None, 1446, 1450)]
    [InlineData(TunnelType.Vxlan, true, false, EspMode.None, 1426, 1430)]
    [InlineData(TunnelType.Vxlan, true, true, EspMode.None, 1426, 1430)]
    [InlineData(TunnelType.Geneve, false, false, EspMode.None, 1446, 1450)]
    [InlineData(TunnelType.Geneve, false, true, EspMode.None, 1446, 1450)]
    [InlineData(TunnelType.Geneve, true, false, EspMode.None, 1426, 1430)]
    [InlineData(TunnelType.Geneve, true, true, EspMode.None, 1426, 1430)]
    // 1500 - 20 - 32 = 1448, a multiple of four; 1446 without the trailer. IPv6: 1428, 1426.
    [InlineData(TunnelType.Gre, false, false, EspMode.Transport, 1424, 1428)]
    [InlineData(TunnelType.Gre, false, true, EspMode.Transport, 1420, 1424)]
    [InlineData(TunnelType.Gre, true, false, EspMode.Transport, 1404, 1408)]
    [InlineData(TunnelType.Gre, true, true, EspMode.Transport, 1400, 1404)]
    [InlineData(TunnelType.Vxlan, false, false, EspMode.Transport, 1412, 1416)]
    [InlineData(TunnelType.Vxlan, false, true, EspMode.Transport, 1412, 1416)]
    [InlineData(TunnelType.Vxlan, true, false, EspMode.Transport, 1392, 1396)]
    [InlineData(TunnelType.Vxlan, true, true, EspMode.Transport, 1392, 1396)]
    [InlineData(TunnelType.Geneve, false, false, EspMode.Transport, 1412, 1416)]
    [InlineData(TunnelType.Geneve, false, true, EspMode.Transport, 1412, 1416)]
    [InlineData(TunnelType.Geneve, true, false, EspMode.Transport, 1392, 1396)]
    [InlineData(TunnelType.Geneve, true, true, EspMode.Transport, 1392, 1396)]
    // 1500 - 20 - 8 - 32 = 1440; 1438 without the trailer. IPv6: 1420, 1418.
    [InlineData(TunnelType.Gre, false, false, EspMode.TransportInUdp, 1416, 1420)]
    [InlineData(TunnelType.Gre, false, true, EspMode.TransportInUdp, 1412, 1416)]
    [InlineData(TunnelType.Gre, true, false, EspMode.TransportInUdp, 1396, 1400)]
    [InlineData(TunnelType.Gre, true, true, EspMode.TransportInUdp, 1392, 1396)]
    [InlineData(TunnelType.Vxlan, false, false, EspMode.TransportInUdp, 1404, 1408)]
    [InlineData(TunnelType.Vxlan, false, true, EspMode.TransportInUdp, 1404, 1408)]
    [InlineData(TunnelType.Vxlan, true, false, EspMode.TransportInUdp, 1384, 1388)]
    [InlineData(TunnelType.Vxlan, true, true, EspMode.TransportInUdp, 1384, 1388)]
    [InlineData(TunnelType.Geneve, false, false, EspMode.TransportInUdp, 1404, 1408)]
    [InlineData(TunnelType.Geneve, false, true, EspMode.TransportInUdp, 1404, 1408)]
    [InlineData(TunnelType.Geneve, true, false, EspMode.TransportInUdp, 1384, 1388)]
    [InlineData(TunnelType.Geneve, true, true, EspMode.TransportInUdp, 1384, 1388)]
    public void An_underlay_MTU_of_1500_leaves_what_the_RFCs_leave(
        TunnelType tunnel,
        bool ipv6,
        bool keyed,
        EspMode esp,
        int tagged,
        int untagged
    )
    {
        Assert.Equal(
            tagged,
            new Encapsulation(tunnel, ipv6, keyed, Vlan: true, esp).OverlayMtu(1500)
        );
        Assert.Equal(
            untagged,
            new Encapsulation(tunnel, ipv6, keyed, Vlan: false, esp).OverlayMtu(1500)
        );
    }

    // The encrypted part is a multiple of four: three bytes more of underlay gain nothing, the fourth gains four.
    [Theory]
    [InlineData(1499, 1420)]
    [InlineData(1500, 1424)]
    [InlineData(1501, 1424)]
    [InlineData(1502, 1424)]
    [InlineData(1503, 1424)]
    [InlineData(1504, 1428)]
    [InlineData(9000, 8924)]
    public void ESP_uses_four_bytes_at_a_time(int underlay, int overlay) =>
        Assert.Equal(
            overlay,
            new Encapsulation(TunnelType.Gre, false, false, true, EspMode.Transport).OverlayMtu(
                underlay
            )
        );

    [Theory]
    [MemberData(nameof(All))]
    public void A_packet_of_the_overlay_MTU_fits_and_one_byte_more_does_not(
        Encapsulation encapsulation
    )
    {
        for (var underlay = 576; underlay < 700; underlay++)
        {
            var mtu = encapsulation.OverlayMtu(underlay);
            Assert.InRange(SizeOnTheWire(encapsulation, mtu), 1, underlay);
            Assert.InRange(SizeOnTheWire(encapsulation, mtu + 1), underlay + 1, int.MaxValue);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_smallest_underlay_has_the_smallest_overlay_MTU(Encapsulation encapsulation)
    {
        for (var underlay = 576; underlay < 700; underlay++)
        {
            Assert.InRange(
                encapsulation.OverlayMtu(underlay + 1) - encapsulation.OverlayMtu(underlay),
                0,
                4
            );
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_breakdown_adds_up(Encapsulation encapsulation)
    {
        for (var underlay = 1490; underlay < 1510; underlay++)
        {
            Assert.Equal(
                underlay - encapsulation.OverlayMtu(underlay),
                encapsulation.Breakdown(underlay).Sum(part => part.Bytes)
            );
        }
        Assert.Equal(
            encapsulation.Headers,
            encapsulation.Breakdown(1500).Where(part => part.What != "ESP trailer and padding")
        );
    }

    [Fact]
    public void Headers_are_named_from_the_outside_in() =>
        Assert.Equal(
            [
                ("IPv4 header", 20),
                ("UDP header of NAT traversal (RFC 3948)", 8),
                ("ESP header, IV and ICV (AES-GCM-16)", 32),
                ("ESP trailer and padding", 2),
                ("GRE header with key", 8),
                ("inner Ethernet header", 14),
                ("inner VLAN tag", 4),
            ],
            new Encapsulation(TunnelType.Gre, false, true, true, EspMode.TransportInUdp).Breakdown(
                1500
            )
        );

    /// <summary>Wraps a packet from the inside out, as a sender does, instead of unwrapping an MTU.</summary>
    private static int SizeOnTheWire(Encapsulation how, int packet)
    {
        var size = packet + 14 + (how.Vlan ? 4 : 0);
        size +=
            how.Tunnel is not TunnelType.Gre ? 16
            : how.Keyed ? 8
            : 4;
        if (how.Esp is not EspMode.None)
        {
            size = 8 + 8 + (size + 2 + 3) / 4 * 4 + 16;
        }
        return size + (how.Esp is EspMode.TransportInUdp ? 8 : 0) + (how.Ipv6Underlay ? 40 : 20);
    }
}
