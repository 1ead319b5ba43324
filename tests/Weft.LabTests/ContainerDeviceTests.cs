using Weft.Core.Overlays;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>Overlays whose containers get their NICs by LXD or Incus, and whatever else their administrators do to these.</summary>
public sealed class ContainerDeviceTests
{
    public static TheoryData<Engine> Engines => [Engine.Lxd, Engine.Incus];

    [Theory, MemberData(nameof(Engines))]
    public async Task NICs_that_the_engine_refuses_are_told_of_and_keep_no_other_container_from_its_place(
        Engine engine
    )
    {
        await using var lab = await UpAsync(engine);
        await DoAsync(
            lab,
            engine,
            """
            for name in apart beside; do
              mac=$($c exec $name -- cat /sys/class/net/eth1/address)
              $c config device remove $name eth1
              $c config device add $name mine nic nictype=bridged parent=net0 name=mine hwaddr=$mac
            done
            $c config device remove wallabag eth2
            $c restart -f wallabag
            """
        );

        var applied = await lab.WeftAsync("host1", "apply", "--yes");

        Assert.Equal(1, applied.ExitCode);
        Assert.Equal(
            2,
            applied.Errors.Split("already defined on another NIC", StringSplitOptions.None).Length
                - 1
        );
        await lab.ReachesAsync("host1", "neighbour", "10.8.2.4", 84);
        await lab.ReachesAsync("host1", "neighbour", "10.8.4.4", 84);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_try_goes_back_though_a_container_has_meanwhile_got_a_device_that_is_in_the_way(
        Engine engine
    )
    {
        await using var lab = await UpAsync(engine);
        await lab.RunAsync(
            "host1",
            "mkdir -p /etc/weft; sed 's/10.8.2.4,/10.8.2.9,/' /etc/weft/overlay.yaml >/run/new.yaml; ! cmp -s /etc/weft/overlay.yaml /run/new.yaml"
        );
        await lab.WeftDoneAsync(
            "host1",
            "try",
            "--yes",
            "--within",
            "1h",
            "--until-deadline",
            "/run/new.yaml"
        );
        await DoAsync(
            lab,
            engine,
            "$c config device remove apart eth1; $c config device add apart eth1 none"
        );

        await lab.WeftDoneAsync("host1", "rollback", "--yes");

        await lab.ReachesAsync("host1", "neighbour", "10.8.2.4", 84);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_containers_have_by_the_overlay_goes_with_it_after_they_were_started_anew(
        Engine engine
    )
    {
        await using var lab = await UpAsync(engine);
        // The port that the engine makes then has no mark of Weft's.
        await DoAsync(lab, engine, "$c restart -f wallabag");

        await lab.WeftDoneAsync("host1", "destroy", "--yes");

        Assert.Equal("", (await DoAsync(lab, engine, "$c config device list wallabag")).Trim());
        await DoAsync(lab, engine, "$c restart -f wallabag");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_the_administrator_set_on_a_NIC_stays_whatever_becomes_of_it(
        Engine engine
    )
    {
        await using var lab = await UpAsync(engine);
        await using var agent = await RunningAgent.StartAsync(lab, "host1");
        await DoAsync(
            lab,
            engine,
            """
            $c config device set wallabag eth1 security.mac_filtering=true
            $c config device set wallabag eth1 security.port_isolation=true
            $c config device set beside eth1 boot.priority=7 mtu=1400
            """
        );
        await lab.ReachesAsync("host1", "neighbour", "10.8.2.4", 84);
        await DoAsync(lab, engine, "$c exec wallabag -- ip link del eth1");

        await lab.ReachesAsync("host1", "neighbour", "10.8.2.4", 84);
        await lab.ReachesAsync("host1", "neighbour", "10.8.2.3", 84);
        await agent.HasMendedAsync();

        var wallabag = await DoAsync(lab, engine, "$c config show wallabag");
        Assert.Contains("security.mac_filtering: \"true\"", wallabag, StringComparison.Ordinal);
        Assert.Contains("security.port_isolation: \"true\"", wallabag, StringComparison.Ordinal);
        var beside = await DoAsync(lab, engine, "$c config show beside");
        Assert.Contains("boot.priority: \"7\"", beside, StringComparison.Ordinal);
        Assert.DoesNotContain("mtu: \"1400\"", beside, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_container_starts_while_copies_of_it_lie_about(Engine engine)
    {
        await using var lab = await UpAsync(engine);
        await DoAsync(
            lab,
            engine,
            """
            $c project create other -c features.profiles=false -c features.images=false
            $c copy wallabag wallabag --target-project other
            $c copy wallabag copied
            $c restart -f wallabag
            """
        );
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        await lab.ReachesAsync("host1", "neighbour", "10.8.2.4", 84);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_NIC_with_its_address_in_the_device_as_earlier_versions_gave_it_stays_as_it_is(
        Engine engine
    )
    {
        await using var lab = await UpAsync(engine);
        await DoAsync(
            lab,
            engine,
            """
            mac=$($c exec wallabag -- cat /sys/class/net/eth1/address)
            $c config device set wallabag eth1 hwaddr=$mac
            """
        );
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        var before = await DoAsync(lab, engine, "$c exec wallabag -- ip -o link show eth1");

        await lab.WeftDoneAsync("host1", "apply", "--yes");

        await lab.WeftDoneAsync("host1", "plan", "--exit-code");
        Assert.Equal(
            before,
            await DoAsync(lab, engine, "$c exec wallabag -- ip -o link show eth1")
        );
        await lab.ReachesAsync("host1", "neighbour", "10.8.2.4", 84);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task An_overlay_stays_while_the_engine_cannot_be_told_that_its_containers_are_to_lose_it(
        Engine engine
    )
    {
        await using var lab = await UpAsync(engine);
        await lab.RunAsync("host1", EngineLab.EndDaemonOf(engine, 30));

        var refused = await lab.WeftAsync("host1", "destroy", "--yes");

        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(
            $"{engine.Word} does not run on this host",
            refused.Errors,
            StringComparison.Ordinal
        );
        await lab.RunAsync("host1", "ip link show net0");

        await lab.RunAsync(
            "host1",
            $"{EngineLab.StartDaemonOf(engine)} {(engine is Engine.Lxd ? "lxd" : "incus admin")} waitready"
        );
        await lab.WeftDoneAsync("host1", "destroy", "--yes");
        await DoAsync(lab, engine, "$c restart -f wallabag");
    }

    /// <summary>Runs a script in the host, with the engine's client as <c>$c</c>; it must not fail.</summary>
    private static Task<string> DoAsync(OverlayLab lab, Engine engine, string script) =>
        lab.RunAsync("host1", $"c={EngineLab.ClientOf(engine)}; {script}");

    private static Task<OverlayLab> UpAsync(Engine engine)
    {
        var yaml = $$"""
            name: homelab
            hosts: { host1: 192.0.2.1 }
            networks:
              net0: { vlan: 200, subnet: 10.8.2.0/24, bridge: true }
              sw0: { vlan: 300, subnet: 10.8.4.0/24 }
            containers:
              apart: { host: host1, engine: {{engine.Word}}, networks: { net0: 10.8.2.2 } }
              beside: { host: host1, engine: {{engine.Word}}, networks: { net0: 10.8.2.3 } }
              wallabag: { host: host1, engine: {{engine.Word}}, networks: { net0: 10.8.2.4, sw0: 10.8.4.4 } }
              neighbour: { host: host1, engine: netns, networks: { net0: 10.8.2.5, sw0: 10.8.4.5 } }
            """;
        Needs.Engines(OverlayLab.Parse(yaml));
        return OverlayLab.UpAsync(yaml, new LabOptions { Engines = true });
    }
}
