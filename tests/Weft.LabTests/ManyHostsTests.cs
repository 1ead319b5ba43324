using System.Text;

namespace Weft.LabTests;

/// <summary>More than two hosts: a full mesh is a loop, unless tunnels keep a split horizon.</summary>
public sealed class ManyHostsTests
{
    private const int Broadcasts = 20;

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(10)]
    public async Task Every_pair_reaches_each_other_and_a_broadcast_arrives_exactly_once_at_each(
        int hosts
    )
    {
        await using var lab = await OverlayLab.UpAsync(Mesh(hosts));
        await lab.AllReachAllAsync();
        var captures = new List<Capture>();
        try
        {
            for (var host = 2; host <= hosts; host++)
            {
                captures.Add(
                    await Capture.StartAsync(
                        lab.Hosts[host - 1],
                        $"c{host}",
                        "eth1",
                        "icmp[icmptype] = icmp-echo and host 10.8.2.1"
                    )
                );
            }
            await lab.RunAsync(
                "host1",
                $"ip netns exec c1 ping -n -b -c {Broadcasts} -i 0.02 -W 1 10.8.2.255 >/dev/null 2>&1 || true"
            );
            // Whatever was still under way is there before what was sent after it.
            for (var host = 2; host <= hosts; host++)
            {
                await lab.ReachesAsync("host1", "c1", $"10.8.2.{host}", 84);
            }
            foreach (
                var (capture, host) in captures.Select((capture, index) => (capture, index + 2))
            )
            {
                await Eventually.IsAsync(() =>
                    capture.Packets.Any(packet => IsTo(packet, $"10.8.2.{host}"))
                );
                Assert.Equal(
                    Broadcasts,
                    capture.Packets.Count(packet => IsTo(packet, "10.8.2.255"))
                );
            }
        }
        finally
        {
            foreach (var capture in captures)
            {
                await capture.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Protection_taken_away_by_hand_is_seen_by_status_and_mended_by_apply()
    {
        await using var lab = await OverlayLab.UpAsync(Mesh(3));
        await lab.RunAsync("host2", "ovs-vsctl set port tun-host1 protected=false");

        var ill = await lab.WeftAsync("host2", "status");
        Assert.Equal(1, ill.ExitCode);
        Assert.Contains("port tun-host1: protected", ill.Output, StringComparison.Ordinal);

        await lab.WeftDoneAsync("host2", "apply", "--yes");
        Assert.Equal(
            "true",
            (await lab.RunAsync("host2", "ovs-vsctl get port tun-host1 protected")).Trim()
        );
        await lab.WeftDoneAsync("host2", "status");
    }

    [Fact]
    public async Task A_host_that_leaves_the_file_and_comes_back_costs_the_others_nothing()
    {
        await using var lab = await OverlayLab.UpAsync(Mesh(3));
        await lab.AllReachAllAsync();
        // A ping every 10 ms between the two that stay.
        await lab.RunAsync(
            "host1",
            "ip netns exec c1 sh -c 'ping -n -i 0.01 -W 1 10.8.2.2 > /run/ping.log 2>&1 & echo $! > /run/ping.pid'"
        );
        await lab.WriteFileAsync("host1", Mesh(2));
        await lab.WriteFileAsync("host2", Mesh(2));
        foreach (var host in (string[])["host1", "host2"])
        {
            await lab.WeftDoneAsync(host, "apply", "--yes");
            Assert.DoesNotContain(
                "tun-host3",
                await lab.RunAsync(host, "ovs-vsctl list-ports ovsbr0"),
                StringComparison.Ordinal
            );
        }
        await lab.WriteFileAsync("host1", Mesh(3));
        await lab.WriteFileAsync("host2", Mesh(3));
        foreach (var host in (string[])["host1", "host2"])
        {
            await lab.WeftDoneAsync(host, "apply", "--yes");
        }
        await lab.AllReachAllAsync();
        // It goes on for a while after the last change, too.
        await Eventually.IsAsync(async () =>
            int.Parse((await lab.RunAsync("host1", "grep -c icmp_seq /run/ping.log")).Trim()) > 200
        );
        var log = await lab.RunAsync(
            "host1",
            "kill -INT $(cat /run/ping.pid); tail --pid=$(cat /run/ping.pid) -f /dev/null; sed -n 's/.*icmp_seq=\\([0-9]*\\) .*/\\1/p' /run/ping.log"
        );
        // The last one may still be under way; before it none is missing.
        var answered = log.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(int.Parse)
            .Order()
            .ToList();
        Assert.Equal(Enumerable.Range(1, answered.Count), answered);
    }

    /// <summary>Hosts with one container each, c1 on host1 and so on.</summary>
    private static string Mesh(int hosts)
    {
        var text = new StringBuilder("name: mesh\nhosts:\n");
        Each(host => $"  host{host}: 192.0.2.{host}\n");
        text.Append(
            "networks:\n  cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true }\ncontainers:\n"
        );
        Each(host =>
            $"  c{host}: {{ host: host{host}, engine: netns, networks: {{ cont: 10.8.2.{host} }} }}\n"
        );
        return text.ToString();

        void Each(Func<int, string> line)
        {
            foreach (var host in Enumerable.Range(1, hosts))
            {
                text.Append($"{line(host)}");
            }
        }
    }

    private static bool IsTo(string packet, string address) =>
        packet.Contains($" > {address}: ICMP echo request", StringComparison.Ordinal);
}
