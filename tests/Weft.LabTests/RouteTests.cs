namespace Weft.LabTests;

/// <summary>Containers reach what is behind their neighbours.</summary>
public sealed class RouteTests
{
    private const string File = """
        name: homelab
        switch: ovsbr0
        hosts:
          host1: 192.0.2.1
          host2: 192.0.2.2
        networks:
          net1: { vlan: 200, subnet: [10.8.2.0/24, "fd00:8:2::/64"], bridge: true }
        containers:
          client:
            host: host1
            engine: netns
            networks:
              net1:
                address: [10.8.2.2, "fd00:8:2::2"]
                routes: { 0.0.0.0/0: 10.8.2.3, "::/0": "fd00:8:2::3", 203.0.113.0/24: 10.8.2.77 }
          gate: { host: host2, engine: netns, networks: { net1: [10.8.2.3, "fd00:8:2::3"] } }
        """;

    [Fact]
    public async Task A_container_reaches_a_subnet_behind_another_and_a_lost_route_is_said_and_mended()
    {
        await using var lab = await OverlayLab.UpAsync(File);
        await lab.RunAsync(
            "host2",
            "ip -n gate link set lo up; ip -n gate addr add 10.99.0.1/24 dev lo; ip -n gate addr add fd99::1/64 dev lo"
        );
        await lab.ReachesAsync("host1", "client", "10.99.0.1", 1458);
        await lab.ReachesAsync("host1", "client", "fd99::1", 1458);
        await NothingIsToBeDoneAsync(lab);

        foreach (
            var (sabotage, said) in ((string, string)[])
                [
                    ("ip -n client route del default", "route default via 10.8.2.3"),
                    ("ip -n client -6 route del default", "route default via fd00:8:2::3"),
                    (
                        "ip -n client route replace default via 10.8.2.9 proto 87",
                        "route default via 10.8.2.3"
                    ),
                    (
                        "ip -n client route add 10.77.0.0/16 via 10.8.2.3 dev eth1 proto 87",
                        "no route 10.77.0.0/16 via 10.8.2.3"
                    ),
                    ("ip -n client link set eth1 down", "up, route default via 10.8.2.3"),
                    ("ip -n client addr flush dev eth1 scope global", "route default via 10.8.2.3"),
                ]
        )
        {
            await lab.RunAsync("host1", sabotage);
            var status = await lab.WeftAsync("host1", "status", "--json");
            Assert.Equal(1, status.ExitCode);
            Assert.Contains(said, status.Output, StringComparison.Ordinal);
            await lab.WeftDoneAsync("host1", "apply", "--yes");
            await NothingIsToBeDoneAsync(lab);
            await lab.ReachesAsync("host1", "client", "10.99.0.1", 1458);
            await lab.ReachesAsync("host1", "client", "fd99::1", 1458);
        }
    }

    [Fact]
    public async Task Of_a_containers_routes_those_that_left_the_file_go_and_no_others()
    {
        await using var lab = await OverlayLab.UpAsync(File);
        await lab.RunAsync(
            "host1",
            "ip -n client route add 10.66.0.0/16 via 10.8.2.3; ip -n client route del 203.0.113.0/24; ip -n client route add 203.0.113.0/24 via 10.8.2.5"
        );

        // What is not Weft's stands in the way, and is left alone.
        var refused = await lab.WeftAsync("host1", "apply", "--yes");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(
            "has a route 203.0.113.0/24 via 10.8.2.5 by 'eth1' already, which Weft did not make",
            refused.Errors,
            StringComparison.Ordinal
        );

        // At a boot nobody is there to take it out of the way: it keeps the others from nothing.
        await lab.RunAsync("host1", "ovs-vsctl del-br ovsbr0");
        var restored = await lab.WeftAsync("host1", "apply", "--boot");
        Assert.Equal(1, restored.ExitCode);
        Assert.Contains("which Weft did not make", restored.Errors, StringComparison.Ordinal);
        await lab.ReachesAsync("host1", "client", "10.8.2.3", 1458);

        await lab.WriteFileAsync(
            File.Replace(
                "routes: { 0.0.0.0/0: 10.8.2.3, \"::/0\": \"fd00:8:2::3\", 203.0.113.0/24: 10.8.2.77 }",
                "routes: { 10.0.0.0/8: 10.8.2.3 }",
                StringComparison.Ordinal
            )
        );
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        var routes = await lab.RunAsync(
            "host1",
            "ip -n client route; ip -n client -6 route show default"
        );
        Assert.DoesNotContain("default", routes, StringComparison.Ordinal);
        Assert.Contains("10.0.0.0/8 via 10.8.2.3", routes, StringComparison.Ordinal);
        Assert.Contains("10.66.0.0/16 via 10.8.2.3", routes, StringComparison.Ordinal);
        Assert.Contains("203.0.113.0/24 via 10.8.2.5", routes, StringComparison.Ordinal);
    }

    private static async Task NothingIsToBeDoneAsync(OverlayLab lab) =>
        Assert.Equal(0, (await lab.WeftAsync("host1", "plan", "--exit-code")).ExitCode);
}
