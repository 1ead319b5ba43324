using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Planning;

public sealed class HostStatusTests
{
    [Fact]
    public void On_a_host_as_intended_all_is_well()
    {
        var status = Of(TwoHosts.Applied());
        Assert.True(status.IsHealthy);
        Assert.Equal(
            [
                ("switch", "ovsbr0", "kernel datapath, MTU 1458"),
                ("tunnel", "host2", "gre 192.0.2.1 → 192.0.2.2, port tun-host2"),
                ("network", "cont-mgmnt0", "VLAN 200, bridge, uplink cont-mgmnt0-sw"),
                ("network", "host-mgmnt0", "10.8.3.1/24"),
                ("container", "wallabag", "eth1 in cont-mgmnt0: 10.8.2.2/24"),
            ],
            status.Items.Select(item => (item.Kind, item.Name, item.Intended))
        );
        Assert.All(
            status.Items,
            item => Assert.Equal((ItemState.Ok, null), (item.State, item.Detail))
        );
    }

    [Fact]
    public void On_a_bare_host_all_is_missing() =>
        Assert.All(Of(TwoHosts.Bare()).Items, item => Assert.Equal(ItemState.Missing, item.State));

    [Theory]
    [InlineData(
        "ovs-vsctl set port tun-host2 protected=false",
        "host2",
        ItemState.Differs,
        "port tun-host2: protected"
    )]
    [InlineData(
        "ovs-vsctl set interface ovsbr0 mtu_request=1400",
        "ovsbr0",
        ItemState.Differs,
        "port ovsbr0: MTU 1400 → 1458"
    )]
    [InlineData(
        "ovs-vsctl del-port ovsbr0 tun-host2",
        "host2",
        ItemState.Missing,
        "no port tun-host2"
    )]
    [InlineData(
        "ip addr del 10.8.3.1/24 dev host-mgmnt0",
        "host-mgmnt0",
        ItemState.Differs,
        "internal link host-mgmnt0: add 10.8.3.1/24"
    )]
    [InlineData(
        "ip link set dev cont-mgmnt0-br nomaster",
        "cont-mgmnt0",
        ItemState.Differs,
        "veth cont-mgmnt0-br: into cont-mgmnt0"
    )]
    [InlineData(
        "ip -n wallabag link set dev eth1 down",
        "wallabag",
        ItemState.Differs,
        "interface eth1 in wallabag: up"
    )]
    [InlineData(
        "ip netns exec wallabag ethtool -K eth1 tx off",
        "wallabag",
        ItemState.Differs,
        "checksum eth1 in wallabag: left to hardware: the kernel's datapath can take it"
    )]
    public void What_was_done_by_hand_shows_at_the_thing_it_was_done_to(
        string command,
        string name,
        ItemState state,
        string detail
    )
    {
        var host = TwoHosts.Applied();
        host.Shell(command);
        var status = Of(host);
        Assert.False(status.IsHealthy);
        var item = Assert.Single(status.Items, item => item.State is not ItemState.Ok);
        Assert.Equal((name, state, detail), (item.Name, item.State, item.Detail));
    }

    [Fact]
    public void A_port_that_Open_vSwitch_cannot_make_is_an_error_in_its_words()
    {
        var host = TwoHosts.Applied();
        var observation = host.Observe();
        var port = observation.Switch.Ports["tun-host2"];
        var broken = port with
        {
            Interfaces = [port.Interfaces[0] with { Error = "Address family not supported" }],
        };
        observation = observation with
        {
            Switch = observation.Switch with
            {
                Ports = observation.Switch.Ports.SetItem(port.Name, broken),
            },
        };
        var status = HostStatus.Of(TwoHosts.Intent(), observation);
        Assert.Empty(status.Drift);
        Assert.False(status.IsHealthy);
        var item = Assert.Single(status.Items, item => item.State is not ItemState.Ok);
        Assert.Equal(
            ("host2", ItemState.Error, "Address family not supported"),
            (item.Name, item.State, item.Detail)
        );
    }

    [Fact]
    public void A_container_that_is_awaited_waits_and_all_is_well()
    {
        var host = new ModelHost(kernelDatapath: true);
        host.Apply(TwoHosts.Intent());
        var status = Of(host);
        Assert.True(status.IsHealthy);
        var item = Assert.Single(status.Items, item => item.State is not ItemState.Ok);
        Assert.Equal(
            ("wallabag", ItemState.Waiting, "the container is not there"),
            (item.Name, item.State, item.Detail)
        );
    }

    [Fact]
    public void A_thing_whose_name_is_taken_is_missing_and_says_why()
    {
        var host = TwoHosts.Bare();
        Foreign.AddLink(host, "wallabag-eth1");
        var status = Of(host);
        var item = status.Items.Single(item => item.Name == "wallabag");
        Assert.Equal(ItemState.Missing, item.State);
        Assert.StartsWith("link 'wallabag-eth1' is there already", item.Detail);
    }

    [Fact]
    public void Guests_on_the_switch_are_listed_and_are_no_drift()
    {
        var host = TwoHosts.Applied();
        Foreign.AddLink(host, "guest0");
        host.Shell("ovs-vsctl add-port ovsbr0 guest0");
        var status = Of(host);
        Assert.True(status.IsHealthy);
        Assert.Equal(["guest0"], status.Foreign);
    }

    [Fact]
    public void The_guard_of_each_peer_stands_beside_its_tunnel()
    {
        var intent = TwoHosts.Intent(TwoHosts.Encrypted);
        var host = TwoHosts.Bare();
        host.Apply(intent);
        var status = HostStatus.Of(intent, host.Observe());
        Assert.True(status.IsHealthy);
        Assert.Contains(
            new StatusItem(
                "guard",
                "host2",
                "gre to and from 192.0.2.2 only if encrypted",
                ItemState.Ok,
                null
            ),
            status.Items
        );
    }

    [Theory]
    [InlineData("delete src 0.0.0.0/0 dst 192.0.2.2/32 proto gre dir out", "add", "out")]
    [InlineData("delete src 192.0.2.2/32 dst 0.0.0.0/0 proto gre dir in", "add", "in")]
    [InlineData(
        "update src 192.0.2.2/32 dst 0.0.0.0/0 proto gre dir in action allow priority 1466263156",
        "update",
        "in"
    )]
    public void A_guard_that_was_taken_away_is_shouted_about(
        string command,
        string verb,
        string direction
    )
    {
        var intent = TwoHosts.Intent(TwoHosts.Encrypted);
        var host = TwoHosts.Bare();
        host.Apply(intent);
        host.Shell($"ip xfrm policy {command}");
        var status = HostStatus.Of(intent, host.Observe());
        Assert.False(status.IsHealthy);
        var item = Assert.Single(status.Items, item => item.State is not ItemState.Ok);
        Assert.Equal(
            ("guard", "host2", ItemState.Missing, "MISSING: packets may cross in plaintext"),
            (item.Kind, item.Name, item.State, item.Detail)
        );
        var change = Assert.IsType<GuardChange>(Assert.Single(status.Drift));
        Assert.True(change.IsOverdue);
        Assert.Equal(
            $"block gre that is not encrypted, {direction} (MISSING beside its tunnel: packets may cross in plaintext)",
            change.Detail
        );
        Assert.StartsWith($"ip xfrm policy {verb} ", Assert.Single(change.Commands));
    }

    private static HostStatus Of(ModelHost host) =>
        HostStatus.Of(TwoHosts.Intent(), host.Observe());
}
