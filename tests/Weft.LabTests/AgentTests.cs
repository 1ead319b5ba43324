using System.Text.Json;
using System.Text.RegularExpressions;

namespace Weft.LabTests;

/// <summary>An agent keeps a host of a real lab as the overlay file says.</summary>
public sealed class AgentTests
{
    /// <summary>What a process is told of the time since boot, once the file is there, is five minutes more.</summary>
    private const string BuildAdvancingClock = """
        gcc -shared -fPIC -o /run/clock.so -x c - <<'END'
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <time.h>
        #include <unistd.h>
        int clock_gettime(clockid_t clock, struct timespec *now) {
          static int (*real)(clockid_t, struct timespec *);
          if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
          int result = real(clock, now);
          if (clock == CLOCK_MONOTONIC && !access("/run/advance", F_OK)) now->tv_sec += 301;
          return result;
        }
        END
        """;

    [Fact]
    public async Task A_container_that_is_made_again_has_its_place_again_with_nobody_typing_anything()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        for (var time = 0; time < 3; time++)
        {
            await lab.RunAsync("host1", "ip netns del wallabag; ip netns add wallabag");
            await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 1458);
        }
        await agent.HasMendedAsync();
        Assert.Contains(
            "add interface eth1 in wallabag: cont-mgmnt0 10.8.2.2/24 (",
            await agent.LogAsync(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task An_agent_of_another_weft_is_named_where_something_is_applied()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        var version = (await lab.WeftAsync("host1", "--version")).Output.Trim();
        Assert.Contains(
            $"version=\"{version}\"",
            await lab.RunAsync(
                "host1",
                "curl -s --unix-socket /run/weft/agent.sock http://weft/metrics | grep ^weft_build_info"
            ),
            StringComparison.Ordinal
        );
        foreach (
            var command in (string[][])
                [
                    ["status"],
                    ["apply", "--yes"],
                ]
        )
        {
            var same = await lab.WeftAsync("host1", command);
            Assert.DoesNotContain("this host's agent", same.Errors, StringComparison.Ordinal);
        }

        // What it has written of itself, as another would have.
        await lab.RunAsync(
            "host1",
            "cd /run/weft/agents && for seat in *.lock; do sed 's/\"version\":\"[^\"]*\"/\"version\":\"0.0.1\"/' $seat >/run/other && cat /run/other >$seat; done"
        );
        Assert.Contains(
            $"this host's agent is weft 0.0.1, and this is weft {version}: ",
            (await lab.WeftAsync("host1", "apply", "--yes")).Errors,
            StringComparison.Ordinal
        );
    }

    /// <summary>
    /// Each is mended, and between two other containers of the host not a packet is lost meanwhile. What crosses to another
    /// host may lose one here: Open vSwitch's userspace datapath drops what needs a decision while it is reconfigured.
    /// </summary>
    [Fact]
    public async Task What_is_sabotaged_is_mended_and_two_others_lose_nothing()
    {
        // What does not lie on the way between monitor and mastodon, nor is shared with it.
        (string Sabotage, string Restored)[] sabotages =
        [
            ("ip link del wallabag-eth1", "ip -n wallabag link show eth1"),
            ("ip -n wallabag link del eth1", "ip -n wallabag link show eth1"),
            (
                "ip -n wallabag addr flush dev eth1",
                "ip -n wallabag addr show eth1 | grep 10.8.2.2/24"
            ),
            ("ip -n wallabag link set eth1 down", "ip -n wallabag link show eth1 | grep ,UP"),
            (
                "ip -n wallabag link set eth1 mtu 1300",
                "ip -n wallabag link show eth1 | grep 'mtu 1458'"
            ),
            (
                "ip -n wallabag link set eth1 address 02:00:00:00:00:99",
                "! ip -n wallabag link show eth1 | grep 02:00:00:00:00:99"
            ),
            (
                "ip -n wallabag addr add 10.8.2.77/24 dev eth1",
                "! ip -n wallabag addr show eth1 | grep 10.8.2.77"
            ),
            (
                "ip -n wallabag addr replace 10.8.2.2/16 dev eth1; ip -n wallabag addr del 10.8.2.2/24 dev eth1",
                "ip -n wallabag addr show eth1 | grep 10.8.2.2/24"
            ),
            (
                "ip link set wallabag-eth1 nomaster",
                "ip link show wallabag-eth1 | grep 'master cont-mgmnt0'"
            ),
            ("ip link set wallabag-eth1 down", "ip link show wallabag-eth1 | grep ,UP"),
            ("ip link set wallabag-eth1 mtu 1400", "ip link show wallabag-eth1 | grep 'mtu 1458'"),
            (
                "ip link set wallabag-eth1 alias ''",
                "ip link show wallabag-eth1 | grep 'alias weft:homelab'"
            ),
            (
                "ip link set cont-mgmnt0 alias ''",
                "ip link show cont-mgmnt0 | grep 'alias weft:homelab'"
            ),
            (
                "ip link set cont-mgmnt0 type bridge forward_delay 1500",
                "ip -d link show cont-mgmnt0 | grep 'forward_delay 200'"
            ),
            (
                "ip addr add 10.8.2.99/24 dev cont-mgmnt0",
                "! ip addr show cont-mgmnt0 | grep 10.8.2.99"
            ),
            ("ip addr flush dev host-mgmnt0", "ip addr show host-mgmnt0 | grep 10.8.3.1/24"),
            ("ip link set host-mgmnt0 mtu 1400", "ip link show host-mgmnt0 | grep 'mtu 1458'"),
            ("ip link set host-mgmnt0 down", "ip link show host-mgmnt0 | grep ,UP"),
            (
                "ip addr add 10.9.9.9/24 dev host-mgmnt0",
                "! ip addr show host-mgmnt0 | grep 10.9.9.9"
            ),
            (
                "ovs-vsctl set interface host-mgmnt0 mtu_request=1200",
                "ovs-vsctl get interface host-mgmnt0 mtu_request | grep 1458"
            ),
            (
                "ovs-vsctl set port host-mgmnt0 tag=7",
                "ovs-vsctl get port host-mgmnt0 tag | grep -x 100"
            ),
            (
                "ovs-vsctl set port host-mgmnt0 trunks=1,2",
                "ovs-vsctl get port host-mgmnt0 trunks | grep '\\[\\]'"
            ),
            (
                "ovs-vsctl set port host-mgmnt0 vlan_mode=native-tagged",
                "ovs-vsctl get port host-mgmnt0 vlan_mode | grep '\\[\\]'"
            ),
            (
                "ovs-vsctl remove port host-mgmnt0 external_ids weft",
                "ovs-vsctl get port host-mgmnt0 external_ids | grep weft"
            ),
            ("ovs-vsctl del-port host-mgmnt0", "ip addr show host-mgmnt0 | grep 10.8.3.1/24"),
            (
                "ovs-vsctl set port tun-host2 protected=false",
                "ovs-vsctl get port tun-host2 protected | grep true"
            ),
            (
                "ovs-vsctl remove bridge ovsbr0 external_ids weft",
                "ovs-vsctl get bridge ovsbr0 external_ids | grep weft"
            ),
            (
                "ovs-vsctl add-port ovsbr0 stale -- set port stale external_ids:weft=homelab -- set interface stale type=internal external_ids:weft=homelab",
                "! ovs-vsctl list-ports ovsbr0 | grep stale"
            ),
            (
                "ip link add stale-veth type veth peer stale-peer; ip link set stale-veth alias weft:homelab up",
                "! ip link show stale-veth 2>/dev/null"
            ),
        ];
        await using var lab = await OverlayLab.UpAsync(FourContainers);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        await lab.ReachesAsync("host1", "monitor", "10.8.2.5", 100);
        await using var ping = ContinuousPing.Start(lab, "host1", "monitor", "10.8.2.5");
        foreach (var (sabotage, restored) in sabotages)
        {
            await lab.RunAsync("host1", sabotage);
            await Eventually.IsAsync(
                async () => (await lab.TryAsync("host1", restored)).ExitCode == 0,
                () => $"{sabotage}\n{agent.LogAsync().Result}"
            );
            await agent.HasMendedAsync();
        }
        var (sent, answered) = await ping.StopAsync();
        Assert.True(sent > sabotages.Length, $"{sent} sent");
        Assert.Equal(sent, answered);
        await lab.AllReachAllAsync();
    }

    /// <summary>
    /// What takes the way itself away is mended too; packets are lost until then, and not after. Two containers of one
    /// host's bridge lose nothing as long as that bridge is there.
    /// </summary>
    [Theory]
    [InlineData("ovs-vsctl del-br ovsbr0", true)]
    [InlineData("ip link del cont-mgmnt0", false)]
    [InlineData("ip link del cont-mgmnt0-sw", true)]
    [InlineData("ovs-vsctl del-port tun-host2", true)]
    [InlineData("ovs-vsctl clear port cont-mgmnt0-sw tag", true)]
    [InlineData(
        """
            kill -KILL $(cat /run/openvswitch/ovs-vswitchd.pid) $(cat /run/openvswitch/ovsdb-server.pid)
            rm /etc/openvswitch/conf.db
            ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
            ovsdb-server --remote=punix:/run/openvswitch/db.sock --pidfile --detach --log-file -vconsole:off
            ovs-vsctl --no-wait init
            ovs-vswitchd --pidfile --detach --log-file -vconsole:off
            """,
        true
    )]
    public async Task What_everything_goes_by_is_mended_too(string sabotage, bool leavesNeighbours)
    {
        await using var lab = await OverlayLab.UpAsync(FourContainers);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        await lab.ReachesAsync("host1", "monitor", "10.8.2.5", 100);
        await using var ping = ContinuousPing.Start(lab, "host1", "monitor", "10.8.2.5");
        await ping.AnsweredAsync();
        // The bridge of the lab's own that carries the underlay address is in the same database.
        var underlay = await lab.RunAsync("host1", SaveUnderlay);
        await lab.RunAsync("host1", sabotage);
        if (sabotage.Contains("conf.db", StringComparison.Ordinal))
        {
            await lab.RunAsync("host1", underlay);
        }
        await agent.HasMendedAsync();
        await ping.AnsweredAsync();
        var (sent, answered) = await ping.StopAsync();
        if (leavesNeighbours)
        {
            Assert.Equal(sent, answered);
        }
        await lab.AllReachAllAsync();
    }

    [Fact]
    public async Task An_invalid_file_is_refused_and_the_one_before_stays_in_force()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        const string File = "/etc/weft/overlay.yaml";
        await lab.RunAsync(
            "host1",
            $"cp {File} /run/before.yaml; sed -i 's/vlan: 200/vlan: 9999/' {File}"
        );
        await Eventually.IsAsync(async () =>
            (await agent.StatusAsync()).GetProperty("refused").GetArrayLength() == 1
        );
        var refused = (await agent.StatusAsync()).GetProperty("refused")[0].GetString();
        Assert.Contains("overlay.yaml:", refused, StringComparison.Ordinal);
        Assert.Contains("9999", refused, StringComparison.Ordinal);
        var status = await lab.WeftAsync("host1", "status");
        Assert.Equal(1, status.ExitCode);
        Assert.StartsWith(refused, status.Errors, StringComparison.Ordinal);
        Assert.Contains("agent: runs since", status.Output, StringComparison.Ordinal);
        Assert.Contains("VLAN 200", status.Output, StringComparison.Ordinal);

        // Still in force: what is sabotaged is mended as the former file says.
        await lab.RunAsync("host1", "ovs-vsctl set port cont-mgmnt0-sw tag=7");
        await Eventually.IsAsync(async () =>
            (await lab.RunAsync("host1", "ovs-vsctl get port cont-mgmnt0-sw tag")).Trim() == "200"
        );

        // A right one is taken at once, by another file of the same name too.
        await lab.RunAsync(
            "host1",
            $"sed 's/vlan: 200/vlan: 201/' /run/before.yaml >/etc/weft/new.yaml; mv /etc/weft/new.yaml {File}"
        );
        await Eventually.IsAsync(async () =>
            (await lab.RunAsync("host1", "ovs-vsctl get port cont-mgmnt0-sw tag")).Trim() == "201"
        );
        await Eventually.IsAsync(async () =>
            (await agent.StatusAsync()).GetProperty("refused").GetArrayLength() == 0
        );
        Assert.Contains(
            "is refused as it is now",
            await agent.LogAsync(),
            StringComparison.Ordinal
        );

        // It is read anew when asked to, the same as before.
        await agent.HasMendedAsync();
        var reloads = await ReloadsAsync();
        await agent.SignalAsync("HUP");
        await Eventually.IsAsync(
            async () => await ReloadsAsync() > reloads,
            () => agent.LogAsync().Result
        );
        await agent.IsReadyAsync();
        var reloaded = await agent.StatusAsync();
        Assert.Equal(0, reloaded.GetProperty("refused").GetArrayLength());
        Assert.True(reloaded.GetProperty("host").GetProperty("healthy").GetBoolean());

        async Task<int> ReloadsAsync() =>
            (await agent.LogAsync()).Split($"{File}: in force now").Length;
    }

    [Fact]
    public async Task It_outlasts_an_ovs_vswitchd_that_is_stuck_and_keeps_the_host_from_nobody_meanwhile()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        await lab.RunAsync("host1", "kill -STOP $(cat /run/openvswitch/ovs-vswitchd.pid)");
        await lab.RunAsync("host1", "ovs-vsctl --no-wait set port cont-mgmnt0-sw tag=7");
        await Eventually.IsAsync(async () =>
            (await agent.LogAsync()).Contains("within 10 s", StringComparison.Ordinal)
        );
        // What it asked for is in the database by now. The next time it waits for that before it asks, with the lock in its hands.
        await lab.RunAsync("host1", "ovs-vsctl --no-wait set port cont-mgmnt0-sw tag=8");
        await Eventually.IsAsync(async () =>
            (await agent.StatusAsync()).GetProperty("retries").GetArrayLength() > 0
        );
        var free = await lab.TryAsync("host1", "flock --timeout 30 /run/weft.lock true");
        Assert.Equal(0, free.ExitCode);

        await lab.RunAsync("host1", "kill -CONT $(cat /run/openvswitch/ovs-vswitchd.pid)");
        await agent.HasMendedAsync();
        await lab.WeftDoneAsync("host1", "status");
    }

    [Fact]
    public async Task It_says_so_when_another_weft_does_not_come_to_an_end_and_looks_for_ovs_vswitchd_itself()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        // As by one that is stopped: who has a question open holds nothing.
        await lab.RunAsync(
            "host1",
            "flock /run/weft.lock sleep infinity >/dev/null 2>&1 </dev/null & echo $! > /run/holder"
        );
        await Eventually.IsAsync(async () =>
            (await lab.TryAsync("host1", "flock --nonblock /run/weft.lock true")).ExitCode != 0
        );
        await lab.RunAsync("host1", "ovs-vsctl set port cont-mgmnt0-sw tag=7");
        await Eventually.IsAsync(async () =>
            (await agent.LogAsync()).Contains(
                "another weft has been changing this host for 10 s",
                StringComparison.Ordinal
            )
        );
        await lab.RunAsync("host1", "pkill --parent $(cat /run/holder)");
        await agent.HasMendedAsync();

        await lab.RunAsync(
            "host1",
            "pid=$(cat /run/openvswitch/ovs-vswitchd.pid); kill -9 $pid; while [ -d /proc/$pid ]; do sleep 0.05; done"
        );
        // It would see so by itself within a minute.
        await agent.SignalAsync("HUP");
        await Eventually.IsAsync(async () =>
            Regex.IsMatch(await agent.MetricsAsync(), @"weft_tunnel_up\{[^}]*peer=""host2""\} 0")
        );
        var status = await lab.WeftAsync("host1", "status");
        Assert.NotEqual(0, status.ExitCode);
        Assert.Contains("ovs-vswitchd does not run", status.Output, StringComparison.Ordinal);

        // Nobody who asks the agent is told that all is well, and the journal has it once that has lasted.
        var problem = (await agent.StatusAsync()).GetProperty("problem").GetString();
        Assert.Contains("ovs-vswitchd", problem, StringComparison.Ordinal);
        await Eventually.IsAsync(
            async () =>
                (await agent.LogAsync()).Contains(
                    "ovs-vswitchd does not run",
                    StringComparison.Ordinal
                ),
            () => agent.LogAsync().Result
        );
    }

    [Fact]
    public async Task Records_that_were_damaged_for_a_moment_cost_a_second_and_not_a_minute()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        await agent.HasMendedAsync();
        const string Records = "/var/lib/weft/homelab/addresses.json";
        await lab.RunAsync("host1", $"echo damaged >{Records}; ip link set wallabag-eth1 mtu 1400");
        await Eventually.IsAsync(async () =>
            (await agent.StatusAsync()).GetProperty("retries").GetArrayLength() == 1
        );
        await lab.RunAsync("host1", $"rm {Records}");
        await Eventually.IsAsync(
            async () =>
                (await lab.RunAsync("host1", "cat /sys/class/net/wallabag-eth1/mtu")).Trim()
                == "1458",
            () => agent.LogAsync().Result,
            TimeSpan.FromSeconds(20)
        );
    }

    [Fact]
    public async Task Started_anew_while_the_file_is_refused_it_keeps_the_host_by_what_was_applied_last()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.RunAsync(
            "host1",
            "cp /etc/weft/overlay.yaml /run/right.yaml; sed -i 's/vlan: 200/vlan: 9999/' /etc/weft/overlay.yaml"
        );
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        Assert.Equal(1, (await agent.StatusAsync()).GetProperty("refused").GetArrayLength());
        Assert.Contains(
            "what was applied last is kept",
            await agent.LogAsync(),
            StringComparison.Ordinal
        );
        await lab.RunAsync("host1", "ip link del wallabag-eth1");
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 1458);

        await lab.RunAsync("host1", "cp /run/right.yaml /etc/weft/overlay.yaml");
        await Eventually.IsAsync(async () =>
            (await agent.StatusAsync()).GetProperty("refused").GetArrayLength() == 0
        );
        await agent.HasMendedAsync();
    }

    [Fact]
    public async Task A_file_behind_a_link_is_watched_where_it_is_and_written_where_it_is()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        const string Own = "/etc/weft/overlay.yaml";
        const string Checkout = "/var/git/overlay.yaml";
        await lab.RunAsync(
            "host1",
            $"mkdir -p /var/git; mv {Own} {Checkout}; ln -s {Checkout} {Own}"
        );
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        foreach (var vlan in (int[])[201, 202])
        {
            await lab.RunAsync("host1", $"sed -i 's/vlan: 20./vlan: {vlan}/' {Checkout}");
            await Eventually.IsAsync(
                async () =>
                    (await lab.RunAsync("host1", "ovs-vsctl get port cont-mgmnt0-sw tag")).Trim()
                    == $"{vlan}",
                () => agent.LogAsync().Result,
                TimeSpan.FromSeconds(20)
            );
        }
        await lab.RunAsync("host1", $"sed 's/vlan: 202/vlan: 203/' {Checkout} >/run/next.yaml");
        await lab.WeftDoneAsync("host1", "apply", "--yes", "/run/next.yaml");
        Assert.Equal(Checkout, (await lab.RunAsync("host1", $"readlink {Own}")).Trim());
        await lab.RunAsync("host1", $"cmp {Checkout} /run/next.yaml");
        await lab.RunAsync("host1", $"sed -i 's/vlan: 203/vlan: 204/' {Checkout}");
        await Eventually.IsAsync(
            async () =>
                (await lab.RunAsync("host1", "ovs-vsctl get port cont-mgmnt0-sw tag")).Trim()
                == "204",
            () => agent.LogAsync().Result,
            TimeSpan.FromSeconds(20)
        );
    }

    /// <summary>Of Weft's own commands one is lost, as where another program takes it back at once.</summary>
    [Fact]
    public async Task What_does_not_hold_is_tried_less_and_less_often()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.RunAsync(
            "host1",
            """
            mkdir /run/lossy
            printf '#!/bin/sh\nsed "/dev wallabag-eth1 mtu /d" | exec /sbin/ip "$@"\n' >/run/lossy/ip
            chmod +x /run/lossy/ip
            """
        );
        await using var agent = await RunningAgent.StartAsync(
            lab,
            "host1",
            environment: "PATH=/run/lossy:/usr/sbin:/usr/bin:/sbin:/bin"
        );
        await agent.HasMendedAsync();
        await lab.RunAsync("host1", "ip link set wallabag-eth1 mtu 1400");
        await Eventually.IsAsync(
            async () =>
                (await agent.LogAsync()).Contains(
                    "still not as intended: veth wallabag-eth1: MTU 1400 → 1458",
                    StringComparison.Ordinal
                ),
            () => agent.LogAsync().Result
        );
        var before = await RoundsAsync();
        await Eventually.IsAsync(async () => await RoundsAsync() >= before + 2);
        Assert.DoesNotContain(
            "set veth wallabag-eth1: MTU",
            await agent.LogAsync(),
            StringComparison.Ordinal
        );
        await lab.RunAsync("host1", "printf '#!/bin/sh\nexec /sbin/ip \"$@\"\n' >/run/lossy/ip");
        await Eventually.IsAsync(async () =>
            (await lab.RunAsync("host1", "cat /sys/class/net/wallabag-eth1/mtu")) == "1458\n"
        );

        async Task<int> RoundsAsync() =>
            (await agent.StatusAsync()).GetProperty("rounds").GetInt32();
    }

    /// <summary>
    /// The kernel tells of no setting of IPv6. Nobody waits five minutes here: the agent's clock is ahead by as much from the
    /// moment that it is told to be, and what has nothing to do with the bridge wakes the agent before and after.
    /// </summary>
    [Fact]
    public async Task What_nobody_tells_of_is_mended_when_the_whole_host_is_read_again()
    {
        const string Setting = "/proc/sys/net/ipv6/conf/cont-mgmnt0/accept_ra";
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.RunAsync("host1", BuildAdvancingClock);
        await using var agent = await RunningAgent.StartAsync(
            lab,
            "host1",
            environment: "LD_PRELOAD=/run/clock.so"
        );
        await agent.HasMendedAsync();
        await lab.RunAsync("host1", $"echo 1 >{Setting}");
        var before = await RoundsAsync();
        await lab.RunAsync("host1", "ip link add passing type veth");
        await Eventually.IsAsync(async () => await RoundsAsync() > before);
        Assert.Equal("1\n", await lab.RunAsync("host1", $"cat {Setting}"));

        try
        {
            await lab.RunAsync("host1", "touch /run/advance; ip link del passing");
            await Eventually.IsAsync(
                async () => await lab.RunAsync("host1", $"cat {Setting}") == "0\n",
                () => agent.LogAsync().Result
            );
            await Eventually.IsAsync(
                async () =>
                    (await agent.LogAsync()).Contains(
                        "bridge cont-mgmnt0: no router advertisements (",
                        StringComparison.Ordinal
                    ),
                () => agent.LogAsync().Result
            );
            // Nor does the kernel tell of what the agent has set itself.
            await Eventually.IsAsync(
                async () =>
                    (await agent.StatusAsync())
                        .GetProperty("host")
                        .GetProperty("healthy")
                        .GetBoolean(),
                () => agent.LogAsync().Result
            );
        }
        finally
        {
            // The kernel's own clock is behind what it reckons its waits by: to end in order may take it these five minutes.
            await agent.SignalAsync("KILL");
        }

        async Task<int> RoundsAsync() =>
            (await agent.StatusAsync()).GetProperty("rounds").GetInt32();
    }

    [Fact]
    public async Task A_disk_that_is_full_keeps_nobody_waiting_but_who_is_new_and_what_it_kept_from_being_recorded_is_later()
    {
        const string Fill =
            "dd if=/dev/zero of=/var/lib/weft/filled bs=4k 2>/dev/null || true; ! echo more >/var/lib/weft/more";
        const string HasTunnel = "ovs-vsctl list-ports ovsbr0 | grep -x tun-host2";
        const string HasPlace = "ip -n newcomer addr show eth1 | grep 10.8.2.";
        await using var lab = await OverlayLab.UpAsync(
            OverlayLab.TwoHosts
                + "\n  newcomer: { host: host1, engine: netns, networks: { cont-mgmnt0: } }\n"
        );
        await lab.RunAsync(
            "host1",
            """
            cp -r /var/lib/weft /run/weft-state
            mount -t tmpfs -o size=256k tmpfs /var/lib/weft
            cp -r /run/weft-state/. /var/lib/weft
            ip netns del newcomer
            """
        );
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        await lab.WeftDoneAsync("host1", "addresses", "release", "newcomer");

        // As at a boot.
        await lab.RunAsync("host1", $"{Fill}; ip netns add newcomer; ovs-vsctl del-br ovsbr0");
        for (var time = 0; time < 2; time++)
        {
            var applied = await lab.WeftAsync("host1", "apply", "--boot");
            Assert.Equal(1, applied.ExitCode);
            Assert.Contains(
                "no address yet for netns container newcomer: /var/lib/weft/homelab/addresses.json cannot be written",
                applied.Errors,
                StringComparison.Ordinal
            );
            await lab.RunAsync("host1", HasTunnel);
            await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 84);
        }
        Assert.NotEqual(0, (await lab.TryAsync("host1", HasPlace)).ExitCode);

        await using var agent = await RunningAgent.StartAsync(lab, "host1", isWell: false);
        await lab.RunAsync("host1", "ovs-vsctl del-port tun-host2");
        await HasAsync(HasTunnel);
        Assert.Equal(1, await SaidAsync("no address yet for netns container newcomer"));
        Assert.StartsWith(
            "no address yet for netns container newcomer",
            (await agent.StatusAsync()).GetProperty("problem").GetString(),
            StringComparison.Ordinal
        );
        await lab.RunAsync("host1", "rm /var/lib/weft/filled");
        // Whatever wakes it.
        await HasAsync($"ip link add passing type veth; ip link del passing; {HasPlace}");
        await agent.IsReadyAsync();

        await lab.RunAsync("host1", $"{Fill}; echo '# the same' >>{OverlayLab.File}");
        await Eventually.IsAsync(
            async () => await SaidAsync("not written down") > 0,
            () => agent.LogAsync().Result
        );
        await HasMovedOnAsync();
        await HasMovedOnAsync();
        Assert.Equal(1, await SaidAsync("not written down"));
        await lab.RunAsync("host1", "rm /var/lib/weft/filled");
        // With the minute's look.
        await Eventually.IsAsync(
            async () =>
                (await lab.WeftDoneAsync("host1", "history")).Contains(
                    "  agent  ",
                    StringComparison.Ordinal
                ),
            () => agent.LogAsync().Result,
            TimeSpan.FromMinutes(2)
        );

        Task HasAsync(string what) =>
            Eventually.IsAsync(
                async () => (await lab.TryAsync("host1", what)).ExitCode == 0,
                () => agent.LogAsync().Result
            );

        async Task<int> SaidAsync(string what) => (await agent.LogAsync()).Split(what).Length - 1;

        async Task HasMovedOnAsync()
        {
            var before = await RoundsAsync();
            await lab.RunAsync("host1", "ip link add passing type veth; ip link del passing");
            await Eventually.IsAsync(async () => await RoundsAsync() > before);
        }

        async Task<int> RoundsAsync() =>
            (await agent.StatusAsync()).GetProperty("rounds").GetInt32();
    }

    [Fact]
    public async Task Ending_or_killing_the_agent_takes_nothing_from_anybody()
    {
        await using var lab = await OverlayLab.UpAsync(FourContainers);
        var agent = await RunningAgent.StartAsync(lab, "host1");
        await using (agent)
        {
            await lab.ReachesAsync("host1", "monitor", "10.8.2.3", 100);
            await using var ping = ContinuousPing.Start(lab, "host1", "monitor", "10.8.2.3");
            foreach (var signal in (string[])["TERM", "KILL", "TERM"])
            {
                await agent.SignalAsync(signal);
                await agent.HasEndedAsync();
                await agent.BeginAsync();
                await agent.IsReadyAsync();
                await ping.AnsweredAsync();
            }
            var (sent, answered) = await ping.StopAsync();
            Assert.Equal(sent, answered);
        }
    }

    [Fact]
    public async Task It_tells_how_it_stands_what_it_does_and_what_it_measures()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.RunAsync("host1", "groupadd --force weft");
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        // Root and the group weft, and nobody else.
        const string Socket = "/run/weft/agent.sock";
        Assert.Equal(
            "660 root weft",
            (await lab.RunAsync("host1", $"stat -c '%a %U %G' {Socket}")).Trim()
        );
        foreach (
            var (groups, isAnswered) in new[] { ("--groups weft", true), ("--clear-groups", false) }
        )
        {
            var asked = await lab.TryAsync(
                "host1",
                $"setpriv --reuid 65534 --regid 65534 {groups} curl --fail --silent --unix-socket {Socket} http://weft/healthz"
            );
            Assert.True(asked.ExitCode == 0 == isAnswered, $"{groups}: {asked}");
        }
        await lab.RunAsync(
            "host1",
            "setsid curl --silent --no-buffer --unix-socket /run/weft/agent.sock http://weft/v1/events </dev/null >/run/events 2>&1 & echo $! >/run/events.pid"
        );
        await Eventually.IsAsync(async () =>
            (await lab.TryAsync("host1", "grep listening /run/events")).ExitCode == 0
        );
        await lab.RunAsync("host1", "ip link del wallabag-eth1");
        await Eventually.IsAsync(async () =>
            (
                await lab.TryAsync("host1", "grep -A1 'event: change' /run/events | grep wallabag")
            ).ExitCode == 0
        );
        await lab.RunAsync("host1", "kill $(cat /run/events.pid)");
        await agent.HasMendedAsync();

        var status = await agent.StatusAsync();
        Assert.Equal(JsonValueKind.Null, status.GetProperty("problem").ValueKind);
        Assert.True(status.GetProperty("changes").GetInt64() >= 1);
        Assert.True(status.GetProperty("host").GetProperty("healthy").GetBoolean());
        var metrics = await agent.MetricsAsync();
        Assert.Contains("weft_healthy{", metrics, StringComparison.Ordinal);
        Assert.Matches(@"weft_tunnel_up\{[^}]*peer=""host2""\} 1", metrics);
        Assert.Matches(@"weft_changes_total\{[^}]*what=""interface""[^}]*\} 1", metrics);
        Assert.Matches(@"weft_attach_latency_seconds_count\{[^}]*\} 1", metrics);
        Assert.Matches(@"weft_memory_bytes\{[^}]*\} \d+", metrics);
        // One line each: what, why, how long.
        Assert.Matches(
            @"add interface eth1 in wallabag: .* \(.*links changed.*; \d+ ms\)",
            await agent.LogAsync()
        );
    }

    /// <summary>One that is a service is ended, which SystemdTests has.</summary>
    [Fact]
    public async Task Destroy_removes_nothing_while_an_agent_would_make_it_again()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await using (var agent = await RunningAgent.StartAsync(lab, "host1"))
        {
            await IsRefusedAsync();
            // As in its first round, which may take a while: nobody answers.
            await agent.SignalAsync("STOP");
            await IsRefusedAsync();
        }
        await using (
            var agent = await RunningAgent.StartAsync(lab, "host1", socket: "/run/elsewhere.sock")
        )
        {
            using var status = JsonDocument.Parse(
                await lab.WeftDoneAsync("host1", "status", "--json")
            );
            Assert.Equal(
                (await agent.StatusAsync()).GetProperty("started").GetString(),
                status.RootElement.GetProperty("agent").GetProperty("started").GetString()
            );
            await IsRefusedAsync();
            var second = await lab.WeftAsync("host1", "agent");
            Assert.Equal(1, second.ExitCode);
            Assert.Contains("/run/elsewhere.sock", second.Errors, StringComparison.Ordinal);
        }
        await lab.WeftDoneAsync("host1", "destroy", "--yes");

        async Task IsRefusedAsync()
        {
            var refused = await lab.WeftAsync("host1", "destroy", "--yes");
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains("end it first", refused.Errors, StringComparison.Ordinal);
            await lab.WeftDoneAsync("host1", "plan", "--exit-code");
        }
    }

    [Fact]
    public async Task A_second_agent_does_not_start()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        var second = await lab.WeftAsync("host1", "agent");
        Assert.Equal(1, second.ExitCode);
        Assert.Contains("another agent runs", second.Errors, StringComparison.Ordinal);
    }

    /// <summary>As where Open vSwitch runs as a user of its own: on Fedora and RHEL, and with <c>--ovs-user</c> on Debian.</summary>
    [Fact]
    public async Task An_Open_vSwitch_of_another_user_is_no_hindrance_to_the_services()
    {
        await using var lab = await BareWithStrangersAsync();
        await lab.RunAsync(
            "host1",
            $"{ServiceRights.Of("weft.service")} {WeftProgram.Path} apply --boot --timeout 60"
        );
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        await lab.RunAsync("host1", "ovs-vsctl del-port host-mgmnt0");
        await agent.HasMendedAsync();
    }

    [Fact]
    public async Task Who_is_root_without_the_right_to_sockets_of_other_users_is_told_so()
    {
        await using var lab = await BareWithStrangersAsync();
        await IsToldAsync("plan", "/run/openvswitch/db.sock");

        await lab.RunAsync("host1", "chown -R root:root /run/openvswitch");
        await lab.WriteFileAsync(
            "host1",
            OverlayLab.TwoHosts.Replace(
                "tunnels: { type: gre }",
                "datapath: kernel\ntunnels: { type: gre, ipsec: { psk: a-key-that-is-long-enough } }",
                StringComparison.Ordinal
            )
        );
        await IsToldAsync("plan", "/run/charon.vici");

        async Task IsToldAsync(string command, string socket)
        {
            var told = await lab.TryAsync(
                "host1",
                $"setpriv --bounding-set -dac_override {WeftProgram.Path} {command} 2>&1"
            );
            Assert.Equal(1, told.ExitCode);
            Assert.Contains(socket, told.Output, StringComparison.Ordinal);
            Assert.Contains("CAP_DAC_OVERRIDE", told.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("sudo", told.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("does not answer", told.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_place_that_the_service_may_not_listen_at_is_named_and_the_host_kept()
    {
        await using var lab = await OverlayLab.BareAsync(OverlayLab.TwoHosts);
        var said = await lab.RunAsync(
            "host1",
            $"""
            ip link set lo up
            {ServiceRights.Of(
                "weft-agent.service"
            )} {WeftProgram.Path} agent --page 127.0.0.1:443 2>/run/said &
            agent=$!
            until ovs-vsctl br-exists ovsbr0; do sleep 0.1; done
            kill $agent
            wait $agent
            cat /run/said
            """
        );
        Assert.Contains("127.0.0.1:443", said, StringComparison.Ordinal);
        Assert.Contains("CAP_NET_BIND_SERVICE", said, StringComparison.Ordinal);
    }

    /// <summary>A lab in which nothing is applied, and where host1's Open vSwitch and strongSwan are as those of another user.</summary>
    private static async Task<OverlayLab> BareWithStrangersAsync()
    {
        var lab = await OverlayLab.BareAsync(OverlayLab.TwoHosts);
        await lab.RunAsync(
            "host1",
            """
            perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die' /run/charon.vici
            chown -R nobody:nogroup /run/openvswitch /run/charon.vici
            chmod 750 /run/openvswitch/db.sock /run/charon.vici
            """
        );
        return lab;
    }

    private const string FourContainers = """
        name: homelab
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        networks:
          cont-mgmnt0: { vlan: 200, subnet: 10.8.2.0/24, bridge: { stp: true } }
          host-mgmnt0: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1, host2: 10.8.3.2 } }
        containers:
          wallabag: { host: host1, engine: netns, networks: { cont-mgmnt0: 10.8.2.2 } }
          monitor: { host: host1, engine: netns, networks: { cont-mgmnt0: 10.8.2.4 } }
          watcher: { host: host1, engine: netns, networks: { cont-mgmnt0: 10.8.2.5 } }
          mastodon: { host: host2, engine: netns, networks: { cont-mgmnt0: 10.8.2.3 } }
        """;

    /// <summary>Prints the commands that make every bridge but the overlay's anew.</summary>
    private const string SaveUnderlay = """
        for bridge in $(ovs-vsctl list-br | grep -v ovsbr0); do
          echo "ip addr show $bridge >/dev/null 2>&1; ovs-vsctl add-br $bridge -- set bridge $bridge datapath_type=netdev other_config:hwaddr=$(cat /sys/class/net/$bridge/address | sed 's/.*/\\"&\\"/')"
          for port in $(ovs-vsctl list-ports $bridge); do echo "ovs-vsctl add-port $bridge $port"; done
          ip -o -4 addr show dev $bridge | awk '{print "ip addr replace " $4 " dev " $2}'
          echo "ip link set $bridge up"
        done
        """;
}
