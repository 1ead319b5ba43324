using System.Collections.Immutable;
using CsCheck;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;
using Weft.Ovsdb;

namespace Weft.Core.Tests.Planning;

/// <summary>What was set up by hand is taken over as it is, if it is as the overlay needs it and if that is asked for.</summary>
public sealed class AdoptionTests
{
    /// <summary>What describes <see cref="ByHand.Host1"/>.</summary>
    private static readonly string File = TwoHosts
        .File.Replace("stp: true", "stp: true, forward_delay: 15, uplink: direct")
        .Replace(
            "cont-mgmnt0: 10.8.2.2 }",
            $"cont-mgmnt0: {{ address: 10.8.2.2, mac: \"{MacAddress.Derive("random", "eth1")}\" }} }}"
        );

    private const string Key = "not-a-real-key-0123";

    /// <summary>The same, encrypted by ovs-monitor-ipsec.</summary>
    private static readonly string Encrypted = File.Replace(
        "type: gre }",
        "type: gre, ipsec: { psk: { file: /etc/weft/psk }, manager: openvswitch-ipsec } }"
    );

    [Fact]
    public void Unless_it_is_asked_for_everything_stands_in_the_way()
    {
        var host = ByHand.Host1();

        var plan = host.PlanFor(Fit(host, adopt: false));

        Assert.Equal(
            ["cont-mgmnt0", "eth1 in wallabag", "gre0", "host-mgmnt0", "ovsbr0"],
            plan.Conflicts.Select(conflict =>
                    conflict.Message.Split('\'')[1] is var named && named == "wallabag"
                        ? "eth1 in wallabag"
                        : named
                )
                .Distinct()
                .Order(StringComparer.Ordinal)
        );
        Assert.Contains("weft plan --adopt", Adoption.Advice(plan, host.PlanFor(Fit(host, true))));
    }

    [Fact]
    public void It_is_improved_and_nothing_of_it_is_made_or_goes()
    {
        var host = ByHand.Host1();

        var plan = host.PlanFor(Fit(host, adopt: true));

        Assert.Empty(plan.Conflicts);
        Assert.All(plan.Changes, change => Assert.Equal(ChangeAction.Set, change.Action));
        Assert.Equal(
            [
                "bridge cont-mgmnt0: no multicast snooping, take over, MTU 1500 → 1458, no router advertisements",
                "interface eth1 in wallabag: mark as Weft's, MTU 1500 → 1458",
                "internal link host-mgmnt0: no router advertisements",
                "port cont-mgmnt0: take over",
                "port gre0: protected, take over, options local_ip=192.0.2.1, remote_ip=192.0.2.2",
                $"port host-mgmnt0: take over, MTU unset → 1458, address unset → {host.Find(null, "host-mgmnt0").Mac}",
                "port ovsbr0: take over, MTU 1416 → 1458",
                "switch ovsbr0: pass spanning tree frames on, mark as Weft's",
                "veth veth0: no root of the spanning tree behind it, take over, MTU 1500 → 1458, no router advertisements",
            ],
            plan.Changes.Select(change => $"{change.What} {change.Name}: {Settled(change.Detail)}")
                .Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public void Names_and_Ethernet_addresses_stay_and_from_then_on_nothing_has_to_be_asked_for()
    {
        var host = ByHand.Host1();
        var before = Identities(host);

        host.Apply(Fit(host, adopt: true));

        Assert.Equal(before, Identities(host));
        var intent = Fit(host, adopt: false);
        Assert.Empty(host.PlanFor(intent).Changes);
        Assert.Empty(host.PlanFor(intent).Conflicts);
        Assert.True(HostStatus.Of(intent, host.Observe()).IsHealthy);
        Assert.Contains(
            HostStatus.Of(intent, host.Observe()).Items,
            item =>
                item.Kind == "tunnel"
                && item.Intended.EndsWith("port gre0", StringComparison.Ordinal)
        );
        // Asking once more takes nothing else.
        Assert.Empty(host.PlanFor(Fit(host, adopt: true)).Changes);
    }

    /// <summary>Whoever runs a spanning tree of their own by the switch has set it, and wants it after the overlay's has gone.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_passes_the_spanning_tree_on_goes_with_it_unless_somebody_else_set_it(
        bool isSomebodyElses
    )
    {
        var host = ByHand.Host1();
        if (isSomebodyElses)
        {
            host.Shell("ovs-vsctl set bridge ovsbr0 other_config:forward-bpdu=true");
        }
        host.Apply(Fit(host, adopt: true));
        Assert.True(PassesSpanningTree());

        var plan = host.Apply(
            Fit(host, adopt: false, File.Replace("stp: true, forward_delay: 15, ", ""))
        );

        Assert.Equal(isSomebodyElses, PassesSpanningTree());
        Assert.Equal(
            isSomebodyElses ? [] : ["pass no spanning tree frames on"],
            plan.Changes.Where(change => change.What == "switch").Select(change => change.Detail)
        );

        bool PassesSpanningTree() =>
            host.Observe()
                .Switch.Bridges["ovsbr0"]
                .OtherConfig.GetValueOrDefault(SwitchIntent.PassSpanningTree) == "true";
    }

    [Fact]
    public void A_bridge_that_comes_back_without_its_mark_is_known_by_its_port()
    {
        var host = ByHand.Host1();
        var unmarked = host.Find(null, "cont-mgmnt0");
        host.Apply(Fit(host, adopt: true));
        var again = unmarked with { Mac = MacAddress.Derive("another", "boot") };
        host.Put(again);

        var plan = host.PlanFor(Fit(host, adopt: false));

        Assert.Empty(plan.Conflicts);
        Assert.Equal(
            [
                "bridge cont-mgmnt0: no multicast snooping, take over, MTU 1500 → 1458, no router advertisements",
            ],
            plan.Changes.Select(change => $"{change.What} {change.Name}: {Settled(change.Detail)}")
        );
        host.Apply(Fit(host, adopt: false));
        Assert.Equal(again.Mac, host.Find(null, "cont-mgmnt0").Mac);
        Assert.Empty(host.PlanFor(Fit(host, adopt: false)).Changes);

        // Of an overlay that is gone nothing is known, and what is made by hand is its maker's.
        host.Apply(HostIntent.Nothing("homelab", "host1"));
        host.Put(unmarked);
        Assert.Contains(
            host.PlanFor(Fit(host, adopt: false)).Conflicts,
            conflict => conflict.Message.Contains("'cont-mgmnt0'", StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData("ovs-vsctl set interface gre0 options:key=0x7", ", key: 7")]
    [InlineData("ovs-vsctl set interface gre0 options:key=0", "")]
    public void A_tunnel_is_taken_over_however_its_options_are_written(string byHand, string key)
    {
        var host = ByHand.Host1();
        host.Shell(byHand);
        var file = File.Replace("type: gre }", $"type: gre{key} }}");

        var plan = host.Apply(Fit(host, adopt: true, file));

        Assert.Contains(plan.Changes, change => change is { What: "port", Name: "gre0" });
        Assert.Empty(host.PlanFor(Fit(host, adopt: false, file)).Changes);
    }

    [Fact]
    public void A_second_way_to_a_host_is_a_loop_however_its_address_is_written()
    {
        var host = ByHand.Host1();
        host.Shell(
            "ovs-vsctl add-port ovsbr0 vx0 -- set interface vx0 type=vxlan options:remote_ip=192.0.2.9"
        );
        var there = host["Interface"].First(row => row.Value["name"] == "vx0").Key;
        host.SetByHand(
            "Interface",
            there,
            "options",
            Datum.FromStringMap([new("remote_ip", "2001:DB8:0::2")])
        );
        var file = File.Replace("host1: 192.0.2.1", "host1: \"2001:db8::1\"")
            .Replace("host2: 192.0.2.2", "host2: \"2001:db8::2\"");

        Assert.Contains(
            host.PlanFor(Fit(host, adopt: true, file)).Conflicts,
            conflict =>
                conflict.Message.Contains(
                    "two ways to one host are a loop",
                    StringComparison.Ordinal
                )
        );
    }

    [Fact]
    public void A_switch_that_forwards_by_rules_of_its_own_is_not_taken_over_without_a_word()
    {
        var host = ByHand.Host1();
        host.Shell("ovs-vsctl set bridge ovsbr0 fail_mode=standalone");
        Assert.DoesNotContain(
            host.PlanFor(Fit(host, adopt: true)).Changes,
            change => change.Detail.Contains("fail mode", StringComparison.Ordinal)
        );

        host.Shell("ovs-vsctl set bridge ovsbr0 fail_mode=secure");
        Assert.Contains(
            host.PlanFor(Fit(host, adopt: true)).Conflicts,
            conflict => conflict.Message.Contains("ovs-ofctl dump-flows", StringComparison.Ordinal)
        );
    }

    [Fact]
    public void That_the_middle_of_a_star_passes_nothing_on_any_more_is_said()
    {
        var file = File.Replace("host2: 192.0.2.2", "host2: 192.0.2.2\n  host3: 192.0.2.3");
        var host = ByHand.Host1();
        Assert.DoesNotContain(
            InterruptionsOf(),
            said => said.StartsWith(Relaying, StringComparison.Ordinal)
        );

        host.Shell(
            "ovs-vsctl add-port ovsbr0 gre1 -- set interface gre1 type=gre options:remote_ip=192.0.2.3"
        );
        Assert.Contains(
            InterruptionsOf(),
            said => said.StartsWith(Relaying, StringComparison.Ordinal)
        );

        host.Apply(Fit(host, adopt: true, file));
        Assert.Empty(InterruptionsOf());

        IEnumerable<string> InterruptionsOf() =>
            host.PlanFor(Fit(host, adopt: true, file)).Interruptions;
    }

    private const string Relaying = "nothing is passed on between host2, host3 any more";

    [Fact]
    public void What_was_taken_over_goes_as_what_was_made_does()
    {
        var host = ByHand.Host1();
        host.Apply(Fit(host, adopt: true));

        host.Apply(HostIntent.Nothing("homelab", "host1"));

        var bare = new ModelHost(kernelDatapath: true, "wallabag");
        bare.Put(host.Find(null, "eth0"));
        Assert.Equal(bare.Describe(), host.Describe());
    }

    [Fact]
    public void A_peer_that_leaves_takes_the_tunnel_with_it_and_another_kind_of_tunnel_takes_its_place()
    {
        var host = ByHand.Host1();
        host.Apply(Fit(host, adopt: true));
        var vxlan = File.Replace("type: gre", "type: vxlan");

        host.Apply(Fit(host, adopt: false, vxlan));

        Assert.Equal(
            ["cont-mgmnt0", "host-mgmnt0", "ovsbr0", "tun-host2"],
            host["Port"].Values.Select(row => row["name"].AsString()).Order(StringComparer.Ordinal)
        );
        Assert.Empty(host.PlanFor(Fit(host, adopt: false, vxlan)).Changes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("options:local_ip=192.0.2.1")]
    [InlineData("options:ipsec_reauth=no")]
    public void A_tunnel_that_is_encrypted_by_the_overlays_key_keeps_its_options(string more)
    {
        var host = EncryptedByHand(more);
        var before = Options(host);

        var plan = host.Apply(Fit(host, adopt: true, Encrypted));

        Assert.Contains(
            "port gre0: protected, take over",
            plan.Changes.Select(change => $"{change.What} {change.Name}: {change.Detail}")
        );
        Assert.Equal("guard", plan.Changes[0].What);
        Assert.DoesNotContain(plan.Interruptions, OfPackets);
        Assert.Equal(before, Options(host));
        var intent = Fit(host, adopt: false, Encrypted);
        Assert.Empty(host.PlanFor(intent).Changes);
        var seen = host.Observe();
        Assert.True(HostStatus.Of(intent, seen).IsHealthy);
        Assert.True(
            Assert.Single(PeerConnection.AllOf(intent, seen.StrongSwan)).IsTakenOver(seen.Switch)
        );
        // Of a port that is made anew nothing is kept.
        host.Shell("ovs-vsctl del-port ovsbr0 gre0");
        host.Apply(Fit(host, adopt: false, Encrypted));
        Assert.Contains(MonitorOptions.Lifetime, Options(host).Keys);
    }

    [Theory]
    [InlineData("options:psk=another-unreal-key")]
    [InlineData("options:local_ip=192.0.2.7")]
    [InlineData("options:ipsec_esp=null-sha256")]
    [InlineData("options:csum=true")]
    public void A_tunnel_that_is_encrypted_otherwise_gets_Wefts_options_and_that_is_said(
        string otherwise
    )
    {
        var host = EncryptedByHand(otherwise);

        var plan = host.Apply(Fit(host, adopt: true, Encrypted));

        Assert.Equal(
            ["keys are agreed on anew with host2: nothing crosses until that is done"],
            plan.Interruptions.Where(OfPackets)
        );
        Assert.Contains(MonitorOptions.Lifetime, Options(host).Keys);
        Assert.Equal(Key, Options(host)[MonitorOptions.Key]);
        Assert.Empty(host.PlanFor(Fit(host, adopt: false, Encrypted)).Changes);
        // What Weft has written it puts right.
        host.Shell("ovs-vsctl set interface gre0 options:ipsec_dpddelay=1h");
        Assert.Single(host.PlanFor(Fit(host, adopt: false, Encrypted)).Changes);
    }

    [Fact]
    public void A_run_that_ends_at_any_instant_is_made_good_by_the_next()
    {
        var host = ByHand.Host1();
        var whole = host.Clone();
        whole.Apply(Fit(whole, adopt: true));
        foreach (var step in host.Steps(host.PlanFor(Fit(host, adopt: true))))
        {
            var killed = host.Clone();
            killed.Apply(Fit(killed, adopt: true));
            Assert.Equal(whole.Describe(), killed.Describe());
            step();
        }
        Assert.Equal(whole.Describe(), host.Describe());
    }

    [Fact]
    public void A_switch_that_says_system_for_the_kernels_datapath_is_one_that_says_nothing()
    {
        var host = ByHand.Host1();
        host.Shell("ovs-vsctl set bridge ovsbr0 datapath_type=system");

        var plan = host.PlanFor(Fit(host, adopt: true));

        Assert.Empty(plan.Conflicts);
        Assert.Contains(
            "switch ovsbr0: pass spanning tree frames on, mark as Weft's",
            plan.Changes.Select(change => $"{change.What} {change.Name}: {change.Detail}")
        );
    }

    [Theory]
    [InlineData("ovs-vsctl set port host-mgmnt0 tag=101", "port 'host-mgmnt0'")]
    [InlineData("ovs-vsctl set port cont-mgmnt0 tag=201", "port 'cont-mgmnt0'")]
    [InlineData("ovs-vsctl set bridge ovsbr0 datapath_type=netdev", "bridge 'ovsbr0'")]
    [InlineData("ovs-vsctl set bridge ovsbr0 external_ids:weft=other", "overlay 'other'")]
    [InlineData("ip link set dev cont-mgmnt0 alias theirs", "link 'cont-mgmnt0'")]
    [InlineData("ip link set dev veth0 nomaster", "container 'wallabag'")]
    [InlineData("ovs-vsctl set interface gre0 options:key=5", "port 'gre0'")]
    [InlineData("ovs-vsctl set interface gre0 type=vxlan", "port 'gre0'")]
    public void What_is_of_another_kind_or_elsewhere_is_refused_in_words(
        string command,
        string named
    )
    {
        var host = ByHand.Host1();
        host.Shell(command);

        var plan = host.PlanFor(Fit(host, adopt: true));

        Assert.Contains(plan.Conflicts, conflict => conflict.Message.Contains(named));
    }

    [Fact]
    public void A_bridge_that_is_tied_to_the_switch_otherwise_than_the_file_says_would_be_a_loop()
    {
        var host = ByHand.Host1();

        var plan = host.PlanFor(
            Fit(host, adopt: true, File.Replace("uplink: direct", "uplink: veth"))
        );

        Assert.Contains(
            "port 'cont-mgmnt0' ties bridge 'cont-mgmnt0' to 'ovsbr0' otherwise than the file says, and two ways are a loop: "
                + "make its `vlan` 200 and its `uplink` direct, or remove it with `ovs-vsctl del-port cont-mgmnt0`",
            plan.Conflicts.Select(conflict => conflict.Message)
        );
    }

    [Fact]
    public void Whatever_lost_all_its_marks_names_and_addresses_is_taken_over_with_nothing_made_or_removed() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay)
            .Sample(
                (setting, overlay) =>
                {
                    var host = setting.Bare();
                    host.Apply(setting.Intend(overlay));
                    TakeMarks(host);
                    var intent = setting.Intend(overlay);

                    var plan = host.PlanFor(Adoption.Fit(intent, host.Observe(), adopt: true));

                    Assert.Empty(plan.Conflicts);
                    Assert.All(
                        plan.Changes,
                        change => Assert.Equal(ChangeAction.Set, change.Action)
                    );
                    var before = Identities(host);
                    host.Apply(Adoption.Fit(intent, host.Observe(), adopt: true));
                    Assert.Equal(before, Identities(host));
                    var after = host.PlanFor(Adoption.Fit(intent, host.Observe(), adopt: false));
                    Assert.Empty(after.Changes);
                    Assert.Empty(after.Conflicts);
                    host.Apply(HostIntent.Nothing("home", RandomOverlay.Host));
                    Assert.Equal(setting.Bare().Describe(), host.Describe());
                },
                iter: 200
            );

    [Fact]
    public void Where_nothing_was_taken_over_an_intent_is_as_it_was() =>
        Gen.Select(Setting.Any, Foreign.Things, RandomOverlay.Overlay)
            .Sample(
                (setting, things, overlay) =>
                {
                    var host = setting.Bare();
                    Array.ForEach(things, add => add(host));
                    var intent = setting.Intend(overlay);
                    host.Apply(intent);
                    Assert.Same(intent, Adoption.Fit(intent, host.Observe(), adopt: false));
                    // Nothing is left to take.
                    Assert.Empty(
                        host.PlanFor(Adoption.Fit(intent, host.Observe(), adopt: true)).Changes
                    );
                },
                iter: 100
            );

    /// <summary>The kernel's link-local addresses go, and nobody is connected there.</summary>
    private static bool OfPackets(string interruption) =>
        !interruption.StartsWith("fe80", StringComparison.Ordinal);

    private static ModelHost EncryptedByHand(string more)
    {
        var host = ByHand.Host1();
        host.Credentials = new CredentialsObservation { SharedKeys = [Secret.OfText(Key)] };
        host.Shell($"ovs-vsctl set interface gre0 options:psk={Key} {more}".TrimEnd());
        return host;
    }

    private static ImmutableSortedDictionary<string, string> Options(ModelHost host) =>
        host["Interface"].Values.Single(row => row["type"] == "gre")["options"].StringMap;

    private static HostIntent Fit(ModelHost host, bool adopt, string? file = null) =>
        Adoption.Fit(TwoHosts.Intent(TwoHosts.Read(file ?? File)), host.Observe(), adopt);

    /// <summary>Without what the kernel gives a link by itself, and names by its Ethernet address.</summary>
    private static string Settled(string detail) =>
        string.Join(
            ", ",
            detail
                .Split(", ")
                .Where(word =>
                    word != "no link-local address of the kernel's"
                    && !word.StartsWith("remove fe80", StringComparison.Ordinal)
                )
        );

    /// <summary>What must not change for packets to pass throughout: which links and rows there are, and their addresses.</summary>
    private static string Identities(ModelHost host) =>
        string.Join(
            '\n',
            host.Links.Select(link => $"{link.Index} {link.Namespace}/{link.Name} {link.Mac}")
                .Concat(
                    from table in (string[])["Bridge", "Port", "Interface"]
                    from row in host[table]
                    select $"{table} {row.Key} {row.Value["name"]}"
                )
        );

    private static void TakeMarks(ModelHost host)
    {
        foreach (var table in (string[])["Bridge", "Port", "Interface"])
        {
            foreach (var (uuid, _) in host[table])
            {
                host.SetByHand(table, uuid, "external_ids", Datum.EmptyMap);
            }
        }
        foreach (var (uuid, row) in host["Interface"])
        {
            if (row["mac"].Count > 0)
            {
                host.SetByHand("Interface", uuid, "mac", Datum.Empty);
            }
        }
        foreach (var link in host.Links.ToList())
        {
            host.Put(
                link with
                {
                    Alias = null,
                    // Inside containers the file says it, and the switch chooses its own; elsewhere it is as the kernel made it.
                    Mac = link is { Namespace: null, MadeBy: null }
                        ? MacAddress.Derive("by hand", link.Name)
                        : link.Mac,
                }
            );
        }
    }
}
