using Weft.Agent;

namespace Weft.Tests;

/// <summary>What is to be done in a minute is done in a minute, whoever sets the clock meanwhile.</summary>
public sealed class SteadyClockTests
{
    [Theory]
    [InlineData(-2)]
    [InlineData(70 * 24)]
    public void Setting_the_clock_neither_stops_time_nor_makes_it_leap(int hours)
    {
        var clock = new Settable();
        var steady = new SteadyClock(clock);
        var due = steady.GetUtcNow() + TimeSpan.FromMinutes(1);

        clock.Set(TimeSpan.FromHours(hours));
        clock.Pass(TimeSpan.FromSeconds(59));
        Assert.True(steady.GetUtcNow() < due);
        Assert.Equal(clock.GetUtcNow() + TimeSpan.FromSeconds(1), steady.Shown(due));
        Assert.Equal(due, steady.Reckoned(steady.Shown(due)));
        clock.Pass(TimeSpan.FromSeconds(1));
        Assert.True(steady.GetUtcNow() >= due);
    }

    private sealed class Settable : TimeProvider
    {
        private DateTimeOffset now = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
        private long passed;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => now;

        public override long GetTimestamp() => passed;

        public void Set(TimeSpan by) => now += by;

        public void Pass(TimeSpan time)
        {
            now += time;
            passed += time.Ticks;
        }
    }
}
