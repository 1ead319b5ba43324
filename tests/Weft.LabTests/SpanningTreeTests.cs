namespace Weft.LabTests;

/// <summary>Spanning trees of container bridges, and who has a say in them.</summary>
public sealed class SpanningTreeTests
{
    private const string Delay = "ip -d link show cont-mgmnt0 | grep -o 'forward_delay [0-9]*'";

    /// <summary>
    /// A LAN in the container bridges of two hosts, by a VLAN of the underlay: a slow one, so that a loop would not take the whole
    /// machine with it.
    /// </summary>
    [Fact]
    public async Task A_second_way_between_two_hosts_is_found_and_closed()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        foreach (var host in lab.Hosts)
        {
            await lab.RunAsync(
                host.Name,
                """
                ovs-vsctl set bridge br-phy other_config:forward-bpdu=true
                ovs-vsctl add-port br-phy lan tag=77 -- set interface lan type=internal
                tc qdisc add dev lan root tbf rate 400kbit burst 3000 limit 6000
                ip link set lan master cont-mgmnt0 up
                """
            );
        }
        await Eventually.IsAsync(async () =>
        {
            var states = "";
            foreach (var host in lab.Hosts)
            {
                states += await lab.RunAsync(
                    host.Name,
                    "bridge link show | grep -v eth1 | grep -o 'state [a-z]*'"
                );
            }
            return states.Split("state blocking").Length == 2
                && states.Split("state forwarding").Length == 4;
        });
        await lab.AllReachAllAsync();
        foreach (var host in lab.Hosts)
        {
            await lab.WeftDoneAsync(host.Name, "plan", "--exit-code");
        }
    }

    /// <summary>A container is none whose bridge says so; what else is in a network may be, and then all go by its timers.</summary>
    [Fact]
    public async Task Whoever_leads_a_spanning_tree_is_no_drift_and_no_container_does()
    {
        const string Root = "link add br0 type bridge stp_state 1 priority 4096";
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.AllReachAllAsync();
        await lab.RunAsync(
            "host1",
            $"ip -n wallabag {Root}; ip -n wallabag link set br0 up; ip -n wallabag link set eth1 master br0"
        );
        await Eventually.IsAsync(async () =>
            (await lab.RunAsync("host1", "bridge link show dev wallabag-eth1")).Contains(
                "state listening",
                StringComparison.Ordinal
            )
        );
        Assert.Equal("forward_delay 200\n", await lab.RunAsync("host1", Delay));
        Assert.Contains(
            "stops leading a spanning tree of its own",
            (await lab.WeftAsync("host1", "doctor")).Output,
            StringComparison.Ordinal
        );
        await lab.WeftDoneAsync("host1", "plan", "--exit-code");
        await lab.RunAsync("host1", "ip -n wallabag link del br0");

        await lab.RunAsync(
            "host1",
            $"""
            ip netns add lan
            ip -n lan {Root}
            ip -n lan link set br0 up
            ip link add lan0 type veth peer name lan1 netns lan
            ip -n lan link set lan1 master br0 up
            ip link set lan0 master cont-mgmnt0 up
            """
        );
        foreach (var host in lab.Hosts)
        {
            await Eventually.IsAsync(async () =>
                await lab.RunAsync(host.Name, Delay) == "forward_delay 1500\n"
            );
            await lab.WeftDoneAsync(host.Name, "plan", "--exit-code");
        }
    }

    /// <summary>As an earlier Weft made them; what an administrator has set besides stays.</summary>
    [Fact]
    public async Task A_bridge_that_is_there_is_mended_in_its_place()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.RunAsync(
            "host1",
            """
            ip link set cont-mgmnt0 type bridge mcast_snooping 1 priority 8192
            ip link set wallabag-eth1 type bridge_slave root_block off
            echo 1 >/proc/sys/net/ipv4/conf/cont-mgmnt0/forwarding
            ovs-vsctl remove bridge ovsbr0 other_config forward-bpdu
            """
        );
        var plan = (await lab.WeftAsync("host1", "plan")).Output;
        foreach (
            var words in (string[])
                [
                    "no multicast snooping, nothing forwarded",
                    "no root of the spanning tree behind it",
                    "pass spanning tree frames on",
                ]
        )
        {
            Assert.Contains(words, plan, StringComparison.Ordinal);
        }
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        Assert.Equal(
            "0\n8192\n1\n0\n\"true\"\n",
            await lab.RunAsync(
                "host1",
                """
                cd /sys/class/net/cont-mgmnt0
                cat bridge/multicast_snooping bridge/priority brif/wallabag-eth1/root_block /proc/sys/net/ipv4/conf/cont-mgmnt0/forwarding
                ovs-vsctl get bridge ovsbr0 other_config:forward-bpdu
                """
            )
        );
        await lab.WeftDoneAsync("host1", "plan", "--exit-code");
    }
}
