using Weft.Core;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.LabTests;

/// <summary>The NICs that LXD and Incus give their containers.</summary>
public sealed class EngineNicTests
{
    private const string Device = "weft-a";

    public static TheoryData<Engine> Engines => [Engine.Lxd, Engine.Incus];

    [Theory, MemberData(nameof(Engines))]
    public async Task A_running_container_gets_a_NIC_at_once_and_loses_it_at_once(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        await lab.RunAsync("ip link add br0 type bridge; ip link set br0 up");
        var door = lab.Door();
        var nic = Nic("br0");

        await door.SetNicAsync("web", Device, nic, Needs.Cancellation);

        Assert.Equal(nic, await ReadAsync(door, "web"));
        Assert.Equal("1400 02:ee:00:00:00:05", await InsideAsync(lab, "eth1"));
        Assert.Contains(
            "master br0",
            await lab.RunAsync("ip link show wfabc"),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "user.weft: prod",
            await lab.RunAsync("$c config show web"),
            StringComparison.Ordinal
        );

        await door.SetNicAsync("web", Device, nic with { Mtu = 1380 }, Needs.Cancellation);
        Assert.Equal("1380 02:ee:00:00:00:05", await InsideAsync(lab, "eth1"));

        await door.SetNicAsync("web", Device, null, Needs.Cancellation);
        Assert.Null(await ReadAsync(door, "web"));
        Assert.DoesNotContain("wfabc", await lab.RunAsync("ip -br link"), StringComparison.Ordinal);
        // There is nothing left to take away.
        await door.SetNicAsync("web", Device, null, Needs.Cancellation);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_NIC_on_the_switch_has_its_tag(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        await lab.RunAsync("ovs-vsctl add-br sw0 -- set bridge sw0 datapath_type=netdev");
        var door = lab.Door();
        var nic = Nic("sw0") with { Vlan = 200 };

        await door.SetNicAsync("web", Device, nic, Needs.Cancellation);

        Assert.Equal(nic, await ReadAsync(door, "web"));
        Assert.Equal("200", await lab.RunAsync("ovs-vsctl get port wfabc tag"));
        Assert.Equal("sw0", await lab.RunAsync("ovs-vsctl port-to-br wfabc"));

        await lab.StopAsync("web");
        Assert.Equal("", await lab.RunAsync("ovs-vsctl list-ports sw0"));
        await lab.RunAsync("$c start web");
        Assert.Equal("200", await lab.RunAsync("ovs-vsctl get port wfabc tag"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_container_that_does_not_run_has_its_NIC_when_it_starts(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        await lab.RunAsync("ip link add br0 type bridge; ip link set br0 up");
        await lab.StopAsync("web");
        var door = lab.Door();

        await door.SetNicAsync("web", Device, Nic("br0"), Needs.Cancellation);
        await door.SetNicAsync("web", "weft-b", Other, Needs.Cancellation);
        await door.SetNicAsync("web", "weft-b", Other with { Mtu = 1300 }, Needs.Cancellation);
        await lab.RunAsync("$c start web");
        Assert.Equal("1400 02:ee:00:00:00:05", await InsideAsync(lab, "eth1"));
        Assert.Equal("1300 02:ee:00:00:00:06", await InsideAsync(lab, "eth2"));

        await lab.StopAsync("web");
        await door.SetNicAsync("web", Device, null, Needs.Cancellation);
        Assert.Equal(["weft-b"], (await door.FindAsync("web", Needs.Cancellation))!.Nics.Keys);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_else_the_container_is_configured_with_stays(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        await lab.RunAsync(
            """
            ip link add br0 type bridge; $c config set web user.note=kept limits.processes=99
            $c config device add web nothing none
            $c query --wait -X PATCH -d '{"description":"kept too"}' /1.0/instances/web
            """
        );
        var door = lab.Door();
        // Whatever NIC is changed, LXD gives cloud-init another instance to set up.
        const string Show = "$c config show web | grep -v cloud-init";
        var before = await lab.RunAsync(Show);

        await door.SetNicAsync("web", Device, Nic("br0"), Needs.Cancellation);
        await door.SetNicAsync("web", Device, null, Needs.Cancellation);

        Assert.Contains("user.note: kept", before, StringComparison.Ordinal);
        Assert.Contains("description: kept too", before, StringComparison.Ordinal);
        Assert.Equal(before, await lab.RunAsync(Show));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_else_is_set_on_a_NIC_stays_when_it_is_changed_or_plugged_in_again(
        Engine engine
    )
    {
        const string Isolation = "$c config device get web weft-a security.port_isolation";
        await using var lab = await EngineLab.UpAsync(engine);
        await lab.RunAsync("ip link add br0 type bridge; ip link set br0 up");
        var door = lab.Door();
        var nic = Nic("br0");
        await door.SetNicAsync("web", Device, nic, Needs.Cancellation);
        await lab.RunAsync("$c config device set web weft-a security.port_isolation=true");

        await door.SetNicAsync("web", Device, nic with { Mtu = 1380 }, Needs.Cancellation);
        Assert.Equal("true", await lab.RunAsync(Isolation));

        await lab.RunAsync("$c exec web -- ip link del eth1");
        await door.SetNicAsync("web", Device, nic with { Mtu = 1380 }, Needs.Cancellation);
        Assert.Equal("true", await lab.RunAsync(Isolation));
        Assert.Equal("1380 02:ee:00:00:00:05", await InsideAsync(lab, "eth1"));

        var other = nic with { Mtu = 1380, Mac = Other.Mac };
        await door.SetNicAsync("web", Device, other, Needs.Cancellation);
        Assert.Equal(other, await ReadAsync(door, "web"));
        Assert.Equal("1380 02:ee:00:00:00:06", await InsideAsync(lab, "eth1"));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_copy_has_another_MAC_address_and_keeps_nobody_from_starting(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        await lab.RunAsync("ip link add br0 type bridge; ip link set br0 up");
        var door = lab.Door();
        // As earlier versions wrote it.
        await lab.RunAsync(
            "$c config device add web weft-a nic nictype=bridged parent=br0 name=eth1 host_name=wfabc hwaddr=02:ee:00:00:00:05 mtu=1400 user.weft=prod"
        );
        Assert.Equal(Nic("br0"), await ReadAsync(door, "web"));
        await door.SetNicAsync("web", Device, Nic("br0") with { Mtu = 1380 }, Needs.Cancellation);

        await lab.RunAsync("$c copy web copied; $c restart -f web");

        Assert.Equal("1380 02:ee:00:00:00:05", await InsideAsync(lab, "eth1"));
        Assert.NotEqual(Nic("br0").Mac, (await ReadAsync(door, "copied"))!.Mac);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Changes_at_the_same_time_lose_nothing(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        await lab.RunAsync("ip link add br0 type bridge");
        await lab.StopAsync("web");
        var door = lab.Door();
        await door.SetNicAsync("web", Device, Nic("br0"), Needs.Cancellation);

        await Task.WhenAll(
            door.SetNicAsync("web", Device, null, Needs.Cancellation),
            door.SetNicAsync("web", "weft-b", Other, Needs.Cancellation),
            // The engine's own client does not try again when another was first.
            lab.RunAsync(
                """
                until said=$($c config set web user.note=kept 2>&1); do
                  case $said in *ETag*) ;; *) echo "$said"; exit 1 ;; esac
                done
                """
            )
        );

        var web = await door.FindAsync("web", Needs.Cancellation);
        Assert.Equal(["weft-b"], web!.Nics.Keys);
        Assert.Equal("kept", web.Labels["note"]);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_the_engine_refuses_is_told_in_its_words(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        var door = lab.Door();
        await RefusedAsync(door, "web", Nic("nowhere"), "\"nowhere\" doesn't exist");
        await RefusedAsync(door, "web", Nic("lo") with { Mtu = -1 }, "mtu");
        await RefusedAsync(door, "nobody", Nic("lo"), "not found");
        Assert.Empty((await door.FindAsync("web", Needs.Cancellation))!.Nics);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_device_of_somebody_else_is_left_alone(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        await lab.RunAsync(
            "ip link add br0 type bridge; $c config device add web mine nic nictype=bridged parent=br0 name=eth7"
        );
        var door = lab.Door();
        var mine = (await door.FindAsync("web", Needs.Cancellation))!.Nics["mine"];
        Assert.Null(mine.Mark);
        Assert.Equal("eth7", mine.Interface);
        Assert.NotEqual(default, mine.Mac);

        await RefusedAsync(door, "web", Nic("br0"), "not Weft's", "mine");
        await RefusedAsync(door, "web", null, "not Weft's", "mine");
        await RefusedAsync(door, "web", Nic("br0"), "by a profile", "root");
        await door.SetNicAsync("web", Device, Nic("br0"), Needs.Cancellation);
        await RefusedAsync(door, "web", Nic("br0") with { Mark = "other" }, "'prod'");
    }

    private static NicDevice Nic(string parent) =>
        new()
        {
            Parent = parent,
            Interface = "eth1",
            HostEnd = "wfabc",
            Mac = Mac("02:ee:00:00:00:05"),
            Mtu = 1400,
            Mark = "prod",
        };

    private static NicDevice Other { get; } =
        Nic("br0") with
        {
            Interface = "eth2",
            HostEnd = "wfdef",
            Mac = Mac("02:ee:00:00:00:06"),
        };

    private static MacAddress Mac(string text) =>
        MacAddress.TryParse(text, out var mac) ? mac : throw new FormatException(text);

    private static async Task<NicDevice?> ReadAsync(IContainerEngine door, string name) =>
        (await door.FindAsync(name, Needs.Cancellation))!.Nics.GetValueOrDefault(Device);

    private static Task<string> InsideAsync(EngineLab lab, string link) =>
        lab.RunAsync(
            $"$c exec web -- sh -c 'echo $(cat /sys/class/net/{link}/mtu /sys/class/net/{link}/address)'"
        );

    private static async Task RefusedAsync(
        IContainerEngine door,
        string name,
        NicDevice? nic,
        string words,
        string device = Device
    )
    {
        var refusal = await Assert.ThrowsAsync<HostException>(() =>
            door.SetNicAsync(name, device, nic, Needs.Cancellation)
        );
        Assert.Contains(words, refusal.Message, StringComparison.OrdinalIgnoreCase);
    }
}
