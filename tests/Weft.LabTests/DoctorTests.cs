using Weft.Core.Linux;

namespace Weft.LabTests;

/// <summary>What is wrong between hosts is found, and named so that it can be mended.</summary>
public sealed class DoctorTests
{
    private const string Yaml = """
        name: ward
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        networks:
          cont: { vlan: 200, subnet: [10.8.2.0/24, "fd00:8:2::/64"], bridge: true }
          host: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1, host2: 10.8.3.2 } }
        containers:
          wallabag: { host: host1, engine: netns, networks: { cont: [10.8.2.2, "fd00:8:2::2"] } }
          mastodon: { host: host2, engine: netns, networks: { cont: [10.8.2.3, "fd00:8:2::3"] } }
        """;

    [Fact]
    public async Task A_host_on_which_all_is_well_is_said_to_be()
    {
        await using var lab = await OverlayLab.UpAsync(Yaml);
        await lab.AllReachAllAsync();
        var words = await lab.WeftDoneAsync("host1", "doctor");
        Assert.Contains(
            "192.0.2.2 answers, also packets of 1500 bytes",
            words,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "host2 at 10.8.3.2 answers, also packets of 1458 bytes",
            words,
            StringComparison.Ordinal
        );
        Assert.Contains("clock of host2", words, StringComparison.Ordinal);
        Assert.Contains("the same as here", words, StringComparison.Ordinal);
        Assert.Contains(
            "nobody else has one of 192.0.2.1, 10.8.3.1, 10.8.2.2, fd00:8:2::2",
            words,
            StringComparison.Ordinal
        );
        Assert.Contains("nothing is wrong", words, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_that_two_have_is_found_wherever_the_other_is()
    {
        await using var lab = await OverlayLab.UpAsync(Yaml);
        await lab.AllReachAllAsync();
        await lab.RunAsync(
            "host2",
            """
            ip -n mastodon address add 10.8.2.2/24 dev eth1
            ip -n mastodon address add fd00:8:2::2/64 dev eth1 nodad
            ip address add 10.8.3.1/24 dev host
            ip address add 192.0.2.1/24 dev br-phy || ip address add 192.0.2.1/24 dev eth0
            """
        );
        var container = await MacAsync("ip netns exec mastodon cat /sys/class/net/eth1/address");
        var host = await MacAsync("cat /sys/class/net/host/address");

        var doctor = await lab.WeftAsync("host1", "doctor", "--json");

        Assert.Equal(1, doctor.ExitCode);
        foreach (
            var found in new[]
            {
                $"10.8.2.2 of container 'wallabag' is also somebody else's, whose Ethernet address is {container}",
                $"fd00:8:2::2 of container 'wallabag' is also somebody else's, whose Ethernet address is {container}",
                $"10.8.3.1 of this host is also somebody else's, whose Ethernet address is {host}",
                "192.0.2.1 of this host is also somebody else's, whose Ethernet address is ",
            }
        )
        {
            Assert.Contains(
                found,
                System.Text.RegularExpressions.Regex.Unescape(doctor.Output),
                StringComparison.Ordinal
            );
        }

        async Task<string> MacAsync(string script) => (await lab.RunAsync("host2", script)).Trim();
    }

    [Fact]
    public async Task What_the_path_carries_is_found_to_the_byte()
    {
        await using var lab = await OverlayLab.UpAsync(Yaml);
        await lab.AllReachAllAsync();
        await lab.RunAsync("host2", "ip link set eth0 mtu 1400");
        var doctor = await lab.WeftAsync("host1", "doctor");
        Assert.Equal(1, doctor.ExitCode);
        Assert.Contains(
            "192.0.2.2 answers packets of up to 1400 bytes, and the file says 1500",
            doctor.Output,
            StringComparison.Ordinal
        );
        Assert.Contains("Give host 'host2' `mtu: 1400`", doctor.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tunnel_that_is_filtered_on_the_way_is_told_from_a_host_that_is_down()
    {
        if (Tool.Find("nft") is null)
        {
            Assert.Skip("this machine has no nft: apt-get install nftables");
        }
        await using var lab = await OverlayLab.UpAsync(Yaml);
        await lab.AllReachAllAsync();
        await WeftProgram.InNamespaceAsync(
            lab.Lab.Record.Segment.Init!.Value.Pid,
            "nft 'table netdev way { chain drops { type filter hook ingress device port2 priority 0; ip protocol gre drop; }; }'"
        );
        var filtered = await lab.WeftAsync("host1", "doctor");
        Assert.Equal(1, filtered.ExitCode);
        Assert.Contains(
            "192.0.2.2 answers, also packets of 1500 bytes",
            filtered.Output,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "something on the way filters IP protocol 47 (GRE)",
            filtered.Output,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_route_to_another_host_that_leads_into_the_overlay_is_told_from_a_host_that_is_down()
    {
        await using var lab = await OverlayLab.UpAsync(Yaml);
        await lab.AllReachAllAsync();
        await lab.RunAsync("host1", "ip route add 192.0.2.2/32 via 10.8.3.2");
        var doctor = await lab.WeftAsync("host1", "doctor");
        Assert.Equal(1, doctor.ExitCode);
        Assert.Contains(
            "the route to 192.0.2.2 leads into the overlay itself, by host",
            doctor.Output,
            StringComparison.Ordinal
        );
        Assert.DoesNotContain(
            "it is down, or something filters",
            doctor.Output,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_port_of_others_that_lets_larger_packets_into_a_bridge_is_named()
    {
        await using var lab = await OverlayLab.UpAsync(Yaml);
        await lab.RunAsync(
            "host1",
            "ip link add wide type veth peer name narrow && ip link set wide master cont && ip link set narrow mtu 1400 master cont"
        );
        var doctor = await lab.WeftAsync("host1", "doctor");
        Assert.Equal(0, doctor.ExitCode);
        Assert.Contains(
            "it is in bridge cont with MTU 1500, and is not Weft's",
            doctor.Output,
            StringComparison.Ordinal
        );
        Assert.Contains("`ip link set wide mtu 14", doctor.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("port narrow", doctor.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_subnet_that_the_host_has_otherwise_is_named()
    {
        await using var lab = await OverlayLab.BareAsync(Yaml);
        await lab.RunAsync(
            "host1",
            "ip link add docker0 type bridge && ip addr add 10.8.3.9/24 dev docker0 && ip link set docker0 up"
        );
        const string Named =
            "network 'host' has subnet 10.8.3.0/24, which overlaps 10.8.3.9/24 of docker0";
        var applied = await lab.WeftAsync("host1", "apply", "--yes");
        Assert.Equal(0, applied.ExitCode);
        Assert.Contains(Named, applied.Output + applied.Errors, StringComparison.Ordinal);
        Assert.Contains(
            Named,
            (await lab.WeftAsync("host1", "doctor")).Output,
            StringComparison.Ordinal
        );
    }
}
