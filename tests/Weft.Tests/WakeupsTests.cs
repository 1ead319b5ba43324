using Weft.Agent;

namespace Weft.Tests;

/// <summary>What happens while the agent is at work is one more round.</summary>
public sealed class WakeupsTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    private readonly Wakeups wakeups = new();

    [Fact]
    public async Task Whatever_happened_meanwhile_wakes_once_and_is_told_each_thing_once()
    {
        var before = TimeProvider.System.GetTimestamp();
        wakeups.Wake("links changed");
        var after = TimeProvider.System.GetTimestamp();
        Parallel.For(0, 1000, _ => wakeups.Wake("links changed"));
        wakeups.Wake("start");

        var woken = await WaitAsync(Long);
        Assert.Equal("links changed, start", woken?.Why);
        // Of the first of them.
        Assert.InRange(woken!.Value.Since, before, after);
        Assert.Null(await WaitAsync(TimeSpan.FromMilliseconds(1)));

        wakeups.Wake("a try began or ended");
        Assert.Equal("a try began or ended", (await WaitAsync(Long))?.Why);
    }

    [Fact]
    public async Task What_happens_while_it_waits_wakes_it()
    {
        var waiting = WaitAsync(Long);
        Assert.False(waiting.IsCompleted);
        wakeups.Wake("start");
        Assert.Equal("start", (await waiting)?.Why);
    }

    [Fact]
    public async Task A_burst_while_it_waits_leaves_no_round_without_a_reason()
    {
        for (var burst = 0; burst < 200; burst++)
        {
            var waiting = Task.Run(() => WaitAsync(Long));
            for (var wake = 0; wake < 8; wake++)
            {
                wakeups.Wake("links changed");
            }
            Assert.Equal("links changed", (await waiting)?.Why);
            // What came after it was taken is one more round, which says why.
            if (await WaitAsync(TimeSpan.FromMilliseconds(1)) is var (why, _))
            {
                Assert.Equal("links changed", why);
            }
        }
    }

    [Fact]
    public async Task Of_many_things_the_first_are_named()
    {
        foreach (var reason in (string[])["a", "b", "c"])
        {
            wakeups.Wake(reason);
        }
        Assert.Equal("a, b, c", (await WaitAsync(Long))?.Why);
        foreach (var reason in (string[])["a", "b", "c", "d", "e"])
        {
            wakeups.Wake(reason);
        }
        Assert.Equal("a, b, c, …", (await WaitAsync(Long))?.Why);
        Assert.Null(await WaitAsync(TimeSpan.FromMilliseconds(1)));
    }

    [Fact]
    public async Task Whoever_ends_it_is_not_told_that_time_has_passed()
    {
        using var end = new CancellationTokenSource();
        var waiting = wakeups.WaitAsync(Long, end.Token);
        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    private Task<(string Why, long Since)?> WaitAsync(TimeSpan longest) =>
        wakeups.WaitAsync(longest, TestContext.Current.CancellationToken);
}
