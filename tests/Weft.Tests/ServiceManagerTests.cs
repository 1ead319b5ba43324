using Weft.Agent;

namespace Weft.Tests;

/// <summary>What the service manager is told.</summary>
public sealed class ServiceManagerTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(155)]
    [InlineData(1_000_000)]
    public void The_time_of_a_reload_is_right_however_long_the_host_has_run(int minutes) =>
        Assert.Equal(minutes * 60_000_000L, ServiceManager.MicrosecondsOf(new LinuxClock(minutes)));

    /// <summary>Counts nanoseconds, as Linux does.</summary>
    private sealed class LinuxClock(int minutes) : TimeProvider
    {
        public override long TimestampFrequency => 1_000_000_000;

        public override long GetTimestamp() => minutes * 60 * TimestampFrequency;
    }
}
