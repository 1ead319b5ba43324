using System.Collections.Immutable;
using System.Net;
using System.Text;
using Weft.Core.Engines;
using Weft.Core.Execution;
using Weft.Core.History;
using Weft.Core.Intents;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>The guard in a real kernel: written by iproute2, read back, and at work.</summary>
public sealed class GuardTests
{
    private const string Overlay = """
        name: guarded
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        tunnels: { type: vxlan, ipsec: { psk: { file: /etc/weft/psk } } }
        networks: { cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true } }
        """;

    private static readonly string[] Guard =
    [
        "src 0.0.0.0/0 dst 192.0.2.2/32 proto udp dport 4789 dir out",
        "src 192.0.2.2/32 dst 0.0.0.0/0 proto udp dport 4789 dir in",
    ];

    /// <summary>
    /// Without the kernel's datapath the switch cannot come up, and the guard stands all the same: no order of failures
    /// leaves a tunnel without it.
    /// </summary>
    [Fact]
    public async Task It_stands_before_the_switch_comes_up_is_put_back_and_goes_with_destroy()
    {
        NeedsPolicies();
        await using var lab = await OverlayLab.BareAsync(
            Overlay,
            new LabOptions { Datapath = Datapath.Userspace }
        );
        await ApplyAsync();
        Assert.Equal(Guard, await PoliciesAsync(lab));
        Assert.Contains("✓ guard", await StatusAsync(), StringComparison.Ordinal);

        await lab.RunAsync("host1", $"ip xfrm policy delete {Guard[0]}");
        var alarm = await lab.WeftAsync("host1", "status", "--datapath", "kernel");
        Assert.Equal(1, alarm.ExitCode);
        Assert.Contains(
            "packets may cross in plaintext, now",
            alarm.Errors,
            StringComparison.Ordinal
        );
        await ApplyAsync();
        Assert.Equal(Guard, await PoliciesAsync(lab));

        await lab.RunAsync(
            "host1",
            "ip xfrm policy add src 0.0.0.0/0 dst 192.0.2.9/32 proto gre dir out action block priority 4000000"
        );
        await lab.WeftDoneAsync("host1", "destroy", "--yes");
        Assert.Equal(
            ["src 0.0.0.0/0 dst 192.0.2.9/32 proto gre dir out"],
            await PoliciesAsync(lab)
        );

        async Task ApplyAsync()
        {
            var applied = await lab.WeftAsync("host1", "apply", "--yes", "--datapath", "kernel");
            if (!Directory.Exists("/sys/module/openvswitch"))
            {
                Assert.Equal(1, applied.ExitCode);
                Assert.Contains("port ovsbr0: ", applied.Errors, StringComparison.Ordinal);
            }
            else
            {
                Assert.True(applied.ExitCode == 0, applied.Output + applied.Errors);
            }
        }

        async Task<string> StatusAsync() =>
            (await lab.WeftAsync("host1", "status", "--datapath", "kernel")).Output;
    }

    /// <summary>At boot the switch makes again what it had, whatever has become of the overlay file since.</summary>
    [Fact]
    public async Task Before_the_switch_it_stands_for_what_was_applied_last_too_even_where_the_file_cannot_be_read()
    {
        NeedsPolicies();
        await using var lab = await OverlayLab.BareAsync(
            Overlay,
            new LabOptions { Datapath = Datapath.Userspace }
        );
        var applied = Encoding.UTF8.GetBytes(
            Overlay.Replace("host2: 192.0.2.2", "host3: 192.0.2.3", StringComparison.Ordinal)
        );
        var remembered = Directory.CreateTempSubdirectory("weft-guard-").FullName;
        try
        {
            new HistoryStore("guarded", remembered).Write(
                HistoryBook.Empty.Add(
                    new HistoryEntry
                    {
                        Time = DateTimeOffset.UnixEpoch,
                        Did = "apply",
                        Host = "host1",
                        File = HistoryStore.NameOf(applied),
                    }
                ),
                applied
            );
            await lab.RunAsync(
                "host1",
                $"mkdir -p /var/lib/weft && cp -r {remembered}/guarded /var/lib/weft"
            );
        }
        finally
        {
            Directory.Delete(remembered, recursive: true);
        }
        string[] former =
        [
            .. Guard.Select(policy =>
                policy.Replace("192.0.2.2", "192.0.2.3", StringComparison.Ordinal)
            ),
        ];

        Assert.Contains(
            "the guard of 2 hosts stands",
            await lab.WeftDoneAsync("host1", "guard"),
            StringComparison.Ordinal
        );
        Assert.Equal(former.Concat(Guard).Order(StringComparer.Ordinal), await PoliciesAsync(lab));
        Assert.Contains(
            "the guard of 2 hosts stood already",
            await lab.WeftDoneAsync("host1", "guard"),
            StringComparison.Ordinal
        );

        await lab.RunAsync("host1", "ip xfrm policy flush; echo 'hosts: {}' >/run/broken.yaml");
        Assert.Equal(2, (await lab.WeftAsync("host1", "guard", "/run/broken.yaml")).ExitCode);
        Assert.Equal(former, await PoliciesAsync(lab));
    }

    [Fact]
    public async Task It_lets_no_packet_of_a_tunnel_out_or_in()
    {
        NeedsPolicies();
        await using var lab = await OverlayLab.BareAsync(
            Overlay,
            new LabOptions { Datapath = Datapath.Userspace }
        );
        await lab.RunAsync("host1", Send("192.0.2.2", 4789));
        await lab.RunAsync(
            "host1",
            string.Join(
                '\n',
                Guard.Select(policy =>
                    $"ip xfrm policy add {policy} action block priority {OwnershipMark.GuardPriority}"
                )
            )
        );

        var refused = await lab.TryAsync("host1", Send("192.0.2.2", 4789));
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("Operation not permitted", refused.Errors, StringComparison.Ordinal);
        await lab.RunAsync("host1", Send("192.0.2.2", 4790));

        Assert.Equal(0, await BlockedAsync(lab));
        await lab.RunAsync("host2", Send("192.0.2.1", 4790));
        await lab.RunAsync("host2", Send("192.0.2.1", 4789));
        // Where an IKE daemon listens for ESP in UDP, the kernel counts a packet that it blocks twice.
        await Eventually.IsAsync(async () => await BlockedAsync(lab) > 0);

        static string Send(string address, int port) =>
            $"bash -c 'echo plain > /dev/udp/{address}/{port}'";
    }

    [Fact]
    public async Task The_userspace_datapath_is_refused_and_nothing_is_changed()
    {
        NeedsPolicies();
        await using var lab = await OverlayLab.BareAsync(
            Overlay,
            new LabOptions { Datapath = Datapath.Userspace }
        );
        var before = await OwnershipTests.DescribeAsync(lab, "host1");
        var refused = await lab.WeftAsync("host1", "apply", "--yes", "--datapath", "userspace");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(
            "whose packets never pass the kernel's IPsec",
            refused.Errors,
            StringComparison.Ordinal
        );
        Assert.Equal(before, await OwnershipTests.DescribeAsync(lab, "host1"));
        Assert.Empty(await PoliciesAsync(lab));
    }

    [Theory]
    [InlineData("type: gre", "192.0.2.1", "192.0.2.2")]
    [InlineData("type: vxlan", "192.0.2.1", "192.0.2.2")]
    [InlineData("type: geneve, port: 6082", "2001:db8::1", "2001:db8::2")]
    [InlineData("type: vxlan, key: 7", "2001:db8::1", "2001:db8::2")]
    public async Task What_is_planned_is_written_and_read_back_until_nothing_differs(
        string tunnels,
        string first,
        string second
    )
    {
        NeedsPolicies();
        await using var space = await NamedNamespace.MakeAsync();
        var overlay = OverlayLab.Parse(
            $$"""
            name: guarded
            hosts: { host1: "{{first}}", host2: "{{second}}" }
            tunnels: { {{tunnels}}, ipsec: { certificates: true } }
            """
        );
        var intent = IntentBuilder.Build(overlay, "host1", kernelDatapath: true);

        await LinkBatch.RunAsync(Lines(intent, Stage.First), Needs.Cancellation);
        Assert.Equal(2, space.Read().Length);
        Assert.All(
            space.Read(),
            policy => Assert.True(policy is { Blocks: true, Encrypts: false })
        );
        Assert.Empty(Lines(intent, Stage.First));

        var nothing = HostIntent.Nothing("guarded", "host1");
        await LinkBatch.RunAsync(Lines(nothing, Stage.Last), Needs.Cancellation);
        Assert.Empty(space.Read());

        LinkCommand[] Lines(HostIntent wanted, Stage stage) =>
            [
                .. Planner
                    .Plan(
                        wanted,
                        HostObservation.Bare(kernelDatapath: true) with
                        {
                            Guard = new GuardObservation(space.Read()),
                        }
                    )
                    .LinesOf(stage)
                    .Select(line => line with { Namespace = space.Name }),
            ];
    }

    [Fact]
    public async Task Policies_of_others_are_read_for_what_they_are()
    {
        NeedsPolicies();
        await using var space = await NamedNamespace.MakeAsync();
        (string Line, XfrmPolicy Read)[] cases =
        [
            (
                "src 192.0.2.1/32 dst 192.0.2.2/32 proto gre dir out priority 367231 tmpl proto esp reqid 1 mode transport",
                Policy("192.0.2.1/32", "192.0.2.2/32", 47) with
                {
                    Priority = 367231,
                    Encrypts = true,
                    RequestId = 1,
                }
            ),
            (
                "src 192.0.2.1/32 dst 192.0.2.3/32 dir out tmpl proto comp mode transport level use",
                Policy("192.0.2.1/32", "192.0.2.3/32", 0)
            ),
            (
                "src 10.0.0.0/8 dst 10.9.0.0/16 dir fwd action block",
                Policy("10.0.0.0/8", "10.9.0.0/16", 0) with
                {
                    Direction = XfrmDirection.Forward,
                    Blocks = true,
                }
            ),
            (
                "src 10.0.0.0/8 dst 10.9.0.0/16 dir in mark 1 mask 1",
                Policy("10.0.0.0/8", "10.9.0.0/16", 0) with
                {
                    Direction = XfrmDirection.In,
                    IsPartial = true,
                }
            ),
            (
                "src 2001:db8::/32 dst ::/0 proto udp sport 500 dport 501 dir in",
                Policy("2001:db8::/32", "::/0", 17, 500, 501) with
                {
                    Direction = XfrmDirection.In,
                }
            ),
            (
                "src 0.0.0.0/0 dst 0.0.0.0/0 dir out dev lo",
                Policy("0.0.0.0/0", "0.0.0.0/0", 0, rest: 1UL << 32)
            ),
        ];
        foreach (var (line, _) in cases)
        {
            // The device of a selector comes right after it.
            var words = line.EndsWith("dev lo", StringComparison.Ordinal)
                ? "src 0.0.0.0/0 dst 0.0.0.0/0 dev lo dir out"
                : line;
            await LinkBatch.RunAsync(
                [new LinkCommand(Stage.First, space.Name, $"xfrm policy add {words}")],
                Needs.Cancellation
            );
        }
        Assert.Equal(
            cases.Select(one => one.Read).OrderBy(policy => policy.ToString()),
            space.Read().OrderBy(policy => policy.ToString())
        );

        static XfrmPolicy Policy(
            string source,
            string destination,
            byte protocol,
            ushort? sourcePort = null,
            ushort? destinationPort = null,
            ulong rest = 0
        ) =>
            new()
            {
                Direction = XfrmDirection.Out,
                Selector = new XfrmSelector(
                    IPNetwork.Parse(source),
                    IPNetwork.Parse(destination),
                    protocol,
                    sourcePort,
                    destinationPort,
                    rest
                ),
                Priority = 0,
            };
    }

    [Fact]
    public async Task Associations_are_read_and_go_by_what_was_read()
    {
        NeedsPolicies();
        await using var space = await NamedNamespace.MakeAsync();
        XfrmState[] states =
        [
            State("192.0.2.1", "192.0.2.2", XfrmState.Esp, 0xc05c09aa, 7),
            State("2001:db8::2", "2001:db8::1", XfrmState.Esp, 0x100, 0),
        ];
        await LinkBatch.RunAsync(
            [
                .. states.Select(state => new LinkCommand(
                    Stage.First,
                    space.Name,
                    // One that is being negotiated, which takes no cipher: the kernel may have none.
                    $"xfrm state allocspi {state.ToString().Replace("spi", "min", StringComparison.Ordinal)} max 0x{state.Spi:x} reqid {state.RequestId} mode transport"
                )),
            ],
            Needs.Cancellation
        );
        Assert.Equal(states.ToHashSet(), ReadStates().ToHashSet());

        await LinkBatch.RunAsync(
            [new LinkCommand(Stage.Last, space.Name, $"xfrm state delete {states[0]}")],
            Needs.Cancellation
        );
        Assert.Equal(states[1], Assert.Single(ReadStates()));

        ImmutableArray<XfrmState> ReadStates() =>
            NetworkNamespace
                .Run(
                    Path.Combine(ContainerSighting.NamespaceDirectory, space.Name),
                    GuardReader.ReadStates
                )!
                .Value;

        static XfrmState State(
            string source,
            string destination,
            byte protocol,
            uint spi,
            uint id
        ) => new(IPAddress.Parse(source), IPAddress.Parse(destination), protocol, spi, id);
    }

    [Fact]
    public async Task A_thousand_policies_are_read_in_one_go()
    {
        NeedsPolicies();
        await using var space = await NamedNamespace.MakeAsync();
        await LinkBatch.RunAsync(
            [
                .. Enumerable
                    .Range(0, 1000)
                    .Select(number => new LinkCommand(
                        Stage.First,
                        space.Name,
                        $"xfrm policy add src 10.0.{number / 250}.{number % 250}/32 dst 0.0.0.0/0 dir in action block"
                    )),
            ],
            Needs.Cancellation
        );
        Assert.Equal(1000, space.Read().Distinct().Count());
    }

    private static void NeedsPolicies()
    {
        Needs.ALab();
        if (GuardReader.Read().Problem is { } problem)
        {
            Assert.Skip(problem);
        }
    }

    /// <summary>The policies of host1 that are not its IKE daemon's, by their selectors and directions, in order of these.</summary>
    private static async Task<string[]> PoliciesAsync(OverlayLab lab) =>
        [
            .. (await lab.RunAsync("host1", "ip -o xfrm policy list nosock"))
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Where(line => !line.Contains("tmpl", StringComparison.Ordinal))
                .Select(line => line.Replace("\\\t", "", StringComparison.Ordinal))
                .Select(line => line.Split(" action ")[0])
                .Order(StringComparer.Ordinal),
        ];

    /// <summary>How many packets for host1 its policies have blocked.</summary>
    private static async Task<int> BlockedAsync(OverlayLab lab)
    {
        var counted = await lab.RunAsync(
            "host1",
            "awk '$1 == \"XfrmInPolBlock\" { print $2 }' /proc/net/xfrm_stat"
        );
        return int.Parse(counted);
    }

    /// <summary>A network namespace of the test's own, by name as <c>ip -n</c> takes it.</summary>
    private sealed class NamedNamespace : IAsyncDisposable
    {
        public string Name { get; } = TestLab.NewName();

        public static async Task<NamedNamespace> MakeAsync()
        {
            var made = new NamedNamespace();
            await made.IpAsync("add");
            return made;
        }

        public ImmutableArray<XfrmPolicy> Read()
        {
            var read = NetworkNamespace.Run(
                Path.Combine(ContainerSighting.NamespaceDirectory, Name),
                GuardReader.Read
            );
            Assert.Null(read.Problem);
            return read.Policies;
        }

        public async ValueTask DisposeAsync() => await IpAsync("del");

        private async Task IpAsync(string verb)
        {
            var result = await Tool.RunAsync(
                ["ip", "netns", verb, Name],
                cancellationToken: CancellationToken.None
            );
            Assert.True(result.ExitCode == 0, result.Errors);
        }
    }
}
