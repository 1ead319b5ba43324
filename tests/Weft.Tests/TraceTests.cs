using System.Collections.Immutable;
using System.Net;
using System.Text;
using Weft.Commands;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Fleet;
using Weft.Health;
using Weft.Reachability;
using Weft.Tracing;

namespace Weft.Tests;

/// <summary>What is made of the halves of a way, and of what a switch, a bridge and a kernel say of it.</summary>
public sealed class TraceTests
{
    private const string Yaml = """
        name: road
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        networks:
          cont: { vlan: 200, subnet: [10.8.2.0/24, "fd00:8:2::/64"], bridge: { stp: true }, hosts: { host2: 10.8.2.102 } }
          host: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1, host2: 10.8.3.2 } }
        containers:
          wallabag: { host: host1, engine: netns, networks: { cont: [10.8.2.2, "fd00:8:2::2"] } }
          mastodon: { host: host2, engine: netns, networks: { cont: ["fd00:8:2::3", 10.8.2.3], host: 10.8.3.3 } }
          gitea: { host: host1, engine: netns, networks: { cont: { address: 10.8.2.4, attach: switch } } }
          host2: { host: host1, engine: netns, networks: { cont: 10.8.2.5 } }
        """;

    private static readonly Overlay Overlay = OverlayFile
        .Parse("overlay.yaml", Encoding.UTF8.GetBytes(Yaml))
        .Overlay!;

    private static readonly HostIntent Intent = IntentBuilder.Build(
        Overlay,
        "host1",
        kernelDatapath: false
    );

    private static readonly ImmutableArray<Resident> Residents = Resident.AllOf(Overlay, Intent);

    [Theory]
    [InlineData("wallabag", "mastodon", "cont 10.8.2.2 → 10.8.2.3")]
    [InlineData("fd00:8:2::2", "mastodon", "cont fd00:8:2::2 → fd00:8:2::3")]
    [InlineData("host1", "mastodon", "host 10.8.3.1 → 10.8.3.3")]
    [InlineData("host1", "10.8.3.2", "host 10.8.3.1 → 10.8.3.2")]
    [InlineData("wallabag", "host2", "cont 10.8.2.2 → 10.8.2.5")]
    [InlineData("wallabag", "10.8.2.102", "cont 10.8.2.2 → 10.8.2.102")]
    [InlineData("host1", "wallabag", null)]
    public void Two_are_found_by_name_or_address_in_a_network_that_they_share(
        string from,
        string to,
        string? expected
    )
    {
        var pair = TracePair.Find(Residents, from, to);
        Assert.Equal(
            expected,
            pair is null ? null : $"{pair.Network} {pair.FromAddress} → {pair.ToAddress}"
        );
    }

    [Theory]
    [InlineData("wallabag", "10.8.2.2", "'wallabag' and '10.8.2.2' are the same")]
    [InlineData("nobody", "wallabag", "nobody in the overlay is called 'nobody'")]
    [InlineData("10.8.2.99", "wallabag", "nobody in the overlay is called '10.8.2.99'")]
    public void Nobody_and_one_alone_are_no_two(string from, string to, string words) =>
        Assert.StartsWith(
            words,
            Assert.Throws<UsageException>(() => TracePair.Find(Residents, from, to)).Message
        );

    [Fact]
    public void A_name_is_one_though_it_could_be_an_address()
    {
        Resident[] residents =
        [
            .. Residents.Select(one =>
                one.Name == "mastodon" ? one with { Container = "101" } : one
            ),
        ];
        Assert.Equal("101", TracePair.Find(residents, "wallabag", "101")!.To.Container);
        Assert.Contains(
            "nobody in the overlay is called '102'",
            Assert
                .Throws<UsageException>(() => TracePair.Find(residents, "wallabag", "102"))
                .Message
        );
    }

    [Fact]
    public void Where_everybody_must_be_follows_from_the_file()
    {
        Assert.Equal(new ExpectedPlace("wallabag-eth1", "cont-sw"), Of("wallabag", "cont"));
        Assert.Equal(new ExpectedPlace("cont-br", "gitea-eth1"), Of("gitea", "cont"));
        Assert.Equal(new ExpectedPlace("cont-br", "tun-host2"), Of("mastodon", "cont"));
        Assert.Equal(new ExpectedPlace(null, "host"), Of("host1", "host"));

        static ExpectedPlace Of(string name, string network) =>
            new HostPlaces(Intent).Expect(
                Residents.First(one => one.Name == name && one.Network == network)
            );
    }

    [Fact]
    public void What_a_host_knows_of_itself_is_the_cause_of_what_another_sees_of_it()
    {
        var report = Join(
            near: [Hop(Way.Both, "underlay", Verdict.Wrong, beyond: true)],
            far: [Hop(Way.Both, "uplink", Verdict.Wrong)]
        );
        Assert.Equal("uplink", report.Wrong!.What);
        Assert.Equal("host2", report.Wrong.Host);
    }

    [Fact]
    public void Of_two_things_that_are_wrong_the_nearer_to_who_sends_is_the_first()
    {
        var report = Join(
            near: [Hop(Way.Both, "veth", Verdict.Wrong), Hop(Way.Both, "bridge", Verdict.Wrong)],
            far: [Hop(Way.Both, "container", Verdict.Wrong)]
        );
        Assert.Equal("veth", report.Wrong!.What);
    }

    [Theory]
    [InlineData(true, null)]
    [InlineData(false, "bridge")]
    public void Something_doubtful_is_to_blame_where_packets_are_lost_alone(
        bool isAnswered,
        string? expected
    ) =>
        Assert.Equal(
            expected,
            Join(
                near: [Hop(Way.Both, "bridge", Verdict.Doubtful)],
                far: [],
                isAnswered: isAnswered
            ).Wrong?.What
        );

    [Fact]
    public void The_way_there_ends_at_the_other_and_the_way_back_tells_what_differs()
    {
        var report = Join(
            near:
            [
                Hop(Way.Both, "veth"),
                Hop(Way.Out, "forwards"),
                Hop(Way.In, "takes"),
                Hop(Way.Both, "tunnel"),
            ],
            far:
            [
                Hop(Way.Both, "container"),
                Hop(Way.Out, "forwards"),
                Hop(Way.In, "takes"),
                Hop(Way.Both, "tunnel"),
            ]
        );
        Assert.Equal(
            [
                "host1 veth",
                "host1 forwards",
                "host1 tunnel",
                "host2 tunnel",
                "host2 takes",
                "host2 container",
            ],
            report.There.Select(hop => $"{hop.Host} {hop.What}")
        );
        Assert.Equal(
            ["host2 forwards", "host1 takes"],
            report.Back.Select(hop => $"{hop.Host} {hop.What}")
        );
        Assert.Null(report.Wrong);
    }

    /// <summary>What the other end tells is no answer to what becomes of the packets of who sends.</summary>
    [Theory]
    [InlineData(false, true)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(true, false, false)]
    public void That_nothing_is_known_is_no_good_news(
        bool otherTells,
        bool asksSender,
        bool isWrong = true
    )
    {
        var pair = TracePair.Find(Residents, "wallabag", "mastodon")!;
        var back = new Probe("cont", pair.Destination, pair.Source, 84);
        var report = TraceReport.Of(
            pair,
            otherTells
                ?
                [
                    new TraceHalf(
                        "host2",
                        "mastodon",
                        [Hop(Way.Both, "veth")],
                        [ProbeResult.Of(back, new Answer(Outcome.Reached, 1))]
                    ),
                ]
                : [],
            [new UnaskedHost("host1", "no route")],
            asksSender
        );
        Assert.Equal(isWrong ? "host1" : null, report.Wrong?.Host);
        if (isWrong)
        {
            Assert.StartsWith("nothing is known of their way to mastodon", report.Wrong!.Words);
        }
    }

    [Fact]
    public void A_host_that_does_not_answer_with_a_half_is_named_with_its_reason()
    {
        var (halves, unasked) = FleetTracing.Read(
            new HostAnswer("host2", new(1, "", "weft: no such thing\n"), null)
        );
        Assert.Empty(halves);
        Assert.Equal(new UnaskedHost("host2", "no such thing"), unasked);
    }

    [Theory]
    [InlineData(
        "tnl_push(tnl_port(5),header(size=38,type=3,eth(dst=76:b1:4b:1f:42:49,src=36:e0:1f:92:ab:4e,dl_type=0x0800),ipv4(src=192.0.2.1,dst=192.0.2.2,proto=47,tos=0,ttl=64,frag=0x4000)),out_port(2)),1",
        Verdict.Well,
        "sends it by the tunnel to host2"
    )]
    [InlineData(
        "push_vlan(vid=200,pcp=0),set(tunnel(dst=192.0.2.2,ttl=64,flags(df))),3",
        Verdict.Well,
        "sends it by the tunnel to host2"
    )]
    [InlineData("push_vlan(vid=200,pcp=0),3", Verdict.Wrong, "sends nothing to host2")]
    [InlineData(
        "set(tunnel(dst=192.0.2.23,ttl=64,flags(df))),3",
        Verdict.Wrong,
        "sends nothing to host2"
    )]
    [InlineData("drop", Verdict.Wrong, "sends nothing to host2")]
    public void What_the_switch_does_is_judged_by_where_the_packet_must_go(
        string actions,
        object verdict,
        string words
    )
    {
        var finding = PacketTrace
            .Parse(Answer("forwarding to learned port", actions))
            .Judge("ovsbr0", ("host2", IPAddress.Parse("192.0.2.2")), isExplained: false);
        Assert.Equal(verdict, finding.Verdict);
        Assert.StartsWith(words, finding.Words);
    }

    [Fact]
    public void A_switch_that_lacks_the_underlay_is_not_to_blame()
    {
        var finding = PacketTrace
            .Parse(Answer("output to native tunnel\n     >> native tunnel routing failed", "drop"))
            .Judge("ovsbr0", ("host2", IPAddress.Parse("192.0.2.2")), isExplained: false);
        Assert.Equal(Verdict.Doubtful, finding.Verdict);
        Assert.True(finding.Beyond);
        Assert.Contains("native tunnel routing failed", finding.Words, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rule_that_drops_is_quoted()
    {
        var finding = PacketTrace
            .Parse(
                """
                Flow: icmp,in_port=3

                bridge("ovsbr0")
                ----------------
                 0. dl_dst=02:91:fe:d6:93:53, priority 10
                    drop

                Final flow: unchanged
                Datapath actions: drop
                """
            )
            .Judge("ovsbr0", null, isExplained: false);
        Assert.Equal(Verdict.Wrong, finding.Verdict);
        Assert.Contains(
            "dl_dst=02:91:fe:d6:93:53, priority 10",
            finding.Words,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void The_table_of_a_switch_is_read()
    {
        var entries = SwitchEntry.Parse(
            """
             port  VLAN  MAC                Age
                2   200  02:91:fe:d6:93:53    1
            LOCAL     0  36:e0:1f:92:ab:4e    0
                1   200  02:1b:79:9d:3d:64  static

            """
        );
        Assert.Equal(
            [
                new SwitchEntry(2, 200, Mac("02:91:fe:d6:93:53"), false) { Age = 1 },
                new SwitchEntry(null, 0, Mac("36:e0:1f:92:ab:4e"), false) { Age = 0 },
                new SwitchEntry(1, 200, Mac("02:1b:79:9d:3d:64"), true),
            ],
            entries.AsEnumerable()
        );
    }

    [Fact]
    public void Rules_that_a_switch_begins_with_are_nobodys() =>
        Assert.Equal(
            ["priority=10,dl_dst=02:91:fe:d6:93:53,actions=drop"],
            (IEnumerable<string>)
                Whereabouts.RulesIn(
                    """
                    duration=0s, n_packets=0, n_bytes=0, priority=10,dl_dst=02:91:fe:d6:93:53,actions=drop
                    duration=1396s, n_packets=1194, n_bytes=297328, priority=0,actions=NORMAL
                    table_id=254, duration=1396s, n_packets=0, n_bytes=0, priority=2,recirc_id=0,actions=drop
                    duration=9s, n_packets=0, n_bytes=0, priority=180008,tcp,nw_src=127.0.0.1,tp_src=6699,actions=NORMAL
                    """
                )
        );

    [Theory]
    [InlineData("", true)]
    [InlineData(
        "duration=1396s, n_packets=1194, n_bytes=297328, priority=0,actions=NORMAL\ntable_id=254, duration=1396s, n_packets=0, n_bytes=0, priority=2,recirc_id=0,actions=drop\n",
        true
    )]
    [InlineData(
        "table_id=254, duration=1396s, n_packets=0, n_bytes=0, priority=2,recirc_id=0,actions=drop\n",
        false
    )]
    public void A_switch_without_the_rule_that_it_begins_with_is_given_it(string flows, bool has)
    {
        var finding = (Believed() with { HasWayOn = Whereabouts.HasWayOnIn(flows) }).JudgeWayOn(
            "ovsbr0"
        );
        Assert.Equal(
            has
                ? null
                : "has lost the rule that it forwards by, and nothing crosses: `ovs-ofctl add-flow ovsbr0 priority=0,actions=NORMAL`",
            finding?.Words
        );
        Assert.Equal(has ? null : Verdict.Wrong, finding?.Verdict);
    }

    [Fact]
    public void A_packet_that_meets_no_rule_is_told_with_what_gives_it_one()
    {
        var finding = PacketTrace
            .Parse(
                """
                Flow: icmp,in_port=2,vlan_tci=0x0000

                bridge("ovsbr0")
                ----------------
                 0. No match.
                    drop

                Final flow: unchanged
                Megaflow: recirc_id=0,eth,icmp,in_port=2
                Datapath actions: drop
                """
            )
            .Judge("ovsbr0", tunnel: null, isExplained: false);
        Assert.Equal(Verdict.Wrong, finding.Verdict);
        Assert.StartsWith(
            "has no rule for it, and sends nothing: `ovs-ofctl add-flow ovsbr0 priority=0,actions=NORMAL` gives it the one back that a switch begins with",
            finding.Words,
            StringComparison.Ordinal
        );
    }

    /// <summary>Two at once, and heard now: of one, or of some time ago, it would be one that moved.</summary>
    [Theory]
    [InlineData(0, 1, true)]
    [InlineData(0, 30, false)]
    public void Who_is_heard_at_the_wrong_port_while_others_are_goes_round(
        int age,
        int otherAge,
        bool isLoop
    )
    {
        var (one, other) = (Of("wallabag"), Of("mastodon"));
        var findings = new WhereaboutsJudge(
            Believed(
                new SwitchEntry(2, 200, one.Mac, false) { Age = age },
                new SwitchEntry(3, 200, other.Mac, false) { Age = otherAge }
            ),
            Overlay,
            Intent,
            Seen()
        ).JudgeAll();
        Assert.Equal(
            isLoop,
            findings.Any(finding =>
                finding.Verdict is Verdict.Wrong
                && finding.Words.Contains("go round in a loop", StringComparison.Ordinal)
            )
        );

        static Resident Of(string name) =>
            Residents.First(one => one.Name == name && one.Network == "cont");
    }

    [Theory]
    [InlineData("tun-host2", false, Verdict.Well)]
    [InlineData("cont-sw", true, Verdict.Wrong)]
    [InlineData("cont-sw", false, Verdict.Doubtful)]
    public void What_is_set_wrong_stays_so_and_what_was_learned_may_be_of_before(
        string port,
        bool isStatic,
        object verdict
    )
    {
        var mastodon = Residents.First(one => one is { Name: "mastodon", Network: "cont" });
        var finding = Judging(
                new SwitchEntry(port == "tun-host2" ? 2 : 3, 200, mastodon.Mac, isStatic)
            )
            .JudgeSwitch(mastodon);
        Assert.Equal(verdict, finding!.Verdict);
        // In another VLAN it is another's.
        Assert.Null(Judging(new SwitchEntry(3, 100, mastodon.Mac, true)).JudgeSwitch(mastodon));

        static WhereaboutsJudge Judging(SwitchEntry entry) =>
            new(Believed(entry), Overlay, Intent, Seen());
    }

    [Theory]
    [InlineData(BridgePortState.Forwarding, true, true, Verdict.Well, "is open")]
    [InlineData(BridgePortState.Listening, true, true, Verdict.Doubtful, "opens it within 4 s")]
    [InlineData(BridgePortState.Learning, true, true, Verdict.Doubtful, "opens it within 4 s")]
    [InlineData(BridgePortState.Blocking, true, true, Verdict.Wrong, "there is another way")]
    [InlineData(BridgePortState.Blocking, false, true, Verdict.Wrong, "somebody has set port")]
    [InlineData(BridgePortState.Disabled, true, false, Verdict.Doubtful, "its link is down")]
    [InlineData(BridgePortState.Disabled, false, true, Verdict.Wrong, "bridge link set dev")]
    public void Ports_of_a_bridge_that_are_shut_are_told_with_why(
        object state,
        bool stp,
        bool isUp,
        object verdict,
        string words
    )
    {
        var bridge = Intent.Links.OfType<BridgeLinkIntent>().First() with { Stp = stp };
        var finding = Assert.Single(
            Whereabouts.JudgePorts(
                bridge,
                Intent,
                Seen(
                    new Link
                    {
                        Index = 5,
                        Name = "cont-br",
                        Up = isUp,
                        PortState = (BridgePortState)state,
                    }
                ),
                "cont-br"
            )
        );
        Assert.Equal(verdict, finding.Verdict);
        Assert.Contains(words, finding.Words, StringComparison.Ordinal);
    }

    [Fact]
    public void A_firewall_that_shuts_the_other_host_out_is_on_the_way()
    {
        const string Rules = """
            {"nftables":[{"chain":{"family":"inet","table":"mine","name":"in","type":"filter","hook":"input","policy":"drop"}}]}
            """;
        var hops = new HalfHops(
            Overlay,
            IntentBuilder.Build(Overlay, "host1", kernelDatapath: true),
            HostObservation.Bare(kernelDatapath: true, "wallabag"),
            TracePair.Find(Residents, "wallabag", "mastodon")!,
            size: 84,
            new HalfSeen { Whereabouts = Believed(), Firewall = new Firewall(Rules) }
        ).All();
        var hop = Assert.Single(hops, hop => hop.What == "firewall for host2");
        Assert.Equal(
            (
                Verdict.Wrong,
                "chain in of table inet mine drops GRE from host2: let it in by `nft insert rule inet mine in ip saddr 192.0.2.2 meta l4proto gre accept`"
            ),
            (hop.Verdict, hop.Words)
        );
    }

    [Fact]
    public void On_a_host_without_anything_the_first_thing_that_is_missing_is_named()
    {
        var pair = TracePair.Find(Residents, "wallabag", "mastodon")!;
        var hops = new HalfHops(
            Overlay,
            Intent,
            HostObservation.Bare(kernelDatapath: false, "wallabag"),
            pair,
            size: 84,
            new HalfSeen { Whereabouts = Believed() }
        )
            .All()
            .ToArray();
        Assert.Equal("container wallabag", hops.First(hop => hop.Verdict is Verdict.Wrong).What);
        Assert.Contains(
            hops,
            hop =>
                hop is { What: "tunnel host2", Verdict: Verdict.Wrong }
                && hop.Words.Contains("no port tun-host2", StringComparison.Ordinal)
        );
        Assert.DoesNotContain(
            hops,
            hop => hop is { What: "switch ovsbr0", Way: not Way.Both, Verdict: Verdict.Wrong }
        );
    }

    private static TraceReport Join(
        ImmutableArray<TraceHop> near,
        ImmutableArray<TraceHop> far,
        bool isAnswered = true
    )
    {
        var pair = TracePair.Find(Residents, "wallabag", "mastodon")!;
        return TraceReport.Of(
            pair,
            [
                new TraceHalf(
                    "host1",
                    "wallabag",
                    near,
                    [
                        ProbeResult.Of(
                            new Probe("cont", pair.Source, pair.Destination, 84),
                            new Answer(isAnswered ? Outcome.Reached : Outcome.Lost, 1)
                        ),
                    ]
                ),
                new TraceHalf(
                    "host2",
                    "mastodon",
                    [.. far.Select(hop => hop with { Host = "host2" })],
                    []
                ),
            ],
            [],
            asksSender: true
        );
    }

    private static TraceHop Hop(
        Way way,
        string what,
        Verdict verdict = Verdict.Well,
        bool beyond = false
    ) => new("host1", way, what, verdict, "", beyond);

    private static string Answer(string step, string actions) =>
        $"""
            Flow: icmp,in_port=3,vlan_tci=0x0000

            bridge("ovsbr0")
            ----------------
             0. priority 0
                NORMAL
                 -> {step}

            Final flow: unchanged
            Megaflow: recirc_id=0,eth,ip,in_port=3
            Datapath actions: {actions}

            """;

    private static Whereabouts Believed(params ImmutableArray<SwitchEntry> entries) =>
        new(
            [],
            entries,
            [],
            ImmutableDictionary<ContainerKey, ImmutableArray<Neighbour>>.Empty,
            []
        );

    /// <summary>A host whose switch has the ports that it must have, with these links.</summary>
    private static HostObservation Seen(params IEnumerable<Link> links) =>
        HostObservation.Bare(kernelDatapath: false) with
        {
            Links = links.ToImmutableDictionary(link => link.Name),
            Switch = new SwitchObservation
            {
                Ports = new[] { (Name: "tun-host2", Number: 2), (Name: "cont-sw", Number: 3) }
                    .Select(port => new PortRow
                    {
                        Uuid = Guid.Empty,
                        Name = port.Name,
                        Bridge = "ovsbr0",
                        Interfaces =
                        [
                            new InterfaceRow
                            {
                                Uuid = Guid.Empty,
                                Name = port.Name,
                                OpenFlowPort = port.Number,
                            },
                        ],
                    })
                    .ToImmutableDictionary(port => port.Name),
            },
        };

    private static MacAddress Mac(string text) =>
        MacAddress.TryParse(text, out var mac) ? mac : default;
}
