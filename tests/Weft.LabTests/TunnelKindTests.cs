namespace Weft.LabTests;

/// <summary>Every tunnel protocol over both versions of IP.</summary>
public sealed class TunnelKindTests
{
    [Theory]
    [InlineData("gre", false, 1458)]
    [InlineData("gre", true, 1438)]
    [InlineData("vxlan", false, 1446)]
    [InlineData("vxlan", true, 1426)]
    [InlineData("geneve", false, 1446)]
    [InlineData("geneve", true, 1426)]
    public async Task It_carries_the_largest_packet_that_fits_and_no_larger_one(
        string type,
        bool ipv6,
        int mtu
    )
    {
        var (first, second) = ipv6 ? ("2001:db8::1", "2001:db8::2") : ("192.0.2.1", "192.0.2.2");
        await using var lab = await OverlayLab.UpAsync(
            $$"""
            name: kinds
            hosts: { host1: "{{first}}", host2: "{{second}}" }
            tunnels: { type: {{type}} }
            networks:
              cont: { vlan: 200, subnet: [10.8.2.0/24, "fd00:8:2::/64"], bridge: true }
              plain: { vlan: 300, subnet: 10.8.4.0/24 }
              mgmt: { vlan: 100, subnet: "fd00:8:3::/64", hosts: { host1: "fd00:8:3::1", host2: "fd00:8:3::2" } }
            containers:
              one: { host: host1, engine: netns, networks: { cont: [10.8.2.2, "fd00:8:2::2"], plain: 10.8.4.2 } }
              two: { host: host2, engine: netns, networks: { cont: [10.8.2.3, "fd00:8:2::3"], plain: 10.8.4.3 } }
            """
        );
        await lab.AllReachAllAsync();
        await lab.ReachesAsync("host1", "one", "10.8.2.3", mtu);
        await lab.RefusesLargerAsync("host1", "one", "10.8.2.3", mtu);
    }

    [Fact]
    public async Task A_host_that_gets_another_name_is_reached_as_before()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 1458);
        await lab.WriteFileAsync(
            OverlayLab.TwoHosts.Replace("host2", "web2", StringComparison.Ordinal)
        );
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        await lab.WeftDoneAsync("host2", "apply", "--yes", "--as", "web2");
        Assert.DoesNotContain(
            "tun-host2",
            await lab.RunAsync("host1", "ovs-vsctl list-ports ovsbr0"),
            StringComparison.Ordinal
        );
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 1458);
    }

    [Fact]
    public async Task A_port_that_could_not_be_made_is_made_once_nothing_is_in_its_way()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        // Open vSwitch before 3.5 makes no tunnel in the transaction that removes one of its kind, and does not try again by itself.
        await lab.RunAsync(
            "host1",
            """
            same='type=gre options:local_ip=192.0.2.1 options:remote_ip=192.0.2.2'
            ovs-vsctl del-port tun-host2
            ovs-vsctl add-port ovsbr0 former -- set interface former $same
            ovs-vsctl del-port former -- add-port ovsbr0 tun-host2 protected=true external_ids:weft=homelab -- set interface tun-host2 $same external_ids:weft=homelab 2>/dev/null
            """
        );
        var number = await lab.RunAsync("host1", "ovs-vsctl get interface tun-host2 ofport");
        Assert.SkipUnless(number.Trim() == "-1", "this Open vSwitch makes such a port at once");
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 1458);
    }

    [Fact]
    public async Task Two_overlays_with_keys_of_their_own_share_hosts_and_stay_apart()
    {
        await using var lab = await OverlayLab.UpAsync(Overlay("left", "ovsbr0", 7, "one", "two"));
        // The containers of the second overlay are the lab's to make.
        await lab.RunAsync("host1", "ip netns add three");
        await lab.RunAsync("host2", "ip netns add four");
        await lab.WriteFileAsync(Overlay("right", "ovsbr1", 8, "three", "four"));
        await lab.ApplyEverywhereAsync();

        await lab.ReachesAsync("host1", "three", "10.8.2.3", 1454);
        // Same VLAN, same addresses: each answers within its own overlay.
        await lab.ReachesAsync("host1", "one", "10.8.2.3", 1454);
        await lab.RunAsync("host2", "ip -n four link set eth1 down");
        await lab.ReachesAsync("host1", "one", "10.8.2.3", 1454);
        Assert.NotEqual(0, (await lab.PingAsync("host1", "three", "10.8.2.3", 84)).ExitCode);
        await lab.RunAsync("host2", "ip -n four link set eth1 up");

        await lab.WeftDoneAsync("host1", "destroy", "--yes");
        await lab.WriteFileAsync(Overlay("left", "ovsbr0", 7, "one", "two"));
        await lab.WeftDoneAsync("host1", "status");
        await lab.ReachesAsync("host1", "one", "10.8.2.3", 1454);

        static string Overlay(string name, string bridge, int key, string first, string second) =>
            $$"""
                name: {{name}}
                switch: {{bridge}}
                hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
                tunnels: { type: gre, key: {{key}} }
                networks:
                  cont-{{name}}: { vlan: 200, subnet: 10.8.2.0/24, bridge: true }
                containers:
                  {{first}}: { host: host1, engine: netns, networks: { cont-{{name}}: 10.8.2.2 } }
                  {{second}}: { host: host2, engine: netns, networks: { cont-{{name}}: 10.8.2.3 } }
                """;
    }
}
