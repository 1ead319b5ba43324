using System.Text;
using Weft.Core.Overlays;

namespace Weft.Bench;

/// <summary>
/// Times <c>weft apply</c> on a fresh host, as a whole process, against a script of the guide's commands, and against the
/// minimum: one hand-written transaction and link batch, by a client that is already connected.
/// </summary>
internal static class ApplyBench
{
    private const int Networks = 100;

    public static async Task RunAsync()
    {
        await TwoHostsAsync(rounds: 15);
        await ManyHostsAsync(hosts: 10, rounds: 5, scripts: 3);
        await ManyHostsAsync(hosts: 100, rounds: 5, scripts: 1);
        await ManyHostsAsync(hosts: 500, rounds: 3, scripts: 1);
    }

    private static async Task TwoHostsAsync(int rounds)
    {
        await using var host = await BenchHost.MakeAsync(
            await File.ReadAllTextAsync("examples/two-hosts.yaml")
        );
        var apply = new Timing("weft apply, fresh host");
        var script = new Timing("the guide's commands as a script");
        var raw = new Timing("one transaction and one batch by hand");
        var same = new Timing("weft apply, nothing to change");
        var show = new Timing("ovs-vsctl show");
        var version = new Timing("weft --version");
        for (var round = 0; round < rounds; round++)
        {
            await apply.MeasureAsync(() => host.WeftAsync("apply", "--yes"));
            await same.MeasureAsync(() => host.WeftAsync("apply", "--yes"));
            await show.MeasureAsync(() => host.ScriptAsync("exec ovs-vsctl show"));
            await version.MeasureAsync(() => host.WeftAsync("--version"));
            await host.WeftAsync("destroy", "--yes");
            await script.MeasureAsync(() => host.ScriptAsync(GuideScript));
            await host.ScriptAsync(
                "ovs-vsctl del-br ovsbr0; ip link del cont-mgmnt0; ip link del wallabag-eth1"
            );
            await raw.MeasureAsync(() => RawTwoHostsAsync(host));
            await host.ScriptAsync(
                "ovs-vsctl del-br ovsbr0; ip link del cont-mgmnt0; ip link del wallabag-eth1"
            );
        }
        Timing.Print("examples/two-hosts.yaml, host1:", [apply, script, raw]);
        Timing.Print("nothing to change:", [same, show, version]);
    }

    // The guide's commands, row by row (DESIGN section 1); the container is a namespace, so its interface is made with ip.
    private const string GuideScript = """
        ip link add cont-mgmnt0 type bridge stp_state 1
        ip link set cont-mgmnt0 up
        ip link add wallabag-eth1 type veth peer name eth1 netns wallabag
        ip link set wallabag-eth1 master cont-mgmnt0 up
        ip -n wallabag addr add 10.8.2.2/24 dev eth1
        ip -n wallabag link set eth1 up
        ovs-vsctl add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev
        ovs-vsctl set int ovsbr0 mtu_request=1416
        ovs-vsctl add-port ovsbr0 cont-mgmnt0 tag=200
        ovs-vsctl add-port ovsbr0 gre0 -- set interface gre0 type=gre options:remote_ip=192.0.2.2
        ovs-vsctl add-port ovsbr0 host-mgmnt0 tag=100 -- set interface host-mgmnt0 type=internal
        ip addr add 10.8.3.1/24 dev host-mgmnt0
        ip link set host-mgmnt0 up
        """;

    private static async Task RawTwoHostsAsync(BenchHost host)
    {
        await host.ScriptAsync(
            """
            ip -batch - <<'LINES'
            link add cont-mgmnt0 type bridge stp_state 1
            link set cont-mgmnt0 up
            link add wallabag-eth1 type veth peer name eth1 netns wallabag
            link set wallabag-eth1 master cont-mgmnt0 up
            LINES
            """
        );
        await RawTransaction.RunAsync(
            host.Client,
            [
                new("ovsbr0", "internal") { Mtu = 1416 },
                new("cont-mgmnt0", "") { Tag = 200 },
                new("gre0", "gre") { Remote = "192.0.2.2" },
                new("host-mgmnt0", "internal") { Tag = 100 },
            ]
        );
        await host.ScriptAsync(
            """
            ip -batch - <<'LINES'
            addr add 10.8.3.1/24 dev host-mgmnt0
            link set host-mgmnt0 up
            LINES
            ip -n wallabag -batch - <<'LINES'
            addr add 10.8.2.2/24 dev eth1
            link set eth1 up
            LINES
            """
        );
    }

    private static async Task ManyHostsAsync(int hosts, int rounds, int scripts)
    {
        var yaml = ManyHosts(hosts);
        await using var host = await BenchHost.MakeAsync(yaml);
        var overlay = BenchHost.Parse(yaml);
        var typed = TypedScript(overlay);
        var apply = new Timing("weft apply, fresh host");
        var script = new Timing("the same as separate commands in a script");
        var raw = new Timing("one transaction and one batch by hand");
        var same = new Timing("weft apply, nothing to change");
        for (var round = 0; round < rounds; round++)
        {
            await apply.MeasureAsync(() => host.WeftAsync("apply", "--yes", "--timeout", "300"));
            await same.MeasureAsync(() => host.WeftAsync("apply", "--yes"));
            await host.WeftAsync("destroy", "--yes", "--timeout", "300");
            await raw.MeasureAsync(() => RawManyHostsAsync(host, overlay));
            await host.ScriptAsync("ovs-vsctl del-br ovsbr0");
            if (round < scripts)
            {
                await script.MeasureAsync(() => host.ScriptAsync(typed));
                await host.ScriptAsync("ovs-vsctl del-br ovsbr0");
            }
        }
        Timing.Print(
            $"{hosts} hosts × {Networks} networks, one host of them:",
            [apply, script, raw, same]
        );
    }

    private static string ManyHosts(int hosts)
    {
        var text = new StringBuilder("name: many\nhosts:\n");
        for (var host = 1; host <= hosts; host++)
        {
            text.Append($"  host{host}: 192.0.{host / 250 + 2}.{host % 250 + 1}\n");
        }
        text.Append("networks:\n");
        for (var network = 1; network <= Networks; network++)
        {
            text.Append(
                $"  net{network}: {{ vlan: {network}, subnet: 10.{network}.0.0/16, hosts: {{ host1: 10.{network}.0.1 }} }}\n"
            );
        }
        return text.ToString();
    }

    private static string TypedScript(Overlay overlay)
    {
        var text = new StringBuilder(
            "ovs-vsctl add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev\n"
        );
        text.Append("ovs-vsctl set int ovsbr0 mtu_request=1458\n");
        foreach (var network in overlay.Networks)
        {
            text.Append(
                $"""
                ovs-vsctl add-port ovsbr0 {network.Name} tag={network.Vlan} -- set interface {network.Name} type=internal
                ip addr add {network.Hosts[0].Addresses[0]}/16 dev {network.Name}
                ip link set {network.Name} up

                """
            );
        }
        foreach (var peer in overlay.Hosts.Skip(1))
        {
            text.Append(
                $"ovs-vsctl add-port ovsbr0 to-{peer.Name} protected=true -- set interface to-{peer.Name} type=gre options:remote_ip={peer.Address}\n"
            );
        }
        return text.ToString();
    }

    private static async Task RawManyHostsAsync(BenchHost host, Overlay overlay)
    {
        await RawTransaction.RunAsync(
            host.Client,
            [
                new("ovsbr0", "internal") { Mtu = 1458 },
                .. overlay.Networks.Select(network => new RawPort(network.Name, "internal")
                {
                    Tag = network.Vlan,
                }),
                .. overlay
                    .Hosts.Skip(1)
                    .Select(peer => new RawPort($"to-{peer.Name}", "gre")
                    {
                        Remote = peer.Address.ToString(),
                    }),
            ]
        );
        var lines = overlay.Networks.SelectMany(network =>
            (string[])
                [
                    $"addr add {network.Hosts[0].Addresses[0]}/16 dev {network.Name}",
                    $"link set {network.Name} up",
                ]
        );
        await host.ScriptAsync($"ip -batch - <<'LINES'\n{string.Join('\n', lines)}\nLINES");
    }
}
