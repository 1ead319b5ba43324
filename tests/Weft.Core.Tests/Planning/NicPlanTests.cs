using System.Collections.Immutable;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Planning;

/// <summary>Containers whose interfaces their engine makes (LXD, Incus), and engines that do not answer.</summary>
public sealed class NicPlanTests
{
    private static readonly ContainerKey Wallabag = new(Engine.Lxd, "wallabag");

    private static readonly HostIntent AtBridge = Intent("engine: lxd");

    private static readonly HostIntent AtSwitch = Intent(
        "engine: lxd",
        "cont-mgmnt0: { address: 10.8.2.2, attach: switch }"
    );

    private static AttachmentIntent Attachment => AtBridge.Attachments[0];

    [Fact]
    public void A_container_without_its_device_is_given_it()
    {
        var change = Assert.Single(NicsOf(AtBridge, With(Running)));

        Assert.Equal(ChangeAction.Add, change.Action);
        Assert.Equal("eth1 of wallabag", change.Name);
        Assert.Equal(
            [
                "lxc config set wallabag volatile.eth1.hwaddr 02:18:e2:09:67:a1",
                "lxc config device add wallabag eth1 nic nictype=bridged parent=cont-mgmnt0 name=eth1 "
                    + "host_name=wallabag-eth1 mtu=1458 user.weft=homelab",
            ],
            change.Commands
        );
    }

    [Fact]
    public void At_the_switch_the_device_names_its_VLAN_and_Incus_is_told_by_its_own_program()
    {
        var attachment = Assert.Single(
            Intent(
                "engine: incus",
                "cont-mgmnt0: { address: 10.8.2.2, attach: switch }"
            ).Attachments
        );
        var change = new NicChange(
            ChangeAction.Add,
            attachment.Key,
            "eth1",
            attachment.Nic,
            Replugs: false,
            ""
        );

        Assert.Equal(
            "incus config device add wallabag eth1 nic nictype=bridged parent=ovsbr0 name=eth1 "
                + "host_name=wallabag-eth1 mtu=1458 vlan=200 user.weft=homelab",
            change.Commands.Last()
        );
    }

    [Fact]
    public void A_container_that_does_not_run_is_given_its_device_too()
    {
        var plan = Planner.Plan(AtBridge, With(Running with { Namespace = null }));

        Assert.Equal(ChangeAction.Add, Assert.Single(plan.Changes.OfType<NicChange>()).Action);
        Assert.Contains(
            "lxd container wallabag does not run: it gets its place once it does",
            plan.Notices
        );
    }

    [Fact]
    public void A_container_that_is_not_there_is_given_nothing() =>
        Assert.Empty(NicsOf(AtBridge, With()));

    [Fact]
    public void A_device_that_differs_is_put_right_by_what_differs()
    {
        var there = Attachment.Nic! with { Mtu = 1500, Parent = "lxdbr0" };

        var change = Assert.Single(NicsOf(AtBridge, With(Holding(there))));

        Assert.Equal(ChangeAction.Set, change.Action);
        Assert.Equal("parent lxdbr0 → cont-mgmnt0, MTU 1500 → 1458", change.Detail);
        Assert.Equal(
            "lxc config device set wallabag eth1 parent=cont-mgmnt0 name=eth1 host_name=wallabag-eth1 "
                + "mtu=1458 user.weft=homelab",
            change.Commands.Last()
        );
    }

    [Theory]
    [InlineData(null, "which Weft did not make")]
    [InlineData("other", "other")]
    public void A_device_of_somebody_elses_stands_in_the_way_of_nothing_but_that_interface(
        string? mark,
        string whose
    )
    {
        var plan = Planner.Plan(
            AtBridge,
            With(Holding(Attachment.Nic! with { Mark = mark, Parent = "lxdbr0" }))
        );

        Assert.Empty(plan.Changes.OfType<NicChange>());
        var conflict = Assert.Single(plan.Conflicts);
        Assert.True(conflict.StandsAlone);
        Assert.Equal("eth1 of wallabag", conflict.Name);
        Assert.StartsWith("lxd container wallabag has a device 'eth1' already", conflict.Message);
        Assert.Contains(whose, conflict.Message);
        Assert.NotEmpty(plan.Changes);
    }

    [Fact]
    public void A_device_by_hand_is_taken_over_as_it_is_by_a_mark_that_no_interface_is_made_anew_for()
    {
        var seen = ByHand(Attachment.Nic! with { Mark = null, HostEnd = "veth1234", Mtu = 0 });
        var adopting = Adoption.Fit(AtBridge, seen, adopt: true);

        var change = Assert.Single(NicsOf(adopting, seen));

        Assert.Equal("take over", change.Detail);
        Assert.Equal(["lxc config set wallabag user.weft-adopted.eth1 homelab"], change.Commands);
        // Marked, it stays as it is for as long as the container has it.
        var marked = ByHand(
            Attachment.Nic with
            {
                Mark = "homelab",
                IsAdopted = true,
                HostEnd = "veth1234",
                Mtu = 0,
            }
        );
        Assert.Empty(NicsOf(Adoption.Fit(AtBridge, marked, adopt: false), marked));
        Assert.DoesNotContain(
            Planner.Plan(Adoption.Fit(AtBridge, marked, adopt: false), marked).Commands,
            command => command.Contains("wallabag-eth1")
        );
    }

    [Fact]
    public void A_device_that_was_taken_over_becomes_Wefts_own_while_the_container_does_not_run()
    {
        var nic = Attachment.Nic! with { IsAdopted = true, HostEnd = "", Mtu = 0 };
        var seen = With(Holding(nic) with { Namespace = null });

        var change = Assert.Single(NicsOf(Adoption.Fit(AtBridge, seen, adopt: false), seen));

        Assert.Equal(
            "lxc config device set wallabag eth1 parent=cont-mgmnt0 name=eth1 host_name=wallabag-eth1 "
                + "mtu=1458 user.weft=homelab",
            change.Commands.Last()
        );
        Assert.True(change.CanWait);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_device_is_known_by_the_interface_that_it_gives_and_keeps_its_name(bool isRunning)
    {
        var nic = Attachment.Nic! with { Mark = null, HostEnd = "veth1234", Mtu = 0 };
        var seen = ByHand(nic);
        seen = WithDevices(seen, isRunning, ("mgmt", nic));

        var change = Assert.Single(NicsOf(Adoption.Fit(AtBridge, seen, adopt: true), seen));
        Assert.Equal(["lxc config set wallabag user.weft-adopted.mgmt homelab"], change.Commands);

        // What was taken over, and what has become Weft's own.
        var own = Attachment.Nic! with
        {
            Mtu = 1500,
        };
        change = Assert.Single(NicsOf(AtBridge, WithDevices(seen, isRunning, ("mgmt", own))));
        Assert.Equal((ChangeAction.Set, "mgmt"), (change.Action, change.Device));
        Assert.Contains("config device set wallabag mgmt", change.Commands.Last());
    }

    [Fact]
    public void Beside_a_device_of_the_overlays_another_that_gives_its_interface_stands_in_the_way()
    {
        var foreign = Attachment.Nic! with { Mark = null, Parent = "lxdbr0" };
        var plan = Planner.Plan(AtBridge, WithDevices(With(Running), true, ("mgmt", foreign)));

        Assert.Empty(plan.Changes.OfType<NicChange>());
        var conflict = Assert.Single(plan.Conflicts);
        Assert.True(conflict.StandsAlone);
        Assert.StartsWith("lxd container wallabag has a device 'mgmt' already", conflict.Message);
        // One that has the name, but gives another interface, too.
        plan = Planner.Plan(
            AtBridge,
            WithDevices(With(Running), true, ("eth1", foreign with { Interface = "eth0" }))
        );
        Assert.Empty(plan.Changes.OfType<NicChange>());
        Assert.StartsWith(
            "lxd container wallabag has a device 'eth1' already",
            Assert.Single(plan.Conflicts).Message
        );
    }

    [Theory]
    [InlineData("eth1", "eth0", "a device 'eth1' already, by a profile")]
    [InlineData("lan", "eth1", "an interface 'eth1' already, by a profile")]
    public void What_a_profile_gives_stands_in_the_way_of_nothing_but_that_interface(
        string device,
        string name,
        string words
    )
    {
        var container = Running with { OtherDevices = [device], ProfileInterfaces = [name] };

        var plan = Planner.Plan(AtBridge, With(container));

        Assert.Empty(plan.Changes.OfType<NicChange>());
        Assert.NotEmpty(plan.Changes);
        var conflict = Assert.Single(plan.Conflicts);
        Assert.True(conflict.StandsAlone);
        Assert.Contains(words, conflict.Message);
    }

    [Theory]
    [InlineData("lxdbr0", "eth1")]
    [InlineData("cont-mgmnt0", "eth9")]
    public void A_device_elsewhere_is_not_taken_over(string parent, string name)
    {
        var seen = ByHand(
            Attachment.Nic! with
            {
                Mark = null,
                HostEnd = "veth1234",
                Parent = parent,
                Interface = name,
            }
        );

        var plan = Planner.Plan(Adoption.Fit(AtBridge, seen, adopt: true), seen);

        Assert.Contains(plan.Conflicts, conflict => conflict.Name == "eth1 of wallabag");
    }

    [Fact]
    public void What_the_container_has_lost_is_plugged_in_again()
    {
        var seen = With(Holding(Attachment.Nic!));

        var change = Assert.Single(NicsOf(AtBridge, seen));

        Assert.Equal((ChangeAction.Set, true), (change.Action, change.Replugs));
        Assert.Equal(
            [
                "lxc config device remove wallabag eth1",
                "lxc config set wallabag volatile.eth1.hwaddr 02:18:e2:09:67:a1",
                "lxc config device add wallabag eth1 nic",
            ],
            change.Commands.Select(command =>
                string.Join(' ', command.Split(' ').Take(6 + (command.Contains(" add ") ? 1 : 0)))
            )
        );
        Assert.Empty(NicsOf(AtBridge, Plugged(seen)));
    }

    [Fact]
    public void What_the_device_made_gets_its_address_and_routes()
    {
        var intent = Intent(
            "engine: lxd",
            "cont-mgmnt0: { address: 10.8.2.2, routes: { 172.16.0.0/12: 10.8.2.3 } }"
        );
        var lines = Planner
            .Plan(intent, Plugged(With(Holding(intent.Attachments[0].Nic!))))
            .Changes.OfType<LinkChange>()
            .Where(change => change.Name == "eth1 in wallabag")
            .SelectMany(change => change.Lines)
            .Select(line => line.ToString());

        Assert.Equal(
            [
                "nsenter --net=/proc/7/ns/net ip addr add 10.8.2.2/24 dev eth1",
                "nsenter --net=/proc/7/ns/net ip route replace 172.16.0.0/12 via 10.8.2.3 dev eth1 proto 87",
            ],
            lines
        );
    }

    /// <summary>An engine makes the pair anew at each start: what is then set is not what was set at the former one.</summary>
    [Fact]
    public void What_is_set_of_what_a_start_made_is_told_from_what_was_at_another()
    {
        var set = Planner
            .Plan(AtBridge, Plugged(With(Holding(Attachment.Nic!))))
            .Changes.Where(change => change.Action is ChangeAction.Set)
            .ToList();

        Assert.Equal(
            ["eth1 in wallabag", "wallabag-eth1"],
            set.Select(change => change.Name).Distinct().Order(StringComparer.Ordinal)
        );
        Assert.All(set, change => Assert.Equal(Running.Namespace, change.Identity));
    }

    [Fact]
    public void A_route_that_is_not_Wefts_stands_in_the_way_of_that_route_alone()
    {
        var intent = Intent(
            "engine: lxd",
            "cont-mgmnt0: { address: 10.8.2.2, routes: { 0.0.0.0/0: 10.8.2.3 } }"
        );
        var foreign = new Link
        {
            Index = 2,
            Name = "eth0",
            Up = true,
            Routes = [new(System.Net.IPNetwork.Parse("0.0.0.0/0"), null, 16)],
        };
        var plan = Planner.Plan(
            intent,
            Plugged(With(Holding(intent.Attachments[0].Nic!)), foreign)
        );

        var conflict = Assert.Single(plan.Conflicts);
        Assert.True(conflict.StandsAlone);
        Assert.StartsWith(
            "container 'wallabag' has a route default by 'eth0' already, which Weft did not make",
            conflict.Message
        );
        Assert.DoesNotContain(plan.Commands, command => command.Contains(" route "));
        Assert.Contains(plan.Commands, command => command.Contains("addr add 10.8.2.2/24"));
    }

    [Fact]
    public void A_device_of_the_overlays_that_nobody_wants_goes_and_others_stay()
    {
        var stale = Attachment.Nic! with { Interface = "eth7", HostEnd = "wallabag-eth7" };
        var container = Holding(Attachment.Nic!) with
        {
            Nics = Holding(Attachment.Nic!)
                .Nics.Add("eth7", stale)
                .Add("eth8", stale with { Mark = "other" })
                .Add("eth9", stale with { Mark = null }),
        };

        var change = Assert.Single(NicsOf(AtBridge, Plugged(With(container))));

        Assert.Equal((ChangeAction.Remove, "eth7"), (change.Action, change.Device));
        Assert.Equal("lxc config device remove wallabag eth7", Assert.Single(change.Commands));
    }

    /// <summary>LXD and Incus refuse a second device of one address, as a container's that was renamed and stopped still has it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_another_is_to_have_goes_before_that_comes_and_does_not_wait_where_it_runs(
        bool isRunning
    )
    {
        var old = Holding(Attachment.Nic!) with { Key = new(Engine.Lxd, "old"), Namespace = null };
        var other = Attachment.Nic! with { HostEnd = "old-eth2", Mac = MacAddress.Derive("old") };
        var seen = With(
            old with
            {
                Nics = old.Nics.Add("eth2", other),
            },
            Running with
            {
                Namespace = isRunning ? Running.Namespace : null,
            }
        );
        var plan = Planner.Plan(AtBridge, seen);

        Assert.Equal(
            [("eth1 of old", !isRunning), ("eth1 of wallabag", !isRunning)],
            plan.NicsOf(Stage.AfterSwitch).Select(change => (change.Name, change.CanWait))
        );
        Assert.Equal(
            [("eth2 of old", true)],
            plan.NicsOf(Stage.Last).Select(change => (change.Name, change.CanWait))
        );
    }

    /// <summary><c>lxc copy</c> makes a container with the devices of the other, for which nobody waits.</summary>
    [Fact]
    public void What_a_copy_has_of_a_container_that_has_its_own_makes_way_for_nobody()
    {
        var copy = Holding(Attachment.Nic! with { Mac = MacAddress.Derive("copy") }) with
        {
            Key = new(Engine.Lxd, "wallabag-bak"),
            Namespace = null,
        };
        var plan = Planner.Plan(AtBridge, Plugged(With(Holding(Attachment.Nic!), copy)));

        Assert.Empty(plan.NicsOf(Stage.AfterSwitch));
        var change = Assert.Single(plan.NicsOf(Stage.Last));
        Assert.Equal(
            ("eth1 of wallabag-bak", true, false),
            (change.Name, change.CanWait, change.MakesWay)
        );
    }

    /// <summary>LXD refuses each of them the address that the other still has, whether they run or not.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_devices_of_two_containers_that_change_names_are_made_anew(bool isRunning)
    {
        var intent = TwoHosts.Intent(
            TwoHosts.Read(
                TwoHosts.File.Replace(
                    "wallabag: { host: host1, engine: netns, networks: { cont-mgmnt0: 10.8.2.2 } }",
                    """
                    one: { host: host1, engine: lxd, networks: { cont-mgmnt0: 10.8.2.2 } }
                      two: { host: host1, engine: lxd, networks: { cont-mgmnt0: 10.8.2.4 } }
                    """
                )
            )
        );
        var (one, two) = (intent.Attachments[0], intent.Attachments[1]);
        var seen = With(Having(one, two.Nic!), Having(two, one.Nic!));

        var changes = Planner.Plan(intent, seen).NicsOf(Stage.AfterSwitch).ToList();

        Assert.Equal(
            [
                (ChangeAction.Remove, "eth1 of one"),
                (ChangeAction.Remove, "eth1 of two"),
                (ChangeAction.Add, "eth1 of one"),
                (ChangeAction.Add, "eth1 of two"),
            ],
            changes.Select(change => (change.Action, change.Name))
        );
        Assert.All(changes, change => Assert.Equal(!isRunning, change.CanWait));

        ContainerSighting Having(AttachmentIntent attachment, NicDevice nic) =>
            Holding(nic) with
            {
                Key = attachment.Key,
                Namespace = isRunning ? $"/proc/{attachment.Key.Name.Length}/ns/net" : null,
            };
    }

    [Fact]
    public void Of_an_engine_that_does_not_answer_no_device_goes_or_comes()
    {
        var stale = Attachment.Nic! with { Interface = "eth7", HostEnd = "wallabag-eth7" };
        var seen = With(Holding(stale));
        Assert.NotEmpty(NicsOf(AtBridge, seen));

        Assert.Empty(
            NicsOf(
                AtBridge,
                seen with
                {
                    SilentEngines = seen.SilentEngines.Add(Engine.Lxd, "it answered 500"),
                }
            )
        );
    }

    [Fact]
    public void The_port_that_an_engine_made_at_the_switch_is_taken_as_the_devices()
    {
        var seen = Plugged(With(Holding(AtSwitch.Attachments[0].Nic!)));
        seen = seen with
        {
            Switch = seen.Switch with
            {
                Bridges = seen.Switch.Bridges.Add("ovsbr0", Bridge("ovsbr0", "homelab")),
                Ports = Ports(Port("wallabag-eth1", "ovsbr0", mark: null)),
            },
        };

        Assert.Empty(Planner.Plan(AtSwitch, seen).Conflicts);
        // In another switch, or with another's mark, it is somebody else's.
        foreach (
            var foreign in (PortRow[])
                [Port("wallabag-eth1", "br-x", null), Port("wallabag-eth1", "ovsbr0", "other")]
        )
        {
            Assert.NotEmpty(
                Planner
                    .Plan(
                        AtSwitch,
                        seen with
                        {
                            Switch = seen.Switch with { Ports = Ports(foreign) },
                        }
                    )
                    .Conflicts
            );
        }
    }

    [Fact]
    public void The_ports_of_devices_that_go_with_the_switch_keep_it_from_nothing()
    {
        var seen = Plugged(With(Holding(AtSwitch.Attachments[0].Nic!)));
        seen = seen with
        {
            Switch = seen.Switch with
            {
                Bridges = seen.Switch.Bridges.Add("ovsbr0", Bridge("ovsbr0", "homelab")),
                Ports = Ports(Port("wallabag-eth1", "ovsbr0", mark: null)),
            },
        };

        var plan = Planner.Plan(HostIntent.Nothing("homelab", "host1"), seen);

        Assert.Empty(plan.Conflicts);
        Assert.Single(plan.Changes.OfType<RemoveBridge>());
        Assert.Single(plan.Changes.OfType<NicChange>());
    }

    [Fact]
    public void Nothing_goes_while_an_engine_that_keeps_devices_cannot_be_told_so()
    {
        var seen = Plugged(With(Holding(Attachment.Nic!)));
        seen = seen with
        {
            SilentEngines = seen.SilentEngines.Add(Engine.Lxd, "lxd does not run on this host"),
        };

        var conflict = Assert.Single(
            Planner.Plan(HostIntent.Nothing("homelab", "host1"), seen).Conflicts
        );

        Assert.False(conflict.StandsAlone);
        Assert.StartsWith("lxd does not run on this host", conflict.Message);
        Assert.Empty(Planner.Plan(AtBridge, seen).Conflicts);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void In_userspace_a_port_whose_link_is_gone_is_made_anew(bool userspace)
    {
        var intent = TwoHosts.Intent(
            TwoHosts.Read(
                TwoHosts.File.Replace(
                    "wallabag: { host: host1, engine: netns, networks: { cont-mgmnt0: 10.8.2.2 } }",
                    "wallabag: { host: host1, engine: netns, networks: { cont-mgmnt0: { address: 10.8.2.2, attach: switch } } }"
                )
            ),
            kernelDatapath: !userspace
        );
        var host = TwoHosts.Bare(kernelDatapath: !userspace);
        host.Apply(intent);
        Assert.Empty(host.PlanFor(intent).Changes);

        host.Ip("wallabag", "link", "del", "dev", "eth1");

        var plan = host.PlanFor(intent);
        Assert.Equal(
            userspace,
            plan.Changes.OfType<RemovePort>().Any(change => change.Name == "wallabag-eth1")
        );
        Assert.Equal(
            userspace,
            plan.Changes.OfType<AddPort>().Any(change => change.Name == "wallabag-eth1")
        );
    }

    [Fact]
    public void While_an_engine_does_not_answer_nothing_that_may_be_of_its_containers_is_removed()
    {
        var host = TwoHosts.Bare();
        var former = TwoHosts.Intent(
            TwoHosts.Read(
                TwoHosts.File.Replace(
                    "networks: { cont-mgmnt0: 10.8.2.2 }",
                    "networks: { cont-mgmnt0: { address: 10.8.2.2, attach: switch } }"
                )
            )
        );
        host.Apply(former);
        // A container of labels that its engine does not tell of now: nothing in the intent, its interface there.
        var intent = former with
        {
            Attachments = [],
            Switch = former.Switch! with
            {
                Ports = [.. former.Switch.Ports.Where(port => port.Name != "wallabag-eth1")],
            },
        };
        var seen = host.Observe();
        var removed = Planner.Plan(intent, seen).Changes.Select(change => change.Name);
        Assert.Contains("wallabag-eth1", removed);

        var silent = seen with
        {
            SilentEngines = seen.SilentEngines.Add(Engine.Docker, "it does not run"),
        };
        Assert.Empty(Planner.Plan(intent, silent).Changes);

        // With the overlay it goes.
        Assert.Contains(
            "wallabag-eth1",
            Planner
                .Plan(HostIntent.Nothing("homelab", "host1"), silent)
                .Changes.Select(change => change.Name)
        );
    }

    [Fact]
    public void That_an_engine_does_not_answer_is_said_once()
    {
        var one = AtBridge.Attachments[0];
        var seen = TwoHosts.Bare().Observe();
        var plan = Planner.Plan(
            AtBridge with
            {
                Attachments =
                [
                    .. Enumerable
                        .Range(1, 7)
                        .Select(number =>
                            one with
                            {
                                Container = $"web{number}",
                                HostEnd = $"web{number}-eth1",
                            }
                        ),
                ],
            },
            seen with
            {
                SilentEngines = seen.SilentEngines.Add(Engine.Lxd, "it hangs"),
            }
        );
        Assert.Equal(
            ["7 containers of lxd (web1, web2, web3, web4, web5, …) cannot be looked at: it hangs"],
            plan.Notices.Where(notice => notice.Contains("lxd", StringComparison.Ordinal))
        );
    }

    [Fact]
    public void Of_a_container_that_its_engine_does_not_tell_of_everything_stays()
    {
        var host = TwoHosts.Bare();
        var intent = TwoHosts.Intent(
            TwoHosts.Read(
                TwoHosts.File.Replace(
                    "networks: { cont-mgmnt0: 10.8.2.2 }",
                    "networks: { cont-mgmnt0: { address: 10.8.2.2, attach: switch } }"
                )
            )
        );
        host.Apply(intent);
        var seen = host.Observe();
        var (key, sighting) = seen.Containers.First(one => one.Key.Name == "wallabag");
        var stopped = Seen(sighting with { Namespace = null });
        Assert.Contains(
            "wallabag-eth1",
            Planner.Plan(intent, stopped).Changes.Select(change => change.Name)
        );

        var plan = Planner.Plan(
            intent,
            Seen(sighting with { Namespace = null, Silence = "it hangs" })
        );
        Assert.Empty(plan.Changes);
        Assert.Contains($"{key} cannot be looked at: it hangs", plan.Notices);

        // Its network may be another's too, who is not given the same interface in its place.
        var place = intent.Attachments.First(one => one.Key == key);
        var other = sighting with { Key = new(key.Engine, "other"), Id = "other" };
        var shared = Seen(sighting with { Namespace = null, Silence = "it hangs" });
        plan = Planner.Plan(
            intent with
            {
                Attachments = intent.Attachments.Add(
                    place with
                    {
                        Container = "other",
                        HostEnd = "other-eth1",
                    }
                ),
            },
            shared with
            {
                Containers = shared.Containers.ToImmutableDictionary().Add(other.Key, other),
                Inside = shared.Inside.ToImmutableDictionary().Add(other.Key, seen.Inside[key]),
            }
        );
        Assert.DoesNotContain("eth1 in other", plan.Changes.Select(change => change.Name));

        HostObservation Seen(ContainerSighting one) =>
            seen with
            {
                Containers = seen.Containers.ToImmutableDictionary().SetItem(key, one),
                Inside = seen.Inside.ToImmutableDictionary().Remove(key),
            };
    }

    private static ContainerSighting Running =>
        new()
        {
            Key = Wallabag,
            Id = "1",
            Namespace = "/proc/7/ns/net",
        };

    private static ContainerSighting Holding(NicDevice nic) =>
        Running with
        {
            Nics = ImmutableSortedDictionary<string, NicDevice>.Empty.Add("eth1", nic),
        };

    /// <summary>With these devices of the container's instead of those that it had.</summary>
    private static HostObservation WithDevices(
        HostObservation seen,
        bool isRunning,
        params (string Name, NicDevice Nic)[] devices
    ) =>
        seen with
        {
            Containers = new Dictionary<ContainerKey, ContainerSighting>
            {
                [Wallabag] = Running with
                {
                    Namespace = isRunning ? Running.Namespace : null,
                    Nics = devices.ToImmutableSortedDictionary(one => one.Name, one => one.Nic),
                },
            },
        };

    private static HostIntent Intent(string engine, string network = "cont-mgmnt0: 10.8.2.2") =>
        TwoHosts.Intent(
            TwoHosts.Read(
                TwoHosts.File.Replace(
                    "wallabag: { host: host1, engine: netns, networks: { cont-mgmnt0: 10.8.2.2 } }",
                    $"wallabag: {{ host: host1, {engine}, networks: {{ {network} }} }}"
                )
            )
        );

    private static HostObservation With(params ContainerSighting[] containers) =>
        HostObservation.Bare(kernelDatapath: true) with
        {
            Containers = containers.ToImmutableDictionary(container => container.Key),
            Inside = containers
                .Where(container => container.IsReady)
                .ToImmutableDictionary(
                    container => container.Key,
                    IReadOnlyDictionary<string, Link> (_) => ImmutableDictionary<string, Link>.Empty
                ),
        };

    /// <summary>With the veth pair that the engine makes of the container's device.</summary>
    private static HostObservation Plugged(HostObservation seen, params Link[] beside)
    {
        var outer = new Link
        {
            Index = 20,
            Name = "wallabag-eth1",
            Kind = "veth",
            PeerIndex = 10,
            Mtu = 1458,
            Up = true,
        };
        var inner = new Link
        {
            Index = 10,
            Name = "eth1",
            Kind = "veth",
            PeerIndex = 20,
            Mac = Attachment.Mac,
            Mtu = 1458,
            Up = true,
        };
        return seen with
        {
            Links = seen.Links.ToImmutableDictionary().Add(outer.Name, outer),
            Inside = seen
                .Inside.ToImmutableDictionary()
                .SetItem(Wallabag, beside.Append(inner).ToImmutableDictionary(link => link.Name)),
        };
    }

    /// <summary>A running container with a device and the pair that its engine made of it, whose outer end has any name.</summary>
    private static HostObservation ByHand(NicDevice nic)
    {
        var seen = Plugged(With(Holding(nic)));
        return seen with
        {
            Links = seen
                .Links.ToImmutableDictionary()
                .Remove("wallabag-eth1")
                .Add(nic.HostEnd, seen.Links["wallabag-eth1"] with { Name = nic.HostEnd }),
        };
    }

    private static ImmutableArray<NicChange> NicsOf(HostIntent intent, HostObservation seen) =>
        [.. Planner.Plan(intent, seen).Changes.OfType<NicChange>()];

    private static BridgeRow Bridge(string name, string mark) =>
        new()
        {
            Uuid = Guid.NewGuid(),
            Name = name,
            ExternalIds = ImmutableSortedDictionary<string, string>.Empty.Add("weft", mark),
        };

    private static ImmutableDictionary<string, PortRow> Ports(params PortRow[] ports) =>
        ports.ToImmutableDictionary(port => port.Name);

    private static PortRow Port(string name, string bridge, string? mark) =>
        new()
        {
            Uuid = Guid.NewGuid(),
            Name = name,
            Bridge = bridge,
            ExternalIds = mark is null
                ? ImmutableSortedDictionary<string, string>.Empty
                : ImmutableSortedDictionary<string, string>.Empty.Add("weft", mark),
            Interfaces = [new() { Uuid = Guid.NewGuid(), Name = name }],
        };
}
