using Weft.Agent;

namespace Weft.Tests;

/// <summary>Whoever wakes the agent without end has it work at its own pace.</summary>
public sealed class PaceTests
{
    [Theory]
    [InlineData(20, 5)]
    [InlineData(260, 13)]
    [InlineData(10_000, 30)]
    public void A_host_that_takes_long_to_read_is_read_more_seldom(int cost, int minutes) =>
        Assert.Equal(
            TimeSpan.FromMinutes(minutes),
            AgentLoop.ResyncAfter(TimeSpan.FromMilliseconds(cost))
        );

    [Fact]
    public void A_burst_is_met_at_once_and_what_goes_on_for_ever_is_not()
    {
        var clock = new StoppedClock();
        var pace = new Pace(clock);
        for (var round = 0; round < Pace.Burst; round++)
        {
            Assert.Equal(TimeSpan.Zero, pace.Take());
        }
        for (var round = 0; round < 1000; round++)
        {
            var wait = pace.Take();
            Assert.InRange(wait.TotalSeconds * Pace.PerSecond, 0.999, 1.001);
            clock.Pass(wait);
        }
        // After some quiet all is as at first, and no more than that.
        clock.Pass(TimeSpan.FromHours(1));
        Assert.Equal(
            Pace.Burst,
            Enumerable.Range(0, Pace.Burst * 2).Count(_ => pace.Take() == TimeSpan.Zero)
        );
    }

    private sealed class StoppedClock : TimeProvider
    {
        private long passed;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => passed;

        public void Pass(TimeSpan time) => passed += time.Ticks;
    }
}
