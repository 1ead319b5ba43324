using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>
/// The services that <c>weft install</c> puts in place, run by the real systemd, with all that they are kept from doing: it is
/// the first process of a process namespace on a host with a kernel of its own.
/// </summary>
public sealed class SystemdTests
{
    private const string Services =
        "weft-guard ovsdb-server ovs-vswitchd strongswan-starter weft weft-agent";

    private const string Watcher = "weft-try-homelab-*.service";

    // systemd empties /tmp at boot, where the program of the machine may be.
    private const string Program = "/opt/weft";

    /// <summary>Nothing of the lab's goes on, and of the machine's services only those that a host of an overlay has are enabled.</summary>
    private const string Prepare = """
        ovs-appctl -t ovs-vswitchd exit
        ovs-appctl -t ovsdb-server exit
        pid=$(cat /run/charon.pid); kill "$pid"; while [ -d "/proc/$pid" ]; do sleep 0.1; done
        cd /etc/systemd/system
        rm -rf -- *.wants *.requires
        mkdir multi-user.target.wants
        for unit in openvswitch-switch strongswan-starter; do
          ln -s "/lib/systemd/system/$unit.service" multi-user.target.wants/
        done
        # What is for people that log in takes seconds of a boot here.
        for unit in console-getty systemd-logind systemd-user-sessions systemd-binfmt; do
          ln -s /dev/null "$unit.service"
        done
        # As where Open vSwitch runs as a user of its own: on Fedora and RHEL, and with --ovs-user on Debian.
        mkdir ovsdb-server.service.d
        printf '[Service]\nExecStartPost=/bin/chmod 750 %s\nExecStartPost=/bin/chown nobody:nogroup %s\n' \
          /run/openvswitch/db.sock /run/openvswitch/db.sock >ovsdb-server.service.d/user.conf
        mv /etc/weft/overlay.yaml /opt/overlay.yaml
        """;

    /// <summary>Turns the machine off, as far as the kernel can tell, and on.</summary>
    private const string PowerUp = """
        if pid=$(pgrep -x systemd); then
          kill -KILL $pid
          while pgrep -x systemd >/dev/null; do sleep 0.1; done
        fi
        # The guard goes after what it guards: a machine that is off sends nothing.
        ovs-dpctl del-dp ovs-system 2>/dev/null || :
        ip xfrm state flush
        ip xfrm policy flush
        for link in $(ip -o link show type bridge | cut -d: -f2); do ip link del "$link"; done
        for link in $(ip -o link show type veth | cut -d: -f2 | cut -d@ -f1); do ip link del "$link" 2>/dev/null || :; done
        setsid unshare --pid --fork --mount --cgroup --kill-child sh -euc '
          mount --make-rprivate /
          mount -t proc proc /proc
          mount -t tmpfs -o mode=755 tmpfs /run
          mkdir /run/lock
          mount -t cgroup2 cgroup2 /sys/fs/cgroup
          # As systemd does on a machine, and in what it takes for a container does not.
          mount --make-rshared /
          exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=lab /lib/systemd/systemd --system
        ' </dev/null >/var/log/systemd.log 2>&1 &
        until [ "$(pgrep -xc systemd)" = 1 ]; do sleep 0.1; done
        """;

    [Fact]
    public async Task Its_services_restore_the_overlay_after_a_boot_and_keep_it()
    {
        Assert.SkipUnless(FleetLab.IsPublished, "a program of many files is not put in place");
        KernelLab.NeedsProgram("/lib/systemd/systemd", "systemd");
        KernelLab.NeedsProgram(
            "/lib/systemd/system/strongswan-starter.service",
            "strongswan-starter"
        );
        await using var lab = await KernelLab.UpAsync(
            KernelLab.TwoHosts.Replace("engine: lxd", "engine: netns", StringComparison.Ordinal)
        );
        await lab.RunAsync("host1", $"cp {WeftProgram.Path} {Program}");
        await lab.RunAsync("host1", Prepare);
        await lab.RunAsync("host1", PowerUp);
        await EventuallyActiveAsync(lab, "ovs-vswitchd strongswan-starter");

        await InsideAsync(lab, $"{Program} install --as host1 /opt/overlay.yaml");
        await InsideAsync(lab, "systemctl start weft-agent");
        await EventuallyActiveAsync(lab, Services);
        await InsideAsync(lab, $"ip netns add {TwoHosts.Wallabag}");
        await WallabagReachesAsync(lab);

        Wire.NothingPlain(
            await Wire.WatchAsync(
                lab,
                async () =>
                {
                    await lab.RunAsync("host1", PowerUp);
                    await EventuallyActiveAsync(lab, Services);
                    await InsideAsync(lab, $"ip netns add {TwoHosts.Wallabag}");
                    await WallabagReachesAsync(lab);

                    // What strongSwan was told is gone with it.
                    await InsideAsync(lab, "systemctl restart strongswan-starter");
                    await WallabagReachesAsync(lab);
                    await InsideAsync(lab, "systemctl restart openvswitch-switch");
                    await WallabagReachesAsync(lab);
                }
            )
        );

        await InsideAsync(lab, "sed -i 's/10\\.8\\.2\\.2 /10.8.2.22 /' /etc/weft/overlay.yaml");
        await EventuallyAsync(
            lab,
            $"ip -n {TwoHosts.Wallabag} -br address show dev eth1 | grep -w 10.8.2.22/24"
        );
        // The journal knows the line by its fields, and whose it is.
        await EventuallyAsync(
            lab,
            $"journalctl --unit weft-agent --output cat WEFT_CHANGE=interface 'WEFT_NAME=eth1 in {TwoHosts.Wallabag}' PRIORITY=6 SYSLOG_IDENTIFIER=weft | grep -wF 10.8.2.22/24"
        );
        Assert.Contains(
            "agent: runs since",
            await InsideAsync(lab, "weft status || :"),
            StringComparison.Ordinal
        );
        await InsideAsync(lab, "systemctl reload weft-agent weft weft-guard");
        // The overlay file's directory, that of the tries, and that of named namespaces.
        Assert.Equal(
            "3",
            (
                await InsideAsync(
                    lab,
                    "cat /proc/$(systemctl show -p MainPID --value weft-agent)/fdinfo/* | grep -c ^inotify"
                )
            ).Trim()
        );

        // What watches over a try is no part of the login that it was begun in, and comes back whatever ends it. It has the
        // key from the environment, which nobody sees. The agent would go back too.
        await InsideAsync(
            lab,
            """
            systemctl stop weft-agent
            sed -i 's|file: /etc/weft/psk|env: WEFT_PSK|' /etc/weft/overlay.yaml
            sed 's/vlan: 200/vlan: 201/' /etc/weft/overlay.yaml >/run/new.yaml
            WEFT_PSK=$(cat /etc/weft/psk)
            export WEFT_PSK
            weft apply --yes
            systemd-run --quiet --unit=login --setenv="WEFT_PSK=$WEFT_PSK" \
              sh -c 'sleep 1000 | script -qfc "weft try --yes --until-deadline --within 30s --as host1 /run/new.yaml" /run/typescript'
            """
        );
        await EventuallyAsync(lab, "grep 'Keep it?' /run/typescript");
        await InsideAsync(
            lab,
            $"""
            [ "$(ovs-vsctl get port cont-mgmnt0-sw tag)" = 201 ]
            if systemctl show '{Watcher}' | grep -F "$(cat /etc/weft/psk)"; then
              exit 1
            fi
            # systemd 255 ends all of it, and says at times that it could not (EINVAL).
            systemctl kill --signal=KILL login || :
            """
        );
        await EventuallyAsync(lab, "! systemctl is-active login");
        foreach (var (signal, starts) in new[] { ("TERM", 1), ("KILL", 2) })
        {
            await InsideAsync(
                lab,
                $"kill -{signal} $(systemctl show -p MainPID --value '{Watcher}')"
            );
            await EventuallyAsync(
                lab,
                $"systemctl is-active '{Watcher}' && [ \"$(systemctl show -p NRestarts --value '{Watcher}')\" = {starts} ]"
            );
        }
        await EventuallyAsync(
            lab,
            """
            weft history | grep 'went back: it was not confirmed in time'
            [ "$(ovs-vsctl get port cont-mgmnt0-sw tag)" = 200 ]
            [ -z "$(ls -d /run/weft-try-* 2>/dev/null)" ]
            """
        );
        await WallabagReachesAsync(lab);
        await InsideAsync(
            lab,
            """
            sed -i 's|env: WEFT_PSK|file: /etc/weft/psk|' /etc/weft/overlay.yaml
            systemctl start weft-agent
            """
        );

        // The agent would make again at once what is removed, and weft.service at the next boot.
        Assert.Contains(
            "weft.service and weft-agent.service, which would bring it back, are stopped and disabled",
            await InsideAsync(lab, "weft destroy --yes 2>&1"),
            StringComparison.Ordinal
        );
        await InsideAsync(
            lab,
            $"""
            ! systemctl is-active weft weft-agent
            ! systemctl is-enabled weft weft-agent
            {Program} plan --destroy --exit-code --as host1
            weft uninstall
            [ ! -e /usr/local/bin/weft ]
            """
        );
    }

    private static Task EventuallyActiveAsync(OverlayLab lab, string services) =>
        EventuallyAsync(lab, $"systemctl is-active {services}");

    private static async Task WallabagReachesAsync(OverlayLab lab) =>
        await EventuallyAsync(
            lab,
            $"ip netns exec {TwoHosts.Wallabag} ping -n -c 1 -i 0.2 -w 5 -M do -s 1396 {TwoHosts.MastodonAddress}"
        );

    /// <summary>
    /// Waits until a command does not fail. The host has one processor, which systemd needs meanwhile: it is asked from within,
    /// and with pauses.
    /// </summary>
    private static async Task EventuallyAsync(OverlayLab lab, string command)
    {
        var tries = $$"""
            for try in 1 2 3 4 5 6 7 8 9 10; do
              if sh -eu >/run/said 2>&1 <<'COMMAND'
            {{command}}
            COMMAND
              then exit; fi
              sleep 0.5
            done
            cat /run/said
            exit 1
            """;
        var last = "";
        await Eventually.IsAsync(
            async () =>
            {
                var result = await lab.TryAsync("host1", Inside(tries));
                last = result.Output + result.Errors;
                return result.ExitCode == 0;
            },
            () => $"{command}: {last}"
        );
    }

    private static Task<string> InsideAsync(OverlayLab lab, string script) =>
        lab.RunAsync("host1", Inside(script));

    /// <summary>A script as one that runs where systemd does.</summary>
    private static string Inside(string script) =>
        $"""
            nsenter --target "$(pgrep -x systemd)" --mount --pid --cgroup -- sh -eu <<'LINES'
            {script}
            LINES
            """;
}
