using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Weft.Core.Linux;
using Weft.Fleet;
using Weft.Installation;
using Weft.Labs;
using Weft.Reachability;
using Weft.Traffic;

namespace Weft.LabTests;

/// <summary>All hosts from one machine that is none of them, by real SSH.</summary>
public sealed partial class FleetTests
{
    [Fact]
    public async Task Five_hosts_are_made_changed_and_mended_from_one_machine()
    {
        await using var fleet = await FleetLab.UpAsync(Overlay(5, laptop: true));
        await fleet.TrustAsync(fleet.Hosts);
        await fleet.WriteFileAsync(Overlay(5));

        var differs = await fleet.WeftAsync("plan", "--all", "--exit-code");
        Assert.True(differs.ExitCode == 3, differs.Output + differs.Errors);
        var made = await fleet.WeftDoneAsync("apply", "--all", "--yes");
        Assert.Contains("✓ 5 of 5 hosts as intended", made, StringComparison.Ordinal);
        Assert.Contains("all 50 ways are open", await PingedAsync(fleet), StringComparison.Ordinal);
        Assert.Equal(Overlay(5), await fleet.Lab.RunAsync("host3", "cat /etc/weft/overlay.yaml"));
        await fleet.WeftDoneAsync("plan", "--all", "--exit-code");
        Assert.Contains(
            "5 hosts: all well",
            await fleet.WeftDoneAsync("status", "--all"),
            StringComparison.Ordinal
        );

        // Both ends of a way are asked, and the one that is wrong is named.
        Assert.DoesNotContain(
            "✗",
            await fleet.WeftDoneAsync("trace a1 a2 --file", "--all"),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "5 hosts: all well",
            await fleet.WeftDoneAsync("doctor", "--all"),
            StringComparison.Ordinal
        );
        await fleet.Lab.RunAsync("host2", "ip -n a2 link set eth1 down");
        var ill = await fleet.WeftAsync("doctor", "--all");
        Assert.Equal(1, ill.ExitCode);
        Assert.Contains("4 of 5 hosts well; not host2", ill.Output, StringComparison.Ordinal);
        var wrong = await fleet.WeftAsync("trace a1 a2 --file", "--host", "host1,host2");
        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains(
            "first wrong, on host2: container a2",
            wrong.Output,
            StringComparison.Ordinal
        );
        var half = await fleet.WeftAsync("trace a1 a2 --file", "--host", "host1");
        Assert.True(half.ExitCode == 1, half.Output + half.Errors);
        Assert.Contains(
            "it is none of those that were to be asked",
            half.Output,
            StringComparison.Ordinal
        );
        await fleet.WeftDoneAsync("apply", "--all", "--yes");
        // Who asked while there was nobody gives up what waits for the answer to its last question (RFC 1122, 2.3.2.2).
        await fleet.Lab.ReachesAsync("host1", "a1", "10.8.2.2", 100);

        await using (var ping = ContinuousPing.Start(fleet.Lab, "host1", "a1", "10.8.2.2"))
        {
            // A host that leaves the file is removed from the others, and comes back.
            await fleet.WriteFileAsync(Overlay(4));
            await fleet.WeftDoneAsync("apply", "--all", "--yes");
            Assert.DoesNotContain(
                "tun-host5",
                await fleet.Lab.RunAsync("host1", "ovs-vsctl list-ports ovsbr0"),
                StringComparison.Ordinal
            );
            await fleet.WriteFileAsync(Overlay(5));
            var again = await fleet.WeftAsync("apply", "--all", "--yes", "--json");
            Assert.True(again.ExitCode == 0, again.Output + again.Errors);
            Assert.Equal(
                [0, 0, 0, 0, 0],
                JsonDocument
                    .Parse(again.Output)
                    .RootElement.EnumerateArray()
                    .Select(host => host.GetProperty("exitCode").GetInt32())
            );

            // One host is not there: the others go on.
            await fleet.StopServerAsync("host4");
            await fleet.WriteFileAsync(Overlay(5, vlan: 30));
            var partly = await fleet.WeftAsync("apply", "--all", "--yes");
            Assert.Equal(1, partly.ExitCode);
            Assert.Contains(
                "host 'host4' was not reached",
                partly.Errors,
                StringComparison.Ordinal
            );
            Assert.Contains("4 of 5 hosts as intended", partly.Output, StringComparison.Ordinal);
            Assert.Matches("VLAN 20 → 30 .*cut off", partly.Errors);
            await fleet.Lab.ReachesAsync("host1", "b1", "10.8.3.2", 100);
            var status = await fleet.WeftAsync("status", "--all", "--json");
            Assert.Equal(1, status.ExitCode);
            Assert.Equal(
                ["host4"],
                JsonDocument
                    .Parse(status.Output)
                    .RootElement.EnumerateArray()
                    .Where(host => host.GetProperty("exitCode").GetInt32() != 0)
                    .Select(host => host.GetProperty("host").GetString())
            );
            await fleet.StartServerAsync("host4");
            await fleet.WeftDoneAsync("apply", "--all", "--yes");
            await fleet.Lab.ReachesAsync("host1", "b1", "10.8.3.4", 100);

            // The other network lost nothing by all of this.
            var (sent, answered) = await ping.StopAsync();
            Assert.True(sent > 100, $"{sent} sent");
            Assert.Equal(sent, answered);
        }

        // What fits before and after is not lost where an MTU shrinks, nor where it grows again.
        const int Narrow = 1400 - (1500 - AgentEngineLab.Mtu);
        await using (
            var ping = ContinuousPing.Start(fleet.Lab, "host1", "a1", "10.8.2.2", size: Narrow)
        )
        {
            await ping.AnsweredAsync();
            foreach (var (underlay, mtu) in new[] { (1400, Narrow), (1500, AgentEngineLab.Mtu) })
            {
                await fleet.WriteFileAsync(
                    Overlay(5, vlan: 30)
                        .Replace(
                            "host2: { address: 192.0.2.2 }",
                            $"host2: {{ address: 192.0.2.2, mtu: {underlay} }}",
                            StringComparison.Ordinal
                        )
                );
                await fleet.WeftDoneAsync("apply", "--all", "--yes");
                Assert.Contains(
                    $"mtu {mtu} ",
                    await fleet.Lab.RunAsync("host5", "ip -n a5 link show eth1"),
                    StringComparison.Ordinal
                );
                await ping.AnsweredAsync();
            }
            // Hosts with kernels of their own have it that nothing is lost by Weft.
            var (sent, answered) = await ping.StopAsync();
            Assert.InRange(answered, sent - ContinuousPing.MostLostToMtu, sent);
        }
        Assert.Contains("all 50 ways are open", await PingedAsync(fleet), StringComparison.Ordinal);

        // What is tried goes back on every host whose SSH session is cut off before anybody has answered.
        await Task.WhenAll(fleet.Hosts.Select(TryAndLoseAsync));
        await fleet.WeftDoneAsync("plan", "--all", "--exit-code");

        // In a session that ends at once it waits to be confirmed from another.
        await SshAsync("try --yes --until-deadline --within 1h /run/new.yaml");
        await SshAsync("confirm");
        await fleet.Lab.RunAsync(
            "host1",
            "cmp /run/new.yaml /etc/weft/overlay.yaml && ovs-vsctl --columns=name find port tag=31 | grep name"
        );

        async Task TryAndLoseAsync(string host)
        {
            await fleet.Lab.RunAsync(
                host,
                "sed 's/vlan: 30/vlan: 31/' /etc/weft/overlay.yaml >/run/new.yaml"
            );
            using var session = Tool.Start(
                fleet
                    .Lab.Lab[FleetLab.Laptop]
                    .Enter(
                        null,
                        "ssh",
                        "-tt",
                        $"root@{fleet.Lab.Lab[host].Address}",
                        $"{WeftProgram.Path} try --yes --until-deadline --within 15s /run/new.yaml"
                    )
            );
            var said = session.StandardOutput.ReadToEndAsync(Needs.Cancellation);
            await Eventually.IsAsync(async () =>
                (
                    await fleet.Lab.TryAsync(
                        host,
                        "grep '\"isApplied\"' /var/lib/weft/fleet/history/history.json | tail -n 1 | grep true"
                    )
                ).ExitCode == 0
            );
            await fleet.Lab.RunAsync(host, "kill -KILL $(pgrep -P $(cat /run/sshd.pid))");
            await session.WaitForExitAsync(Needs.Cancellation);
            Assert.True(session.ExitCode == 255, await said);
            await Eventually.IsAsync(
                async () =>
                    (await fleet.Lab.RunAsync(host, $"{WeftProgram.Path} history")).Contains(
                        "went back: it was not confirmed in time",
                        StringComparison.Ordinal
                    ),
                () =>
                    fleet
                        .Lab.TryAsync(host, "cat /var/lib/weft/fleet/history/try.log")
                        .Result.Output
            );
        }

        Task<string> SshAsync(string command) =>
            fleet.Lab.RunAsync(
                FleetLab.Laptop,
                $"ssh root@{fleet.Lab.Lab["host1"].Address} {WeftProgram.Path} {command} </dev/null"
            );
    }

    [Fact]
    public async Task Another_tunnel_or_subnet_interrupts_what_the_plan_says_and_nothing_else()
    {
        await using var fleet = await FleetLab.UpAsync(Overlay(3, laptop: true));
        await fleet.TrustAsync(fleet.Hosts);
        await fleet.WriteFileAsync(Overlay(3));
        await fleet.WeftDoneAsync("apply", "--all", "--yes");
        await fleet.Lab.ReachesAsync("host1", "a1", "10.8.2.2", 100);

        var former = "gre";
        foreach (var type in new[] { "vxlan", "geneve", "gre" })
        {
            // Within a host nothing is lost, whatever becomes of the tunnels.
            await using var inside = ContinuousPing.Start(fleet.Lab, "host1", "a1", "10.8.2.101");
            await using var across = ContinuousPing.Start(fleet.Lab, "host1", "a1", "10.8.2.2");
            await fleet.WriteFileAsync(Overlay(3, type: type));
            var plan = await fleet.WeftDoneAsync("plan", "--all");
            Assert.Contains(
                $"{former} becomes {type}: nothing crosses to ",
                plan,
                StringComparison.Ordinal
            );
            await fleet.WeftDoneAsync("apply", "--all", "--yes");
            await fleet.Lab.ReachesAsync("host1", "a1", "10.8.2.2", 100);
            var (sent, answered) = await inside.StopAsync();
            Assert.Equal(sent, answered);
            // Across hosts it went on afterwards.
            (sent, answered) = await across.StopAsync();
            TestContext.Current.TestOutputHelper!.WriteLine(
                $"{former} → {type}: {sent - answered} of {sent} pings of 10 ms lost between hosts"
            );
            former = type;
        }

        // Another subnet in one network: its former addresses go, as said; the other network loses nothing.
        await using (var other = ContinuousPing.Start(fleet.Lab, "host1", "b1", "10.8.3.2"))
        {
            await fleet.WriteFileAsync(Overlay(3, subnet: "10.9.2"));
            Assert.Matches(
                "host2: 10.8.2.2 goes: what is connected there is cut off",
                await fleet.WeftDoneAsync("plan", "--all")
            );
            await fleet.WeftDoneAsync("apply", "--all", "--yes");
            await fleet.Lab.ReachesAsync("host1", "a1", "10.9.2.2", 100);
            var (sent, answered) = await other.StopAsync();
            Assert.Equal(sent, answered);
        }

        await fleet.WeftDoneAsync("destroy", "--all", "--yes");
        Assert.Equal(
            "",
            (await fleet.Lab.RunAsync("host2", "ovs-vsctl list-br | grep -v br-phy || true")).Trim()
        );
    }

    [Fact]
    public async Task A_host_that_is_not_known_or_lets_nobody_in_is_refused_with_what_to_do()
    {
        await using var fleet = await FleetLab.UpAsync(Overlay(2, laptop: true));
        await fleet.WriteFileAsync(Overlay(2));
        await fleet.TrustAsync("host2");

        var unknown = await fleet.WeftAsync("plan", "--all");
        Assert.Equal(1, unknown.ExitCode);
        Assert.Contains("host2 in overlay", unknown.Output, StringComparison.Ordinal);
        Assert.Contains("host 'host1' is not known yet", unknown.Errors, StringComparison.Ordinal);
        // What the message says to type, and a yes to ssh's own question.
        var command = Command().Match(unknown.Errors).Groups["command"].Value;
        Assert.StartsWith("ssh ", command);
        await fleet.Lab.RunAsync(
            FleetLab.Laptop,
            $"""
            printf '#!/bin/sh\necho yes\n' >/run/yes
            chmod +x /run/yes
            SSH_ASKPASS=/run/yes SSH_ASKPASS_REQUIRE=force {command}
            """
        );
        await fleet.WeftDoneAsync("plan", "--all");

        // Another key than the one that is known.
        await fleet.StopServerAsync("host2");
        await fleet.Lab.RunAsync(
            "host2",
            "rm /run/hostkey && ssh-keygen -q -t ed25519 -N '' -f /run/hostkey"
        );
        await fleet.StartServerAsync("host2");
        var other = await fleet.WeftAsync("plan", "--host", "host2");
        Assert.Equal(1, other.ExitCode);
        Assert.Contains("host 'host2' shows another key", other.Errors, StringComparison.Ordinal);

        // No key of ours.
        await fleet.Lab.RunAsync("host1", ": >/run/authorized");
        var nobody = await fleet.WeftAsync("plan", "--host", "host1");
        Assert.Equal(1, nobody.ExitCode);
        Assert.Contains("takes none of your keys", nobody.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_is_not_root_goes_by_sudo_and_weft_and_the_key_file_are_put_in_place()
    {
        Assert.SkipWhen(Tool.Find("sudo") is null, "there is no sudo: apt install sudo");
        await using var fleet = await FleetLab.UpAsync(Overlay(1, laptop: true));
        await fleet.TrustAsync(fleet.Hosts);
        await fleet.WriteFileAsync(
            Overlay(1)
                .Replace(
                    "host1: { address: 192.0.2.1 }",
                    "host1: { address: 192.0.2.1, ssh: ann@192.0.2.1:22 }",
                    StringComparison.Ordinal
                )
        );
        await fleet.Lab.RunAsync(
            "host1",
            "useradd --create-home --home /run/ann -p '*' -s /bin/sh ann"
        );
        var refused = await fleet.WeftAsync("plan", "--all");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("does not let you become root", refused.Errors, StringComparison.Ordinal);

        await fleet.Lab.RunAsync(
            "host1",
            "printf 'Defaults env_keep += \"WEFT_ENGINE WEFT_DATAPATH\"\\nann ALL=(ALL) NOPASSWD: ALL\\n' >/etc/sudoers.d/ann"
        );
        await fleet.WeftDoneAsync("apply", "--all", "--yes");
        Assert.Contains(
            "1 host: all well",
            await fleet.WeftDoneAsync("status", "--all"),
            StringComparison.Ordinal
        );
        Assert.Equal(
            "600 root",
            (await fleet.Lab.RunAsync("host1", "stat -c '%a %U' /etc/weft/overlay.yaml")).Trim()
        );

        // A key beside the overlay file goes where the file says, and takes no other's place. That this datapath encrypts
        // nothing is found afterwards.
        await fleet.WriteFileAsync(
            Overlay(1)
                .Replace(
                    "type: gre",
                    "type: gre, ipsec: { psk: { file: /etc/weft/psk } }",
                    StringComparison.Ordinal
                )
        );
        await fleet.Lab.RunAsync(
            FleetLab.Laptop,
            "umask 077; echo the-first-key-of-this-overlay >/run/home/psk"
        );
        await fleet.WeftAsync("apply", "--host", "host1", "--yes");
        Assert.Equal(
            "600 root the-first-key-of-this-overlay",
            (await fleet.Lab.RunAsync("host1", "stat -c '%a %U' /etc/weft/psk; cat /etc/weft/psk"))
                .ReplaceLineEndings(" ")
                .Trim()
        );
        await fleet.Lab.RunAsync(
            FleetLab.Laptop,
            "echo another-key-of-this-overlay >/run/home/psk"
        );
        var kept = await fleet.WeftAsync("apply", "--all", "--yes");
        Assert.Contains("`weft rotate`", kept.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("another-key", kept.Output + kept.Errors, StringComparison.Ordinal);
        Assert.Contains(
            "the-first-key",
            await fleet.Lab.RunAsync("host1", "cat /etc/weft/psk"),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Another_weft_takes_the_place_of_the_one_there_whole_and_the_agent_goes_on_with_it()
    {
        Assert.SkipUnless(
            FleetLab.IsPublished,
            "the build for development is more than one file: publish, and name the binary with WEFT_BINARY"
        );
        await using var fleet = await FleetLab.UpAsync(Overlay(1, laptop: true));
        await fleet.TrustAsync(fleet.Hosts);
        await fleet.WriteFileAsync(Overlay(1));
        await fleet.Lab.RunAsync(
            "host1",
            $"""
            {FleetLab.ServiceManager}
            printf '#!/bin/sh\necho old\n' >/usr/local/bin/weft
            chmod +x /usr/local/bin/weft
            touch /etc/systemd/system/weft-agent.service
            """
        );
        Assert.Contains(
            "replaced; its agent goes on",
            await fleet.WeftDoneAsync("upgrade", "--all"),
            StringComparison.Ordinal
        );
        Assert.Equal(
            "try-restart weft-agent.service",
            (await fleet.Lab.RunAsync("host1", "cat /run/told")).Trim()
        );
        Assert.Equal(
            await fleet.Lab.RunAsync("host1", $"sha256sum <{WeftProgram.Path}"),
            await fleet.Lab.RunAsync("host1", "sha256sum </usr/local/bin/weft")
        );
        Assert.Equal(
            "755 systemctl weft",
            (await fleet.Lab.RunAsync("host1", "stat -c %a /usr/local/bin/weft; ls /usr/local/bin"))
                .ReplaceLineEndings(" ")
                .Trim()
        );
        Assert.Contains(
            "the same already",
            await fleet.WeftDoneAsync("upgrade", "--all"),
            StringComparison.Ordinal
        );

        // A machine of another kind is given no program that it cannot run.
        await fleet.Lab.RunAsync(
            "host1",
            "printf '#!/bin/sh\\necho aarch64\\n' >/usr/local/bin/uname; chmod +x /usr/local/bin/uname"
        );
        var foreign = await fleet.WeftAsync("plan", "--all");
        Assert.Equal(1, foreign.ExitCode);
        Assert.Contains("host 'host1' is aarch64", foreign.Errors, StringComparison.Ordinal);
        Assert.Contains("--binary", foreign.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hosts_set_up_by_hand_are_read_and_taken_over_from_one_machine_and_their_key_stays_on_them()
    {
        const string Key = "not-a-real-key-0123";
        await using var fleet = await FleetLab.UpAsync(
            FleetLab.WithLaptop(OverlayLab.TwoHosts),
            new LabOptions { Datapath = Datapath.Userspace }
        );
        var lab = fleet.Lab;
        await HandMade.SetUpAsync(lab, Datapath.Userspace, HandMade.WithKey);
        await fleet.WriteFileAsync(
            "Host second\n  HostName 192.0.2.2\n  User root\n",
            "/run/home/.ssh/config"
        );
        await fleet.TrustAsync("host1");

        // One that is not read would be missing in the file, and be taken for a host that has left.
        var unread = await ImportAsync("192.0.2.1,second");
        Assert.Equal(1, unread.ExitCode);
        Assert.Contains("host 'second' is not known yet", unread.Errors, StringComparison.Ordinal);
        Assert.Equal("", unread.Output);

        await fleet.TrustAsync("host2");
        var imported = await ImportAsync("192.0.2.1,second");
        Assert.True(imported.ExitCode == 0, imported.Errors);
        var overlay = OverlayLab.Parse(imported.Output);
        Assert.Equal(
            [("host1", null), ("host2", "second")],
            overlay.Hosts.Select(host => (host.Name, host.Ssh?.ToString()))
        );
        Assert.Equal(["mastodon", "wallabag"], overlay.Containers.Select(one => one.Name).Order());
        Assert.Equal(["host1", "host2"], overlay.Containers.Select(one => one.Host).Order());

        // The key is in a file of each host now, which said so when it was read first, and nowhere else.
        Assert.DoesNotContain(Key, imported.Output + imported.Errors, StringComparison.Ordinal);
        Assert.Contains(
            "host1: the key of its tunnels is in /etc/weft/psk now",
            (await lab.TryAsync("host1", "rm /etc/weft/psk")).Errors
                + (await ImportAsync("192.0.2.1")).Errors,
            StringComparison.Ordinal
        );
        foreach (var host in fleet.Hosts)
        {
            Assert.Equal(
                $"600 {Key}",
                (await lab.RunAsync(host, "stat -c %a /etc/weft/psk; cat /etc/weft/psk"))
                    .Trim()
                    .Replace('\n', ' ')
            );
        }
        Assert.NotEqual(
            0,
            (await lab.TryAsync(FleetLab.Laptop, $"grep -r {Key} /run/home /etc/weft")).ExitCode
        );

        await fleet.WriteFileAsync(imported.Output);
        var planned = await fleet.WeftDoneAsync("plan", "--all", "--adopt");
        Assert.Contains("take over", planned, StringComparison.Ordinal);
        Assert.Contains(
            "2 of 2 hosts as intended",
            await fleet.WeftDoneAsync("apply", "--all", "--adopt", "--yes"),
            StringComparison.Ordinal
        );
        await fleet.WeftDoneAsync("plan", "--all", "--exit-code");
        await PingedAsync(fleet);

        Task<ToolResult> ImportAsync(string hosts) =>
            lab.WeftAsync(
                FleetLab.Laptop,
                ["import", "--host", hosts, "--name", "homelab", .. fleet.Program]
            );
    }

    [Fact]
    public async Task What_all_hosts_carry_and_whom_they_reach_is_watched_from_one_machine()
    {
        await using var fleet = await FleetLab.UpAsync(Overlay(3, laptop: true));
        await fleet.TrustAsync(fleet.Hosts);
        await fleet.WriteFileAsync(Overlay(3));
        await fleet.WeftDoneAsync("apply", "--all", "--yes");
        await PingedAsync(fleet);

        var counted = await fleet.WeftAsync("top", "--all", "--counters");
        Assert.True(counted.ExitCode == 0, counted.Output + counted.Errors);
        Assert.Equal(
            ["host1", "host2", "host3"],
            counted
                .Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => TrafficSample.FromJson(line).Host)
        );
        await using (ContinuousPing.Start(fleet.Lab, "host1", "a1", "10.8.2.2"))
        {
            // What was counted before the pings began is less than what they carry.
            var flows = Array.Empty<JsonElement>();
            await Eventually.IsAsync(
                async () =>
                {
                    var once = await fleet.WeftAsync("top", "--all", "--once", "--json");
                    Assert.True(once.ExitCode == 0, once.Output + once.Errors);
                    flows =
                    [
                        .. JsonDocument
                            .Parse(once.Output)
                            .RootElement.GetProperty("flows")
                            .EnumerateArray(),
                    ];
                    return IsCarrying("host1", "a1")
                        && IsCarrying("host2", "a2")
                        && IsCarrying("host1", "host2")
                        && IsCarrying("host2", "host1");
                },
                () => string.Join('\n', flows)
            );
            Assert.False(IsCarrying("host3", "b3"), string.Join('\n', flows));

            bool IsCarrying(string host, string name) =>
                flows
                    .Single(flow =>
                        flow.GetProperty("host").GetString() == host
                        && flow.GetProperty("name").GetString() == name
                    )
                    .GetProperty("rate")
                    .GetProperty("packetsIn")
                    .GetDouble() > 5;
        }

        // A matrix on a terminal, and lines elsewhere; both end with what was lost.
        var shown = await fleet.Lab.RunAsync(
            FleetLab.Laptop,
            $"""
            export TERM=xterm
            script --quiet --return --command "{WeftProgram.Path} ping --all --watch --count 2 --interval 0 --timeout 20 {string.Join(
                ' ',
                fleet.Program
            )} /run/home/overlay.yaml" /run/typescript </dev/null >/dev/null
            cat /run/typescript
            """
        );
        Assert.Contains("✓", shown, StringComparison.Ordinal);
        Assert.Contains("round 2: all ", shown, StringComparison.Ordinal);
        Assert.Contains("none lost", shown, StringComparison.Ordinal);

        // A host that is not there is said, and keeps nothing from being watched; it is seen when it comes.
        await fleet.StopServerAsync("host3");
        var partly = await fleet.WeftAsync("top", "--all", "--once");
        Assert.Equal(1, partly.ExitCode);
        Assert.Contains("host 'host3' was not reached", partly.Errors, StringComparison.Ordinal);
        Assert.Contains("a2", partly.Output, StringComparison.Ordinal);
        using var watching = fleet.Start(
            "ping --watch --json",
            "--all",
            "--interval",
            "0.1",
            "--timeout",
            "5"
        );
        var told = watching.StandardError.ReadToEndAsync(Needs.Cancellation);
        Assert.DoesNotContain(await RoundAsync(), result => result.From.Name == "a3");
        await fleet.StartServerAsync("host3");
        await UntilAsync(round => round.Any(result => result.From.Name == "a3"));

        await fleet.Lab.RunAsync("host2", "ip -n a2 link set eth1 down");
        await UntilAsync(round => round.Any(IsShutFromA1ToA2));
        await fleet.WeftDoneAsync("apply", "--host", "host2", "--yes");
        await UntilAsync(round => !round.Any(IsShutFromA1ToA2));
        await fleet.Lab.RunAsync(FleetLab.Laptop, "kill -INT $(pidof weft)");
        await watching.StandardOutput.ReadToEndAsync(Needs.Cancellation);
        await watching.WaitForExitAsync(Needs.Cancellation);
        Assert.Equal(1, watching.ExitCode);
        Assert.Contains("host 'host3' was not reached", await told, StringComparison.Ordinal);

        async Task<IReadOnlyList<ProbeResult>> RoundAsync() =>
            ReachabilityReport
                .FromJson((await watching.StandardOutput.ReadLineAsync(Needs.Cancellation))!)
                .Results;

        Task UntilAsync(Func<IReadOnlyList<ProbeResult>, bool> condition) =>
            Eventually.IsAsync(async () => condition(await RoundAsync()));

        static bool IsShutFromA1ToA2(ProbeResult result) =>
            result is { From.Name: "a1", To.Name: "a2", Outcome: not Outcome.Reached };
    }

    [Fact]
    public async Task Install_puts_all_that_a_boot_needs_on_every_host()
    {
        await using var fleet = await FleetLab.UpAsync(Overlay(2, laptop: true));
        await fleet.TrustAsync(fleet.Hosts);
        var overlay = Overlay(2)
            .Replace(
                "type: gre",
                "type: gre, ipsec: { psk: { file: /etc/weft/psk } }",
                StringComparison.Ordinal
            );
        await fleet.WriteFileAsync(overlay);
        await fleet.WriteFileAsync("the-key-of-this-overlay\n", "/run/home/psk");
        foreach (var host in fleet.Hosts)
        {
            await fleet.Lab.RunAsync(host, $"rm -f /etc/weft/*\n{FleetLab.ServiceManager}");
        }
        var installed = await fleet.WeftDoneAsync("install", "--all");
        Assert.Contains("2 hosts: all well", installed, StringComparison.Ordinal);
        var program = FleetLab.IsPublished ? SshRunner.Program : WeftProgram.Path;
        foreach (var host in fleet.Hosts)
        {
            Assert.Equal(overlay, await fleet.Lab.RunAsync(host, "cat /etc/weft/overlay.yaml"));
            Assert.Equal(
                "600 the-key-of-this-overlay",
                (await fleet.Lab.RunAsync(host, "stat -c %a /etc/weft/psk; cat /etc/weft/psk"))
                    .Trim()
                    .Replace('\n', ' ')
            );
            Assert.Matches(
                $"(?m)^ExecStart={program} apply --boot .*--as {host}$",
                await fleet.Lab.RunAsync(host, "cat /etc/systemd/system/weft.service")
            );
            // An agent of a former weft goes on with this one.
            Assert.Matches(
                "(?m)^reenable .*weft-agent.service\ntry-restart weft-agent.service\n$",
                await fleet.Lab.RunAsync(host, "cat /run/told")
            );
        }
        // Again, with nothing to do, and with nothing to be enabled.
        foreach (var host in fleet.Hosts)
        {
            await fleet.Lab.RunAsync(host, "rm /run/told");
        }
        await fleet.WeftDoneAsync("install", "--all", "--no-enable");
        foreach (var host in fleet.Hosts)
        {
            await fleet.Lab.RunAsync(host, "test ! -e /run/told");
        }

        // A host that still has tunnels of it keeps their guard, and no other from being rid of all.
        await fleet.Lab.RunAsync(
            "host1",
            $"""
            mkdir -p /etc/openvswitch
            touch /etc/openvswitch/conf.db
            {LeftTunnel}
            """
        );
        var partly = await fleet.WeftAsync("uninstall", "--all", "--yes");
        Assert.Equal(1, partly.ExitCode);
        Assert.Matches("✗ host1 .* are left \\(tun-host2\\)", partly.Output);
        Assert.Contains("1 of 2 hosts well; not host1", partly.Output, StringComparison.Ordinal);
        Assert.Matches("✓ host2 +[0-9]+ removed, kept: /etc/weft/overlay.yaml\n", partly.Output);
        await fleet.Lab.RunAsync("host1", $"test -e {HostFiles.Hold} && test ! -e /run/told");

        // As where the overlay was encrypted after it was installed.
        await fleet.Lab.RunAsync(
            "host1",
            $"""
            rm {HostFiles.Hold}
            sed -i '\|{HostFiles.Hold}|d' {Placement.Record}
            mkdir -p {HostFiles.Units}/multi-user.target.wants
            ln -s ../weft-guard.service {HostFiles.Units}/multi-user.target.wants/
            """
        );
        var later = await fleet.WeftAsync("uninstall", "--host", "host1", "--yes");
        Assert.Contains(" are left (tun-host2)", later.Output, StringComparison.Ordinal);
        Assert.Contains(
            $"{HostFiles.Hold} is not there",
            (await fleet.Lab.WeftAsync("host1", "status")).Errors,
            StringComparison.Ordinal
        );
        await fleet.Lab.RunAsync("host1", "ovs-vsctl del-br left");
        await fleet.WeftDoneAsync("uninstall", "--host", "host1", "--yes");
        foreach (var host in fleet.Hosts)
        {
            Assert.Equal(
                $"disable --quiet {string.Join(' ', HostFiles.Services)}\nstop {HostFiles.Agent}\ndaemon-reload\n",
                await fleet.Lab.RunAsync(host, "cat /run/told")
            );
            Assert.Equal(
                "/etc/weft/overlay.yaml\n/etc/weft/psk\n",
                await fleet.Lab.RunAsync(
                    host,
                    "find /etc/weft /etc/systemd/system /usr/local/bin/weft /var/lib/weft/installed -type f 2>/dev/null | sort"
                )
            );
        }

        // Where there is nothing, nothing goes, and what a command like this one put is said to stay.
        Assert.Matches(
            $"✓ host1 +nothing was installed, kept: /etc/weft/overlay.yaml{(FleetLab.IsPublished ? $", {SshRunner.Program}" : "")}\n",
            await fleet.WeftDoneAsync("uninstall", "--all", "--yes")
        );
    }

    // As Weft makes one, of an overlay that has been encrypted.
    private const string LeftTunnel = """
        ovs-vsctl --no-wait add-br left -- add-port left tun-host2 \
          -- set interface tun-host2 type=gre options:remote_ip=192.0.2.2 -- set port tun-host2 external_ids:weft=fleet
        """;

    private static async Task<string> PingedAsync(FleetLab fleet)
    {
        var ping = await fleet.WeftAsync("ping", "--all", "--timeout", "30");
        Assert.True(ping.ExitCode == 0, ping.Output + ping.Errors);
        return ping.Output;
    }

    /// <summary>Hosts with containers a1, a101, b1 on host1 and so on, in two networks.</summary>
    private static string Overlay(
        int hosts,
        string type = "gre",
        int vlan = 20,
        string subnet = "10.8.2",
        bool laptop = false
    )
    {
        var text = new StringBuilder("name: fleet\nhosts:\n");
        Each(host => $"  host{host}: {{ address: 192.0.2.{host} }}\n");
        text.Append(laptop ? $"  {FleetLab.Laptop}: {{ address: 192.0.2.250 }}\n" : "");
        text.Append(
            $"tunnels: {{ type: {type} }}\nnetworks:\n  first: {{ vlan: 10, subnet: {subnet}.0/24, bridge: true }}\n  second: {{ vlan: {vlan}, subnet: 10.8.3.0/24 }}\ncontainers:\n"
        );
        Each(host =>
            $"  a{host}: {{ host: host{host}, engine: netns, networks: {{ first: {subnet}.{host} }} }}\n"
            + $"  b{host}: {{ host: host{host}, engine: netns, networks: {{ second: 10.8.3.{host} }} }}\n"
        );
        text.Append(
            $"  a101: {{ host: host1, engine: netns, networks: {{ first: {subnet}.101 }} }}\n"
        );
        return text.ToString();

        void Each(Func<int, string> lines)
        {
            foreach (var host in Enumerable.Range(1, hosts))
            {
                text.Append(lines(host));
            }
        }
    }

    [GeneratedRegex("`(?<command>ssh [^`]*)`", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Command();
}
