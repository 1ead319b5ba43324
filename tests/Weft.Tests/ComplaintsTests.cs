using Microsoft.Extensions.Time.Testing;
using Weft.Agent;
using Weft.Core.Planning;

namespace Weft.Tests;

/// <summary>Which of a host's problems the journal has, and when.</summary>
public sealed class ComplaintsTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly Complaints complaints;

    public ComplaintsTests() => complaints = new Complaints(clock);

    [Fact]
    public void What_does_not_work_is_said_once_after_it_has_lasted_and_again_when_it_comes_back()
    {
        Assert.Empty(Next(With("no reply")));
        Assert.Equal(clock.GetUtcNow() + Complaints.Patience, complaints.Due);

        clock.Advance(Complaints.Patience);
        Assert.Equal(["tunnel host2: no reply"], Next(With("no reply")));
        Assert.Null(complaints.Due);
        Assert.Empty(Next(With("no reply yet")));
        // Nothing is known of it meanwhile.
        Assert.Equal(["the host cannot be read"], Next(null, "the host cannot be read"));
        Assert.Empty(Next(With("no reply")));

        Assert.Empty(Next(With(null)));
        Assert.Empty(Next(With("no reply")));
        clock.Advance(Complaints.Patience);
        Assert.Empty(Next(null));
        Assert.Null(complaints.Due);
        Assert.Equal(["tunnel host2: no reply"], Next(With("no reply")));
    }

    [Fact]
    public void What_fails_is_said_at_once_and_not_again_while_it_is_tried_again()
    {
        var waiting = new Failure(1, clock.GetUtcNow(), "ip ended with 1");
        Assert.Equal(["ip ended with 1"], Next(With(null), "ip ended with 1", waiting));
        // A round that something else led to leaves it for later.
        Assert.Empty(Next(With(null), null, waiting));
        Assert.Empty(Next(With(null), "ip ended with 1", waiting));
        Assert.Empty(Next(With(null)));
        Assert.Equal(["ip ended with 1"], Next(With(null), "ip ended with 1", waiting));
    }

    [Fact]
    public void What_stands_in_the_way_is_not_said_again_after_a_round_that_failed_meanwhile()
    {
        Assert.Equal(["link 'eth1' is there"], Next(With(null), "link 'eth1' is there"));
        Assert.Equal(["ip ended with 1"], Next(With(null), "ip ended with 1"));
        Assert.Empty(Next(With(null), "link 'eth1' is there"));
        Assert.Empty(Next(With(null)));
        Assert.Equal(["link 'eth1' is there"], Next(With(null), "link 'eth1' is there"));
    }

    private IReadOnlyList<string> Next(
        HostStatus? status,
        string? problem = null,
        params Failure[] failures
    ) => complaints.Next(problem, status, failures);

    private static HostStatus With(string? fault) =>
        new(
            [
                new StatusItem(
                    "tunnel",
                    "host2",
                    "tun-host2",
                    fault is null ? ItemState.Ok : ItemState.Error,
                    fault
                ),
            ],
            [],
            [],
            [],
            [],
            null
        );
}
