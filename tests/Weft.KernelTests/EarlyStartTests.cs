using Weft.Labs;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>An Open vSwitch that was started within ten seconds of its kernel passes nothing until it is started again.</summary>
[Collection(nameof(EarlyStartTests))]
public sealed class EarlyStartTests
{
    // What a host does that boots faster than a lab's: it does not wait. What would start ovs-vswitchd later finds it running.
    private const string BootEarly = """
        mkdir /usr/local/real
        mv /usr/sbin/ovs-vswitchd /usr/local/real/
        cat >/usr/sbin/ovs-vswitchd <<'LINES'
        #!/bin/sh
        [ -e /run/openvswitch/ovs-vswitchd.pid ] || exec /usr/local/real/ovs-vswitchd "$@"
        LINES
        cat >/usr/local/early <<'LINES'
        #!/bin/sh
        (
          until ovs-vsctl --no-wait --timeout=1 get o . next_cfg; do sleep 0.1; done
          ovs-vswitchd --pidfile --detach --log-file -vconsole:off
        ) >/dev/null 2>&1 </dev/null &
        LINES
        chmod +x /usr/sbin/ovs-vswitchd /usr/local/early
        mkdir -p /etc/systemd/system
        echo ExecStart=/usr/local/early >/etc/systemd/system/weft-guard.service
        mkdir -p /var/lib/weft
        echo /etc/systemd/system/weft-guard.service >/var/lib/weft/installed
        sync
        """;

    // No systemd runs in a lab: one that knows how to start this one service stands in for it.
    private const string HaveSystemd = """
        mkdir -p /run/systemd/system
        rm -f /usr/bin/systemctl
        cat >/usr/bin/systemctl <<'LINES'
        #!/bin/sh
        echo "$@" >>/run/systemctl
        pid=$(cat /run/openvswitch/ovs-vswitchd.pid)
        kill "$pid"
        while [ -d "/proc/$pid" ]; do sleep 0.1; done
        ovs-vswitchd --pidfile --detach --log-file -vconsole:off
        LINES
        chmod +x /usr/bin/systemctl
        """;

    [Fact]
    public async Task It_is_found_named_and_started_again_by_apply()
    {
        Needs.ALab(Isolation.Uml);
        await using var lab = await OverlayLab.UpAsync(
            """
            name: early
            hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
            networks:
              host: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1, host2: 10.8.3.2 } }
            """,
            new LabOptions { Isolation = Isolation.Uml }
        );
        await lab.AllReachAllAsync();
        await lab.RunAsync("host1", BootEarly);
        lab.BootAt(0);
        await lab.RebootAsync("host1", cut: false);
        var daemon = await lab.TryAsync(
            "host1",
            "tail -n +1 /var/log/openvswitch/ovs-vswitchd.log | grep 'Overriding n-handler-threads to 0'"
        );
        if (daemon.ExitCode != 0)
        {
            Assert.Skip(
                "this machine took more than ten seconds from the kernel's start to ovs-vswitchd's"
            );
        }

        var applied = await lab.WeftAsync("host1", "apply", "--yes");
        Assert.Equal(0, applied.ExitCode);
        var sick = await lab.WeftAsync("host1", "doctor");
        Assert.Equal(1, sick.ExitCode);
        Assert.Contains(
            "as Open vSwitch 3.1 does when it starts within ten seconds of the kernel. Start it again: `systemctl restart ovs-vswitchd`",
            sick.Output,
            StringComparison.Ordinal
        );
        Assert.NotEqual(0, (await lab.PingAsync("host1", null, "10.8.3.2", 100)).ExitCode);

        await lab.RunAsync("host1", HaveSystemd);
        var mended = await lab.WeftAsync("host1", "apply", "--yes");
        Assert.Equal(0, mended.ExitCode);
        Assert.Contains("it was started again", mended.Errors, StringComparison.Ordinal);
        Assert.Equal(
            "restart ovs-vswitchd.service\n",
            await lab.RunAsync("host1", "cat /run/systemctl")
        );
        await lab.AllReachAllAsync();
        await lab.WeftDoneAsync("host1", "doctor");
        Assert.DoesNotContain(
            "started again",
            (await lab.WeftAsync("host1", "apply", "--yes")).Errors,
            StringComparison.Ordinal
        );
    }
}

/// <summary>Its host has ten seconds: nothing runs beside it.</summary>
[CollectionDefinition(nameof(EarlyStartTests), DisableParallelization = true)]
public sealed class EarlyStartCollection;
