using System.Collections.Immutable;
using Microsoft.Extensions.Time.Testing;
using Weft.Agent;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Ovsdb;

namespace Weft.Tests;

/// <summary>What of a plan the agent carries out now, by a clock that stands still between looks.</summary>
public sealed class RestraintTests
{
    private static readonly Change Stale = Link(ChangeAction.Remove, "old-eth1");
    private static readonly Change Wanted = Link(ChangeAction.Add, "web-eth1");

    private readonly FakeTimeProvider clock = new();
    private readonly Restraint restraint;

    public RestraintTests() => restraint = new Restraint(clock);

    [Fact]
    public void What_is_stale_goes_only_once_a_second_look_says_so()
    {
        Assert.Equal([Wanted], Now(Stale, Wanted));
        Assert.Equal(clock.GetUtcNow() + Restraint.SecondLook, restraint.Due);

        clock.Advance(Restraint.SecondLook - TimeSpan.FromMilliseconds(1));
        Assert.Empty(Now(Stale));
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal([Stale], Now(Stale));
    }

    [Fact]
    public void What_is_wanted_again_meanwhile_is_looked_at_twice_anew()
    {
        Now(Stale);
        clock.Advance(Restraint.SecondLook);
        Assert.Empty(Now());
        Assert.Null(restraint.Due);
        Assert.Empty(Now(Stale));
    }

    [Fact]
    public void What_a_container_seems_to_have_lost_is_plugged_in_again_only_once_a_second_look_says_so()
    {
        var change = new NicChange(
            ChangeAction.Set,
            new ContainerKey(Engine.Lxd, "web"),
            "eth1",
            null,
            Replugs: true,
            ""
        );
        Assert.Empty(Now(change));
        clock.Advance(Restraint.SecondLook);
        Assert.Equal([change], Now(change));
        Assert.Equal([change with { Replugs = false }], Now(change with { Replugs = false }));
    }

    [Fact]
    public void What_a_new_file_leaves_out_goes_at_once() =>
        Assert.Equal([Stale], Now(isNewFile: true, Stale));

    [Fact]
    public void What_is_made_anew_under_the_same_name_goes_at_once()
    {
        var anew = Link(ChangeAction.Add, Stale.Name);
        Assert.Equal([Stale, anew], Now(Stale, anew));
    }

    [Fact]
    public void What_makes_way_for_another_goes_at_once_unless_it_can_wait()
    {
        var change = new NicChange(
            ChangeAction.Remove,
            new ContainerKey(Engine.Lxd, "web-old"),
            "eth1",
            null,
            Replugs: false,
            ""
        )
        {
            MakesWay = true,
        };
        Assert.Equal([change], Now(change));
        Assert.Empty(Now(change with { CanWait = true }));
        Assert.Empty(Now(change with { MakesWay = false }));
    }

    [Fact]
    public void What_failed_is_tried_again_after_twice_as_long_each_time_up_to_a_minute_and_keeps_nothing_else_waiting()
    {
        var other = Link(ChangeAction.Add, "db-eth1");
        foreach (var seconds in (int[])[1, 2, 4, 8, 16, 32, 60, 60, 60])
        {
            restraint.Failed([Wanted.Name], "it is gone");
            Assert.Equal(clock.GetUtcNow() + TimeSpan.FromSeconds(seconds), restraint.Due);

            clock.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
            Assert.Equal([other], Now(Wanted, other));
            clock.Advance(TimeSpan.FromMilliseconds(1));
            Assert.Equal([Wanted, other], Now(Wanted, other));
        }
        var failure = Assert.Single(restraint.Failures);
        Assert.Equal(
            (Wanted.Name, 9, "it is gone"),
            (failure.Key, failure.Value.Times, failure.Value.Reason)
        );
    }

    [Fact]
    public void What_failed_and_is_healed_is_forgotten()
    {
        restraint.Failed([Wanted.Name, "db-eth1"], "it is gone");
        restraint.Failed([Wanted.Name], "it is gone");

        Now(Link(ChangeAction.Add, "db-eth1"));

        Assert.Equal("db-eth1", Assert.Single(restraint.Failures).Key);
        clock.Advance(TimeSpan.FromSeconds(4));
        restraint.Failed([Wanted.Name], "it is gone");
        Assert.Equal(1, restraint.Failures[Wanted.Name].Times);
    }

    [Fact]
    public void A_conflict_stops_everything_and_one_that_stands_alone_nothing()
    {
        var conflict = new Conflict("tun-host2", "port 'tun-host2' is in bridge 'br-x' already");
        Assert.Empty(restraint.Apply(PlanOf([Wanted], conflict), isNewFile: true).Changes);

        var carried = restraint.Apply(
            PlanOf([Wanted], conflict with { StandsAlone = true }),
            isNewFile: true
        );
        Assert.Equal([Wanted], carried.Changes);
        Assert.True(carried.IsApplicable);
    }

    [Fact]
    public void What_is_stale_and_could_not_be_removed_is_due_when_it_is_tried_again()
    {
        Now(Stale);
        clock.Advance(Restraint.SecondLook);
        Assert.Equal([Stale], Now(Stale));
        restraint.Failed([Stale.Name], "it is busy");
        var again = clock.GetUtcNow() + TimeSpan.FromSeconds(1);

        Assert.Empty(Now(Stale));
        Assert.Equal(again, restraint.Due);
        clock.Advance(TimeSpan.FromMilliseconds(10));
        Assert.Empty(Now(Stale));
        Assert.Equal(again, restraint.Due);
    }

    [Fact]
    public void What_a_conflict_keeps_from_being_done_waits_for_the_conflict_and_not_for_time()
    {
        Now(Stale);
        restraint.Failed([Wanted.Name], "it is gone");
        clock.Advance(TimeSpan.FromSeconds(2));
        var conflict = new Conflict("tun-host2", "port 'tun-host2' is in bridge 'br-x' already");

        Assert.Empty(restraint.Apply(PlanOf([Stale, Wanted], conflict), isNewFile: false).Changes);

        Assert.Null(restraint.Due);
    }

    [Fact]
    public void A_host_that_cannot_be_read_is_looked_at_again_after_a_second_and_then_ever_later()
    {
        Assert.Equal([Wanted], Now(Stale, Wanted));
        clock.Advance(Restraint.SecondLook);
        // What waited for a second look cannot have it.
        restraint.Failed([Restraint.Host], "addresses.json is damaged");
        Assert.Equal(clock.GetUtcNow() + TimeSpan.FromSeconds(1), restraint.Due);
        // A round that something else led to makes the next one no later.
        restraint.Failed([Restraint.Host], "addresses.json is gone");
        Assert.Equal(clock.GetUtcNow() + TimeSpan.FromSeconds(1), restraint.Due);
        Assert.Equal("addresses.json is gone", restraint.Failures[Restraint.Host].Reason);

        clock.Advance(TimeSpan.FromSeconds(1));
        // It is read, and fails elsewhere.
        Now(Wanted);
        restraint.Failed([Restraint.Host], "another weft does not come to its end");
        Assert.Equal(clock.GetUtcNow() + TimeSpan.FromSeconds(2), restraint.Due);

        clock.Advance(TimeSpan.FromSeconds(2));
        Now();
        restraint.WentThrough();
        Assert.Empty(restraint.Failures);
        Assert.Null(restraint.Due);
    }

    [Fact]
    public void No_tunnel_comes_while_its_guard_is_left_for_later_and_others_do()
    {
        var plan = Planner.Plan(Encrypted, HostObservation.Bare(kernelDatapath: true)) with
        {
            Conflicts = [],
        };
        restraint.Failed(["192.0.2.2"], "ip ended with 1");
        clock.Advance(TimeSpan.FromMilliseconds(1));

        var now = restraint.Apply(plan, isNewFile: false).Changes;

        Assert.Equal(["192.0.2.3"], now.OfType<GuardChange>().Select(guard => guard.Name));
        Assert.Equal(
            ["tun-host3"],
            now.OfType<AddPort>().Select(port => port.Name).Where(IsTunnel)
        );
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(plan.Changes, restraint.Apply(plan, isNewFile: false).Changes);

        static bool IsTunnel(string port) => port.StartsWith("tun-", StringComparison.Ordinal);
    }

    [Fact]
    public void A_guard_that_is_missing_beside_its_tunnel_is_put_up_at_once_however_often_that_failed()
    {
        var missing = Guard(ChangeAction.Add, "192.0.2.2") with { IsOverdue = true };
        foreach (var time in Enumerable.Range(1, 5))
        {
            Assert.Equal([missing], Now(missing));
            restraint.Failed([missing.Name], $"somebody takes it away, time {time}");
            clock.Advance(TimeSpan.FromMilliseconds(1));
        }
        Assert.Equal([missing], Now(missing));
    }

    [Fact]
    public void A_guard_that_is_missing_beside_its_tunnel_is_put_up_whatever_stands_in_the_way_of_all_else()
    {
        var missing = Guard(ChangeAction.Add, "192.0.2.2") with { IsOverdue = true };
        var plan = PlanOf(
            [missing, Guard(ChangeAction.Add, "192.0.2.3"), Link(ChangeAction.Add, "cont")],
            new Conflict("strongSwan", "strongSwan does not answer")
        );

        var now = restraint.Apply(plan, isNewFile: false);

        Assert.Equal([missing], now.Changes);
        Assert.True(now.HasClearWay);
    }

    [Fact]
    public void No_tunnel_is_led_to_where_its_guard_is_left_for_later_and_its_former_guard_stays_as_long()
    {
        var guard = Guard(ChangeAction.Add, "192.0.2.4");
        var former = Guard(ChangeAction.Remove, "192.0.2.2");
        var moved = new SetColumns(
            "port",
            "tun-host2",
            "options",
            [new("Interface", Guid.Empty, "options", Options("192.0.2.2"), Options("192.0.2.4"))]
        );
        restraint.Failed([guard.Name], "ip ended with 1");
        Assert.Empty(Now(isNewFile: true, guard, moved, former));
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([guard, moved, former], Now(isNewFile: true, guard, moved, former));

        restraint.Failed([moved.Name], "the port is in error");
        Assert.Equal([guard], Now(isNewFile: true, guard, moved, former));

        static Datum Options(string remote) =>
            ImmutableSortedDictionary<string, string>.Empty.Add("remote_ip", remote);
    }

    [Fact]
    public void What_is_put_right_again_and_again_does_not_hold_and_what_comes_and_goes_does()
    {
        var (set, added) = (Link(ChangeAction.Set, "cont"), Link(ChangeAction.Add, "web-eth1"));
        for (var times = 1; times <= 2; times++)
        {
            Assert.Empty(restraint.CarriedOut([set, added]));
            clock.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal([set], restraint.CarriedOut([set, added]));

        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Empty(restraint.CarriedOut([set, added]));
    }

    /// <summary>What a container is given each time that it is started, which is nobody's taking it back.</summary>
    [Fact]
    public void What_is_put_right_of_another_thing_of_the_same_name_is_no_repetition()
    {
        foreach (var start in Enumerable.Range(1, 4))
        {
            var space = $"/proc/{start}/ns/net";
            Change[] given =
            [
                Link(ChangeAction.Set, "web-eth1") with
                {
                    Namespace = space,
                },
                new ChecksumChange(Stage.AfterSwitch, space, "eth1", "web"),
                PortOf(Guid.NewGuid()),
            ];
            Assert.Equal(given, Now(given));
            Assert.Empty(restraint.CarriedOut(given));
            clock.Advance(TimeSpan.FromSeconds(1));
        }
        // What fails for once is not somebody's doing either.
        restraint.Failed(["web-eth1"], "no such namespace");
        Assert.False(restraint.Failures["web-eth1"].IsTakenBack);

        // In one of them it is.
        Change[] same =
        [
            Link(ChangeAction.Set, "db-eth1") with
            {
                Namespace = "/proc/9/ns/net",
            },
            new ChecksumChange(Stage.AfterSwitch, "/proc/9/ns/net", "eth1", "db"),
            PortOf(Guid.Empty),
        ];
        Assert.Empty(restraint.CarriedOut(same));
        Assert.Empty(restraint.CarriedOut(same));
        Assert.Equal(same, restraint.CarriedOut(same));

        static SetColumns PortOf(Guid row) =>
            new(
                "port",
                "db",
                "mark as Weft's",
                [new("Port", row, "external_ids", Datum.Empty, "homelab")]
            );
    }

    /// <summary>A network namespace that is made anew may have the name that the former had.</summary>
    [Fact]
    public void What_is_put_right_as_it_is_made_is_no_repetition()
    {
        Change[] given =
        [
            new LinkChange(ChangeAction.Add, "interface", "eth1 in web", "", [])
            {
                Namespace = "web",
            },
            new ChecksumChange(Stage.AfterSwitch, "web", "eth1", "web"),
        ];
        foreach (var _ in Enumerable.Range(1, 4))
        {
            Assert.Empty(restraint.CarriedOut(given));
        }
    }

    /// <summary>Each look between finds all as it should be.</summary>
    [Fact]
    public void What_somebody_takes_back_after_a_moment_is_left_alone_for_all_of_its_pause()
    {
        var set = Link(ChangeAction.Set, "cont");
        for (var times = 1; times <= 3; times++)
        {
            Assert.Equal([set], Now(set));
            Assert.Equal(times == 3 ? [set] : Array.Empty<Change>(), restraint.CarriedOut([set]));
            Assert.Empty(Now());
        }
        restraint.Failed([set.Name], "taken back");
        var until = restraint.Failures[set.Name].Until;
        while (clock.GetUtcNow() + TimeSpan.FromMilliseconds(50) < until)
        {
            clock.Advance(TimeSpan.FromMilliseconds(50));
            Assert.Empty(Now());
            Assert.Empty(Now(set));
            Assert.Equal(until, restraint.Due);
        }
        clock.Advance(TimeSpan.FromMilliseconds(50));
        Assert.Equal([set], Now(set));

        // What failed otherwise, and is gone, and is there anew, is another thing.
        restraint.Failed([Wanted.Name], "no such namespace");
        Now();
        Assert.Equal([Wanted], Now(Wanted));
    }

    [Fact]
    public void What_only_seems_to_have_healed_is_left_alone_for_longer_the_next_time()
    {
        var set = Link(ChangeAction.Set, "cont");
        foreach (var pause in (int[])[1, 2, 4, 8])
        {
            restraint.Failed([set.Name], "taken back");
            clock.Advance(TimeSpan.FromSeconds(pause) - TimeSpan.FromMilliseconds(1));
            Assert.Empty(Now(set));
            clock.Advance(TimeSpan.FromMilliseconds(1));
            Assert.Equal([set], Now(set));
            Assert.Empty(Now());
            Assert.Empty(restraint.Failures);
        }

        // It has held for as long as it was left alone.
        clock.Advance(TimeSpan.FromSeconds(8));
        Now();
        restraint.Failed([set.Name], "taken back");
        Assert.Equal(1, restraint.Failures[set.Name].Times);
    }

    private static HostIntent Encrypted { get; } =
        IntentBuilder.Build(
            OverlayFile
                .Parse(
                    "overlay.yaml",
                    """
                    name: homelab
                    hosts: { host1: 192.0.2.1, host2: 192.0.2.2, host3: 192.0.2.3 }
                    tunnels: { ipsec: { psk: "correct horse battery staple" } }
                    """u8
                )
                .Overlay!,
            "host1",
            kernelDatapath: true
        );

    private static GuardChange Guard(ChangeAction action, string peer) =>
        new(action, peer, "block gre", IsOverdue: false, []);

    private IEnumerable<Change> Now(params Change[] changes) => Now(isNewFile: false, changes);

    private IEnumerable<Change> Now(bool isNewFile, params Change[] changes) =>
        restraint.Apply(PlanOf(changes), isNewFile).Changes;

    private static Plan PlanOf(Change[] changes, params Conflict[] conflicts) =>
        new()
        {
            Overlay = "homelab",
            Host = "host1",
            Changes = [.. changes],
            Conflicts = [.. conflicts],
        };

    private static LinkChange Link(ChangeAction action, string name) =>
        new(action, "veth", name, "", []);
}
