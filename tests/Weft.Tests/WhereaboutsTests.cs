using System.Collections.Immutable;
using System.Text;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Health;
using Weft.Reachability;

namespace Weft.Tests;

/// <summary>What is asked and judged of everybody on a host. How much there is of them must not matter: pairs are not made.</summary>
public sealed class WhereaboutsTests
{
    private const int Many = 3000;

    private static readonly Overlay Large = Parse(
        "name: large\nhosts: { host1: 192.0.2.1, host2: 192.0.2.2 }\n"
            + "networks: { cont: { vlan: 200, subnet: 10.8.0.0/16, bridge: true } }\ncontainers:\n"
            + string.Concat(
                Enumerable
                    .Range(0, Many)
                    .SelectMany(number =>
                        new[]
                        {
                            Container($"a{number}", "host1", 1, number),
                            Container($"b{number}", "host2", 101, number),
                        }
                    )
            )
    );

    private static readonly HostIntent Intent = IntentBuilder.Build(
        Large,
        "host1",
        kernelDatapath: false
    );

    [Fact]
    public void Of_thousands_each_is_judged_by_what_is_believed_of_it()
    {
        var known = Resident.AllOf(Large, Intent);
        var places = new HostPlaces(Intent);
        var seen = Seen();
        var believed = new Whereabouts(
            [
                .. known.Select(one => new BridgeEntry(
                    seen.Links[places.Expect(one).BridgePort!].Index,
                    one.Mac,
                    IsStatic: false
                )),
            ],
            [
                .. known.Select(one => new SwitchEntry(
                    places.Expect(one).SwitchPort == "tun-host2" ? 2 : 3,
                    200,
                    one.Mac,
                    IsStatic: false
                )),
            ],
            [],
            Intent.Attachments.ToImmutableDictionary(
                place => place.Key,
                ImmutableArray<Neighbour> (_) =>
                    [
                        .. known
                            .Take(3)
                            .Select(one => new Neighbour(2, one.Addresses[0], one.Mac, false)),
                    ]
            ),
            []
        );
        var all = new WhereaboutsJudge(believed, Large, Intent, seen).JudgeAll();
        Assert.Equal(("forwarding", Verdict.Well), (Assert.Single(all).What, all[0].Verdict));

        var (here, there) = (Named("a7"), Named("b9"));
        var wrong = new WhereaboutsJudge(
            believed with
            {
                Bridges =
                [
                    .. believed.Bridges.Where(entry => entry.Mac != here.Mac),
                    new BridgeEntry(seen.Links["a8-eth1"].Index, here.Mac, IsStatic: true),
                ],
                Switch =
                [
                    .. believed.Switch.Where(entry => entry.Mac != there.Mac),
                    new SwitchEntry(3, 200, there.Mac, IsStatic: true),
                ],
                Inside = believed
                    .Inside.SetItem(
                        new ContainerKey(Engine.Netns, "a5"),
                        [new Neighbour(2, there.Addresses[0], here.Mac, IsPermanent: true)]
                    )
                    // On another link it is another network's.
                    .SetItem(
                        new ContainerKey(Engine.Netns, "a6"),
                        [new Neighbour(3, there.Addresses[0], here.Mac, IsPermanent: true)]
                    ),
            },
            Large,
            Intent,
            seen
        ).JudgeAll();
        Assert.Equal(
            [
                $"somebody has set {here.Mac} of a7 to be behind a8-eth1, and it is behind a7-eth1: `bridge fdb del {here.Mac} dev a8-eth1 master`",
                $"somebody has set {there.Mac} of b9 to be behind cont-sw, and it is behind tun-host2: `ovs-appctl fdb/del ovsbr0 200 {there.Mac}`",
                $"somebody has set {there.Addresses[0]} of b9 to be at {here.Mac}, and it is at {there.Mac}: `ip neigh del {there.Addresses[0]} dev eth1` inside the container",
            ],
            wrong.Select(finding => finding.Words)
        );
        Assert.All(wrong, finding => Assert.Equal(Verdict.Wrong, finding.Verdict));
        Assert.Equal(
            ["bridge cont", "switch ovsbr0", "neighbours of a5"],
            wrong.Select(one => one.What)
        );

        Resident Named(string name) => known.First(one => one.Name == name);
    }

    [Fact]
    public void Among_thousands_one_way_is_found_to_each_host() =>
        Assert.Equal(
            [("a2999", "b0", 84), ("a2999", "b0", 1458)],
            ReachabilityPlan
                .OneToEach(
                    Large,
                    "host1",
                    new HashSet<string> { "host2" },
                    source => source.Container == "a2999",
                    [84, 1458]
                )
                .Select(probe => (probe.From.Name, probe.To.Name, probe.Size))
        );

    /// <summary>Whoever is there to ask, it is the way that choosing among all of them would find.</summary>
    [Fact]
    public void The_way_to_a_host_is_the_first_of_all_between_hosts_else_from_a_host_or_to_one()
    {
        var overlay = Parse(
            """
            name: ways
            hosts: { host1: 192.0.2.1, host2: 192.0.2.2, host3: 192.0.2.3 }
            networks:
              one: { vlan: 100, subnet: [10.8.1.0/24, "fd00:8:1::/64"], bridge: true }
              two: { vlan: 200, subnet: [10.8.2.0/24, "fd00:8:2::/64"], bridge: true, hosts: { host1: ["fd00:8:2::101", 10.8.2.101] } }
              three: { vlan: 300, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.101, host3: 10.8.3.103 } }
            containers:
              a: { host: host1, engine: netns, networks: { one: "fd00:8:1::1", two: 10.8.2.1 } }
              b: { host: host1, engine: netns, networks: { one: 10.8.1.2 } }
              c: { host: host2, engine: netns, networks: { one: [10.8.1.3, "fd00:8:1::3"], two: "fd00:8:2::3" } }
              d: { host: host3, engine: netns, networks: { one: [10.8.1.4, "fd00:8:1::4"], two: 10.8.2.4, three: 10.8.3.4 } }
              e: { host: host2, engine: netns, networks: { two: 10.8.2.5 } }
            """
        );
        var peers = new HashSet<string> { "host2", "host3" };
        int[] sizes = [84, 1458];
        Endpoint[] sources =
        [
            .. ReachabilityPlan
                .ProbesFrom(overlay, "host1", [84])
                .Select(probe => probe.From)
                .Distinct(),
        ];
        Assert.Equal(6, sources.Length);
        for (var chosen = 0; chosen < 1 << sources.Length; chosen++)
        {
            bool CanAsk(Endpoint source) => ((chosen >> Array.IndexOf(sources, source)) & 1) == 1;
            Assert.Equal(
                ReachabilityPlan
                    .ProbesFrom(overlay, "host1", sizes)
                    .Where(probe => peers.Contains(probe.To.Host) && CanAsk(probe.From))
                    .GroupBy(probe => probe.To.Host)
                    .SelectMany(group =>
                        group
                            .GroupBy(probe => (probe.From, probe.To))
                            .OrderBy(pair => pair.Key.To.Container is not null)
                            .ThenBy(pair => pair.Key.From.Container is not null)
                            .First()
                    ),
                ReachabilityPlan.OneToEach(overlay, "host1", peers, CanAsk, sizes)
            );
        }
    }

    /// <summary>A host runs, of which nobody knows whether its containers do.</summary>
    [Fact]
    public void Where_a_container_is_silent_its_host_is_asked_else_others_there()
    {
        const string Yaml = """
            name: others
            hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
            networks:
              cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true }
              host: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1, host2: 10.8.3.2 } }
            containers:
              a: { host: host1, engine: netns, networks: { cont: 10.8.2.2 } }
              b: { host: host2, engine: netns, networks: { cont: 10.8.2.3 } }
              c: { host: host2, engine: netns, networks: { cont: 10.8.2.4 } }
            """;
        Assert.Equal(["host1 → host2 at 10.8.3.2"], Asked(Yaml));
        Assert.Equal(
            ["a → c at 10.8.2.4"],
            Asked(
                Yaml.Replace(
                    ", hosts: { host1: 10.8.3.1, host2: 10.8.3.2 }",
                    "",
                    StringComparison.Ordinal
                )
            )
        );

        static IEnumerable<string> Asked(string yaml)
        {
            var overlay = Parse(yaml);
            return ReachabilityPlan
                .ToOthersOn(
                    overlay,
                    "host1",
                    ReachabilityPlan
                        .EndpointsOf(overlay, overlay.Networks[0])
                        .First(one => one.Container == "b"),
                    canAsk: _ => true,
                    84
                )
                .Select(probe => $"{probe.From.Name} → {probe.To.Name} at {probe.To.Address}");
        }
    }

    private static string Container(string name, string host, int third, int number) =>
        $"  {name}: {{ host: {host}, engine: netns, networks: {{ cont: 10.8.{third + number / 250}.{1 + number % 250} }} }}\n";

    private static Overlay Parse(string yaml) =>
        OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(yaml)).Overlay!;

    /// <summary>A host that has all links that it must have.</summary>
    private static HostObservation Seen() =>
        HostObservation.Bare(kernelDatapath: false) with
        {
            Links = Intent
                .Attachments.Select(place => place.HostEnd)
                .Append("cont-br")
                .Select(
                    (name, number) =>
                        new Link
                        {
                            Name = name,
                            Index = number + 10,
                            Master = "cont",
                        }
                )
                .Append(new Link { Name = "cont", Index = 9 })
                .ToImmutableDictionary(link => link.Name),
            Inside = Intent.Attachments.ToImmutableDictionary(
                place => place.Key,
                IReadOnlyDictionary<string, Link> (place) =>
                    ImmutableDictionary<string, Link>.Empty.Add(
                        place.Interface,
                        new Link { Name = place.Interface, Index = 2 }
                    )
            ),
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
}
