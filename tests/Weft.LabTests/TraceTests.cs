using System.Text.Json;
using Weft.Core.Linux;
using Weft.Tracing;
using Xunit.Sdk;

namespace Weft.LabTests;

/// <summary>Something that goes wrong on the way between two, and what is to be said of it.</summary>
/// <param name="Name">What went wrong.</param>
/// <param name="Host">The host whose own fault it is, or that sees it; its doctor must name it too.</param>
/// <param name="Break">The script that has it go wrong there.</param>
/// <param name="Words">What trace and doctor must say.</param>
internal sealed record Fault(string Name, string Host, string Break, string Words)
{
    /// <summary>What mends it there, where applying the overlay does not.</summary>
    public string? Mend { get; init; }

    /// <summary>Whether the scripts are for the wire between the hosts.</summary>
    public bool IsOfWire { get; init; }

    /// <summary>Whether the doctor finds nothing else wrong than what may be meant so.</summary>
    public bool IsDoubtful { get; init; }

    /// <summary>The two between which packets go.</summary>
    public (string From, string To) Between { get; init; } = ("wallabag", "mastodon");

    /// <summary>A program or a file that it takes.</summary>
    public string? Needs { get; init; }
}

/// <summary>The lab that the faults of one kind share. Each finds it with all ways open and leaves it so.</summary>
public sealed class Road : IAsyncDisposable
{
    internal const string Yaml = """
        name: road
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        networks:
          cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true }
          host: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1, host2: 10.8.3.2 } }
        containers:
          wallabag: { host: host1, engine: netns, networks: { cont: 10.8.2.2 } }
          mastodon: { host: host2, engine: netns, networks: { cont: 10.8.2.3 } }
          gitea: { host: host2, engine: netns, networks: { cont: { address: 10.8.2.4, attach: switch } } }
        """;

    internal static string MacOf(string container) =>
        $"{OverlayLab.Parse(Yaml).Containers.Single(one => one.Name == container).Attachments[0].Mac}";

    private OverlayLab? lab;

    internal async Task<OverlayLab> LabAsync() => lab ??= await OverlayLab.UpAsync(Yaml);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (lab is not null)
        {
            await lab.DisposeAsync();
            lab = null;
        }
    }
}

/// <summary>Whatever goes wrong on the way between two is named by <c>weft trace</c>, and by <c>weft doctor</c> on the host that is to blame.</summary>
public abstract class TraceTests(Road road) : IAsyncDisposable
{
    internal Task<OverlayLab> LabAsync() => road.LabAsync();

    internal async Task NamesTheCauseAsync(Fault fault)
    {
        if (fault.Needs is { } needed && Tool.Find(needed) is null && !Path.Exists(needed))
        {
            Assert.Skip($"this machine has no {needed}");
        }
        var lab = await LabAsync();
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 84);
        await RunAsync(lab, fault, fault.Break);
        try
        {
            var doctor = lab.WeftAsync(fault.Host, "doctor");
            var trace = await TraceAsync(lab, fault.Between.From, fault.Between.To);
            var examined = await doctor;

            Assert.True(trace.Wrong is not null, "nothing is said to be wrong");
            Assert.Contains(fault.Words, trace.Wrong.Words, StringComparison.Ordinal);
            Assert.Equal(fault.Host, trace.Wrong.Host);
            Assert.True(
                examined.Output.Contains(fault.Words, StringComparison.Ordinal)
                    && examined.ExitCode == (fault.IsDoubtful ? 0 : 1),
                $"{examined.ExitCode}: {examined.Output}{examined.Errors}"
            );
        }
        finally
        {
            if (fault.Mend is { } mend)
            {
                await RunAsync(lab, fault, mend);
            }
            await lab.WeftDoneAsync(fault.IsOfWire ? "host1" : fault.Host, "apply", "--yes");
        }
    }

    /// <summary>What is true of the whole way, as both hosts of a lab tell it.</summary>
    internal static async Task<TraceReport> TraceAsync(
        OverlayLab lab,
        params IEnumerable<string> arguments
    )
    {
        var result = await WeftProgram.RunAsync([
            "trace",
            .. arguments,
            "--lab",
            lab.Name,
            "--json",
            "--timeout",
            "1.5",
        ]);
        var report = JsonSerializer.Deserialize(result.Output, TraceJson.Default.TraceReport);
        Assert.True(report is not null, result.Errors);
        Assert.Equal(report.Wrong is null ? 0 : 1, result.ExitCode);
        return report;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (TestContext.Current.TestState?.Result is TestResult.Failed)
        {
            await road.DisposeAsync();
        }
        GC.SuppressFinalize(this);
    }

    private static Task RunAsync(OverlayLab lab, Fault fault, string script) =>
        fault.IsOfWire
            ? WeftProgram.InNamespaceAsync(lab.Lab.Record.Segment.Init!.Value.Pid, script)
            : lab.RunAsync(fault.Host, script);
}

/// <summary>At the ends of the way: containers and hosts.</summary>
public sealed class TraceEndTests(Road road) : TraceTests(road), IClassFixture<Road>
{
    private static readonly Fault[] Faults =
    [
        new(
            "container down",
            "host2",
            "ip netns del mastodon",
            "is not there: it gets its place once it is"
        )
        {
            Mend = "ip netns add mastodon; ip -n mastodon link set lo up",
            IsDoubtful = true,
        },
        new(
            "container address missing",
            "host2",
            "ip -n mastodon addr del 10.8.2.3/24 dev eth1",
            "interface eth1 in mastodon: add 10.8.2.3/24"
        ),
        new(
            "container MTU wrong",
            "host2",
            "ip -n mastodon link set eth1 mtu 1300",
            "interface eth1 in mastodon: MTU 1300 → 1458"
        ),
        new(
            "container interface down",
            "host1",
            "ip -n wallabag link set eth1 down",
            "interface eth1 in wallabag: down → up"
        ),
        new(
            "host address missing",
            "host2",
            "ip addr del 10.8.3.2/24 dev host",
            "internal link host: add 10.8.3.2/24"
        )
        {
            Between = ("host1", "host2"),
        },
        new(
            "neighbour set wrong",
            "host1",
            "ip -n wallabag neigh replace 10.8.2.3 lladdr 02:00:00:00:00:99 dev eth1 nud permanent",
            "somebody has set 10.8.2.3 of mastodon to be at 02:00:00:00:00:99"
        )
        {
            Mend = "ip -n wallabag neigh del 10.8.2.3 dev eth1",
        },
        new(
            "veth end down",
            "host1",
            "ip link set wallabag-eth1 down",
            "veth wallabag-eth1: down → up"
        ),
    ];

    public static TheoryData<string> Names => [.. Faults.Select(fault => fault.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public Task The_true_cause_is_named(string fault) =>
        NamesTheCauseAsync(Faults.Single(one => one.Name == fault));

    [Fact]
    public async Task An_address_that_another_has_too_is_named_where_it_is_missed()
    {
        var lab = await LabAsync();
        await lab.RunAsync("host2", "ip -n gitea address add 10.8.2.2/24 dev eth1");
        await NamesTheCauseAsync(
            new(
                "address duplicate",
                "host1",
                "true",
                "10.8.2.2 of container 'wallabag' is also somebody else's"
            )
        );
        await lab.WeftDoneAsync("host2", "apply", "--yes");
    }

    [Fact]
    public async Task Where_all_is_well_the_whole_way_is_told_and_nothing_is_wrong()
    {
        var lab = await LabAsync();
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 1458);
        var report = await TraceAsync(lab, "wallabag", "mastodon");
        Assert.True(report.Wrong is null, report.ToJson());
        Assert.Equal(4, report.Answers.Length);
        Assert.Equal(
            [
                "host1 container wallabag",
                "host1 route",
                "host1 neighbours of wallabag",
                "host1 veth wallabag-eth1",
                "host1 bridge cont",
                "host1 uplink cont-sw",
                "host1 switch ovsbr0",
                "host1 tunnel host2",
                "host1 underlay host2",
                "host2 underlay host1",
                "host2 tunnel host1",
                "host2 switch ovsbr0",
                "host2 uplink cont-sw",
                "host2 bridge cont",
                "host2 veth mastodon-eth1",
                "host2 container mastodon",
                "host1 through tunnel host2",
            ],
            report.There.Select(hop => $"{hop.Host} {hop.What}").Distinct()
        );
        Assert.Contains(
            report.There,
            hop => hop.Words.StartsWith("sends it by the tunnel to host2", StringComparison.Ordinal)
        );
        Assert.Contains(
            report.Back,
            hop => hop.Words.StartsWith("sends it by the tunnel to host1", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task Two_on_one_host_are_traced_over_bridge_and_switch_without_a_tunnel()
    {
        var lab = await LabAsync();
        await lab.ReachesAsync("host2", "gitea", "10.8.2.3", 84);
        var report = await TraceAsync(lab, "gitea", "10.8.2.3");
        Assert.True(report.Wrong is null, report.ToJson());
        Assert.DoesNotContain(
            report.There,
            hop => hop.What.StartsWith("tunnel", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_host_alone_tells_its_own_half_and_says_so()
    {
        var lab = await LabAsync();
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 84);
        var words = await lab.WeftDoneAsync("host1", "trace", "wallabag", "mastodon");
        Assert.Contains(
            "host2 was not asked, and its half of the way is not here: run `weft trace wallabag mastodon` there too",
            words,
            StringComparison.Ordinal
        );
        Assert.Contains("nothing is wrong", words, StringComparison.Ordinal);
        var neither = await lab.WeftAsync("host1", "trace", "mastodon", "gitea");
        Assert.Equal(2, neither.ExitCode);
        Assert.Contains("run it on host2", neither.Errors, StringComparison.Ordinal);
    }

    /// <summary>From one host, a container that does not run looks as one that a firewall keeps apart.</summary>
    [Fact]
    public async Task A_host_alone_tells_a_container_that_does_not_run_from_a_tunnel_that_is_shut()
    {
        var lab = await LabAsync();
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 84);
        await lab.RunAsync("host2", "ip netns del mastodon");
        try
        {
            var trace = await lab.WeftAsync("host1", "trace", "wallabag", "mastodon");
            Assert.Equal(1, trace.ExitCode);
            Assert.Contains(
                "container 'mastodon' at 10.8.2.3 does not answer, though host2 at 10.8.3.2 does, through the same tunnel: it may not run there, as `weft status` on host2 says",
                trace.Output,
                StringComparison.Ordinal
            );
        }
        finally
        {
            await lab.RunAsync("host2", "ip netns add mastodon; ip -n mastodon link set lo up");
            await lab.WeftDoneAsync("host2", "apply", "--yes");
        }
    }

    [Fact]
    public async Task Two_that_share_no_network_are_told_so()
    {
        var report = await TraceAsync(await LabAsync(), "wallabag", "host2");
        Assert.StartsWith(
            "wallabag is in 'cont' and host2 in 'host': networks are kept apart",
            report.Wrong!.Words
        );
    }

    [Fact]
    public async Task A_packet_that_is_larger_than_the_MTU_is_told_to_be()
    {
        var report = await TraceAsync(await LabAsync(), "wallabag", "mastodon", "--size", "1459");
        Assert.Equal("host1", report.Wrong!.Host);
        Assert.Contains(
            "packets of 1459 bytes are larger than its MTU of 1458",
            report.Wrong.Words,
            StringComparison.Ordinal
        );
    }
}

/// <summary>Inside hosts: bridges and switches.</summary>
public sealed class TraceSwitchTests(Road road) : TraceTests(road), IClassFixture<Road>
{
    private static readonly string Mastodon = Road.MacOf("mastodon");

    private static readonly Fault[] Faults =
    [
        new("bridge down", "host1", "ip link set cont down", "bridge cont: down → up"),
        new("uplink missing", "host2", "ip link del cont-sw", "no veth cont-sw"),
        new("bridge port down", "host1", "ip link set cont-br down", "veth cont-br: down → up"),
        new(
            "bridge port shut",
            "host1",
            "bridge link set dev cont-br state 0",
            "somebody has set port cont-br to disabled"
        )
        {
            Mend = "bridge link set dev cont-br state 3",
        },
        new(
            "firewall drops what is bridged",
            "host2",
            """
            sysctl -q -w net.bridge.bridge-nf-call-iptables=1
            nft add table ip filter
            nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
            """,
            "chain FORWARD of table ip filter drops them: let them pass by `iptables -I FORWARD -i cont -o cont -j ACCEPT`"
        )
        {
            Mend = "nft delete table ip filter",
            // br_netfilter is loaded.
            Needs = "/proc/sys/net/bridge",
        },
        new(
            "bridge FDB poisoned",
            "host1",
            $"bridge fdb replace {Mastodon} dev wallabag-eth1 master static sticky",
            $"somebody has set {Mastodon} of mastodon to be behind wallabag-eth1"
        )
        {
            Mend = $"bridge fdb del {Mastodon} dev wallabag-eth1 master",
        },
        new(
            "switch FDB poisoned",
            "host1",
            $"ovs-appctl fdb/add ovsbr0 cont-sw 200 {Mastodon}",
            $"somebody has set {Mastodon} of mastodon to be behind cont-sw"
        )
        {
            Mend = $"ovs-appctl fdb/del ovsbr0 200 {Mastodon}",
        },
        new(
            "tag wrong",
            "host1",
            "ovs-vsctl set port cont-sw tag=201",
            "port cont-sw: VLAN 201 → 200"
        ),
        new("port missing", "host2", "ovs-vsctl del-port cont-sw", "no port cont-sw"),
        new(
            "rule drops",
            "host1",
            $"ovs-ofctl add-flow ovsbr0 priority=10,dl_dst={Mastodon},actions=drop",
            $"dl_dst={Mastodon}"
        )
        {
            Mend = $"ovs-ofctl del-flows ovsbr0 dl_dst={Mastodon}",
            IsDoubtful = true,
        },
        new(
            "no rule",
            "host1",
            "ovs-ofctl del-flows ovsbr0",
            "ovs-ofctl add-flow ovsbr0 priority=0,actions=NORMAL"
        )
        {
            Mend = "ovs-ofctl add-flow ovsbr0 priority=0,actions=NORMAL",
        },
        new("tunnel port missing", "host1", "ovs-vsctl del-port tun-host2", "no port tun-host2"),
        new(
            "tunnel to somebody else",
            "host2",
            "ovs-vsctl set interface tun-host1 options:remote_ip=192.0.2.9",
            "port tun-host1: options local_ip=192.0.2.2, remote_ip=192.0.2.1"
        ),
        new(
            "tunnel not protected",
            "host1",
            "ovs-vsctl set port tun-host2 protected=false",
            "port tun-host2: protected"
        ),
    ];

    public static TheoryData<string> Names => [.. Faults.Select(fault => fault.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public Task The_true_cause_is_named(string fault) =>
        NamesTheCauseAsync(Faults.Single(one => one.Name == fault));
}

/// <summary>Between hosts.</summary>
public sealed class TraceUnderlayTests(Road road) : TraceTests(road), IClassFixture<Road>
{
    private const string Join =
        "ip addr replace ADDRESS/24 dev br-phy noprefixroute; ip link set br-phy up; ip route replace 192.0.2.0/24 dev br-phy src ADDRESS";

    private static readonly Fault[] Faults =
    [
        new("cable cut", "host1", "ip link set port1 down", "eth0 has no carrier")
        {
            Mend = "ip link set port1 up",
            IsOfWire = true,
        },
        new("underlay link down", "host2", "ip link set eth0 down", "eth0 is down")
        {
            Mend = "ip link set eth0 up",
        },
        new(
            "underlay route missing",
            "host1",
            "ip route del 192.0.2.0/24 dev br-phy",
            "there is no route to 192.0.2.2"
        )
        {
            Mend = JoinAs("192.0.2.1"),
        },
        new(
            "underlay address missing",
            "host2",
            "ip addr del 192.0.2.2/24 dev br-phy",
            "underlay address 192.0.2.2 is on no link"
        )
        {
            Mend = JoinAs("192.0.2.2"),
        },
        new(
            "underlay MTU small",
            "host2",
            "ip link set eth0 mtu 1400",
            "eth0 carries underlay address 192.0.2.2 with MTU 1400, but the file says 1500"
        )
        {
            Mend = "ip link set eth0 mtu 1500",
        },
        new(
            "path MTU small",
            "host1",
            "ip link set port2 mtu 1400",
            "answers packets of up to 1400 bytes, and the file says 1500"
        )
        {
            Mend = "ip link set port2 mtu 1500; ip link set segment mtu 1500",
            IsOfWire = true,
        },
        new(
            "tunnel filtered",
            "host1",
            Filter("ip protocol gre"),
            "something on the way filters IP protocol 47 (GRE)"
        )
        {
            Mend = "nft delete table netdev way",
            IsOfWire = true,
            Needs = "nft",
        },
        new("hosts apart", "host1", Filter("ip version 4"), "192.0.2.2 does not answer a ping")
        {
            Mend = "nft delete table netdev way",
            IsOfWire = true,
            Needs = "nft",
        },
        new(
            "ovs-vswitchd dead",
            "host2",
            "pid=$(cat /run/openvswitch/ovs-vswitchd.pid); kill -9 $pid; while [ -d /proc/$pid ]; do sleep 0.05; done",
            "ovs-vswitchd does not run"
        )
        {
            Mend =
                "ovs-vswitchd --pidfile --detach --log-file -vconsole:off; " + JoinAs("192.0.2.2"),
        },
        new(
            "ovsdb-server dead",
            "host2",
            "pid=$(cat /run/openvswitch/ovsdb-server.pid); kill -9 $pid; while [ -d /proc/$pid ]; do sleep 0.05; done",
            "Open vSwitch's database does not answer"
        )
        {
            Mend =
                "ovsdb-server --remote=punix:/run/openvswitch/db.sock --pidfile --detach --log-file -vconsole:off",
        },
    ];

    public static TheoryData<string> Names => [.. Faults.Select(fault => fault.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public Task The_true_cause_is_named(string fault) =>
        NamesTheCauseAsync(Faults.Single(one => one.Name == fault));

    private static string JoinAs(string address) =>
        Join.Replace("ADDRESS", address, StringComparison.Ordinal);

    private static string Filter(string what) =>
        $$"""nft 'table netdev way { chain drops { type filter hook ingress device port2 priority 0; {{what}} drop; }; }'""";
}
