using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weft.LabTests;

/// <summary>Weft touches what it made and nothing else.</summary>
public sealed class OwnershipTests
{
    private const string Foreign = """
        ovs-vsctl add-br theirs -- set bridge theirs datapath_type=netdev external_ids:owner=them
        ovs-vsctl add-port theirs their-port tag=200 -- set interface their-port type=internal
        ovs-vsctl add-port theirs their-tun -- set interface their-tun type=vxlan options:remote_ip=192.0.2.9
        ip link add their-bridge type bridge
        ip link add their-veth type veth peer name their-peer
        ip link set their-veth master their-bridge up
        ip addr add 10.99.0.1/24 dev their-bridge
        ip netns add their-ns
        """;

    [Fact]
    public async Task Destroy_gives_back_the_host_of_before_to_the_last_detail()
    {
        await using var lab = await OverlayLab.BareAsync(OverlayLab.TwoHosts);
        await lab.RunAsync("host1", Foreign);
        var before = await DescribeAsync(lab, "host1");

        await lab.WeftDoneAsync("host1", "apply", "--yes");
        Assert.NotEqual(before, await DescribeAsync(lab, "host1"));
        await lab.WeftDoneAsync("host1", "destroy", "--yes");

        Assert.Equal(before, await DescribeAsync(lab, "host1"));
        // There is nothing to destroy a second time.
        Assert.Contains(
            "nothing to change",
            await lab.WeftDoneAsync("host1", "destroy", "--yes"),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData(
        "ovs-vsctl add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev",
        "bridge 'ovsbr0'"
    )]
    [InlineData("ip link add cont-mgmnt0 type bridge", "link 'cont-mgmnt0'")]
    [InlineData("ip link add cont-mgmnt0-sw type veth peer name x", "link 'cont-mgmnt0-sw'")]
    [InlineData("ip link add host-mgmnt0 type veth peer name x", "link 'host-mgmnt0'")]
    [InlineData("ip link add ovsbr0 type veth peer name x", "link 'ovsbr0'")]
    [InlineData("ip -n wallabag link add eth1 type veth peer name x", "container 'wallabag'")]
    [InlineData("ip link property add dev br-phy altname cont-mgmnt0-br", "link 'br-phy'")]
    [InlineData("ip link property add dev br-phy altname host-mgmnt0", "link 'br-phy'")]
    [InlineData(
        "ip -n wallabag link add net0 type veth peer name x && ip -n wallabag link property add dev net0 altname eth1",
        "container 'wallabag'"
    )]
    [InlineData(
        "ovs-vsctl add-port br-phy host-mgmnt0 -- set interface host-mgmnt0 type=internal",
        "port 'host-mgmnt0'"
    )]
    [InlineData(
        "ovs-vsctl add-port br-phy g -- set interface g type=gre options:remote_ip=192.0.2.2",
        "port 'g'"
    )]
    public async Task A_name_that_is_taken_by_somebody_else_is_named_and_nothing_is_changed(
        string taken,
        string named
    )
    {
        await using var lab = await OverlayLab.BareAsync(OverlayLab.TwoHosts);
        await lab.RunAsync("host1", taken);
        var before = await DescribeAsync(lab, "host1");

        var result = await lab.WeftAsync("host1", "apply", "--yes");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains(named, result.Errors, StringComparison.Ordinal);
        Assert.Equal(before, await DescribeAsync(lab, "host1"));
    }

    [Fact]
    public async Task What_others_put_into_the_overlays_switch_and_bridge_stays_there_and_keeps_them()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.RunAsync(
            "host1",
            """
            ovs-vsctl add-port ovsbr0 guest tag=200 -- set interface guest type=internal
            ip link add lodger type veth peer name lodger-peer
            ip link set lodger master cont-mgmnt0
            """
        );
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        Assert.Contains(
            "guest",
            await lab.WeftDoneAsync("host1", "status"),
            StringComparison.Ordinal
        );
        var before = await DescribeAsync(lab, "host1");

        var refused = await lab.WeftAsync("host1", "destroy", "--yes");

        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("guest", refused.Errors, StringComparison.Ordinal);
        Assert.Contains("lodger", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(before, await DescribeAsync(lab, "host1"));
    }

    /// <summary>
    /// The whole database of Open vSwitch and all links, less what counts and ticks by itself: statistics, timers
    /// and the number of the last configuration.
    /// </summary>
    internal static async Task<string> DescribeAsync(OverlayLab lab, string host)
    {
        var database = await lab.RunAsync(
            host,
            "ovsdb-client -f json dump unix:/run/openvswitch/db.sock Open_vSwitch"
        );
        var tables = database
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => Settled(JsonNode.Parse(line)!.AsObject()));
        var links = JsonNode.Parse(await lab.RunAsync(host, "ip -j -d addr show"))!.AsArray();
        foreach (var link in links)
        {
            Forget(link);
        }
        return string.Join(
            '\n',
            [.. tables, links.ToJsonString(new JsonSerializerOptions { WriteIndented = true })]
        );
    }

    private static string Settled(JsonObject table)
    {
        string[] moving =
        [
            "statistics",
            "next_cfg",
            "cur_cfg",
            "status",
            "link_resets",
            "rstp_statistics",
        ];
        var headings = table["headings"]!
            .AsArray()
            .Select(heading => heading!.GetValue<string>())
            .ToList();
        var rows = table["data"]!
            .AsArray()
            .Select(row =>
                string.Join(
                    ", ",
                    row!
                        .AsArray()
                        .Zip(headings)
                        .Where(cell => !moving.Contains(cell.Second))
                        .Select(cell => $"{cell.Second}={cell.First?.ToJsonString()}")
                )
            )
            .Order(StringComparer.Ordinal);
        return $"{table["caption"]}\n{string.Join('\n', rows)}";
    }

    private static void Forget(JsonNode? node)
    {
        if (node is JsonArray items)
        {
            foreach (var item in items)
            {
                Forget(item);
            }
        }
        if (node is not JsonObject members)
        {
            return;
        }
        // What the kernel finds out by itself, in its own time: addresses that are free, carriers, the spanning tree's
        // states and the ageing that it shortens meanwhile. Of the flags only UP is anybody's setting.
        string[] found = ["tentative", "operstate", "state", "ageing_time"];
        foreach (var (name, value) in members.ToList())
        {
            if (
                found.Contains(name)
                || name.EndsWith("_timer", StringComparison.Ordinal)
                || name.StartsWith("topology_change", StringComparison.Ordinal)
            )
            {
                members.Remove(name);
            }
            else if (name == "flags")
            {
                members[name] = value!.AsArray().Any(flag => flag!.GetValue<string>() == "UP");
            }
            else
            {
                Forget(value);
            }
        }
    }
}
