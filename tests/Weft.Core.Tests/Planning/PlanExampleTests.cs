using System.Collections.Immutable;
using System.Net;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;
using Weft.Ovsdb;

namespace Weft.Core.Tests.Planning;

public sealed class PlanExampleTests
{
    [Fact]
    public void On_a_bare_host_the_plan_says_all_that_is_made() =>
        Assert.Equal(
            """
            Add bridge cont-mgmnt0: container bridge of network cont-mgmnt0, spanning tree with forward delay 2 s
            Add veth cont-mgmnt0-sw: uplink of cont-mgmnt0 into the switch
            Add interface eth1 in wallabag: cont-mgmnt0 10.8.2.2/24
            Add switch ovsbr0: kernel datapath, MTU 1458
            Add port cont-mgmnt0-sw: uplink of network cont-mgmnt0, VLAN 200
            Add port host-mgmnt0: this host in network host-mgmnt0, VLAN 100, MTU 1458
            Add port tun-host2: tunnel to host2: gre 192.0.2.1 → 192.0.2.2, protected
            Add address host-mgmnt0: 10.8.3.1/24
            """,
            Words(TwoHosts.Bare().PlanFor(TwoHosts.Intent()))
        );

    [Fact]
    public void On_a_bare_host_the_commands_are_what_an_administrator_would_type() =>
        Assert.Equal(
            """
            ip link add name cont-mgmnt0 address 02:08:b9:78:5a:13 type bridge stp_state 1 priority 61440 forward_delay 200 mcast_snooping 0
            sysctl -w net/ipv4/conf/cont-mgmnt0/rp_filter=1
            sysctl -w net/ipv4/conf/cont-mgmnt0/forwarding=0
            sysctl -w net/ipv6/conf/cont-mgmnt0/accept_ra=0
            sysctl -w net/ipv6/conf/cont-mgmnt0/disable_ipv6=1
            ip link set dev cont-mgmnt0 alias weft:homelab mtu 1458 addrgenmode none up
            ip link add name cont-mgmnt0-sw address 02:b7:42:75:60:3d mtu 1458 type veth peer name cont-mgmnt0-br address 02:34:96:6a:b4:3c mtu 1458
            sysctl -w net/ipv4/conf/cont-mgmnt0-sw/rp_filter=1
            sysctl -w net/ipv4/conf/cont-mgmnt0-sw/forwarding=0
            sysctl -w net/ipv6/conf/cont-mgmnt0-sw/accept_ra=0
            sysctl -w net/ipv6/conf/cont-mgmnt0-sw/disable_ipv6=1
            sysctl -w net/ipv4/conf/cont-mgmnt0-br/rp_filter=1
            sysctl -w net/ipv4/conf/cont-mgmnt0-br/forwarding=0
            sysctl -w net/ipv6/conf/cont-mgmnt0-br/accept_ra=0
            sysctl -w net/ipv6/conf/cont-mgmnt0-br/disable_ipv6=1
            ip link set dev cont-mgmnt0-sw alias weft:homelab addrgenmode none up
            ip link set dev cont-mgmnt0-br alias weft:homelab addrgenmode none master cont-mgmnt0 up
            ip link add name wallabag-eth1 address 02:bf:20:55:62:65 mtu 1458 type veth peer name eth1 netns wallabag address 02:18:e2:09:67:a1 mtu 1458
            sysctl -w net/ipv4/conf/wallabag-eth1/rp_filter=1
            sysctl -w net/ipv4/conf/wallabag-eth1/forwarding=0
            sysctl -w net/ipv6/conf/wallabag-eth1/accept_ra=0
            sysctl -w net/ipv6/conf/wallabag-eth1/disable_ipv6=1
            ip link set dev wallabag-eth1 alias weft:homelab addrgenmode none master cont-mgmnt0 up
            ip link set dev wallabag-eth1 type bridge_slave root_block on
            ethtool -K cont-mgmnt0-br tx off
            ovs-vsctl add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev other_config:forward-bpdu=true external_ids:weft=homelab external_ids:weft-forward-bpdu=true -- set port ovsbr0 external_ids:weft=homelab -- set interface ovsbr0 type=internal mtu_request=1458 external_ids:weft=homelab
            ovs-vsctl add-port ovsbr0 cont-mgmnt0-sw tag=200 external_ids:weft=homelab -- set interface cont-mgmnt0-sw external_ids:weft=homelab
            ovs-vsctl add-port ovsbr0 host-mgmnt0 tag=100 external_ids:weft=homelab -- set interface host-mgmnt0 type=internal mtu_request=1458 mac='"02:37:cd:5e:51:8e"' external_ids:weft=homelab
            ovs-vsctl add-port ovsbr0 tun-host2 protected=true external_ids:weft=homelab -- set interface tun-host2 type=gre options:local_ip=192.0.2.1 options:remote_ip=192.0.2.2 external_ids:weft=homelab
            sysctl -w net/ipv4/conf/host-mgmnt0/rp_filter=1
            sysctl -w net/ipv4/conf/host-mgmnt0/forwarding=0
            sysctl -w net/ipv6/conf/host-mgmnt0/accept_ra=0
            sysctl -w net/ipv6/conf/host-mgmnt0/disable_ipv6=1
            ip addr add 10.8.3.1/24 dev host-mgmnt0
            ip link set dev host-mgmnt0 up
            ip -n wallabag addr add 10.8.2.2/24 dev eth1
            ip -n wallabag link set dev eth1 alias weft:homelab up
            """,
            string.Join(
                '\n',
                TwoHosts
                    .Bare(kernelDatapath: false)
                    .PlanFor(TwoHosts.Intent(kernelDatapath: false))
                    .Commands
            )
        );

    [Fact]
    public void Taking_the_overlay_off_names_what_was_made_and_no_more() =>
        Assert.Equal(
            """
            ovs-vsctl del-br ovsbr0
            ip link del dev cont-mgmnt0
            ip link del dev cont-mgmnt0-br
            ip link del dev wallabag-eth1
            """,
            string.Join('\n', TwoHosts.Applied().PlanFor(Nothing).Commands)
        );

    [Fact]
    public void A_change_of_the_file_is_a_change_of_that_thing()
    {
        var overlay = TwoHosts.Read(
            TwoHosts
                .File.Replace("vlan: 100", "vlan: 101")
                .Replace("10.8.2.2 ", "10.8.2.9 ")
                .Replace("host2: 192.0.2.2", "host2: { address: 192.0.2.2, mtu: 1400 }")
        );
        Assert.Equal(
            """
            Set bridge cont-mgmnt0: MTU 1458 → 1358
            Set veth cont-mgmnt0-sw: MTU 1458 → 1358
            Set veth cont-mgmnt0-br: MTU 1458 → 1358
            Set veth wallabag-eth1: MTU 1458 → 1358
            Set interface eth1 in wallabag: MTU 1458 → 1358, remove 10.8.2.2/24, add 10.8.2.9/24
            Set port ovsbr0: MTU 1458 → 1358
            Set port host-mgmnt0: VLAN 100 → 101, MTU 1458 → 1358
            """,
            Words(TwoHosts.Applied().PlanFor(TwoHosts.Intent(overlay)))
        );
    }

    [Fact]
    public void A_switch_that_was_asked_for_an_MTU_and_did_not_take_it_is_told_of_with_both()
    {
        var host = TwoHosts.Applied();
        foreach (var name in (string[])["ovsbr0", "host-mgmnt0"])
        {
            host.Put(host.Links.Single(link => link.Name == name) with { Mtu = 1500 });
        }
        Assert.Equal(
            """
            Set internal link ovsbr0: MTU 1500 → 1458
            Set internal link host-mgmnt0: MTU 1500 → 1458
            """,
            Words(host.PlanFor(TwoHosts.Intent()))
        );
    }

    [Fact]
    public void A_host_that_gets_another_name_has_its_tunnel_made_again_once_the_former_is_gone()
    {
        var renamed = TwoHosts.Read(TwoHosts.File.Replace("host2", "web2"));
        var host = TwoHosts.Applied();
        host.Shell("ip link del dev wallabag-eth1");
        var plan = host.PlanFor(TwoHosts.Intent(renamed));
        Assert.Contains(plan.Changes, change => change is AddPort { Name: "tun-web2" });
        Assert.Contains(
            plan.Changes,
            change => change is RemovePort { Name: "tun-host2", Reopens: true }
        );
        // Whoever types the commands does so in the order in which they are carried out.
        var order = plan.Commands.ToList();
        var (gone, link, made) = (At("del-port"), At("link add"), At("add-port"));
        Assert.True(0 <= gone && gone < link && link < made, string.Join('\n', order));

        int At(string words) =>
            order.FindIndex(line => line.Contains(words, StringComparison.Ordinal));
    }

    [Fact]
    public void Tunnels_that_a_spanning_tree_may_close_are_told_of_where_there_are_several()
    {
        var three = TwoHosts.Read(
            TwoHosts.File.Replace("host2: 192.0.2.2", "host2: 192.0.2.2\n  host3: 192.0.2.3")
        );
        Assert.Empty(Told(TwoHosts.Overlay));
        Assert.Contains("stp_enable=false", Assert.Single(Told(three)), StringComparison.Ordinal);

        static IEnumerable<string> Told(Overlay overlay)
        {
            var host = TwoHosts.Bare();
            host.Apply(TwoHosts.Intent(overlay));
            host.SetByHand("Bridge", host["Bridge"].First().Key, "stp_enable", true);
            return host.PlanFor(TwoHosts.Intent(overlay))
                .Notices.Where(notice =>
                    notice.Contains("spanning tree", StringComparison.Ordinal)
                );
        }
    }

    /// <summary>What keeps a switch from its work though its ports are right, or has frames go round in it, each with what mends it.</summary>
    [Fact]
    public void What_is_wrong_with_the_switch_itself_is_told_with_what_to_do()
    {
        Assert.Empty(Told(_ => { }));
        Assert.Contains(
            "`ovs-vsctl remove open_vswitch . other_config flow-restore-wait`",
            Assert.Single(
                Told(host =>
                    host.SetRootByHand("other_config", Datum.Map(("flow-restore-wait", "true")))
                )
            ),
            StringComparison.Ordinal
        );
        Assert.Equal(
            "port 'vx0' in bridge 'ovsbr0' is a tunnel to host2 too, of another kind or key than the overlay's: "
                + "two ways to one host are a loop: remove it with `ovs-vsctl del-port vx0`",
            Assert.Single(
                Told(host =>
                    host.Shell(
                        "ovs-vsctl add-port ovsbr0 vx0 -- set interface vx0 type=vxlan options:remote_ip=192.0.2.2"
                    )
                )
            )
        );

        static IEnumerable<string> Told(Action<ModelHost> spoil)
        {
            var host = TwoHosts.Applied();
            spoil(host);
            var (intent, seen) = (TwoHosts.Intent(), host.Observe());
            var faults = Planner.SwitchFaults(intent, seen).ToList();
            Assert.ProperSuperset(
                faults.ToHashSet(),
                Planner.Plan(intent, seen).Notices.ToHashSet()
            );
            return faults;
        }
    }

    [Fact]
    public void A_controller_of_the_switch_is_told_of()
    {
        var seen = TwoHosts.Applied().Observe();
        var ruled = seen.Switch.Bridges["ovsbr0"] with { Controllers = [Guid.NewGuid()] };
        Assert.EndsWith(
            "`ovs-vsctl del-controller ovsbr0`",
            Assert.Single(
                Planner.SwitchFaults(
                    TwoHosts.Intent(),
                    seen with
                    {
                        Switch = seen.Switch with
                        {
                            Bridges = seen.Switch.Bridges.SetItem("ovsbr0", ruled),
                        },
                    }
                )
            ),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Where_the_kernel_has_no_IPv6_nothing_is_said_of_it()
    {
        var observation = TwoHosts.Bare().Observe() with { HasIpv6 = false };
        Assert.All(
            Planner.Plan(TwoHosts.Intent(), observation).Commands,
            command => Assert.DoesNotMatch("addrgenmode|ipv6", command)
        );
    }

    [Fact]
    public void Where_the_kernel_has_no_IPv6_an_overlay_that_has_it_is_refused_before_anything_is_changed()
    {
        var intent = TwoHosts.Intent(
            TwoHosts.Read(
                TwoHosts
                    .File.Replace("10.8.2.0/24,", "[10.8.2.0/24, \"fd00:8:2::/64\"],")
                    .Replace("cont-mgmnt0: 10.8.2.2 ", "cont-mgmnt0: [10.8.2.2, \"fd00:8:2::2\"] ")
            )
        );
        var plan = Planner.Plan(intent, TwoHosts.Bare().Observe() with { HasIpv6 = false });
        Assert.Equal(
            "the kernel of host1 has no IPv6, and the overlay gives fd00:8:2::2/64 there: start it without `ipv6.disable=1`, or take IPv6 out of the file",
            Assert.Single(plan.Conflicts).Message
        );
        Assert.False(plan.HasClearWay);
    }

    [Fact]
    public void Where_a_container_has_IPv6_switched_off_its_interface_has_it_on_before_its_address()
    {
        var intent = TwoHosts.Intent(
            TwoHosts.Read(
                TwoHosts
                    .File.Replace("10.8.2.0/24,", "[10.8.2.0/24, \"fd00:8:2::/64\"],")
                    .Replace("cont-mgmnt0: 10.8.2.2 ", "cont-mgmnt0: [10.8.2.2, \"fd00:8:2::2\"] ")
            )
        );
        var host = TwoHosts.Bare();
        host.SwitchIpv6Off("wallabag");
        host.Apply(intent);
        Assert.Contains(
            host.Find("wallabag", "eth1").Addresses,
            address => $"{address}" == "fd00:8:2::2/64"
        );
    }

    /// <summary>Of the switch's own links and of Weft's, such as an earlier Weft has made.</summary>
    [Fact]
    public void Links_take_only_senders_that_they_lead_to_and_no_IPv6_that_they_have_not()
    {
        var host = TwoHosts.Applied();
        foreach (var name in (string[])["cont-mgmnt0", "host-mgmnt0"])
        {
            host.Put(host.Find(null, name) with { ReversePathFilter = 0, IsIpv6Off = false });
        }
        Assert.Equal(
            """
            Set bridge cont-mgmnt0: only senders that it leads to, IPv6 off
            Set internal link host-mgmnt0: only senders that it leads to, IPv6 off
            """,
            Words(host.PlanFor(TwoHosts.Intent()))
        );
    }

    /// <summary>As an earlier Weft made them, or whoever switched on what routes for Docker's or LXD's containers.</summary>
    [Fact]
    public void What_comes_in_by_the_overlays_links_is_not_forwarded()
    {
        var host = TwoHosts.Applied();
        foreach (var name in (string[])["cont-mgmnt0", "host-mgmnt0", "wallabag-eth1"])
        {
            host.Put(host.Find(null, name) with { Forwards = true });
        }
        Assert.Equal(
            """
            Set bridge cont-mgmnt0: nothing forwarded
            Set veth wallabag-eth1: nothing forwarded
            Set internal link host-mgmnt0: nothing forwarded
            """,
            Words(host.PlanFor(TwoHosts.Intent()))
        );
    }

    /// <summary>The file names a router: for the network as such, or as what a container's route leads by.</summary>
    [Theory]
    [InlineData("forward: true, hosts: { host1: 10.8.2.1 }", "10.8.2.2", true)]
    [InlineData("forward: true", "10.8.2.2", true)]
    [InlineData(
        "hosts: { host1: 10.8.2.1 }",
        "{ address: 10.8.2.2, routes: { 0.0.0.0/0: 10.8.2.1 } }",
        true
    )]
    [InlineData(
        "hosts: { host1: 10.8.2.1 }",
        "{ address: 10.8.2.2, routes: { 0.0.0.0/0: 10.8.2.3 } }",
        false
    )]
    [InlineData("hosts: { host1: 10.8.2.1 }", "10.8.2.2", false)]
    // Whichever of the hosts has it at the moment, as keepalived moves it.
    [InlineData(
        "floating: 10.8.2.250, hosts: { host1: 10.8.2.1 }",
        "{ address: 10.8.2.2, routes: { 0.0.0.0/0: 10.8.2.250 } }",
        true
    )]
    public void A_host_forwards_what_comes_from_a_network_whose_router_it_is(
        string network,
        string place,
        bool forwards
    )
    {
        var intent = TwoHosts.Intent(
            TwoHosts.Read(
                TwoHosts
                    .File.Replace("bridge: { stp: true }", $"bridge: true, {network}")
                    .Replace("cont-mgmnt0: 10.8.2.2 }", $"cont-mgmnt0: {place} }}")
            )
        );
        var host = TwoHosts.Bare();
        host.Apply(intent);
        host.Put(host.Find(null, "cont-mgmnt0") with { Forwards = true });
        host.Put(host.Find(null, "host-mgmnt0") with { Forwards = true });
        Assert.Equal(
            forwards ? ["host-mgmnt0"] : ["cont-mgmnt0", "host-mgmnt0"],
            host.PlanFor(intent).Changes.Select(change => change.Name)
        );
    }

    [Fact]
    public void A_bridge_whose_spanning_tree_comes_later_leaves_the_root_to_others_too()
    {
        var host = TwoHosts.Applied();
        host.Put(host.Find(null, "cont-mgmnt0") with { Stp = false });
        Assert.Contains(
            "ip link set dev cont-mgmnt0 type bridge stp_state 1 priority 61440",
            host.PlanFor(TwoHosts.Intent()).Commands
        );
    }

    /// <summary>The delay in force is the root's, be that a container, a switch of the local network or another host.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Only_the_root_of_a_spanning_tree_has_its_own_forward_delay(bool isRoot)
    {
        var host = TwoHosts.Applied();
        host.Put(host.Find(null, "cont-mgmnt0") with { IsRoot = isRoot, ForwardDelay = 1500 });
        Assert.Equal(
            isRoot ? "Set bridge cont-mgmnt0: forward delay 15 → 2 s" : "",
            Words(host.PlanFor(TwoHosts.Intent()))
        );
    }

    /// <summary>As an earlier Weft made it.</summary>
    [Fact]
    public void A_bridge_snoops_no_multicast_and_takes_no_root_from_a_container()
    {
        var host = TwoHosts.Applied();
        host.Put(host.Find(null, "cont-mgmnt0") with { SnoopsMulticast = true });
        host.Put(host.Find(null, "wallabag-eth1") with { BlocksRoot = false });
        host.SetByHand("Bridge", host["Bridge"].First().Key, "other_config", Datum.EmptyMap);
        Assert.Equal(
            [
                "ip link set dev cont-mgmnt0 type bridge mcast_snooping 0",
                "ip link set dev wallabag-eth1 type bridge_slave root_block on",
                "ovs-vsctl set bridge ovsbr0 other_config:forward-bpdu=true",
            ],
            host.PlanFor(TwoHosts.Intent()).Commands
        );
    }

    /// <summary>systemd has every new link checked loosely on some distributions, a moment after it was made.</summary>
    [Fact]
    public void A_loose_check_is_the_systems_own_and_left()
    {
        var host = TwoHosts.Applied();
        foreach (var name in (string[])["cont-mgmnt0", "host-mgmnt0"])
        {
            host.Put(host.Find(null, name) with { ReversePathFilter = 2 });
        }
        Assert.Empty(host.PlanFor(TwoHosts.Intent()).Changes);
    }

    [Fact]
    public void A_link_has_IPv6_on_before_its_first_address_of_it_comes_and_off_after_its_last_has_gone()
    {
        var with = TwoHosts.Intent(
            TwoHosts.Read(
                TwoHosts
                    .File.Replace("10.8.3.0/24", "[10.8.3.0/24, \"fd00:8:3::/64\"]")
                    .Replace("host1: 10.8.3.1", "host1: [10.8.3.1, \"fd00:8:3::1\"]")
                    .Replace("host2: 10.8.3.2", "host2: [10.8.3.2, \"fd00:8:3::2\"]")
            )
        );
        var host = TwoHosts.Applied();
        Assert.Equal(
            [
                "sysctl -w net/ipv6/conf/host-mgmnt0/disable_ipv6=0",
                "ip addr add fd00:8:3::1/64 dev host-mgmnt0 nodad",
            ],
            host.PlanFor(with).Commands
        );
        host.Apply(with);
        Assert.Equal(
            [
                "ip addr del fd00:8:3::1/64 dev host-mgmnt0",
                "sysctl -w net/ipv6/conf/host-mgmnt0/disable_ipv6=1",
            ],
            host.PlanFor(TwoHosts.Intent()).Commands
        );
        host.Apply(TwoHosts.Intent());
        Assert.Empty(host.PlanFor(TwoHosts.Intent()).Changes);
    }

    [Fact]
    public void A_bridge_that_speaks_IPv6_is_given_its_link_local_address()
    {
        var overlay = TwoHosts.Read(
            TwoHosts.File.Replace(
                "10.8.2.0/24, bridge: { stp: true }",
                "[10.8.2.0/24, \"fd00:8:2::/64\"], bridge: true, hosts: { host1: \"fd00:8:2::1\" }"
            )
        );
        Assert.Equal(
            [
                "ip addr add fd00:8:2::1/64 dev cont-mgmnt0 nodad",
                "ip addr add fe80::8:b9ff:fe78:5a13/64 dev cont-mgmnt0 nodad",
            ],
            TwoHosts
                .Bare()
                .PlanFor(TwoHosts.Intent(overlay))
                .Commands.Where(command => command.EndsWith("nodad", StringComparison.Ordinal))
        );
    }

    [Fact]
    public void Taking_protected_away_by_hand_is_mended_by_one_command()
    {
        var host = TwoHosts.Applied();
        host.SetByHand(
            "Port",
            host["Port"].First(row => row.Value["name"] == "tun-host2").Key,
            "protected",
            false
        );
        Assert.Equal(
            ["ovs-vsctl set port tun-host2 protected=true"],
            host.PlanFor(TwoHosts.Intent()).Commands
        );
    }

    [Fact]
    public void A_container_that_is_awaited_is_no_difference_but_a_notice()
    {
        var host = new ModelHost(kernelDatapath: true);
        host.Apply(TwoHosts.Intent());
        var plan = host.PlanFor(TwoHosts.Intent());
        Assert.Empty(plan.Changes);
        Assert.Contains(
            "netns container wallabag is not there: it gets its place once it is",
            plan.Notices
        );
    }

    [Fact]
    public void An_underlay_address_that_no_link_has_is_a_notice()
    {
        var host = TwoHosts.Bare();
        Foreign.AddLink(host, "eth0");
        Assert.Contains(
            "underlay address 192.0.2.1 is on no link of this host: no tunnel can come up (is this host host1?). If it is translated on the way, as in most clouds, give host 'host1' the address that it has itself as `local`",
            host.PlanFor(TwoHosts.Intent()).Notices
        );
    }

    [Fact]
    public void A_leased_underlay_address_is_as_good_as_a_set_one()
    {
        var host = TwoHosts.Bare();
        Foreign.AddLink(host, "eth0");
        var observation = host.Observe();
        var eth0 = observation.Links["eth0"];
        observation = observation with
        {
            Links = observation
                .Links.ToImmutableDictionary()
                .SetItem(
                    "eth0",
                    eth0 with
                    {
                        Leased = [new(System.Net.IPAddress.Parse("192.0.2.1"), 24)],
                    }
                ),
        };
        Assert.Empty(Planner.Plan(TwoHosts.Intent(), observation).Notices);
    }

    [Fact]
    public void An_underlay_link_with_a_smaller_MTU_than_the_file_says_is_a_notice()
    {
        var host = TwoHosts.Bare();
        Foreign.AddLink(host, "eth0");
        host.Shell("ip addr add 192.0.2.1/24 dev eth0");
        host.Shell("ip link set dev eth0 mtu 1400");
        Assert.Equal(
            [
                "eth0 carries underlay address 192.0.2.1 with MTU 1400, but the file says 1500: large packets would vanish; give host 'host1' `mtu: 1400`",
            ],
            host.PlanFor(TwoHosts.Intent()).Notices
        );
    }

    [Fact]
    public void An_underlay_link_that_is_down_is_a_notice()
    {
        var host = TwoHosts.Bare();
        Foreign.AddLink(host, "eth0");
        host.Shell("ip addr add 192.0.2.1/24 dev eth0");
        host.Shell("ip link set dev eth0 down");
        Assert.Equal(
            [
                "eth0 is down, by which underlay address 192.0.2.1 reaches the others: `ip link set eth0 up`",
            ],
            host.PlanFor(TwoHosts.Intent()).Notices
        );
    }

    /// <summary>A VRF's own address, and that of a link in it.</summary>
    [Theory]
    [InlineData("vrf", null, "eth0", "the address")]
    [InlineData("dummy", "vrf0", "vrf0, on eth0", "eth0")]
    public void An_underlay_address_in_a_VRF_is_a_notice(
        string kind,
        string? master,
        string where,
        string what
    )
    {
        var host = TwoHosts.Bare();
        Foreign.AddLink(host, "eth0");
        Foreign.AddLink(host, "vrf0");
        host.Put(host.Find(null, "vrf0") with { Kind = "vrf" });
        host.Put(host.Find(null, "eth0") with { Kind = kind, Master = master });
        host.Shell("ip addr add 192.0.2.1/24 dev eth0");
        Assert.Equal(
            [
                $"underlay address 192.0.2.1 is in VRF {where}, and Open vSwitch looks for the way to the others in the main table only: "
                    + $"take {what} out of the VRF, or leak the routes to the others into the main table",
            ],
            host.PlanFor(TwoHosts.Intent()).Notices
        );
    }

    [Fact]
    public void A_userspace_datapath_whose_underlay_is_in_no_userspace_bridge_is_a_notice()
    {
        var host = TwoHosts.Bare(kernelDatapath: false);
        Foreign.AddLink(host, "eth0");
        host.Shell("ip addr add 192.0.2.1/24 dev eth0");
        var intent = TwoHosts.Intent(kernelDatapath: false);
        Assert.Equal(
            [
                "the userspace datapath sends tunnels only by a userspace bridge, but underlay address 192.0.2.1 is on eth0: put that link into a bridge of its own (datapath_type=netdev) that carries the address",
            ],
            host.PlanFor(intent).Notices
        );
        host.Shell("ip addr del 192.0.2.1/24 dev eth0");
        host.Shell("ovs-vsctl add-br br-phy -- set bridge br-phy datapath_type=netdev");
        host.Shell("ip addr add 192.0.2.1/24 dev br-phy");
        host.Shell("ip link set dev br-phy up");
        Assert.Empty(host.PlanFor(intent).Notices);
    }

    [Theory]
    [InlineData(
        "ip link add name cont-mgmnt0 type bridge",
        "link 'cont-mgmnt0' is there already, which Weft did not make: rename it or change the name in the file"
    )]
    [InlineData(
        "ip link add name host-mgmnt0 type bridge",
        "link 'host-mgmnt0' is there already, which Weft did not make: rename it or change the name in the file"
    )]
    [InlineData(
        "ip link add name x type veth peer name eth1 netns wallabag",
        "container 'wallabag' has an interface 'eth1' already, which Weft did not make: give the attachment another `interface`, or remove that interface"
    )]
    [InlineData(
        "ovs-vsctl add-br ovsbr0",
        "bridge 'ovsbr0' is in Open vSwitch already, which Weft did not make: choose another name for `switch`, or remove it with `ovs-vsctl del-br ovsbr0`"
    )]
    [InlineData(
        "ovs-vsctl add-br ovsbr0 -- set bridge ovsbr0 external_ids:weft=other",
        "bridge 'ovsbr0' is in Open vSwitch already, which belongs to overlay 'other': if this overlay is to be in place of 'other', run `weft destroy` with the file of that one first; else change the name in this file"
    )]
    [InlineData(
        "ovs-vsctl add-br br0 -- add-port br0 tun-host2",
        "port 'tun-host2' is in bridge 'br0' already, which Weft did not make: remove it with `ovs-vsctl del-port tun-host2`, or give this overlay a `key` of its own under `tunnels`"
    )]
    [InlineData(
        "ovs-vsctl add-br br0 -- add-port br0 gre0 -- set interface gre0 type=gre options:remote_ip=192.0.2.2",
        "port 'gre0' in bridge 'br0' is a gre tunnel to 192.0.2.2 already, which Weft did not make: remove it with `ovs-vsctl del-port gre0`, or give this overlay a `key` of its own under `tunnels`"
    )]
    public void What_stands_in_the_way_is_named_once_with_what_to_do(
        string command,
        string conflict
    )
    {
        var host = TwoHosts.Bare();
        host.Shell(command);
        var plan = host.PlanFor(TwoHosts.Intent());
        Assert.Equal([conflict], plan.Conflicts.Select(one => one.Message));
        Assert.False(plan.IsApplicable);
    }

    /// <summary>The kernel lets no link have a name that another has beside its own (ip-link(8), <c>property</c>).</summary>
    [Theory]
    [InlineData("cont-mgmnt0")]
    [InlineData("cont-mgmnt0-sw")]
    [InlineData("cont-mgmnt0-br")]
    [InlineData("wallabag-eth1")]
    [InlineData("host-mgmnt0")]
    [InlineData("ovsbr0")]
    public void An_alternative_name_is_as_taken_as_a_name(string name)
    {
        var host = TwoHosts.Bare();
        Foreign.AddLink(host, "eth0");
        host.Put(host.Find(null, "eth0") with { AlternativeNames = ["enp0s3", name] });
        var plan = host.PlanFor(TwoHosts.Intent());
        Assert.Equal(
            [
                $"link 'eth0' has the alternative name '{name}': take it away with `ip link property del dev eth0 altname {name}`, or change the name in the file",
            ],
            plan.Conflicts.Select(one => one.Message)
        );
        Assert.Equal([name], plan.Conflicts.Select(one => one.Name));
    }

    [Fact]
    public void An_alternative_name_inside_a_container_is_as_taken_as_a_name()
    {
        var host = TwoHosts.Bare();
        Foreign.AddLink(host, "net0", space: "wallabag");
        host.Put(host.Find("wallabag", "net0") with { AlternativeNames = ["eth1"] });
        var conflict = Assert.Single(host.PlanFor(TwoHosts.Intent()).Conflicts);
        Assert.Equal(
            "container 'wallabag' has an interface 'net0' already, whose alternative name is 'eth1': give the attachment another `interface`, or take that name away",
            conflict.Message
        );
        Assert.True(conflict.StandsAlone);
    }

    [Fact]
    public void An_address_that_floats_is_left_wherever_it_is()
    {
        var host = TwoHosts.Applied();
        host.Shell("ip addr add 10.8.3.9/32 dev host-mgmnt0");
        host.Shell("ip -n wallabag addr add 10.8.2.9/24 dev eth1");
        Assert.Equal(2, host.PlanFor(TwoHosts.Intent()).Changes.Length);
        var floating = TwoHosts.Read(
            TwoHosts
                .File.Replace("10.8.2.0/24,", "10.8.2.0/24, floating: [10.8.2.8, 10.8.2.9],")
                .Replace("10.8.3.0/24,", "10.8.3.0/24, floating: 10.8.3.9,")
        );
        var plan = host.PlanFor(TwoHosts.Intent(floating));
        Assert.Empty(plan.Changes);
        Assert.Contains(IPAddress.Parse("10.8.2.8"), new Slices(floating).Declared);
    }

    /// <summary>The kernel deletes the further addresses of a subnet with its first (ip-sysctl: promote_secondaries).</summary>
    [Fact]
    public void An_address_that_floats_stays_where_the_one_beside_it_changes()
    {
        const string Floating = "10.8.2.100";
        var file = TwoHosts
            .File.Replace("bridge: { stp: true }", "bridge: true, hosts: { host1: 10.8.2.1 }")
            .Replace("10.8.2.0/24,", $"10.8.2.0/24, floating: [{Floating}, 10.8.2.101],");
        var host = TwoHosts.Bare();
        host.Apply(TwoHosts.Intent(TwoHosts.Read(file)));
        host.Shell($"ip addr add {Floating}/24 dev cont-mgmnt0");
        // As keepalived has them unless it is told otherwise: of no subnet, and with nobody's to go.
        host.Shell("ip addr add 10.8.2.101/32 dev cont-mgmnt0");
        host.Shell($"ip -n wallabag addr add {Floating}/24 dev eth1");

        var changed = TwoHosts.Intent(
            TwoHosts.Read(
                file.Replace("10.8.2.1 }", "10.8.2.9 }").Replace("10.8.2.2 }", "10.8.2.8 }")
            )
        );
        var plan = host.PlanFor(changed);
        Assert.All(
            ["cont-mgmnt0", "eth1 in wallabag"],
            name =>
                Assert.Contains(
                    $"keep {Floating}/24",
                    Assert.Single(plan.Changes, change => change.Name == name).Detail,
                    StringComparison.Ordinal
                )
        );
        Assert.DoesNotContain(
            plan.Commands,
            command => command.Contains(".101", StringComparison.Ordinal)
        );
        host.Apply(changed);
        Assert.Equal(
            [$"{Floating}/24", "10.8.2.101/32", "10.8.2.9/24"],
            AddressesOf(null, "cont-mgmnt0")
        );
        Assert.Equal([$"{Floating}/24", "10.8.2.8/24"], AddressesOf("wallabag", "eth1"));
        Assert.Empty(host.PlanFor(changed).Changes);

        // It stays also where the file gives the host no address any more.
        host.Apply(
            TwoHosts.Intent(TwoHosts.Read(file.Replace(", hosts: { host1: 10.8.2.1 }", "")))
        );
        Assert.Equal([$"{Floating}/24", "10.8.2.101/32"], AddressesOf(null, "cont-mgmnt0"));

        IEnumerable<string> AddressesOf(string? space, string name) =>
            host.Find(space, name)
                .Addresses.Where(address => !ModelLink.IsLinkLocal(address))
                .Select(address => $"{address}")
                .Order(StringComparer.Ordinal);
    }

    [Fact]
    public void A_guest_in_what_is_to_go_is_to_leave_first()
    {
        var host = TwoHosts.Applied();
        Foreign.AddLink(host, "guest0");
        Foreign.AddLink(host, "guest1");
        host.Shell("ovs-vsctl add-port ovsbr0 guest0");
        host.Shell("ip link set dev guest1 master cont-mgmnt0");
        var conflicts = host.PlanFor(Nothing).Conflicts;
        Assert.Equal(
            [
                "bridge 'cont-mgmnt0' is to go, but guest1 in it is not Weft's: detach it from the bridge first",
                "switch 'ovsbr0' is to go, but its port guest0 Weft did not make: remove it first",
            ],
            conflicts.Select(conflict => conflict.Message)
        );
        // A bridge that is still there harms nobody; what a switch has is in the way of another switch's.
        Assert.Equal([true, false], conflicts.Select(conflict => conflict.StandsAlone));
    }

    private static HostIntent Nothing => HostIntent.Nothing("homelab", "host1");

    private static string Words(Plan plan) =>
        string.Join(
            '\n',
            plan.Changes.Select(change =>
                $"{change.Action} {change.What} {change.Name}: {change.Detail}"
            )
        );
}
