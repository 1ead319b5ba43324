using Microsoft.Extensions.Time.Testing;
using Weft.Agent;
using Weft.Core.Planning;

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
    public void What_a_new_file_leaves_out_goes_at_once() =>
        Assert.Equal([Stale], Now(isNewFile: true, Stale));

    [Fact]
    public void What_is_made_anew_under_the_same_name_goes_at_once()
    {
        var anew = Link(ChangeAction.Add, Stale.Name);
        Assert.Equal([Stale, anew], Now(Stale, anew));
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
