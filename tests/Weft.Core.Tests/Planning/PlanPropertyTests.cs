using CsCheck;
using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Core.Tests.Planning.Model;
using Weft.Ovsdb;

namespace Weft.Core.Tests.Planning;

/// <summary>What holds for all overlays, on all hosts, whatever was there before.</summary>
public sealed class PlanPropertyTests
{
    /// <summary>How many times as many cases as usual to try.</summary>
    private static readonly int Times = int.Parse(
        Environment.GetEnvironmentVariable("WEFT_TEST_TIMES") ?? "1"
    );

    [Fact]
    public void One_round_is_enough_and_the_next_finds_nothing_to_do() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay)
            .Sample(
                (setting, overlay) =>
                {
                    var host = setting.Bare();
                    host.Apply(setting.Intend(overlay));
                    Assert.Empty(host.PlanFor(setting.Intend(overlay)).Changes);
                    Assert.Empty(Errors(host));
                },
                iter: 2000 * Times
            );

    [Fact]
    public void The_way_from_one_overlay_to_another_leaves_nothing_of_the_first() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay, RandomOverlay.Overlay)
            .Sample(
                (setting, before, after) =>
                {
                    var (changed, fresh) = (setting.Bare(), setting.Bare());
                    changed.Apply(setting.Intend(before));
                    changed.Apply(setting.Intend(after));
                    fresh.Apply(setting.Intend(after));
                    Assert.Equal(fresh.Describe(), changed.Describe());
                    Assert.Empty(changed.PlanFor(setting.Intend(after)).Changes);
                    Assert.Empty(Errors(changed));
                },
                iter: 3000 * Times
            );

    [Fact]
    public void What_is_not_the_overlays_is_never_named_and_never_touched() =>
        Gen.Select(Setting.Any, Foreign.Things, RandomOverlay.Overlay, RandomOverlay.Overlay)
            .Sample(
                (setting, things, before, after) =>
                {
                    var host = setting.Bare();
                    Array.ForEach(things, add => add(host));
                    var names = Foreign.Names(host);
                    var foreign = Foreign.Exactly(host, names);
                    var all = host.Describe();
                    foreach (
                        var intent in (HostIntent[])
                            [
                                setting.Intend(before),
                                setting.Intend(after),
                                HostIntent.Nothing("home", RandomOverlay.Host),
                            ]
                    )
                    {
                        var plan = host.Apply(intent);
                        Assert.Equal(foreign, Foreign.Exactly(host, names));
                        Assert.Empty(Words(plan).Intersect(names));
                    }
                    Assert.Equal(all, host.Describe());
                },
                iter: 2000 * Times
            );

    [Fact]
    public void A_run_that_ends_at_any_instant_is_made_good_by_the_next() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay, RandomOverlay.Overlay)
            .Sample(
                (setting, before, after) =>
                {
                    var host = setting.Bare();
                    host.Apply(setting.Intend(before));
                    var intent = setting.Intend(after);
                    var whole = host.Clone();
                    whole.Apply(intent);
                    foreach (var step in host.Steps(host.PlanFor(intent)))
                    {
                        var killed = host.Clone();
                        killed.Apply(intent);
                        Assert.Equal(whole.Describe(), killed.Describe());
                        step();
                    }
                    Assert.Equal(whole.Describe(), host.Describe());
                },
                iter: 300 * Times
            );

    [Fact]
    public void The_commands_that_a_plan_prints_do_what_carrying_it_out_does() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay, RandomOverlay.Overlay)
            .Sample(
                (setting, before, after) =>
                {
                    var host = setting.Bare();
                    foreach (var overlay in (RandomOverlay.Written[])[before, after])
                    {
                        var typed = host.Clone();
                        foreach (var command in host.PlanFor(setting.Intend(overlay)).Commands)
                        {
                            typed.Shell(command);
                        }
                        host.Apply(setting.Intend(overlay));
                        // What strongSwan has loaded, no command gives, and none may hold a key.
                        typed.TakeStrongSwanOf(host);
                        typed.TakeTunnelKeysOf(host);
                        Assert.Equal(host.Describe(), typed.Describe());
                        Assert.Empty(typed.PlanFor(setting.Intend(overlay)).Changes);
                    }
                },
                iter: 1000 * Times
            );

    [Fact]
    public void The_same_input_gives_the_same_intent_and_the_same_plan() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay, RandomOverlay.Overlay)
            .Sample(
                (setting, before, after) =>
                {
                    var host = setting.Bare();
                    host.Apply(setting.Intend(before));
                    var (first, second) = (setting.Intend(after), setting.Intend(after));
                    Assert.Equal(first.ToString(), second.ToString());
                    var (plan, again) = (host.PlanFor(first), host.Clone().PlanFor(second));
                    Assert.Equal(plan.Commands, again.Commands);
                    Assert.Equal(
                        plan.Changes.Select(change =>
                            $"{change.Action} {change.What} {change.Name} {change.Detail}"
                        ),
                        again.Changes.Select(change =>
                            $"{change.Action} {change.What} {change.Name} {change.Detail}"
                        )
                    );
                },
                iter: 500 * Times
            );

    [Fact]
    public void What_somebody_did_by_hand_is_put_right_and_only_that() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay, Gen.Int[0, int.MaxValue].Array[1, 3])
            .Sample(
                (setting, overlay, choices) =>
                {
                    var (host, intent) = (setting.Bare(), setting.Intend(overlay));
                    host.Shell($"ovs-vsctl add-br {Sabotage.OtherSwitch}");
                    host.Apply(intent);
                    var intact = host.Describe();
                    var done = new List<Sabotage>();
                    foreach (var choice in choices)
                    {
                        var possible = Sabotage
                            .Of(host)
                            .Where(one => !done.Exists(other => other.Thing == one.Thing))
                            .ToList();
                        if (possible.Count > 0)
                        {
                            var sabotage = possible[choice % possible.Count];
                            done.Add(sabotage);
                            sabotage.Do(host);
                        }
                    }
                    if (host.Describe() == intact)
                    {
                        return;
                    }
                    try
                    {
                        var plan = host.Apply(intent);
                        Assert.NotEmpty(plan.Changes);
                        Assert.Equal(intact, host.Describe());
                        if (done.TrueForAll(sabotage => sabotage.IsContained))
                        {
                            Assert.Subset(
                                done.Select(sabotage => sabotage.Thing).ToHashSet(),
                                plan.Changes.Select(change => change.Name).ToHashSet()
                            );
                        }
                    }
                    catch (Exception exception)
                    {
                        throw new InvalidOperationException(string.Join("; ", done), exception);
                    }
                },
                iter: 3000 * Times
            );

    [Fact]
    public void What_was_found_right_before_makes_a_plan_sooner_and_no_other() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay, Gen.Int[0, int.MaxValue].Array[1, 3])
            .Sample(
                (setting, overlay, choices) =>
                {
                    var (host, intent) = (setting.Bare(), setting.Intend(overlay));
                    host.Apply(intent);
                    var seen = host.Observe();
                    var settled = new Settled();
                    Planner.Plan(intent, seen, settled);
                    foreach (var choice in choices)
                    {
                        var possible = Sabotage.Of(host).ToList();
                        if (possible.Count > 0)
                        {
                            possible[choice % possible.Count].Do(host);
                        }
                        seen = Renewed.By(seen, host.Observe());
                        Assert.Equal(
                            Words(Planner.Plan(intent, seen)),
                            Words(Planner.Plan(intent, seen, settled))
                        );
                    }
                },
                iter: 2000 * Times
            );

    [Fact]
    public void A_foreign_thing_with_a_name_that_is_needed_is_a_conflict_that_names_it() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay, Gen.Int[0, 1000], Gen.Bool)
            .Sample(
                (setting, overlay, choice, asPort) =>
                {
                    var (host, intent) = (setting.Bare(), setting.Intend(overlay));
                    var applied = host.Clone();
                    applied.Apply(intent);
                    var links = applied.Links.ToList();
                    var names = links
                        .Where(link => link.Namespace is null)
                        .Select(link => link.Name)
                        .Concat(applied["Port"].Values.Select(row => row["name"].AsString()))
                        .ToList();
                    var (link, name) = (links[choice % links.Count], names[choice % names.Count]);
                    if (asPort)
                    {
                        host.Shell("ovs-vsctl add-br br-x");
                        host.Shell($"ovs-vsctl add-port br-x '{name}' external_ids:weft=other");
                    }
                    else
                    {
                        name = link.Name;
                        Foreign.AddLink(host, name, "weft:other", link.Namespace);
                    }
                    var plan = host.PlanFor(intent);
                    Assert.False(plan.IsApplicable);
                    Assert.Contains(
                        plan.Conflicts,
                        conflict => conflict.Message.Contains($"'{name}'")
                    );
                    Assert.Distinct(plan.Conflicts);
                },
                iter: 1000 * Times
            );

    [Fact]
    public void Foreign_ports_of_the_switch_and_links_in_its_bridges_stay_or_are_conflicts() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay, RandomOverlay.Overlay)
            .Sample(
                (setting, before, after) =>
                {
                    var host = setting.Bare();
                    host.Apply(setting.Intend(before));
                    Foreign.AddLink(host, "guest0");
                    host.Shell($"ovs-vsctl add-port {before.Overlay.Switch} guest0 tag=9");
                    Foreign.AddLink(host, "guest1");
                    var bridge = setting
                        .Intend(before)
                        .Links.OfType<BridgeLinkIntent>()
                        .FirstOrDefault();
                    if (bridge is not null)
                    {
                        host.Ip(null, "link", "set", "dev", "guest1", "master", bridge.Name);
                    }
                    var names = new HashSet<string> { "guest0", "guest1" };
                    var foreign = Foreign.Exactly(host, names);
                    Assert.Empty(host.PlanFor(setting.Intend(before)).Changes);

                    var intent = setting.Intend(after);
                    var switchStays = before.Overlay.Switch == after.Overlay.Switch;
                    var bridgeStays =
                        bridge is null
                        || intent.Links.Any(link =>
                            link is BridgeLinkIntent && link.Name == bridge.Name
                        );
                    var conflicts = host.PlanFor(intent).Conflicts;
                    Assert.Equal(
                        switchStays,
                        !conflicts.Any(conflict => conflict.Message.Contains("guest0"))
                    );
                    Assert.Equal(
                        bridgeStays,
                        !conflicts.Any(conflict => conflict.Message.Contains("guest1"))
                    );
                    // Another datapath is another master.
                    var datapathStays =
                        setting.Intend(before).Switch!.Userspace == intent.Switch!.Userspace;
                    if (conflicts.IsEmpty && datapathStays)
                    {
                        host.Apply(intent);
                        Assert.Equal(foreign, Foreign.Exactly(host, names));
                        Assert.Empty(host.PlanFor(intent).Changes);
                    }
                },
                iter: 1000 * Times
            );

    [Fact]
    public void What_works_keeps_working_while_a_plan_is_carried_out() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay, RandomOverlay.Overlay)
            .Sample(
                (setting, before, after) =>
                {
                    var host = setting.Bare();
                    host.Apply(setting.Intend(before));
                    var plan = host.PlanFor(setting.Intend(after));
                    var there = host.Observe();
                    var later = host.Clone();
                    later.Apply(setting.Intend(after));

                    // Links go last, unless their name is needed; what stays in the intent is not removed.
                    var names = Foreign.Names(later);
                    foreach (
                        var change in plan.Changes.Where(change =>
                            change.Action is ChangeAction.Remove
                        )
                    )
                    {
                        var isRemade = plan.Changes.Any(other =>
                            other.Action is not ChangeAction.Remove
                            && Words(other).Contains(change.Name)
                        );
                        Assert.True(isRemade || !names.Contains(change.Name), change.ToString());
                        Assert.All(
                            (change as LinkChange)?.Lines ?? [],
                            line =>
                                Assert.True(
                                    line.Stage is Stage.Last
                                        || names.Contains(change.Name)
                                        || names.Contains(there.Links[change.Name].Peer ?? ""),
                                    $"{line}"
                                )
                        );
                    }
                    // An MTU shrinks before the switch changes and grows after.
                    foreach (
                        var line in plan
                            .Changes.OfType<LinkChange>()
                            .Where(change => change.Action is ChangeAction.Set)
                            .SelectMany(change => change.Lines)
                    )
                    {
                        if (
                            line.Line.Split(' ') is ["link", "set", "dev", var name, "mtu", var mtu]
                        )
                        {
                            var links = line.Namespace is null
                                ? there.Links
                                : there.Inside[new(Engine.Netns, line.Namespace)];
                            Assert.Equal(
                                int.Parse(mtu) < links[name].Mtu,
                                line.Stage is Stage.BeforeSwitch
                            );
                        }
                    }
                    // No tunnel is ever without its split horizon.
                    Assert.All(
                        SwitchTransaction
                            .Build(plan.Changes.OfType<SwitchChange>(), there.Switch, "")
                            .OfType<Insert>()
                            .Where(insert => insert.Table == "Port"),
                        insert =>
                            Assert.Equal(
                                insert
                                    .Row["name"]
                                    .AsString()
                                    .StartsWith("tun", StringComparison.Ordinal)
                                    && insert.Row["tag"].IsEmpty,
                                insert.Row["protected"].AsBoolean()
                            )
                    );
                },
                iter: 1000 * Times
            );

    [Fact]
    public void At_no_step_has_an_encrypted_overlay_a_tunnel_without_its_guard() =>
        Gen.Select(Setting.Any, RandomOverlay.Overlay, RandomOverlay.Overlay, Gen.Bool)
            .Sample(
                (setting, before, after, destroy) =>
                {
                    var host = setting.Bare();
                    var (first, last) = (setting.Intend(before), setting.Intend(after));
                    if (destroy)
                    {
                        last = HostIntent.Nothing("home", RandomOverlay.Host);
                    }
                    host.Apply(first);
                    var plan = host.PlanFor(last);
                    var configuration = host["Open_vSwitch"];
                    foreach (var step in host.Steps(plan))
                    {
                        Check();
                        step();
                    }
                    Check();
                    Assert.Equal(
                        2 * (last.Ipsec?.Peers.Length ?? 0),
                        host.Policies.Count(policy => policy is { Blocks: true, Encrypts: false })
                    );

                    // Until the switch's one transaction its tunnels are those of the first overlay, then of the last.
                    void Check()
                    {
                        var isFirst = host["Open_vSwitch"] == configuration;
                        if ((isFirst ? first : last).Ipsec is not null)
                        {
                            Assert.Empty(Unguarded(host));
                        }
                    }
                },
                iter: 2000 * Times
            );

    /// <summary>What each tunnel needs and the host does not have, as ip-xfrm(8) writes it.</summary>
    private static IEnumerable<string> Unguarded(ModelHost host)
    {
        var blocked = host
            .Policies.Where(policy => policy.Blocks)
            .Select(policy => policy.ToString())
            .ToHashSet();
        foreach (var row in host["Interface"].Values.Where(row => row["options"].Count > 0))
        {
            var options = row["options"].StringMap;
            var peer = options["remote_ip"];
            var (anywhere, length) = peer.Contains(':') ? ("::/0", 128) : ("0.0.0.0/0", 32);
            var packets = row["type"].AsString() switch
            {
                "gre" => "proto gre",
                "vxlan" => $"proto udp dport {options.GetValueOrDefault("dst_port", "4789")}",
                _ => $"proto udp dport {options.GetValueOrDefault("dst_port", "6081")}",
            };
            foreach (
                var policy in (string[])
                    [
                        $"src {anywhere} dst {peer}/{length} {packets} dir out",
                        $"src {peer}/{length} dst {anywhere} {packets} dir in",
                    ]
            )
            {
                if (!blocked.Contains(policy))
                {
                    yield return policy;
                }
            }
        }
    }

    private static IEnumerable<string> Words(Plan plan) => plan.Changes.SelectMany(Words);

    private static IEnumerable<string> Words(Change change) =>
        change.Commands.SelectMany(command => command.Split(' ', '\'', '=', '/'));

    private static IEnumerable<string> Errors(ModelHost host) =>
        host["Interface"].Values.SelectMany(row => row["error"].Strings);
}
