using System.Text.Json;
using Weft.Core.Observation;

namespace Weft.Core.Tests.Observation;

public sealed class LinkReaderTests
{
    private static readonly Dictionary<string, Link> Host = LinkReader
        .Parse(RecordedLinks.Host)
        .ToDictionary(link => link.Name);

    [Fact]
    public void A_bridge_has_its_settings_and_its_addresses_by_kind()
    {
        var bridge = Host["net1"];
        Assert.Equal(
            ("bridge", 1458, "02:00:00:00:00:01", true, "weft:home", true, 400),
            (
                bridge.Kind,
                bridge.Mtu,
                bridge.Mac.ToString(),
                bridge.Up,
                bridge.Alias,
                bridge.Stp,
                bridge.ForwardDelay
            )
        );
        Assert.Equal(
            ["10.8.2.1/24", "fd00:8:2::1/64"],
            bridge.Addresses.Select(address => $"{address}")
        );
        Assert.Equal(["fe80::ff:fe00:1/64"], bridge.LinkLocal.Select(address => $"{address}"));
    }

    [Fact]
    public void The_ends_of_a_veth_pair_on_the_host_name_each_other()
    {
        Assert.Equal("net1-sw", Host["net1-br"].Peer);
        Assert.Equal("net1-br", Host["net1-sw"].Peer);
        Assert.Null(Host["net1-br"].PeerIndex);
        Assert.Equal("net1", Host["net1-br"].Master);
        Assert.True(Host["net1-br"].Up);
        Assert.False(Host["net1-sw"].Up);
    }

    [Fact]
    public void The_ends_of_a_veth_pair_into_a_container_number_each_other()
    {
        var outer = Host["web-eth1"];
        var inner = LinkReader.Parse(RecordedLinks.Container).Single(link => link.Name == "eth1");
        Assert.Equal((inner.Index, outer.Index), (outer.PeerIndex, inner.PeerIndex));
        Assert.Null(outer.Peer);
        Assert.Null(inner.Peer);
    }

    [Fact]
    public void A_lease_is_told_from_an_address_that_somebody_set()
    {
        var tap = Host["tap0"];
        Assert.Equal("tun", tap.Kind);
        Assert.Equal(["198.51.100.8/24"], tap.Addresses.Select(address => $"{address}"));
        Assert.Equal(["198.51.100.7/24"], tap.Leased.Select(address => $"{address}"));
    }

    [Fact]
    public void A_link_that_vanished_while_it_was_printed_is_none() =>
        Assert.Empty(LinkReader.Parse("[{},{}]"));

    [Fact]
    public void Hardware_has_no_kind_and_a_tunnel_device_no_MAC()
    {
        const string Printed = """
            [{"ifindex":9,"link":null,"ifname":"tunl0","flags":["NOARP"],"mtu":1480,"link_type":"ipip","address":"0.0.0.0","addr_info":[]},
             {"ifindex":2,"ifname":"eth0","flags":["UP"],"mtu":9000,"address":"52:54:00:12:34:56"}]
            """;
        var links = LinkReader.Parse(Printed);
        Assert.Null(links[0].Mac);
        Assert.Null(links[0].Peer);
        Assert.Equal(("", 9000, true), (links[1].Kind, links[1].Mtu, links[1].Up));
        Assert.Empty(links[1].Addresses);
    }

    [Fact]
    public void What_is_no_JSON_is_refused() =>
        Assert.ThrowsAny<JsonException>(() => LinkReader.Parse("Object \"addr\" is unknown"));
}
