using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Planning;

public sealed class GuardPlanTests
{
    private static readonly HostIntent Encrypted = TwoHosts.Intent(TwoHosts.Encrypted);

    [Fact]
    public void The_guard_is_the_first_thing_that_is_made()
    {
        var plan = TwoHosts.Bare().PlanFor(Encrypted);
        Assert.Equal(
            ("guard", "192.0.2.2", "block gre that is not encrypted, in and out"),
            (plan.Changes[0].What, plan.Changes[0].Name, plan.Changes[0].Detail)
        );
        Assert.Equal(
            [
                "ip xfrm policy add src 0.0.0.0/0 dst 192.0.2.2/32 proto gre dir out action block priority 1466263156",
                "ip xfrm policy add src 192.0.2.2/32 dst 0.0.0.0/0 proto gre dir in action block priority 1466263156",
            ],
            plan.Commands.Take(2)
        );
    }

    [Fact]
    public void The_guard_is_the_last_thing_that_goes()
    {
        var host = TwoHosts.Bare();
        host.Apply(Encrypted);
        var plan = host.PlanFor(Nothing);
        Assert.Equal("gre, in and out", plan.Changes[^1].Detail);
        Assert.Equal(
            [
                "ip xfrm policy delete src 0.0.0.0/0 dst 192.0.2.2/32 proto gre dir out",
                "ip xfrm policy delete src 192.0.2.2/32 dst 0.0.0.0/0 proto gre dir in",
            ],
            plan.Commands.TakeLast(2)
        );
    }

    [Theory]
    [InlineData("vxlan", "", "192.0.2.2/32 proto udp dport 4789")]
    [InlineData("vxlan", ", port: 8472", "192.0.2.2/32 proto udp dport 8472")]
    [InlineData("geneve", "", "192.0.2.2/32 proto udp dport 6081")]
    public void Tunnels_over_UDP_are_guarded_by_their_port(string type, string port, string policy)
    {
        var plan = TwoHosts
            .Bare()
            .PlanFor(
                TwoHosts.Intent(
                    TwoHosts.Read(
                        TwoHosts.File.Replace(
                            "type: gre",
                            $"type: {type}{port}, ipsec: {{ certificates: true }}"
                        )
                    )
                )
            );
        Assert.Contains($"src 0.0.0.0/0 dst {policy} dir out", plan.Commands.First());
    }

    [Fact]
    public void Over_IPv6_the_guard_is_of_IPv6()
    {
        var overlay = TwoHosts.Read(
            TwoHosts
                .File.Replace("192.0.2.1", "2001:db8::1")
                .Replace("192.0.2.2", "2001:db8::2")
                .Replace("type: gre", "type: geneve, ipsec: { certificates: true }")
        );
        Assert.Contains(
            "src ::/0 dst 2001:db8::2/128 proto udp dport 6081 dir out",
            TwoHosts.Bare().PlanFor(TwoHosts.Intent(overlay)).Commands.First()
        );
    }

    [Fact]
    public void A_guard_stays_while_another_overlay_has_a_tunnel_of_the_kind_to_the_peer()
    {
        var host = TwoHosts.Bare();
        host.Apply(Encrypted);
        host.Shell(
            "ovs-vsctl add-br other -- add-port other t -- set interface t type=gre options:remote_ip=192.0.2.2 options:key=9"
        );
        Assert.DoesNotContain(host.PlanFor(Nothing).Changes, change => change is GuardChange);
        Assert.Empty(host.PlanFor(Nothing).Notices);
        host.Shell("ovs-vsctl set interface t options:remote_ip=192.0.2.3");
        Assert.Contains(host.PlanFor(Nothing).Changes, change => change is GuardChange);
    }

    [Fact]
    public void Where_encryption_is_given_up_beside_a_tunnel_that_keeps_the_guard_it_is_said()
    {
        var host = TwoHosts.Bare();
        var keyed = TwoHosts.File.Replace("type: gre", "type: gre, key: 7");
        host.Apply(
            TwoHosts.Intent(
                TwoHosts.Read(keyed.Replace("key: 7", "key: 7, ipsec: { psk: { env: WEFT_PSK } }"))
            )
        );
        host.Shell(
            "ovs-vsctl add-br other -- add-port other t -- set interface t type=gre options:remote_ip=192.0.2.2 options:key=9"
        );
        Assert.Contains(
            "the guard of 192.0.2.2 stays, for a tunnel to it that is not of overlay 'homelab', and blocks this overlay's too: give this one `ipsec`, or remove the other",
            host.PlanFor(TwoHosts.Intent(TwoHosts.Read(keyed))).Notices
        );
    }

    [Theory]
    [InlineData(
        "src 0.0.0.0/0 dst 192.0.2.2/32 proto gre dir out priority 367231 tmpl proto esp",
        "an IPsec policy of priority 367231 that Weft did not make is where the guard of host2 must stand, and the kernel keeps one only: remove what made it, or the policy with `ip xfrm policy delete src 0.0.0.0/0 dst 192.0.2.2/32 proto gre dir out`"
    )]
    [InlineData(
        "src 192.0.2.0/24 dst 192.0.2.0/24 dir in action allow priority 175423",
        "an IPsec policy of priority 175423 that Weft did not make lets gre of host2 pass in plaintext, before the guard: remove what made it (strongSwan's plugin bypass-lan does), or the policy with `ip xfrm policy delete src 192.0.2.0/24 dst 192.0.2.0/24 dir in`"
    )]
    public void A_policy_that_keeps_the_guard_from_working_is_a_conflict(
        string policy,
        string conflict
    )
    {
        var host = TwoHosts.Bare();
        host.Shell($"ip xfrm policy add {policy}");
        var plan = host.PlanFor(Encrypted);
        Assert.Equal([conflict], plan.Conflicts.Select(one => one.Message));
        Assert.Empty(host.PlanFor(TwoHosts.Intent()).Conflicts);
        Assert.Equal(
            ItemState.Missing,
            HostStatus.Of(Encrypted, host.Observe()).Items.First(item => item.Kind == "guard").State
        );
    }

    [Theory]
    [InlineData("src 192.0.2.1/32 dst 192.0.2.2/32 proto gre dir out priority 9 tmpl proto esp")]
    [InlineData("src 192.0.2.0/24 dst 192.0.2.0/24 dir in action allow priority 1466263157")]
    [InlineData("src 192.0.2.0/24 dst 192.0.2.0/24 dir in action block priority 9")]
    [InlineData("src 0.0.0.0/0 dst 192.0.2.2/32 proto udp dport 500 dir out priority 9")]
    [InlineData("src 10.0.0.0/8 dst 192.0.2.2/32 dir out priority 9")]
    public void A_policy_that_lets_no_tunnel_packet_pass_is_none_of_Wefts_business(string policy)
    {
        var host = TwoHosts.Bare();
        host.Shell($"ip xfrm policy add {policy}");
        Assert.Empty(host.PlanFor(Encrypted).Conflicts);
    }

    [Theory]
    [InlineData("proto udp", 1)]
    [InlineData("proto udp dport 4789", 1)]
    [InlineData("proto udp sport 40000", 1)]
    [InlineData("proto udp sport 4500", 0)]
    [InlineData("proto udp dport 4500", 0)]
    [InlineData("proto gre", 0)]
    public void What_an_IKE_daemon_lets_pass_for_itself_passes_no_tunnel_packet(
        string packets,
        int conflicts
    )
    {
        var overlay = TwoHosts.Read(
            TwoHosts.File.Replace("type: gre", "type: vxlan, ipsec: { certificates: true }")
        );
        var host = TwoHosts.Bare();
        host.Shell($"ip xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 {packets} dir out priority 9");
        Assert.Equal(conflicts, host.PlanFor(TwoHosts.Intent(overlay)).Conflicts.Length);
    }

    [Fact]
    public void The_userspace_datapath_is_refused() =>
        Assert.Equal(
            [
                "the overlay has `ipsec`, and switch 'ovsbr0' would use the userspace datapath, whose packets never pass the kernel's IPsec, so that nothing would be encrypted: give the host a kernel with the module openvswitch (`modprobe openvswitch`), or take `ipsec` out of the file",
            ],
            TwoHosts
                .Bare(kernelDatapath: false)
                .PlanFor(TwoHosts.Intent(TwoHosts.Encrypted, kernelDatapath: false))
                .Conflicts.Select(conflict => conflict.Message)
        );

    [Fact]
    public void A_kernel_without_XFRM_is_refused_only_where_it_is_needed()
    {
        var observation = TwoHosts.Bare().Observe() with
        {
            Guard = new GuardObservation([], "no XFRM here: load it"),
        };
        Assert.Equal(
            "the overlay has `ipsec`, and no guard can be put up: no XFRM here: load it",
            Assert.Single(Planner.Plan(Encrypted, observation).Conflicts).Message
        );
        Assert.Empty(Planner.Plan(TwoHosts.Intent(), observation).Conflicts);
    }

    [Fact]
    public void Policies_of_a_mark_or_an_interface_of_their_own_are_no_guard()
    {
        var host = TwoHosts.Bare();
        host.Apply(Encrypted);
        var observation = host.Observe();
        observation = observation with
        {
            Guard = new GuardObservation([
                .. observation.Guard.Policies.Select(policy => policy with { IsPartial = true }),
            ]),
        };
        Assert.Equal(2, Planner.Plan(Encrypted, observation).LinesOf(Stage.First).Count());
    }

    /// <summary>Plaintext crosses for as long.</summary>
    [Fact]
    public void What_is_missing_beside_its_tunnel_is_all_that_nothing_stands_in_the_way_of()
    {
        var host = TwoHosts.Bare();
        host.Apply(Encrypted);
        host.Shell("ip xfrm policy delete src 0.0.0.0/0 dst 192.0.2.2/32 proto gre dir out");
        var seen = host.Observe() with
        {
            StrongSwan = new StrongSwanObservation { Problem = "strongSwan does not answer" },
        };

        var plan = Planner.Plan(Encrypted, seen);
        Assert.False(plan.HasClearWay);
        Assert.Equal(
            "ip xfrm policy add src 0.0.0.0/0 dst 192.0.2.2/32 proto gre dir out action block priority 1466263156",
            Assert.Single(plan.Overdue.Commands)
        );
        Assert.True(plan.Overdue.HasClearWay);

        var blind = seen with { Guard = new GuardObservation([], "no XFRM here: load it") };
        Assert.Empty(Planner.Plan(Encrypted, blind).Overdue.Changes);
        Assert.Empty(TwoHosts.Bare().PlanFor(Encrypted).Overdue.Changes);
    }

    [Fact]
    public void The_guard_alone_is_what_the_whole_plan_begins_with()
    {
        var alone = Planner.PlanGuard(Encrypted, GuardObservation.Empty);
        Assert.Equal(TwoHosts.Bare().PlanFor(Encrypted).Commands.Take(2), alone.Commands);
        Assert.Empty(alone.Conflicts);
        Assert.Empty(Planner.PlanGuard(TwoHosts.Intent(), GuardObservation.Empty).Changes);

        var host = TwoHosts.Bare();
        foreach (var command in alone.Commands)
        {
            host.Shell(command);
        }
        Assert.Empty(Planner.PlanGuard(Encrypted, host.Observe().Guard).Changes);
        // Before Open vSwitch runs nobody knows which tunnels there are: what stands stays.
        Assert.Empty(Planner.PlanGuard(Nothing, host.Observe().Guard).Changes);
    }

    [Fact]
    public void The_guard_alone_stands_whichever_datapath_there_is()
    {
        var userspace = TwoHosts.Intent(TwoHosts.Encrypted, kernelDatapath: false);
        var plan = Planner.PlanGuard(userspace, GuardObservation.Empty);
        Assert.Empty(plan.Conflicts);
        Assert.Equal(2, plan.LinesOf(Stage.First).Count());
    }

    [Fact]
    public void The_guard_alone_says_what_keeps_it_from_standing()
    {
        var blind = Planner.PlanGuard(Encrypted, new GuardObservation([], "no XFRM here: load it"));
        Assert.Contains(
            "no XFRM here",
            Assert.Single(blind.Conflicts).Message,
            StringComparison.Ordinal
        );
        var host = TwoHosts.Bare();
        host.Shell(
            "ip xfrm policy add src 192.0.2.0/24 dst 192.0.2.0/24 dir in action allow priority 175423"
        );
        var passed = Planner.PlanGuard(Encrypted, host.Observe().Guard);
        Assert.Single(passed.Conflicts);
        // What can be blocked is, all the same.
        Assert.Equal(2, passed.LinesOf(Stage.First).Count());
    }

    private static HostIntent Nothing => HostIntent.Nothing("homelab", "host1");
}
