namespace Weft.LabTests;

/// <summary>What a host that routes, as one does for Docker's or LXD's containers, does with what comes in from a network.</summary>
public sealed class ForwardingTests
{
    private const string Yaml = """
        name: routing
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        networks:
          cont0: { vlan: 200, subnet: [10.8.2.0/24, "fd00:8:2::/64"], bridge: true, hosts: { host1: [10.8.2.1, "fd00:8:2::1"] } }
          host0: { vlan: 100, subnet: [10.8.3.0/24, "fd00:8:3::/64"], hosts: { host1: [10.8.3.1, "fd00:8:3::1"], host2: [10.8.3.2, "fd00:8:3::2"] } }
        containers:
          web: { host: host1, engine: netns, networks: { cont0: [10.8.2.2, "fd00:8:2::2"] } }
        """;

    /// <summary>The container and the other host both have routes by this one, which routes for others.</summary>
    [Fact]
    public async Task A_host_that_routes_leads_from_no_network_into_another_unless_it_is_to()
    {
        await using var lab = await OverlayLab.UpAsync(Yaml);
        await lab.RunAsync("host1", "ip -n web route add 10.8.3.0/24 via 10.8.2.1");
        await lab.RunAsync("host2", "ip route add 10.8.2.0/24 via 10.8.3.1");
        await using (await RunningAgent.StartAsync(lab, "host1"))
        {
            // As dockerd does when it starts: for all links there are.
            await lab.RunAsync(
                "host1",
                "echo 0 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"
            );
            await Eventually.IsAsync(async () =>
                await lab.RunAsync(
                    "host1",
                    "cat /proc/sys/net/ipv4/conf/cont0/forwarding /proc/sys/net/ipv4/conf/host0/forwarding"
                ) == "0\n0\n"
            );
        }
        await lab.ReachesAsync("host1", "web", "10.8.2.1", 84);
        Assert.NotEqual(0, (await lab.PingAsync("host1", "web", "10.8.3.2", 84)).ExitCode);
        // Of IPv6 the kernel asks no link.
        var doctor = (await lab.WeftAsync("host1", "doctor")).Output;
        Assert.Contains("this host forwards IPv6 out of it to", doctor, StringComparison.Ordinal);
        Assert.DoesNotContain("forwards IPv4 into it from cont0", doctor, StringComparison.Ordinal);

        await lab.WriteFileAsync(
            Yaml.Replace("bridge: true", "bridge: true, forward: true")
                .Replace("vlan: 100,", "vlan: 100, forward: true,")
        );
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        await lab.ReachesAsync("host1", "web", "10.8.3.2", 84);
        Assert.DoesNotContain(
            "this host forwards",
            (await lab.WeftAsync("host1", "doctor")).Output,
            StringComparison.Ordinal
        );
    }
}
