using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Health;
using Weft.Reachability;

namespace Weft.Tests;

/// <summary>What the doctor makes of what it sees.</summary>
public sealed class FindingTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

    private static readonly HostIntent Encrypted = Intent(
        "ipsec: { psk: 'a key that is long enough' }"
    );

    [Fact]
    public void A_kernel_that_has_or_can_load_all_is_well_and_what_it_takes_is_named()
    {
        var finding = Assert.Single(
            NeededModules.Judge(
                Encrypted,
                module => module == "veth" ? ModuleState.Present : ModuleState.Loadable,
                areFixed: false
            )
        );
        Assert.Equal(Verdict.Well, finding.Verdict);
        Assert.Equal("openvswitch, ip_gre, bridge, veth, xfrm_user, esp4", finding.Words);
    }

    /// <summary>Applying refuses it, and what is said of a container needs saying once.</summary>
    [Fact]
    public void What_stands_in_the_way_is_found_once_and_nothing_is_said_to_mend_it()
    {
        var bare = HostObservation.Bare(kernelDatapath: true);
        var findings = Doctor
            .HowThingsStand(
                Intent("type: gre"),
                bare with
                {
                    Links = new Dictionary<string, Link>
                    {
                        ["cont"] = new() { Index = 2, Name = "cont" },
                    },
                }
            )
            .ToList();

        var finding = Assert.Single(
            findings,
            one => one.Words.Contains("link 'cont' is there already", StringComparison.Ordinal)
        );
        Assert.Equal("network cont", finding.What);
        Assert.Equal(Verdict.Wrong, finding.Verdict);
        Assert.DoesNotContain("mends it", finding.Words);
        Assert.Contains(
            findings,
            one =>
                one.What == "tunnel host2"
                && one.Words.EndsWith("`weft apply` mends it", StringComparison.Ordinal)
        );
    }

    /// <summary>Its package does not enable its socket, and without that nobody tells of what it runs.</summary>
    [Fact]
    public void What_Podman_runs_and_nobody_tells_of_is_told()
    {
        var root = Directory.CreateTempSubdirectory("weft-podman-").FullName;
        try
        {
            var bare = HostObservation.Bare(kernelDatapath: true);
            Assert.Empty(Judge(bare));
            var container = $"{root}/run/containers/storage/overlay-containers/1/userdata";
            Directory.CreateDirectory(container);
            Assert.Empty(Judge(bare));
            File.WriteAllText($"{container}/pidfile", "7");
            // So has CRI-O, of a node of Kubernetes, what it runs.
            var mark = $"{container}/conmon-pidfile";
            File.WriteAllText(mark, "6");
            Assert.Empty(Judge(bare));
            File.Delete(mark);

            var finding = Assert.Single(Judge(bare));

            Assert.Equal(Verdict.Doubtful, finding.Verdict);
            Assert.Contains("systemctl enable --now podman.socket", finding.Words);
            var key = new ContainerKey(Engine.Podman, "web");
            Assert.Empty(
                Judge(
                    bare with
                    {
                        Containers = new Dictionary<ContainerKey, ContainerSighting>
                        {
                            [key] = new() { Key = key, Id = "1" },
                        },
                    }
                )
            );

            // Those of users are never seen, whatever is seen of the system's.
            var users = $"{root}/run/user/1000/containers/overlay-containers/2/userdata";
            Directory.CreateDirectory(users);
            Directory.CreateDirectory($"{root}/run/user/1001");
            Assert.Single(Judge(bare));
            File.WriteAllText($"{users}/pidfile", "8");
            Assert.Contains(
                "user 1000's own Podman",
                Assert.Single(Judge(bare).Skip(1)).Words,
                StringComparison.Ordinal
            );
            Directory.CreateDirectory($"{root}/etc");
            File.WriteAllText($"{root}/etc/passwd", "root:x:0:0::/root:\nann:x:1000:1000::/:\n");
            Assert.StartsWith(
                "containers of user ann's own Podman run here, which are not seen",
                Assert.Single(Judge(bare).Skip(1)).Words
            );
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }

        IEnumerable<Finding> Judge(HostObservation seen)
        {
            var podman = new DockerEngine(Engine.Podman, root);
            return PodmanSocket.Judge(ContainerInterest.Everything, seen, podman.Absence, root);
        }
    }

    [Theory]
    [InlineData("type: gre", "ip_gre")]
    [InlineData("type: vxlan", "vxlan")]
    [InlineData("type: geneve", "geneve")]
    public void A_module_that_is_missing_is_named_with_what_it_is_for(
        string tunnels,
        string missing
    )
    {
        var finding = Assert.Single(
            NeededModules.Judge(
                Intent(tunnels),
                module => module == missing ? ModuleState.Absent : ModuleState.Present,
                areFixed: false
            )
        );
        Assert.Equal(Verdict.Wrong, finding.Verdict);
        Assert.StartsWith($"the kernel has no {missing}, which ", finding.Words);
    }

    /// <summary>Open vSwitch sends by what the main table says, whatever link has the address that it sends from.</summary>
    [Theory]
    [InlineData(2, false, "the main table leads there by eth0")]
    [InlineData(3, true, "does not lead there by VRF vrf0")]
    [InlineData(null, true, "does not lead there by VRF vrf0")]
    public void A_VRF_is_no_fault_where_the_main_table_leads_out_of_it_too(
        int? link,
        bool isWrong,
        string words
    )
    {
        Link[] links =
        [
            new()
            {
                Index = 1,
                Name = "vrf0",
                Kind = "vrf",
            },
            new()
            {
                Index = 2,
                Name = "eth0",
                Master = "vrf0",
            },
            new() { Index = 3, Name = "eth1" },
        ];
        var finding = UnderlayProbe.JudgeVrf(
            new Host { Name = "host2", Address = IPAddress.Parse("192.0.2.2") },
            "vrf0",
            link is { } index ? new FoundRoute(index, null) : null,
            HostObservation.Bare(kernelDatapath: true) with
            {
                Links = links.ToDictionary(one => one.Name),
            }
        );
        Assert.Equal(isWrong ? Verdict.Wrong : Verdict.Doubtful, finding.Verdict);
        Assert.Contains(words, finding.Words, StringComparison.Ordinal);
    }

    [Fact]
    public void A_module_that_would_be_loaded_is_missing_where_none_is_loaded_any_more()
    {
        var finding = Assert.Single(
            NeededModules.Judge(
                Encrypted,
                module => module == "esp4" ? ModuleState.Loadable : ModuleState.Present,
                areFixed: true
            )
        );
        Assert.Equal(Verdict.Wrong, finding.Verdict);
        Assert.StartsWith("esp4, which packets are encrypted by, is not loaded", finding.Words);
    }

    [Fact]
    public void A_kernel_that_nothing_tells_of_is_doubtful() =>
        Assert.Equal(
            Verdict.Doubtful,
            Assert
                .Single(NeededModules.Judge(Encrypted, _ => ModuleState.Unknown, areFixed: false))
                .Verdict
        );

    [Theory]
    [InlineData(0.4, false, Verdict.Well, "the same as here")]
    [InlineData(30, true, Verdict.Well, "00:00:30 ahead of this host's")]
    [InlineData(
        -200,
        false,
        Verdict.Doubtful,
        "00:03:20 behind this host's: certificates are judged by it"
    )]
    [InlineData(-200, true, Verdict.Doubtful, "00:03:20 behind this host's")]
    [InlineData(
        -7200,
        true,
        Verdict.Wrong,
        "02:00:00 behind this host's, and by it this host's certificate is not valid"
    )]
    public void Clocks_that_are_apart_matter_as_far_as_certificates_do(
        double seconds,
        bool hasCertificate,
        object verdict,
        string words
    )
    {
        var finding = Assert.Single(
            UnderlayProbe.JudgeClock(
                "host2",
                TimeSpan.FromSeconds(seconds),
                hasCertificate ? Certificate : null,
                Now
            )
        );
        Assert.Equal(verdict, finding.Verdict);
        Assert.StartsWith(words, finding.Words);
    }

    [Fact]
    public void A_clock_that_cannot_be_asked_for_is_doubtful_where_certificates_need_it()
    {
        Assert.Empty(UnderlayProbe.JudgeClock("host2", null, null, Now));
        Assert.Equal(
            Verdict.Doubtful,
            Assert.Single(UnderlayProbe.JudgeClock("host2", null, Certificate, Now)).Verdict
        );
    }

    [Theory]
    [InlineData("12:00:00", "12:00:05", 5)]
    [InlineData("12:00:05", "12:00:00", -5)]
    [InlineData("23:59:58", "00:00:02", 4)]
    [InlineData("00:00:02", "23:59:58", -4)]
    public void Times_of_day_are_compared_over_midnight(string here, string there, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), ClockQuestion.Nearest(Time(here), Time(there)));

    [Theory]
    [InlineData(
        Outcome.Reached,
        Outcome.Reached,
        -1,
        -1,
        false,
        Verdict.Well,
        "host2 at 10.8.3.2 answers, also packets of 1424 bytes"
    )]
    [InlineData(
        Outcome.Reached,
        Outcome.Lost,
        200,
        200,
        false,
        Verdict.Wrong,
        "host2 at 10.8.3.2 answers small packets, and none of 1424 bytes"
    )]
    [InlineData(
        Outcome.Lost,
        Outcome.Lost,
        -1,
        -1,
        false,
        Verdict.Wrong,
        "host2 at 10.8.3.2 does not answer: the overlay is not applied there, or something on the way filters IP protocol 47 (GRE)"
    )]
    [InlineData(
        Outcome.Lost,
        Outcome.Lost,
        200,
        0,
        false,
        Verdict.Wrong,
        "host2 at 10.8.3.2 does not answer: encrypted packets go out, and none come in. Let IP protocol 50 (ESP) pass"
    )]
    [InlineData(
        Outcome.Lost,
        Outcome.Lost,
        200,
        0,
        true,
        Verdict.Wrong,
        "host2 at 10.8.3.2 does not answer: encrypted packets go out, and none come in. Let UDP port 4500 pass"
    )]
    [InlineData(
        Outcome.NoAddress,
        Outcome.NoAddress,
        0,
        0,
        false,
        Verdict.Doubtful,
        "nothing was sent: host1 does not have 10.8.3.1 here"
    )]
    [InlineData(
        Outcome.Unreachable,
        Outcome.Lost,
        200,
        300,
        true,
        Verdict.Wrong,
        "host2 at 10.8.3.2 does not answer, though encrypted packets go out and come in"
    )]
    [InlineData(
        Outcome.Lost,
        Outcome.Lost,
        0,
        0,
        true,
        Verdict.Wrong,
        "host2 at 10.8.3.2 does not answer, and nothing went out encrypted"
    )]
    public void What_comes_back_through_a_tunnel_tells_what_is_filtered(
        object small,
        object large,
        long bytesOut,
        long bytesIn,
        bool inUdp,
        object verdict,
        string words
    )
    {
        var finding = TunnelProbe.Judge(
            Result((Outcome)small, 84, null),
            Result((Outcome)large, 1424, null),
            new TunnelTraffic(TunnelTraffic.Gre, null),
            bytesOut < 0 ? null : new EncryptedBytes(bytesOut, bytesIn, inUdp),
            others: []
        );
        Assert.Equal(verdict, finding.Verdict);
        Assert.StartsWith(words, finding.Words);
    }

    /// <summary>A firewall that is not to blame is opened for nothing.</summary>
    [Theory]
    [InlineData(
        Outcome.Reached,
        "container 'mastodon' at 10.8.3.2 does not answer, though host2 at 10.8.3.2 does, through the same tunnel: it may not run there, as `weft status` on host2 says",
        false
    )]
    [InlineData(
        Outcome.Lost,
        "neither container 'mastodon' at 10.8.3.2 nor host2 at 10.8.3.2 answers: encrypted packets go out, and none come in. Let IP protocol 50 (ESP) pass",
        true
    )]
    [InlineData(
        Outcome.NoAddress,
        "container 'mastodon' at 10.8.3.2, which may not run there (`weft status` on host2 says), does not answer: encrypted packets go out",
        true
    )]
    [InlineData(
        null,
        "container 'mastodon' at 10.8.3.2, which may not run there (`weft status` on host2 says), does not answer: encrypted packets go out",
        true
    )]
    public void A_container_that_does_not_answer_may_not_run(
        object? other,
        string words,
        bool namesFilters
    )
    {
        var finding = TunnelProbe.Judge(
            Result(Outcome.Lost, 84, "mastodon"),
            Result(Outcome.Lost, 1424, "mastodon"),
            new TunnelTraffic(TunnelTraffic.Gre, null),
            new EncryptedBytes(200, 0, InUdp: false),
            other is Outcome outcome ? [Result(outcome, 84, null)] : []
        );
        Assert.Equal(Verdict.Doubtful, finding.Verdict);
        Assert.StartsWith(words, finding.Words);
        Assert.Equal(
            namesFilters,
            finding.Words.Contains("(ESP)", StringComparison.Ordinal)
                && finding.Words.Contains("(GRE)", StringComparison.Ordinal)
        );
    }

    /// <summary>No tunnel leads there, and none is judged.</summary>
    [Fact]
    public async Task Two_on_one_encrypted_host_are_no_matter_of_a_tunnel()
    {
        var seen = HostObservation.Bare(kernelDatapath: true);
        var (results, findings) = await new TunnelProbe(
            OverlayOf("ipsec: { psk: 'a key that is long enough' }"),
            Encrypted,
            TimeProvider.System
        ).SendAsync(
            [
                new Probe(
                    "cont",
                    new Reachability.Endpoint("host1", null, IPAddress.Parse("10.8.2.2")),
                    new Reachability.Endpoint("host1", null, IPAddress.Parse("10.8.2.3")),
                    84
                ),
            ],
            TimeSpan.Zero,
            seen,
            _ => Task.FromResult(seen),
            TestContext.Current.CancellationToken
        );
        Assert.Equal(Outcome.NoAddress, Assert.Single(results).Outcome);
        Assert.Empty(findings);
    }

    private static HostCertificate Certificate =>
        new([], [], Secret.OfText("key"), "", Now.AddHours(-1), Now.AddYears(1));

    private static TimeSpan Time(string text) => TimeSpan.Parse(text);

    private static ProbeResult Result(Outcome outcome, int size, string? container) =>
        new(
            "host",
            new Reachability.Endpoint("host1", null, IPAddress.Parse("10.8.3.1")),
            new Reachability.Endpoint("host2", container, IPAddress.Parse("10.8.3.2")),
            size,
            outcome,
            null,
            null
        );

    private static HostIntent Intent(string tunnels) =>
        IntentBuilder.Build(OverlayOf(tunnels), "host1", kernelDatapath: true);

    private static Overlay OverlayOf(string tunnels)
    {
        var read = OverlayFile.Parse(
            "overlay.yaml",
            System.Text.Encoding.UTF8.GetBytes(
                $$"""
                name: homelab
                hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
                tunnels: { {{tunnels}} }
                networks: { cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true } }
                """
            )
        );
        Assert.Empty(read.Mistakes);
        return read.Overlay!;
    }
}
