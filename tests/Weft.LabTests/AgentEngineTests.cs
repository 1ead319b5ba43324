using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Weft.Core.Overlays;
using Weft.Labs;
using Weft.Reachability;

namespace Weft.LabTests;

/// <summary>An agent gives containers of real engines their places, whatever is done to them.</summary>
public sealed class AgentEngineTests(AgentEngineLab shared) : IClassFixture<AgentEngineLab>
{
    private const int Numbers = 6_500_000;

    // While ports of the userspace datapath come and go, single packets of others were seen to be lost: 7 of 1,000 at most.
    private const int MostLost = 10;

    private static readonly Lazy<string> Hash = new(ExpectedHash);

    public static TheoryData<Engine> Engines =>
        [Engine.Docker, Engine.Podman, Engine.Lxd, Engine.Incus, Engine.Netns];

    /// <summary>Without an agent too: what `weft apply` did.</summary>
    [Fact]
    public async Task Containers_of_all_engines_reach_each_other_at_full_MTU_by_bridge_and_by_switch()
    {
        var lab = await shared.UpAsync();
        await lab.AllReachAllAsync();
        foreach (var engine in shared.Engines)
        {
            await shared.IsReachedAsync(1, engine);
            await shared.IsReachedAsync(2, engine);
        }
    }

    /// <summary>
    /// By bridge and by switch, between hosts and within one, and between two engines: what a ping shows nothing of, such as
    /// a checksum that nobody fills in, differs between them.
    /// </summary>
    [Theory, MemberData(nameof(Engines))]
    public async Task Fifty_megabytes_arrive_intact(Engine engine)
    {
        var lab = await shared.UpAsync(engine);
        var next = shared
            .Engines.SkipWhile(one => one != engine)
            .Skip(1)
            .FirstOrDefault(shared.Engines[0]);
        await shared.IsReachedAsync(1, engine);
        await shared.IsReachedAsync(2, engine);
        await shared.IsReachedAsync(2, next);
        await ArrivesAsync(
            "host2",
            AgentEngineLab.On(2, engine),
            $"10.8.2.{AgentEngineLab.NumberOf(2, engine)}"
        );
        await ArrivesAsync(
            "host2",
            AgentEngineLab.On(2, next),
            $"10.8.4.{AgentEngineLab.NumberOf(2, next)}"
        );
        await ArrivesAsync("host1", "monitor", "10.8.4.101");

        async Task ArrivesAsync(string host, string container, string address)
        {
            // Whoever receives answers with what it has received.
            var listening = lab.Lab[host]
                .RunInAsync(
                    container,
                    ["busybox", "nc", "-l", "-p", "5001", "-e", "busybox", "sha256sum"],
                    Needs.Cancellation
                );
            // Each number on a line of its own: about 51 MB, of which no part is like another.
            var send = $"busybox seq {Numbers} | busybox timeout 50 busybox nc {address} 5001";
            var answer = "";
            await Eventually.IsAsync(
                async () =>
                {
                    var sent = await lab.Lab["host1"]
                        .RunInAsync(
                            AgentEngineLab.On(1, engine),
                            ["busybox", "sh", "-c", send],
                            Needs.Cancellation
                        );
                    answer = sent.Output;
                    // Refused until somebody listens.
                    return sent.ExitCode == 0;
                },
                () => $"{engine} → {container} at {address}"
            );
            Assert.StartsWith(Hash.Value, answer, StringComparison.Ordinal);
            await listening;
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_container_that_comes_and_goes_has_its_places_again_and_others_lose_nothing(
        Engine engine
    )
    {
        var lab = await shared.UpAsync(engine);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        await shared.IsReachedAsync(1, engine);
        await using var byBridge = ContinuousPing.Start(lab, "host1", "monitor", "10.8.2.102");
        await using var bySwitch = ContinuousPing.Start(lab, "host1", "monitor", "10.8.4.102");
        var one = AgentEngineLab.On(1, engine);
        await Task.WhenAll(byBridge.AnsweredAsync(), bySwitch.AnsweredAsync());

        foreach (var script in ComingsAndGoings(engine))
        {
            await lab.RunAsync("host1", With(engine, one, script));
            await shared.IsReachedAsync(1, engine);
        }
        if (engine is not Engine.Netns)
        {
            var (away, back) = Renamings(engine);
            await lab.RunAsync("host1", With(engine, one, away));
            // Nobody has its addresses as long as nobody has its name.
            await Eventually.IsAsync(
                async () =>
                    (
                        await lab.TryAsync(
                            "host1",
                            With(engine, one, $"$c exec away{Dash(engine)} ip link show eth1")
                        )
                    ).ExitCode != 0,
                () => agent.LogAsync().Result
            );
            await agent.HasMendedAsync();
            await lab.RunAsync("host1", With(engine, one, back));
            await shared.IsReachedAsync(1, engine);
        }
        await agent.HasMendedAsync();

        foreach (var ping in (ContinuousPing[])[byBridge, bySwitch])
        {
            await ping.AnsweredAsync();
            var (sent, answered) = await ping.StopAsync();
            Assert.InRange(answered, sent - MostLost, sent);
        }
    }

    /// <summary>LXD makes the interface anew at each start, and the agent gives it the same again: nobody takes that back.</summary>
    [Fact]
    public async Task A_container_that_is_started_again_and_again_has_its_address_each_time()
    {
        var lab = await shared.UpAsync(Engine.Lxd);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        await shared.IsReachedAsync(1, Engine.Lxd);
        var one = AgentEngineLab.On(1, Engine.Lxd);
        var address = $"10.8.2.{AgentEngineLab.NumberOf(1, Engine.Lxd)}/";
        for (var times = 0; times < 6; times++)
        {
            await lab.RunAsync(
                "host1",
                With(
                    Engine.Lxd,
                    one,
                    $"$c restart -f $one; until $c exec $one -- ip addr show eth1 | grep -q {address}; do sleep 0.05; done"
                )
            );
        }
        Assert.DoesNotContain("changing it back", await agent.LogAsync(), StringComparison.Ordinal);
        await shared.IsReachedAsync(1, Engine.Lxd);
        await agent.HasMendedAsync();
    }

    [Theory]
    [InlineData(Engine.Docker, 15)]
    [InlineData(Engine.Podman, 15)]
    [InlineData(Engine.Lxd, 30)]
    [InlineData(Engine.Incus, 30)]
    public async Task When_an_engine_is_started_anew_its_containers_have_their_places_and_others_notice_nothing(
        Engine engine,
        int signal
    )
    {
        var lab = await shared.UpAsync(engine);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        var one = AgentEngineLab.On(1, engine);
        if (engine is Engine.Docker)
        {
            // Such as Docker starts together with itself.
            await lab.RunAsync("host1", "docker update --restart always docker1");
        }
        var other = shared.Engines.First(candidate => candidate != engine);
        await shared.IsReachedAsync(1, engine);
        await shared.IsReachedAsync(1, other);
        await using var ping = ContinuousPing.Start(
            lab,
            "host1",
            "monitor",
            $"10.8.2.{AgentEngineLab.NumberOf(1, other)}"
        );
        await ping.AnsweredAsync();

        await lab.RunAsync("host1", EngineLab.EndDaemonOf(engine, signal));
        // The rest is kept while it is down.
        await lab.RunAsync("host1", "ip netns del netns1; ip netns add netns1");
        await shared.IsReachedAsync(1, Engine.Netns);
        await lab.RunAsync("host1", EngineLab.StartDaemonOf(engine));
        await shared.IsReachedAsync(1, engine);
        await agent.HasMendedAsync();

        await ping.AnsweredAsync();
        var (sent, answered) = await ping.StopAsync();
        Assert.InRange(answered, sent - MostLost, sent);
    }

    [Fact]
    public async Task Containers_that_carry_a_label_join_by_themselves_and_keep_their_addresses()
    {
        var lab = await shared.UpAsync(Engine.Docker, Engine.Lxd);
        await using var first = await RunningAgent.StartAsync(lab, "host1");
        await using var second = await RunningAgent.StartAsync(lab, "host2");
        const string RunDocker =
            "docker run -d --name joiner-d --network none --label weft.network=net0 weft-lab";
        const string LaunchLxd = "lxc -q launch weft-lab joiner-l -c user.weft.network=net0";
        (string Host, IPNetwork Slice)[] hosts =
        [
            ("host1", IPNetwork.Parse("10.8.2.0/25")),
            ("host2", IPNetwork.Parse("10.8.2.128/25")),
        ];
        await Task.WhenAll(
            hosts.Select(one => lab.RunAsync(one.Host, $"{RunDocker}; {LaunchLxd}"))
        );

        var given = new List<string>();
        foreach (var (host, slice) in hosts)
        {
            foreach (var joiner in (string[])["joiner-d", "joiner-l"])
            {
                var address = await AddressOfAsync(lab, host, joiner);
                Assert.True(
                    slice.Contains(IPAddress.Parse(address)),
                    $"{host} {joiner}: {address}"
                );
                given.Add(address);
                await lab.ReachesAsync("host1", "monitor", address, AgentEngineLab.Mtu);
                await lab.ReachesAsync("host2", "mastodon", address, AgentEngineLab.Mtu);
            }
        }
        Assert.Distinct(given);
        // Who is known by its labels is asked too, and asked from.
        var ping = ReachabilityReport.FromJson(
            (await lab.WeftAsync("host1", "ping", "--json")).Output
        );
        foreach (var joiner in (string[])["joiner-d", "joiner-l"])
        {
            var asked = ping.Results.Where(one => one.From.Container == joiner).ToList();
            Assert.Contains(asked, one => one.To.Container == "monitor");
            Assert.All(asked, one => Assert.Equal(Outcome.Reached, one.Outcome));
        }

        foreach (
            var again in (string[])
                [
                    "docker restart -t 0 joiner-d; lxc -q restart -f joiner-l",
                    $"docker rm -f joiner-d; {RunDocker}; lxc -q delete -f joiner-l; {LaunchLxd}",
                ]
        )
        {
            await lab.RunAsync("host1", again);
            foreach (var address in given)
            {
                await lab.ReachesAsync("host1", "monitor", address, AgentEngineLab.Mtu);
            }
        }
        Assert.Equal(given[0], await AddressOfAsync(lab, "host1", "joiner-d"));
        Assert.Equal(given[1], await AddressOfAsync(lab, "host1", "joiner-l"));
        foreach (var (host, _) in hosts)
        {
            await lab.WeftDoneAsync(host, "addresses", "check");
            await lab.RunAsync(host, "docker rm -f joiner-d; lxc -q delete -f joiner-l");
        }
        await first.HasMendedAsync();
        await second.HasMendedAsync();
        foreach (var (host, _) in hosts)
        {
            // With an agent that ended before, what is gone would have an address in what comes after in this lab.
            await Eventually.IsAsync(
                async () => (await lab.WeftAsync(host, "addresses", "check")).ExitCode == 0,
                () => lab.WeftAsync(host, "addresses", "check").Result.Output
            );
        }
    }

    [Theory]
    [InlineData(Engine.Docker)]
    [InlineData(Engine.Podman)]
    public async Task Of_two_that_share_a_network_one_has_its_places_and_nobody_takes_them_away(
        Engine engine
    )
    {
        var lab = await shared.UpAsync(engine);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        await shared.IsReachedAsync(1, engine);
        var (program, one) = (engine.ToString().ToLowerInvariant(), AgentEngineLab.On(1, engine));
        await lab.RunAsync(
            "host1",
            $"{program} run -d --name mate --network container:{one} --label weft.network=net0 weft-lab"
        );
        await Eventually.IsAsync(
            async () =>
                (await lab.WeftAsync("host1", "plan")).Errors.Contains(
                    $"{program} container mate lives in the network of {program} container {one}",
                    StringComparison.Ordinal
                ),
            () => agent.LogAsync().Result
        );
        await lab.WeftDoneAsync("host1", "plan", "--exit-code");
        // What is set inside both is one address.
        await lab.WeftDoneAsync("host1", "addresses", "check");
        await shared.IsReachedAsync(1, engine);
        await lab.RunAsync("host1", $"{program} rm -f mate");
        await agent.HasMendedAsync();
    }

    [Fact]
    public async Task Fifty_namespaces_and_ten_of_Docker_started_at_once_have_their_addresses()
    {
        await shared.UpAsync(Engine.Docker);
        var yaml = new StringBuilder(
            """
            name: many
            hosts: { host1: 192.0.2.1 }
            networks: { net0: { vlan: 200, subnet: 10.8.2.0/24, bridge: true } }
            containers:

            """
        );
        foreach (var number in Enumerable.Range(1, 50))
        {
            yaml.Append(
                $"  n{number}: {{ host: host1, engine: netns, networks: {{ net0: 10.8.2.{number} }} }}\n"
            );
        }
        foreach (var number in Enumerable.Range(101, 10))
        {
            yaml.Append(
                $"  d{number}: {{ host: host1, engine: docker, networks: {{ net0: 10.8.2.{number} }} }}\n"
            );
        }
        await using var lab = await OverlayLab.BareAsync(
            yaml.ToString(),
            new LabOptions { Engines = true }
        );
        await lab.RunAsync(
            "host1",
            "docker stop -t 0 $(docker ps -q); for n in $(seq 50); do ip netns del n$n; done"
        );
        await using var agent = await RunningAgent.StartAsync(lab, "host1");

        await lab.RunAsync(
            "host1",
            "docker start $(docker ps -aq) & for n in $(seq 50); do ip netns add n$n & done; wait"
        );

        await Eventually.IsAsync(
            async () =>
                (
                    await lab.TryAsync(
                        "host1",
                        "for n in $(seq 50); do ip -n n$n -4 addr show dev eth1 | grep -q 10.8.2.$n/24 || exit 1; done"
                    )
                ).ExitCode == 0,
            () => agent.LogAsync().Result
        );
        foreach (var number in Enumerable.Range(101, 10))
        {
            await lab.ReachesAsync("host1", "n1", $"10.8.2.{number}", 100);
        }
        await agent.HasMendedAsync();
    }

    private static IEnumerable<string> ComingsAndGoings(Engine engine) =>
        engine switch
        {
            Engine.Netns => ["ip netns del $one; ip netns add $one"],
            Engine.Docker or Engine.Podman =>
            [
                "$c stop -t 0 $one; $c start $one",
                "$c restart -t 0 $one",
                "$c kill $one; $c wait $one; $c start $one",
                "$c rm -f $one; $c run -d --name $one --network none weft-lab",
            ],
            _ =>
            [
                "$c stop -f $one; $c start $one",
                "$c restart -f $one",
                // It ends by itself, as its engine sees it. Until the engine is done with that, it says now that it runs and now that
                // it does not, and refuses to start it, or its client waits for ever for an operation that is over.
                "pid() { $c info $one | sed -n 's/^PID: //p'; }; ended=$(pid); kill -9 $ended; until now=$(pid) && [ \"$now\" != $ended ] && [ -d /proc/$now/ns ]; do timeout 20 $c start $one || sleep 0.1; done",
                "$c delete -f $one; $c launch weft-lab $one",
            ],
        };

    // LXD and Incus rename nothing that runs.
    private static (string Away, string Back) Renamings(Engine engine) =>
        engine is Engine.Docker or Engine.Podman
            ? ("$c rename $one away", "$c rename away $one")
            : (
                "$c stop -f $one; $c rename $one away; $c start away",
                "$c stop -f away; $c rename away $one; $c start $one"
            );

    private static string Dash(Engine engine) => engine is Engine.Lxd or Engine.Incus ? " --" : "";

    private static string With(Engine engine, string one, string script) =>
        $"c={EngineLab.ClientOf(engine)}; one={one}; {script}";

    private static async Task<string> AddressOfAsync(OverlayLab lab, string host, string container)
    {
        string? address = null;
        await Eventually.IsAsync(async () =>
        {
            using var rows = JsonDocument.Parse(
                await lab.WeftDoneAsync(host, "addresses", "--json")
            );
            address = rows
                .RootElement.EnumerateArray()
                .Where(row => row.GetProperty("container").GetString() == container)
                .Select(row => row.GetProperty("address").GetString())
                .FirstOrDefault();
            return address is not null;
        });
        return address!;
    }

    private static string ExpectedHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> line = stackalloc byte[16];
        for (var number = 1; number <= Numbers; number++)
        {
            number.TryFormat(line, out var length);
            line[length] = (byte)'\n';
            hash.AppendData(line[..(length + 1)]);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
