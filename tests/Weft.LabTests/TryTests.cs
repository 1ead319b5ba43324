using System.Diagnostics;
using Weft.Core.Linux;

namespace Weft.LabTests;

/// <summary>What is tried on a host goes back by itself, whatever becomes of who tried it.</summary>
public sealed class TryTests
{
    private const string Own = "/etc/weft/overlay.yaml";
    private const string New = "/run/new.yaml";
    private const string Tag = "ovs-vsctl get port cont-mgmnt0-sw tag";

    [Fact]
    public async Task A_change_that_cuts_the_administrator_off_goes_back_long_before_its_time_is_over()
    {
        await using var lab = await UpAsync();
        // Logged in from host2, by an address that the new file no longer gives to host1.
        await lab.RunAsync(
            "host1",
            $"sed 's/host1: 10.8.3.1, //' {Own} >{New}; ! cmp -s {Own} {New}"
        );
        var before = await lab.RunAsync("host1", $"cat {Own}");
        var tried = await lab.RunAsync(
            "host1",
            $"SSH_CONNECTION='10.8.3.2 50000 10.8.3.1 22' SUDO_USER=alex {WeftProgram.Path} try --yes --within 1h --grace 3s {New}"
        );
        Assert.Contains("you, at 10.8.3.2", tried, StringComparison.Ordinal);

        await WentBackAsync(lab, "you, at 10.8.3.2, was reached before");
        await lab.ReachesAsync("host2", null, "10.8.3.1", 84);
        Assert.Equal(before, await lab.RunAsync("host1", $"cat {Own}"));
        var history = await lab.WeftDoneAsync("host1", "history");
        Assert.Matches(@"try\s+alex\s+10\.8\.3\.2\s+host1\s+went back: you, at", history);
    }

    /// <summary>Whoever does not answer pings is known by the packets of their connection: those that nobody acknowledges.</summary>
    [Fact]
    public async Task A_connection_that_nothing_is_acknowledged_by_any_more_is_missed_too()
    {
        await using var lab = await UpAsync();
        await lab.RunAsync(
            "host2",
            """
            nft add table inet quiet
            nft 'add chain inet quiet in { type filter hook input priority 0; }'
            nft add rule inet quiet in icmp type echo-request drop
            """
        );
        // Something that is sent to the client all the time, as a terminal is.
        await lab.RunAsync("host1", "iperf3 -s -D -p 2222 -B 10.8.3.1 --pidfile /run/server.pid");
        await lab.RunAsync(
            "host2",
            """
            setsid iperf3 -c 10.8.3.1 -p 2222 --cport 50000 -R -b 20K -l 500 -t 600 </dev/null >/run/client.log 2>&1 &
            """
        );
        await Eventually.IsAsync(
            async () =>
                (
                    await lab.TryAsync(
                        "host1",
                        "ss -Hnt src 10.8.3.1:2222 dst 10.8.3.2:50000 | grep ESTAB"
                    )
                ).ExitCode == 0,
            () => lab.TryAsync("host2", "cat /run/client.log").Result.Output
        );
        await lab.RunAsync("host1", $"sed 's/vlan: 100/vlan: 101/' {Own} >{New}");
        var tried = await lab.RunAsync(
            "host1",
            $"SSH_CONNECTION='10.8.3.2 50000 10.8.3.1 2222' {WeftProgram.Path} try --yes --within 1h --grace 2s {New}"
        );
        Assert.Contains("you, at 10.8.3.2", tried, StringComparison.Ordinal);
        Assert.DoesNotContain("host2 in host-mgmnt0", tried, StringComparison.Ordinal);
        await WentBackAsync(lab, "you, at 10.8.3.2, was reached before");
    }

    [Fact]
    public async Task Other_hosts_that_are_reached_no_more_bring_the_change_back_unless_that_is_meant()
    {
        await using var lab = await UpAsync();
        await lab.RunAsync("host1", $"sed 's/vlan: 100/vlan: 101/' {Own} >{New}");
        await lab.WeftDoneAsync("host1", "try", "--yes", "--within", "1h", "--grace", "3s", New);
        await WentBackAsync(lab, "host host2 in host-mgmnt0 10.8.3.2, was reached before");

        await lab.WeftDoneAsync("host1", "try", "--yes", "--within", "5s", "--until-deadline", New);
        await WentBackAsync(lab, "it was not confirmed in time");
    }

    [Fact]
    public async Task Weft_killed_at_any_instant_of_a_try_leaves_the_host_as_it_was()
    {
        await using var lab = await UpAsync();
        await RetaggedAsync(lab);
        var host = lab.Hosts[0];
        var random = new Random(11);
        var started = Stopwatch.GetTimestamp();
        await lab.WeftDoneAsync("host1", "try", "--yes", "--within", "1h", New);
        var whole = Stopwatch.GetElapsedTime(started);
        await lab.WeftDoneAsync("host1", "rollback");
        for (var (killed, rounds) = (0, 0); killed < 3; rounds++)
        {
            Assert.True(rounds < 300, $"killed {killed} times in a try that takes {whole}");
            var newest = await NewestAsync(lab);
            using var process = Tool.Start(
                host.Enter(null, WeftProgram.Path, "try", "--yes", "--within", "1h", New),
                host.Environment
            );
            await Task.Delay(whole * random.NextDouble(), Needs.Cancellation);
            var children = ProcessIdentity.Of(process.Id)?.Children().ToList();
            var cut = children is [var only] && only.Send(Libc.SigKill);
            await process.WaitForExitAsync(Needs.Cancellation);
            if (await NewestAsync(lab) == newest)
            {
                // It had written nothing down, and so changed nothing.
                Assert.True(cut);
            }
            else if (!cut || await IsAppliedAsync(lab))
            {
                // It was through already, and waits.
                await lab.WeftDoneAsync("host1", "rollback");
            }
            else
            {
                killed++;
                await WentBackAsync(lab, "weft ended before it had carried it out");
            }
            await lab.WeftDoneAsync("host1", "plan", "--exit-code");
            Assert.Equal("200", (await lab.RunAsync("host1", Tag)).Trim());
        }
        await lab.AllReachAllAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task With_the_terminal_gone_and_all_of_weft_killed_what_is_overdue_goes_back(
        bool hasAgent
    )
    {
        await using var lab = await UpAsync();
        await RetaggedAsync(lab);
        await using var agent = hasAgent ? await RunningAgent.StartAsync(lab, "host1") : null;
        await Terminal.RunAsync(lab, "host1", $"try --yes --within 1h {New}");
        await Eventually.IsAsync(async () => await IsAppliedAsync(lab), () => Typescript(lab));
        // The one that watches, the one that asks, and its terminal.
        await lab.RunAsync(
            "host1",
            $"""
            kill -KILL $(pgrep -f 'watch-tr[y] homelab')
            kill $(cat {Terminal.KeysPid})
            kill -KILL $(cat {Terminal.Pid})
            for pid in $(pgrep -f 'weft tr[y] --yes'); do kill -KILL $pid || :; done
            """
        );
        Assert.Equal("201", (await lab.RunAsync("host1", Tag)).Trim());
        // An hour goes by, or almost.
        await lab.RunAsync(
            "host1",
            $"""
            deadline=$(date -u -d '{(
                hasAgent ? "+2 seconds" : "-1 second"
            )}' +%Y-%m-%dT%H:%M:%S+00:00)
            sed -i "s/\"deadline\": \".*\"/\"deadline\": \"$deadline\"/" /var/lib/weft/homelab/history/history.json
            """
        );
        if (!hasAgent)
        {
            var late = await lab.WeftAsync("host1", "confirm");
            Assert.Equal(1, late.ExitCode);
            Assert.Contains("time is over", late.Errors, StringComparison.Ordinal);
            // Whoever is asked and does not answer changes nothing, and so nothing has gone back.
            Assert.Equal(2, (await lab.WeftAsync("host1", "apply")).ExitCode);
            Assert.Contains(
                "goes back: it was not confirmed in time",
                await lab.WeftDoneAsync("host1", "history"),
                StringComparison.Ordinal
            );
            foreach (
                var command in (string[][])
                    [
                        ["status"],
                        ["install", New],
                    ]
            )
            {
                var told = await lab.WeftAsync("host1", command);
                Assert.Equal(1, told.ExitCode);
                Assert.Contains("has not gone back yet", told.Errors, StringComparison.Ordinal);
            }
            Assert.Equal("201", (await lab.RunAsync("host1", Tag)).Trim());
            var applied = await lab.WeftAsync("host1", "apply", "--yes");
            Assert.True(applied.ExitCode == 0, applied.Errors);
            Assert.Contains("is over", applied.Errors, StringComparison.Ordinal);
        }
        await WentBackAsync(lab, "it was not confirmed in time");
        Assert.Equal("200", (await lab.RunAsync("host1", Tag)).Trim());
    }

    [Fact]
    public async Task What_is_confirmed_stays_and_any_earlier_file_can_be_gone_back_to()
    {
        await using var lab = await UpAsync();
        await RetaggedAsync(lab);
        await lab.WeftDoneAsync("host1", "try", "--yes", "--until-deadline", "--within", "1h", New);
        // The host's own copy is still the former one; whoever asks is told of the tried one.
        Assert.Contains(
            "vlan: 200",
            await lab.RunAsync("host1", $"cat {Own}"),
            StringComparison.Ordinal
        );
        var status = await lab.WeftAsync("host1", "status");
        Assert.True(status.ExitCode == 0, status.Output);
        Assert.Contains("waits to be confirmed until", status.Errors, StringComparison.Ordinal);
        foreach (
            var command in (string[][])
                [
                    ["apply", "--yes"],
                    ["try", "--yes", New],
                    ["destroy", "--yes"],
                    ["rollback", "--yes", "1"],
                    ["install", "--in-place", New],
                ]
        )
        {
            var refused = await lab.WeftAsync("host1", command);
            Assert.True(refused.ExitCode == 1, string.Join(' ', command));
            Assert.Contains(
                "waits to be confirmed until",
                refused.Errors,
                StringComparison.Ordinal
            );
        }
        await lab.WeftDoneAsync("host1", "apply", "--boot");
        Assert.Equal("201", (await lab.RunAsync("host1", Tag)).Trim());

        await lab.WeftDoneAsync("host1", "confirm");
        await lab.RunAsync("host1", $"cmp {New} {Own}");
        Assert.Equal("201", (await lab.RunAsync("host1", Tag)).Trim());
        await lab.WeftDoneAsync("host1", "plan", "--exit-code");
        await Eventually.IsAsync(async () =>
            (await lab.TryAsync("host1", "pgrep -f 'watch-tr[y] homelab'")).ExitCode == 1
        );
        Assert.Equal(1, (await lab.WeftAsync("host1", "confirm")).ExitCode);

        // Where the host's own copy cannot be changed, an agent would undo what was gone back to.
        await lab.RunAsync(
            "host1",
            "mount --bind /etc/weft /etc/weft && mount -o remount,bind,ro /etc/weft"
        );
        var refusedRollback = await lab.WeftAsync("host1", "rollback", "--yes");
        await lab.RunAsync("host1", "umount /etc/weft");
        Assert.Equal(1, refusedRollback.ExitCode);
        Assert.Contains(
            $"{Own} cannot be written, so nothing was changed",
            refusedRollback.Errors,
            StringComparison.Ordinal
        );
        Assert.Equal("201", (await lab.RunAsync("host1", Tag)).Trim());

        await lab.WeftDoneAsync("host1", "rollback", "--yes");
        Assert.Equal("200", (await lab.RunAsync("host1", Tag)).Trim());
        Assert.Contains(
            "vlan: 200",
            await lab.RunAsync("host1", $"cat {Own}"),
            StringComparison.Ordinal
        );
        await lab.WeftDoneAsync("host1", "rollback", "--yes", "2");
        Assert.Equal("201", (await lab.RunAsync("host1", Tag)).Trim());

        var history = await lab.WeftDoneAsync("host1", "history", "--diff");
        Assert.Matches(@"4\*\s+\S+ \S+\s+rollback 2", history);
        Assert.Matches(@"2\s+\S+ \S+\s+try\s.*confirmed", history);
        Assert.Contains("-  cont-mgmnt0: { vlan: 200", history, StringComparison.Ordinal);
        Assert.Contains("+  cont-mgmnt0: { vlan: 201", history, StringComparison.Ordinal);
        Assert.Contains(
            "vlan: 201",
            await lab.WeftDoneAsync("host1", "history", "show", "2", "--file"),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task On_a_terminal_Enter_keeps_what_is_tried_and_n_does_not()
    {
        await using var lab = await UpAsync();
        await RetaggedAsync(lab);
        foreach (
            var (keys, tag, became) in ((string, string, string)[])
                [("n", "200", "went back: "), ("", "201", "confirmed")]
        )
        {
            var terminal = await Terminal.RunAsync(
                lab,
                "host1",
                $"try --yes --within 1h --until-deadline {New}"
            );
            await terminal.SaysAsync("Keep it?");
            await terminal.TypeAsync(keys);
            await terminal.EndedAsync();
            Assert.Equal(tag, (await lab.RunAsync("host1", Tag)).Trim());
            Assert.Contains(
                became,
                await lab.WeftDoneAsync("host1", "history"),
                StringComparison.Ordinal
            );
        }
    }

    [Fact]
    public async Task An_agent_keeps_what_is_tried_as_long_as_it_is_and_what_was_before_afterwards()
    {
        await using var lab = await UpAsync();
        await RetaggedAsync(lab);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        await lab.WeftDoneAsync("host1", "try", "--yes", "--until-deadline", "--within", "1h", New);
        await MendsTagAsync("201");
        await lab.WeftDoneAsync("host1", "rollback");
        await MendsTagAsync("200");
        await lab.WeftDoneAsync("host1", "try", "--yes", "--until-deadline", "--within", "1h", New);
        await lab.WeftDoneAsync("host1", "confirm");
        await MendsTagAsync("201");

        // A file that the agent takes up is in the history too.
        await lab.RunAsync("host1", $"sed -i 's/vlan: 201/vlan: 202/' {Own}");
        await Eventually.IsAsync(async () =>
            (await lab.WeftDoneAsync("host1", "history")).Contains(
                "  agent",
                StringComparison.Ordinal
            )
        );
        await MendsTagAsync("202");
        await lab.WeftDoneAsync("host1", "rollback", "--yes");
        await MendsTagAsync("201");

        // What is applied from elsewhere is what it keeps from then on.
        await lab.RunAsync("host1", $"sed 's/vlan: 201/vlan: 203/' {Own} >{New}");
        Assert.Contains(
            $"{Own} is {New} now",
            await lab.WeftDoneAsync("host1", "apply", "--yes", New),
            StringComparison.Ordinal
        );
        await MendsTagAsync("203");

        async Task MendsTagAsync(string tag)
        {
            Assert.Equal(tag, (await lab.RunAsync("host1", Tag)).Trim());
            await lab.RunAsync("host1", "ovs-vsctl set port cont-mgmnt0-sw tag=7");
            await Eventually.IsAsync(
                async () => (await lab.RunAsync("host1", Tag)).Trim() == tag,
                () => agent.LogAsync().Result
            );
            await agent.HasMendedAsync();
        }
    }

    [Fact]
    public async Task On_a_host_without_an_overlay_a_try_goes_back_to_nothing()
    {
        await using var lab = await OverlayLab.BareAsync(OverlayLab.TwoHosts);
        await lab.RunAsync("host1", $"mv {Own} {New}");
        await lab.WeftDoneAsync("host1", "try", "--yes", "--within", "3s", New);
        Assert.Contains(
            "ovsbr0",
            await lab.RunAsync("host1", "ovs-vsctl list-br"),
            StringComparison.Ordinal
        );
        await WentBackAsync(lab, "it was not confirmed in time");
        Assert.DoesNotContain(
            "ovsbr0",
            await lab.RunAsync("host1", "ovs-vsctl list-br"),
            StringComparison.Ordinal
        );
        Assert.NotEqual(0, (await lab.TryAsync("host1", $"test -e {Own}")).ExitCode);
    }

    [Fact]
    public async Task Where_the_overlay_is_and_by_which_file_nobody_wrote_down_nothing_is_tried()
    {
        await using var lab = await UpAsync();
        await RetaggedAsync(lab);
        await lab.RunAsync("host1", $"rm -r /var/lib/weft/homelab; mv {Own} /run/former.yaml");
        var refused = await lab.WeftAsync("host1", "try", "--yes", "--within", "3s", New);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("nothing to go back to", refused.Errors, StringComparison.Ordinal);
        await lab.ReachesAsync("host1", null, "10.8.3.2", 84);
    }

    /// <summary>Nor does it keep an agent from what it is there for, whose log is on that disk and which nobody can tell that the try is over.</summary>
    [Fact]
    public async Task A_disk_that_is_full_keeps_no_try_from_going_back()
    {
        await using var lab = await UpAsync();
        await RetaggedAsync(lab);
        await lab.RunAsync(
            "host1",
            """
            cp -r /var/lib/weft /run/weft-state
            mount -t tmpfs -o size=256k tmpfs /var/lib/weft
            cp -r /run/weft-state/. /var/lib/weft
            """
        );
        // Another host falls silent too, long before the time is over.
        await lab.RunAsync("host1", $"sed -i 's/vlan: 100/vlan: 101/' {New}");
        await using var agent = await RunningAgent.StartAsync(
            lab,
            "host1",
            log: "/var/lib/weft/agent.log"
        );
        await lab.WeftDoneAsync("host1", "try", "--yes", "--within", "1h", "--grace", "5s", New);
        await lab.RunAsync(
            "host1",
            "dd if=/dev/zero of=/var/lib/weft/filled bs=4k 2>/dev/null || true; ! echo more >/var/lib/weft/more"
        );
        await Eventually.IsAsync(async () => await TagAsync() == "200", () => Typescript(lab));
        for (var drift = 0; drift < 3; drift++)
        {
            await lab.RunAsync("host1", "ovs-vsctl set port cont-mgmnt0-sw tag=7");
            await Eventually.IsAsync(async () => await TagAsync() != "7", () => Typescript(lab));
            Assert.Equal("200", await TagAsync());
        }
        // It is written down as soon as that can be.
        await lab.RunAsync("host1", "rm /var/lib/weft/filled");
        await WentBackAsync(lab, "host host2 in host-mgmnt0 10.8.3.2, was reached before");
        await lab.RunAsync("host1", "! ls /run/weft/tries/*");

        async Task<string> TagAsync() => (await lab.RunAsync("host1", Tag)).Trim();
    }

    [Fact]
    public async Task What_another_overlay_has_left_behind_keeps_nothing_from_being_confirmed()
    {
        await using var lab = await UpAsync();
        await RetaggedAsync(lab);
        await lab.RunAsync(
            "host1",
            "mkdir -p /var/lib/weft/later/history; echo '{\"version\": 2, \"entries\": []}' >/var/lib/weft/later/history/history.json"
        );
        await lab.WeftDoneAsync("host1", "try", "--yes", "--within", "1h", "--until-deadline", New);
        var confirmed = await lab.WeftAsync("host1", "confirm");
        Assert.True(confirmed.ExitCode == 0, confirmed.Output + confirmed.Errors);
        Assert.Contains("is of version 2", confirmed.Errors, StringComparison.Ordinal);
    }

    /// <summary>Two hosts that reach each other, so that it is missed if they do not.</summary>
    private static async Task<OverlayLab> UpAsync()
    {
        var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.ReachesAsync("host1", null, "10.8.3.2", 84);
        return lab;
    }

    /// <summary>A new file that gives the containers' network another VLAN.</summary>
    private static Task RetaggedAsync(OverlayLab lab) =>
        lab.RunAsync("host1", $"sed 's/vlan: 200/vlan: 201/' {Own} >{New}");

    private static string Typescript(OverlayLab lab) =>
        lab.TryAsync(
            "host1",
            $"cat {Terminal.Typescript} /var/lib/weft/homelab/history/try.log"
        ).Result.Output;

    /// <summary>The number of the newest entry: of how many there are, the oldest are forgotten.</summary>
    private static async Task<int> NewestAsync(OverlayLab lab) =>
        int.Parse(
            await lab.RunAsync(
                "host1",
                "grep '\"number\"' /var/lib/weft/homelab/history/history.json | tail -n 1 | tr -dc 0-9"
            )
        );

    private static async Task<bool> IsAppliedAsync(OverlayLab lab) =>
        (
            await lab.TryAsync(
                "host1",
                "grep '\"isApplied\"' /var/lib/weft/homelab/history/history.json | tail -n 1 | grep -q true"
            )
        ).ExitCode == 0;

    /// <summary>Waits until the last try has gone back for a reason, and the host is as it was.</summary>
    private static async Task WentBackAsync(OverlayLab lab, string reason)
    {
        await Eventually.IsAsync(
            async () =>
                (await lab.WeftDoneAsync("host1", "history"))
                    .Split('\n')
                    .First(line => line.Contains("  try  ", StringComparison.Ordinal))
                    .Contains($"went back: {reason}", StringComparison.Ordinal),
            () =>
                lab.WeftAsync("host1", "history").Result.Output
                + lab.TryAsync("host1", "cat /var/lib/weft/homelab/history/try.log").Result.Output
        );
        if ((await lab.TryAsync("host1", $"test -f {Own}")).ExitCode == 0)
        {
            await lab.WeftDoneAsync("host1", "plan", "--exit-code");
        }
    }
}
