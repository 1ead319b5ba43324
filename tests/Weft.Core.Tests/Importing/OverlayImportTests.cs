using System.Collections.Immutable;
using System.Net;
using CsCheck;
using Weft.Core.Addressing;
using Weft.Core.Importing;
using Weft.Core.Overlays;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Importing;

/// <summary>Hosts that were set up by hand become an overlay, and what does not fit into one is said.</summary>
public sealed class OverlayImportTests
{
    [Fact]
    public void Two_hosts_as_guides_have_them_become_one_overlay()
    {
        var (overlay, notes) = Import(Read("host1", ByHand.Host1()), Read("host2", ByHand.Host2()));

        Assert.Equal(("imported", "ovsbr0"), (overlay.Name, overlay.Switch));
        Assert.Equal(
            ["host1 192.0.2.1 1500", "host2 192.0.2.2 1500"],
            overlay.Hosts.Select(host => $"{host.Name} {host.Address} {host.Mtu}")
        );
        Assert.Equal(new Tunnels(), overlay.Tunnels);
        Assert.Equal(
            ["host-mgmnt0", "cont-mgmnt0"],
            overlay.Networks.Select(network => network.Name)
        );
        var (hosts, containers) = (overlay.Networks[0], overlay.Networks[1]);
        Assert.Equal((100, null), (hosts.Vlan, hosts.Bridge));
        Assert.Equal([IPNetwork.Parse("10.8.3.0/24")], hosts.Subnets);
        Assert.Equal(
            ["host1 10.8.3.1", "host2 10.8.3.2"],
            hosts.Hosts.Select(host => $"{host.Host} {Assert.Single(host.Addresses)}")
        );
        Assert.Equal(200, containers.Vlan);
        Assert.Equal([IPNetwork.Parse("10.8.2.0/24")], containers.Subnets);
        Assert.Equal(
            new ContainerBridge
            {
                Stp = true,
                ForwardDelay = 15,
                Uplink = Uplink.Direct,
            },
            containers.Bridge
        );
        Assert.Empty(containers.Hosts);
        Assert.Equal(
            [
                "wallabag host1 Netns cont-mgmnt0 eth1 10.8.2.2 Bridge",
                "mastodon host2 Netns cont-mgmnt0 eth1 10.8.2.3 Bridge",
            ],
            overlay.Containers.Select(container =>
                $"{container.Name} {container.Host} {container.Engine} {string.Join(';', container.Attachments.Select(Words))}"
            )
        );
        Assert.Equal(
            ByHand.Host1().Find("wallabag", "eth1").Mac,
            overlay.Containers[0].Attachments[0].Mac
        );
        Assert.Equal(
            [
                "what crosses between the hosts is not encrypted: `ipsec` under `tunnels` does that (docs/ipsec.md)",
                "bridge 'cont-mgmnt0' is a port of the switch itself (`uplink: direct`): each frame from another host goes to all of its containers. `uplink: veth` ends that; changing it cuts them off for a moment",
            ],
            notes
        );
    }

    [Theory]
    [InlineData("192.0.2.1", null)]
    [InlineData("root@192.0.2.1", "root@192.0.2.1")]
    [InlineData("192.0.2.1:2222", "192.0.2.1:2222")]
    [InlineData("host1", "host1")]
    public void A_host_that_SSH_reached_otherwise_than_at_its_address_goes_on_being_reached_so(
        string target,
        string? written
    )
    {
        Assert.True(SshTarget.TryParse(target, out var ssh, out _));
        var (overlay, _) = Import(Read("host1", ByHand.Host1()) with { Ssh = ssh });
        Assert.Equal(
            [("host1", written), ("host-192-0-2-2", null)],
            overlay.Hosts.Select(host => (host.Name, host.Ssh?.ToString()))
        );
    }

    [Fact]
    public void One_host_alone_names_the_other_by_its_address_and_says_so()
    {
        var (overlay, notes) = Import(Read("host1", ByHand.Host1()));

        Assert.Equal(
            ["host1 192.0.2.1", "host-192-0-2-2 192.0.2.2"],
            overlay.Hosts.Select(host => $"{host.Name} {host.Address}")
        );
        Assert.Contains(
            "host-192-0-2-2 was not read: a tunnel leads to 192.0.2.2, and more is not known. Import on that host too, or write the name that `hostname` prints there",
            notes
        );
    }

    [Theory]
    [InlineData(
        "ovs-vsctl add-port ovsbr0 uplink -- set interface uplink type=internal",
        "host1: port 'uplink' of ovsbr0 has no VLAN of its own, so it is in no network: Weft leaves it as it is"
    )]
    [InlineData(
        "ovs-vsctl add-port ovsbr0 lost tag=7 -- set interface lost type=internal",
        "host1: port 'lost' of ovsbr0 (VLAN 7) leads to no bridge, no container and no address of the host: Weft leaves it as it is"
    )]
    [InlineData(
        "ip -n wallabag addr add 10.8.2.77/24 dev eth1",
        "host1: eth1 of container 'wallabag' has address 10.8.2.77 beside 10.8.2.2, and can have one of each kind in a network: it is left out, and goes when Weft takes over"
    )]
    [InlineData(
        "ip -n wallabag addr del 10.8.2.2/24 dev eth1",
        "network 'cont-mgmnt0' (VLAN 200) is left out: no address in it is to be seen, so its subnet is not known"
    )]
    [InlineData(
        "ip addr add 10.8.2.1/24 dev cont-mgmnt0",
        "host1: bridge 'cont-mgmnt0' has 10.8.2.1/24, and is a port of the switch itself, where nothing reaches an address: it is left out, and goes when Weft takes the bridge over"
    )]
    [InlineData(
        "ovs-vsctl set interface gre0 options:tos=inherit",
        "host1: tunnel 'gre0' has options:tos=inherit, which Weft does not set: taken over, it is without"
    )]
    [InlineData(
        "ovs-vsctl set interface gre0 options:key=flow",
        "host1: tunnel 'gre0' has options:key=flow, which Weft does not set: taken over, it is without"
    )]
    [InlineData(
        "ovs-vsctl set interface gre0 options:remote_ip=flow",
        "host1: tunnel 'gre0' names no other host by its address (options:remote_ip): Weft makes one tunnel for each host"
    )]
    [InlineData(
        "ovs-vsctl set bridge ovsbr0 external_ids:weft=other",
        "host1: bridge 'ovsbr0' belongs to overlay 'other' already"
    )]
    public void What_has_no_place_in_an_overlay_is_said(string command, string words)
    {
        var host = ByHand.Host1();
        host.Shell(command);

        Assert.Contains(words, Import(Read("host1", host)).Notes);
    }

    [Theory]
    [InlineData("100")]
    [InlineData("0x64")]
    [InlineData("0X64")]
    public void A_tunnels_key_is_read_as_Open_vSwitch_reads_it(string key)
    {
        var host = ByHand.Host1();
        host.Shell($"ovs-vsctl set interface gre0 options:key={key}");

        Assert.Equal(100u, Import(Read("host1", host)).Overlay.Tunnels.Key);
    }

    [Fact]
    public void Of_two_kinds_of_tunnels_and_two_containers_of_one_name_one_is_described()
    {
        var second = ByHand.Host2();
        second.Shell(
            "ovs-vsctl add-port ovsbr0 vx -- set interface vx type=vxlan options:remote_ip=192.0.2.3"
        );

        var (overlay, notes) = Import(
            Read("host1", ByHand.Host1()),
            Read("host2", second),
            Read("host3", ByHand.Host1()) with
            {
                Links = [],
            }
        );

        Assert.Equal(TunnelType.Gre, overlay.Tunnels.Type);
        Assert.Contains(
            "host2: tunnel 'vx' is vxlan, and most are gre: an overlay has one kind",
            notes
        );
        Assert.Contains(
            "host3: its underlay address is not to be seen: write the address that the others reach it by under `hosts`",
            notes
        );
        Assert.Single(overlay.Containers, container => container.Name == "wallabag");
    }

    /// <summary>What Podman runs is in a network namespace that has a name, and so is seen twice.</summary>
    [Theory]
    [InlineData(Engine.Docker, null)]
    [InlineData(Engine.Podman, "cni-5d2c1f0e")]
    [InlineData(Engine.Podman, "netns-5d2c1f0e")]
    [InlineData(Engine.Podman, "zz")]
    public void A_container_is_its_engines_and_not_the_namespaces_that_it_is_in(
        Engine engine,
        string? space
    )
    {
        var reading = Read("host1", ByHand.Host1());
        var seen = Assert.Single(reading.Containers);
        reading = reading with
        {
            Containers =
            [
                .. new[] { seen with { Engine = engine } }
                    .Concat(space is null ? [] : [seen with { Name = space }])
                    .OrderBy(one => one.Name, StringComparer.Ordinal),
            ],
        };

        var (overlay, notes) = Import(reading);

        var container = Assert.Single(overlay.Containers);
        Assert.Equal(
            ("wallabag", "host1", engine),
            (container.Name, container.Host, container.Engine)
        );
        Assert.Equal(
            "cont-mgmnt0 eth1 10.8.2.2 Bridge",
            Words(Assert.Single(container.Attachments))
        );
        Assert.DoesNotContain(notes, note => note.Contains("left out", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false, true, IpsecManagerOrNone.OpenVSwitch)]
    [InlineData(false, false, IpsecManagerOrNone.StrongSwan)]
    [InlineData(true, true, IpsecManagerOrNone.None)]
    public void A_key_becomes_a_file_where_it_encrypts_anything_and_is_in_nothing_that_is_read(
        bool userspace,
        bool hasMonitor,
        IpsecManagerOrNone manager
    )
    {
        const string Key = "no-key-of-anybodys-0123";
        var host = ByHand.Host1();
        host.Shell($"ovs-vsctl set interface gre0 options:psk={Key}");
        if (userspace)
        {
            host.Shell("ovs-vsctl set bridge ovsbr0 datapath_type=netdev");
        }
        var reading = Read("host1", host) with { HasMonitor = hasMonitor, HasKeyFile = true };

        var (overlay, notes) = Import(reading);

        Assert.DoesNotContain(Key, $"{reading} {string.Join('\n', reading.Switches[0].Ports)}");
        Assert.True(reading.Switches[0].Ports.Single(port => port.Name == "gre0").HasKey);
        Assert.Equal(
            manager,
            overlay.Tunnels.Ipsec is { } ipsec
                ? Enum.Parse<IpsecManagerOrNone>($"{ipsec.Manager}")
                : IpsecManagerOrNone.None
        );
        Assert.Equal(hasMonitor && !userspace, !notes.Any(note => note.Contains("options:psk")));
    }

    [Fact]
    public void Nothing_to_see_is_an_error_and_so_is_one_host_twice()
    {
        var bare = Read("host1", new ModelHost(kernelDatapath: true));
        Assert.Contains(
            "nothing to import",
            Assert.Throws<HostException>(() => Import(bare)).Message
        );
        var host = Read("host1", ByHand.Host1());
        Assert.Contains(
            "two readings are of a host 'host1'",
            Assert.Throws<HostException>(() => Import(host, host)).Message
        );
    }

    [Fact]
    public void A_switch_that_others_rule_by_flows_is_left_to_them()
    {
        const string Ruled =
            "ovs-vsctl add-br br-int -- add-port br-int ovn0 -- set interface ovn0 type=geneve options:remote_ip=192.0.2.2 options:key=flow";
        var alone = new ModelHost(kernelDatapath: true);
        alone.Shell(Ruled);
        Assert.StartsWith(
            "bridge 'br-int' has no VLAN in it, and tunnels of which its flows choose the key or the other end",
            Assert.Throws<HostException>(() => Import(Read("host1", alone))).Message,
            StringComparison.Ordinal
        );
        var beside = ByHand.Host1();
        beside.Shell(Ruled);
        beside.Shell(
            "ovs-vsctl add-port br-int ovn1 -- set interface ovn1 type=geneve options:remote_ip=192.0.2.3 options:key=flow"
        );
        Assert.Equal("ovsbr0", Import(Read("host1", beside)).Overlay.Switch);
    }

    [Fact]
    public void An_address_that_is_none_is_refused_by_name()
    {
        var host = Read("host1", ByHand.Host1());
        host = host with
        {
            Links = [.. host.Links.Select(link => link with { Addresses = ["10.8.3.1"] })],
        };
        Assert.Contains("'10.8.3.1'", Assert.Throws<HostException>(() => Import(host)).Message);
    }

    [Fact]
    public void What_Weft_itself_made_of_an_overlay_is_read_as_that_overlay() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay)
            .Sample(
                (setting, written) =>
                {
                    var host = setting.Bare();
                    host.Apply(setting.Intend(written));
                    var original = written.Overlay;
                    var reading = Read(RandomOverlay.Host, host);
                    if (!reading.Switches[0].Ports.Any(port => port.Tag is not null))
                    {
                        return;
                    }
                    var overlay = OverlayImport.Of([reading], "home", original.Switch).Overlay;

                    foreach (var network in overlay.Networks)
                    {
                        var one = original.Networks.Single(other => other.Vlan == network.Vlan);
                        var isNamed =
                            one.Bridge is not null
                            || one.Hosts.Any(own => own.Host == RandomOverlay.Host);
                        Assert.Equal(isNamed ? one.Name : $"vlan{one.Vlan}", network.Name);
                        Assert.Equal(one.Bridge is null, network.Bridge is null);
                        Assert.Equal(one.Bridge?.Uplink, network.Bridge?.Uplink);
                        Assert.Equal(one.Bridge?.Stp, network.Bridge?.Stp);
                        Assert.All(network.Subnets, subnet => Assert.Contains(subnet, one.Subnets));
                        Assert.Equal(
                            one.Hosts.Where(own => own.Host == RandomOverlay.Host)
                                .SelectMany(own => own.Addresses),
                            network.Hosts.SelectMany(own => own.Addresses)
                        );
                    }
                    var present = original.Containers.Where(container =>
                        container.Host == RandomOverlay.Host
                        && container.Engine is Engine.Netns
                        && setting.Present.Contains(container.Name)
                    );
                    Assert.Equal(
                        Described(original, present),
                        Described(overlay, overlay.Containers)
                    );
                },
                iter: 200
            );

    /// <summary>What may come of a key.</summary>
    public enum IpsecManagerOrNone
    {
        /// <summary>No encryption.</summary>
        None,

        /// <summary>strongSwan.</summary>
        StrongSwan,

        /// <summary>ovs-monitor-ipsec.</summary>
        OpenVSwitch,
    }

    private static IEnumerable<string> Described(
        Overlay overlay,
        IEnumerable<Container> containers
    ) =>
        from container in containers
        from one in container.Attachments
        let vlan = overlay.Networks.Single(network => network.Name == one.Network).Vlan
        let routes = one.Routes.Select(route => $"{route}").Order(StringComparer.Ordinal)
        let words = $"{container.Name} {vlan} {one.Interface} {string.Join(',', one.Addresses)} {one.To} {one.Mac} {string.Join(',', routes)}"
        orderby words
        select words;

    private static string Words(Attachment one) =>
        $"{one.Network} {one.Interface} {string.Join(',', one.Addresses)} {one.To}";

    private static HostReading Read(string name, ModelHost host) =>
        HostReading.Of(name, host.Observe());

    private static OverlayImport Import(params HostReading[] readings) =>
        OverlayImport.Of([.. readings], "imported");
}
