using Weft.Labs;

namespace Weft.Tests;

public sealed class WirePacketTests
{
    private const string Ethernet = "020000000001020000000002";
    private const string Ipv4Addresses = "0000c0000201c0000202";
    private static readonly HashSet<int> TunnelPorts = [4789, 6081];

    [Theory]
    [InlineData("0806", "0001080006040001020000000001c0000201000000000000c0000202", "Neighbours")]
    [InlineData("0800", $"4500003c000040004032{Ipv4Addresses}0000000100000001", "Esp")]
    [InlineData("0800", $"4500003c00004000402f{Ipv4Addresses}00006558", "Tunnel")]
    [InlineData("0800", $"4500003c000040004011{Ipv4Addresses}c00012b500280000", "Tunnel")]
    [InlineData("0800", $"4500003c000040004011{Ipv4Addresses}c00017c100280000", "Tunnel")]
    [InlineData("0800", $"4500003c000040004011{Ipv4Addresses}01f401f400280000", "Ike")]
    [InlineData("0800", $"4500003c000040004011{Ipv4Addresses}119411940028000000000000", "Ike")]
    [InlineData("0800", $"4500003c000040004011{Ipv4Addresses}119411940028000000000001", "EspInUdp")]
    [InlineData("0800", $"4500003c000040004001{Ipv4Addresses}0303000000000000", "Icmp")]
    [InlineData("0800", $"4500003c000040004006{Ipv4Addresses}0016c00000000000", "Ssh")]
    [InlineData("0800", $"4500003c000040004006{Ipv4Addresses}c000001600000000", "Ssh")]
    [InlineData("0800", $"4500003c000040004006{Ipv4Addresses}c000005000000000", "Other")]
    // A kernel says which groups it listens to.
    [InlineData(
        "0800",
        "46c000400000400001022ddfc0000202e00000169404000022003ff100000004",
        "Neighbours"
    )]
    // Two words of options stand before the tunnel's header.
    [InlineData(
        "0800",
        $"4700003c00004000402f{Ipv4Addresses}0101010101010101000065580000000000000000",
        "Tunnel"
    )]
    [InlineData(
        "86dd",
        "600000000014324020010db800000000000000000000000120010db8000000000000000000000002",
        "Esp"
    )]
    [InlineData(
        "86dd",
        "6000000000203aff20010db800000000000000000000000120010db80000000000000000000000028700000000000000",
        "Neighbours"
    )]
    public void What_crosses_is_sorted(string type, string packet, string kind) =>
        Assert.Equal(
            kind,
            WirePacket
                .KindOf(Convert.FromHexString(Ethernet + type + packet), TunnelPorts)
                .ToString()
        );

    [Fact]
    public void Beginnings_of_packets_of_any_length_are_sorted_without_failing()
    {
        var packet = Convert.FromHexString(
            $"{Ethernet}08004500003c000040004011{Ipv4Addresses}119411940028000000000001"
        );
        for (var length = 0; length <= packet.Length; length++)
        {
            Assert.True(
                Enum.IsDefined(WirePacket.KindOf(packet.AsSpan(0, length), TunnelPorts)),
                length.ToString()
            );
        }
    }

    [Theory]
    [InlineData("12 packets received by filter\n3 packets dropped by kernel\n", "missed 3 packets")]
    [InlineData("12 packets received by filter\n1 packet dropped by kernel\n", "missed 1 packets")]
    [InlineData("tcpdump: The interface disappeared\n", "The interface disappeared")]
    public void A_capture_with_gaps_proves_nothing(string lastWords, string why) =>
        Assert.Contains(
            why,
            Assert.Throws<LabException>(() => WireTap.RequireWhole(lastWords)).Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void A_capture_of_everything_is_one() =>
        WireTap.RequireWhole(
            "12 packets captured\n12 packets received by filter\n0 packets dropped by kernel\n"
        );
}
