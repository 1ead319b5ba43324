using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>The lab of examples/ipsec.yaml with keys negotiated by ovs-monitor-ipsec; a test that fails takes it along.</summary>
public sealed class MonitorHosts : IAsyncDisposable
{
    private OverlayLab? lab;

    /// <summary>The lab, made for the first test that asks.</summary>
    internal async Task<OverlayLab> LabAsync()
    {
        KernelLab.NeedsMonitor();
        return lab ??= await KernelLab.UpAsync(KernelLab.MonitoredHosts);
    }

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

/// <summary>
/// What holds with strongSwan spoken to by Weft holds with the guide's ovs-monitor-ipsec: nothing crosses in plaintext,
/// whatever happens to it, and applying opens the way again.
/// </summary>
public sealed class MonitorTests(MonitorHosts hosts) : IClassFixture<MonitorHosts>, IAsyncDisposable
{
    private const string Key = "/etc/weft/psk";

    private const string AwaitStrongSwan =
        "while ! swanctl --stats >/dev/null 2>&1; do sleep 0.1; done";

    [Fact]
    public async Task All_ways_are_open_with_all_that_fits_and_nothing_crosses_but_what_is_encrypted()
    {
        const int Mtu = 1424;
        var lab = await hosts.LabAsync();
        var crossed = await Wire.WatchAsync(
            lab,
            async () =>
            {
                await lab.AllReachAllAsync();
                await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, Mtu);
                await lab.ReachesAsync("host2", null, "10.8.3.1", Mtu);
            }
        );
        Wire.NothingPlain(crossed);
        await lab.RefusesLargerAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, Mtu);
    }

    [Fact]
    public async Task Networks_are_apart()
    {
        var lab = await hosts.LabAsync();
        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
        await TwoHosts.NetworksAreApartAsync(lab);
    }

    [Fact]
    public async Task Applying_again_changes_nothing()
    {
        var lab = await hosts.LabAsync();
        foreach (var host in lab.Hosts)
        {
            var before = await lab.RunAsync(host.Name, "cat /etc/ipsec.conf");
            var plan = await lab.WeftAsync(host.Name, "plan", "--exit-code");
            Assert.True(plan.ExitCode == 0, plan.Output + plan.Errors);
            var applied = await lab.WeftDoneAsync(host.Name, "apply", "--yes");
            Assert.DoesNotContain("done in", applied, StringComparison.Ordinal);
            Assert.Contains("encrypted: ", applied, StringComparison.Ordinal);
            Assert.Equal(before, await lab.RunAsync(host.Name, "cat /etc/ipsec.conf"));
            Assert.Contains(
                "ESP AES_GCM_16-256",
                await lab.WeftDoneAsync(host.Name, "status"),
                StringComparison.Ordinal
            );
        }
    }

    [Theory]
    [InlineData("host1", "host2")]
    [InlineData("host2", "host1")]
    public async Task Hosts_are_applied_one_long_before_the_other(string first, string second)
    {
        var lab = await hosts.LabAsync();
        foreach (var host in lab.Hosts)
        {
            await lab.WeftDoneAsync(host.Name, "destroy", "--yes");
        }
        var (container, address) =
            first == "host1"
                ? (TwoHosts.Wallabag, TwoHosts.MastodonAddress)
                : (TwoHosts.Mastodon, TwoHosts.WallabagAddress);
        var crossed = await Wire.WatchAsync(
            lab,
            async () =>
            {
                var alone = await lab.WeftAsync(first, "apply", "--yes");
                Assert.Equal(0, alone.ExitCode);
                Assert.Contains(
                    $"nothing crosses to {second} yet: ",
                    alone.Errors,
                    StringComparison.Ordinal
                );
                // What the first packet leaves in the kernel keeps the next from negotiating for minutes.
                Assert.NotEqual(0, (await lab.PingAsync(first, container, address, 100)).ExitCode);
                await lab.WeftDoneAsync(second, "apply", "--yes");
                await lab.ReachesAsync(first, container, address, 100);
            }
        );
        Wire.NothingPlain(crossed);
    }

    [Fact]
    public async Task One_host_has_a_wrong_key_and_then_the_right_one()
    {
        var lab = await hosts.LabAsync();
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await Mishap.WrongKeyAsync(lab, "host2");
                var wrong = await lab.WeftAsync("host2", "apply", "--yes");
                var status = await lab.WeftAsync("host2", "status");
                await Mishap.RightKeyAsync(lab, "host2");
                Assert.Contains(
                    "host1 has another key, or does not accept this host's",
                    wrong.Errors,
                    StringComparison.Ordinal
                );
                Assert.Contains("DOWN, nothing crosses", status.Output, StringComparison.Ordinal);
                var right = await lab.WeftDoneAsync("host2", "apply", "--yes");
                Assert.Contains("encrypted: host1", right, StringComparison.Ordinal);
            }
        );
    }

    [Theory]
    [InlineData(
        "kill -KILL $(cat /run/charon.pid); while [ -S /run/charon.vici ] && swanctl --stats >/dev/null 2>&1; do sleep 0.1; done",
        "",
        "strongSwan does not answer"
    )]
    [InlineData("ipsec stop", "ipsec start", "strongSwan does not run by its starter")]
    [InlineData(
        "kill -KILL $(cat /run/openvswitch/ovs-monitor-ipsec.pid); ipsec stop",
        "/usr/share/openvswitch/scripts/ovs-ctl --ike-daemon=strongswan start-ovs-ipsec </dev/null >/dev/null 2>&1",
        "ovs-monitor-ipsec does not run"
    )]
    public async Task A_daemon_of_one_host_ends_and_is_started_again(
        string end,
        string start,
        string said
    )
    {
        var lab = await hosts.LabAsync();
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await lab.RunAsync("host2", end);
                var status = await lab.WeftAsync("host2", "status");
                Assert.Equal(1, status.ExitCode);
                Assert.Contains(said, status.Errors, StringComparison.Ordinal);
                // Where it was killed, its starter starts it again, and it may negotiate before anybody asks it to.
                await lab.RunAsync("host2", $"{start}\n{AwaitStrongSwan}");
                await lab.WeftDoneAsync("host2", "apply", "--yes");
            }
        );
        await lab.WeftDoneAsync("host2", "status");
    }

    [Fact]
    public async Task Open_vSwitch_is_killed_and_started_again() =>
        await AnyManager.StandsOpenVSwitchKilledAsync(await hosts.LabAsync());

    [Fact]
    public async Task Associations_are_flushed_by_hand() =>
        await AnyManager.StandsAssociationsFlushedAsync(await hosts.LabAsync());

    [Fact]
    public async Task The_guard_is_deleted_by_hand() =>
        await AnyManager.StandsGuardDeletedAsync(await hosts.LabAsync());

    [Fact]
    public async Task What_the_daemon_has_lost_is_loaded_again()
    {
        var lab = await hosts.LabAsync();
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await lab.RunAsync(
                    "host2",
                    """
                    connection=$(swanctl --list-conns 2>/dev/null | sed -n 's/^\(tun-host1-[0-9]*\):.*/\1/p')
                    ipsec stroke delete "$connection"
                    : >/etc/ipsec.secrets
                    ipsec rereadsecrets
                    ipsec stroke down "$connection"
                    """
                );
                var status = await lab.WeftAsync("host2", "status");
                Assert.Contains(
                    "DOWN, nothing crosses: strongSwan does not know the connection",
                    status.Output,
                    StringComparison.Ordinal
                );
                var applied = await lab.WeftDoneAsync("host2", "apply", "--yes");
                Assert.Contains("encrypted: host1", applied, StringComparison.Ordinal);
            }
        );
    }

    [Fact]
    public async Task The_key_is_in_no_command_line_and_no_output_of_Weft()
    {
        var lab = await hosts.LabAsync();
        var key = (await lab.RunAsync("host1", $"cat {Key}")).Trim();
        await lab.WeftDoneAsync("host1", "destroy", "--yes");
        // bash reads them without starting a program of its own for each.
        await lab.RunAsync(
            "host1",
            """
            setsid bash -c 'while [ ! -e /run/sampled ]; do
              for file in /proc/[0-9]*/cmdline; do mapfile -d "" -t words 2>/dev/null <$file; echo "${words[@]}"; done
            done >/run/command-lines 2>/dev/null' </dev/null >/dev/null 2>&1 &
            """
        );
        string[][] commands =
        [
            ["plan", "--commands"],
            ["plan", "--json"],
            ["apply", "--yes"],
            ["plan"],
            ["status"],
            ["status", "--json"],
        ];
        foreach (var command in commands)
        {
            var said = await lab.WeftAsync("host1", command);
            Assert.DoesNotContain(key, said.Output + said.Errors, StringComparison.Ordinal);
        }
        await lab.RunAsync(
            "host1",
            "ovs-vsctl set interface tun-host2 options:psk=by-hand-and-not-secret"
        );
        var drift = await lab.WeftAsync("host1", "status");
        Assert.Contains("key ••••", drift.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(key, drift.Output + drift.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(
            "by-hand-and-not-secret",
            drift.Output + drift.Errors,
            StringComparison.Ordinal
        );
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        var found = await lab.RunAsync(
            "host1",
            $"""
            touch /run/sampled
            grep -c 'weft apply --yes' /run/command-lines
            grep -cF -e "$(cat {Key})" /run/command-lines || true
            rm -f /run/sampled /run/command-lines
            """
        );
        var counts = found.Trim().Split('\n');
        Assert.True(int.Parse(counts[0], null) > 0, found);
        Assert.Equal("0", counts[1]);
        await lab.AllReachAllAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (TestContext.Current.TestState?.Result is TestResult.Failed)
        {
            await hosts.DisposeAsync();
        }
    }
}
