using System.Text;
using System.Text.Json;
using Weft.Core.Overlays;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>Hosts that were set up by hand: read, planned, and taken over while packets pass.</summary>
public sealed class ImportTests
{
    [Fact]
    public async Task Hosts_set_up_by_hand_are_imported_improved_and_taken_over_while_pings_go_on()
    {
        await using var lab = await OverlayLab.BareAsync(
            OverlayLab.TwoHosts,
            new LabOptions { Datapath = Datapath.Userspace }
        );
        await HandMade.SetUpAsync(lab, Datapath.Userspace, HandMade.WithKey);

        var imported = await WeftProgram.RunAsync("import", "--lab", lab.Name, "--name", "homelab");

        Assert.True(imported.ExitCode == 0, imported.Errors);
        var overlay = OverlayLab.Parse(imported.Output);
        Assert.Equal(["host1", "host2"], overlay.Hosts.Select(host => host.Name));
        Assert.Equal(["mastodon", "wallabag"], overlay.Containers.Select(one => one.Name).Order());
        Assert.Contains(
            "# tunnels have keys (options:psk)",
            imported.Output,
            StringComparison.Ordinal
        );
        Assert.DoesNotContain(
            "not-a-real-key",
            imported.Output + imported.Errors,
            StringComparison.Ordinal
        );
        Assert.Equal(
            "600 not-a-real-key-0123",
            (await lab.RunAsync("host1", "stat -c %a /etc/weft/psk; cat /etc/weft/psk"))
                .Trim()
                .Replace('\n', ' ')
        );

        var page = Recipes.Of("moving.md");
        Assert.Equal(imported.Output, await ImportReadingsAsync(lab, page));

        await lab.WriteFileAsync(imported.Output);
        // Law 2: unless it is asked for, Weft takes nothing that it did not make.
        var refused = await lab.WeftAsync("host1", "apply", "--yes");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("weft plan --adopt", refused.Errors, StringComparison.Ordinal);
        foreach (var host in lab.Hosts)
        {
            Assert.Equal(
                [
                    "set bridge cont-mgmnt0",
                    // By hand nobody thinks of it, and TCP does not connect.
                    "set checksum eth1 in CONTAINER",
                    "set interface eth1 in CONTAINER",
                    "set internal link host-mgmnt0",
                    "set port cont-mgmnt0",
                    "set port gre0",
                    "set port host-mgmnt0",
                    "set port ovsbr0",
                    "set switch ovsbr0",
                    "set veth veth0",
                ],
                await ChangesAsync(lab, host.Name)
            );
        }

        Assert.Contains(
            "--all",
            page.Next("2. See what would change").Commands,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "gre0              protected, take over",
            await Recipes.TypeAsync(lab, "host1", page.Next("2. See what would change").Commands),
            StringComparison.Ordinal
        );

        await using var containers = ContinuousPing.Start(lab, "host1", "wallabag", "10.8.2.3");
        await using var hosts = ContinuousPing.Start(lab, "host1", null, "10.8.3.2");
        await containers.AnsweredAsync();
        await hosts.AnsweredAsync();
        var takeOver = page.Next("3. Take it over").Commands;
        page.AreAllTaken();
        foreach (var host in lab.Hosts)
        {
            await Recipes.TypeAsync(lab, host.Name, takeOver, "y\n");
        }
        await containers.AnsweredAsync();
        await hosts.AnsweredAsync();
        foreach (var ping in (ContinuousPing[])[containers, hosts])
        {
            var (sent, answered) = await ping.StopAsync();
            // The guide leaves the MTU of three ports of each host to be put right.
            Assert.True(
                answered >= sent - ContinuousPing.MostLostToMtu,
                $"{answered} of {sent} were answered"
            );
        }

        // From now on it is an overlay as any other: nothing to do, full MTU, all reach all, and gone when it is to go.
        foreach (var host in lab.Hosts)
        {
            Assert.Equal(0, (await lab.WeftAsync(host.Name, "plan", "--exit-code")).ExitCode);
            Assert.Equal(0, (await lab.WeftAsync(host.Name, "status")).ExitCode);
        }
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 1458);
        await lab.AllReachAllAsync();
        // As at a boot: /etc/network/interfaces makes the same bridge, with another address and no mark.
        await lab.RunAsync(
            "host1",
            """
            pid=$(cat /run/openvswitch/ovs-vswitchd.pid)
            ovs-appctl exit
            while [ -d /proc/$pid ]; do sleep 0.1; done
            ip link set veth0 nomaster
            ip link del cont-mgmnt0
            ip link add cont-mgmnt0 type bridge stp_state 1 forward_delay 200
            ip link set cont-mgmnt0 up
            ip link set veth0 master cont-mgmnt0
            ovs-vswitchd --pidfile --detach --log-file -vconsole:off
            """
        );
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        await lab.AllReachAllAsync();
        await lab.WeftDoneAsync("host1", "destroy", "--yes");
        Assert.Equal(
            "br-phy",
            (await lab.RunAsync("host1", "ovs-vsctl list-br; ip -br link show type bridge")).Trim()
        );
    }

    [Theory]
    [InlineData(Engine.Lxd, "eth1")]
    [InlineData(Engine.Lxd, "mgmt")]
    [InlineData(Engine.Incus, "eth1")]
    [InlineData(Engine.Incus, "mgmt")]
    public async Task A_NIC_that_was_given_by_hand_is_taken_over_without_a_lost_ping_and_is_Wefts_after_the_next_start(
        Engine engine,
        string device
    )
    {
        var c = EngineLab.ClientOf(engine);
        var yaml = $$"""
            name: homelab
            hosts: { host1: 192.0.2.1 }
            networks:
              cont-mgmnt0: { vlan: 200, subnet: 10.8.2.0/24, bridge: true }
            containers:
              wallabag: { host: host1, engine: {{engine.Word}}, networks: { cont-mgmnt0: 10.8.2.2 } }
              neighbour: { host: host1, engine: netns, networks: { cont-mgmnt0: 10.8.2.3 } }
            """;
        Needs.Engines(OverlayLab.Parse(yaml));
        await using var lab = await OverlayLab.BareAsync(
            yaml,
            new LabOptions { Engines = true, Datapath = Datapath.Userspace }
        );
        await lab.RunAsync(
            "host1",
            $$"""
            ip link add cont-mgmnt0 type bridge
            ip link set cont-mgmnt0 up
            {{c}} config device add wallabag {{device}} nic nictype=bridged parent=cont-mgmnt0 name=eth1
            {{c}} exec wallabag -- ip addr add 10.8.2.2/24 dev eth1
            {{c}} exec wallabag -- ip link set eth1 up
            ip link add veth0 type veth peer name eth1 netns neighbour
            ip link set veth0 master cont-mgmnt0 up
            ip -n neighbour addr add 10.8.2.3/24 dev eth1
            ip -n neighbour link set eth1 up
            ovs-vsctl add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev
            ovs-vsctl add-port ovsbr0 cont-mgmnt0 tag=200
            ovs-vsctl add-port ovsbr0 gre0 -- set interface gre0 type=gre options:remote_ip=192.0.2.2
            """
        );
        await lab.ReachesAsync("host1", "neighbour", "10.8.2.2", 84);
        var file = await lab.WeftDoneAsync("host1", "import", "--name", "homelab");
        Assert.Equal(
            [("neighbour", Engine.Netns), ("wallabag", engine)],
            OverlayLab.Parse(file).Containers.Select(one => (one.Name, one.Engine)).Order()
        );
        await lab.WriteFileAsync(file);

        await using (var ping = ContinuousPing.Start(lab, "host1", "neighbour", "10.8.2.2"))
        {
            await ping.AnsweredAsync();
            await lab.WeftDoneAsync("host1", "apply", "--adopt", "--yes");
            await ping.AnsweredAsync();
            var (sent, answered) = await ping.StopAsync();
            Assert.Equal(sent, answered);
        }
        Assert.Equal(0, (await lab.WeftAsync("host1", "plan", "--exit-code")).ExitCode);

        // Told anew while it does not run, the device is as Weft makes them.
        await lab.RunAsync("host1", $"{c} stop -f wallabag");
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        await lab.RunAsync("host1", $"{c} start wallabag");
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        Assert.Contains(
            "host_name: wallabag-eth1",
            await lab.RunAsync("host1", $"{c} config show wallabag"),
            StringComparison.Ordinal
        );
        await lab.ReachesAsync("host1", "neighbour", "10.8.2.2", 84);
    }

    /// <summary>Carries what each host prints to one place, and imports it there.</summary>
    private static async Task<string> ImportReadingsAsync(OverlayLab lab, Recipes page)
    {
        // FleetTests does it over SSH.
        Assert.Contains(
            "--host",
            page.Next("1. Read the hosts").Commands,
            StringComparison.Ordinal
        );
        var read = page.Next("1. Read the hosts").Commands;
        foreach (var host in lab.Hosts)
        {
            await Recipes.TypeAsync(
                lab,
                host.Name,
                read.Replace("host1", host.Name, StringComparison.Ordinal)
            );
        }
        var reading = await lab.RunAsync("host2", $"cat {Recipes.Home}/host2.json");
        Assert.DoesNotContain("not-a-real-key", reading, StringComparison.Ordinal);
        await lab.Lab["host1"]
            .RunAsync(
                ["tee", $"{Recipes.Home}/host2.json"],
                Encoding.UTF8.GetBytes(reading),
                Needs.Cancellation
            );
        var import = page.Next("1. Read the hosts").Commands;
        await Recipes.TypeAsync(lab, "host1", import);
        // What is there is not written over.
        Assert.Equal(2, (await lab.TryAsync("host1", $"cd {Recipes.Home}; {import}")).ExitCode);
        return await lab.RunAsync("host1", $"cat {Recipes.Home}/overlay.yaml");
    }

    /// <summary>What <c>weft plan --adopt</c> would do, a line each.</summary>
    private static async Task<IEnumerable<string>> ChangesAsync(OverlayLab lab, string host)
    {
        var json = await lab.WeftDoneAsync(host, "plan", "--adopt", "--json");
        return
        [
            .. JsonDocument
                .Parse(json)
                .RootElement[0]
                .GetProperty("changes")
                .EnumerateArray()
                .Select(change =>
                    $"{change.GetProperty("action")} {change.GetProperty("what")} {change.GetProperty("name")}"
                        .Replace("wallabag", "CONTAINER", StringComparison.Ordinal)
                        .Replace("mastodon", "CONTAINER", StringComparison.Ordinal)
                )
                .Order(StringComparer.Ordinal),
        ];
    }
}
