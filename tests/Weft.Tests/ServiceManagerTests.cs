using Weft.Agent;

namespace Weft.Tests;

/// <summary>What a service manager hears of the agent (sd_notify(3)).</summary>
public sealed class ServiceManagerTests : IDisposable
{
    private readonly ListeningSocket heard = new();

    public void Dispose() => heard.Dispose();

    [Fact]
    public async Task The_watchdog_hears_that_rounds_end_and_nothing_when_none_does()
    {
        var longest = TimeSpan.FromSeconds(90);
        var sinceLast = TimeSpan.Zero;
        using var asked = new SemaphoreSlim(0);
        var manager = Manager(watchdog: "40000");
        Assert.Equal(TimeSpan.FromMilliseconds(20), manager.WatchdogInterval);
        await using var alive = manager.StartWatchdog(
            () =>
            {
                asked.Release();
                return sinceLast;
            },
            longest
        );
        Assert.Equal("WATCHDOG=1", await heard.HearAsync());
        Assert.Equal("WATCHDOG=1", await heard.HearAsync());
        // A round may take that long, and the watchdog asks no oftener.
        sinceLast = longest;
        Assert.Equal("WATCHDOG=1", await heard.HearAsync());

        sinceLast = longest + TimeSpan.FromSeconds(1);
        // What was on the way may come yet.
        await AskedAgainAsync(3);
        while (heard.Available > 0)
        {
            await heard.HearAsync();
        }
        await AskedAgainAsync(5);
        Assert.Equal(0, heard.Available);

        sinceLast = TimeSpan.Zero;
        Assert.Equal("WATCHDOG=1", await heard.HearAsync());

        async Task AskedAgainAsync(int times)
        {
            while (asked.Wait(0)) { }
            for (var time = 0; time < times; time++)
            {
                await asked.WaitAsync(TestContext.Current.CancellationToken);
            }
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("soon")]
    public void Where_no_watchdog_waits_nothing_is_told_again_and_again(string? watchdog) =>
        Assert.Null(Manager(watchdog).StartWatchdog(() => TimeSpan.Zero, TimeSpan.MaxValue));

    [Fact]
    public async Task How_it_stands_is_one_line_and_a_manager_that_is_not_there_is_no_reason_to_stop()
    {
        var manager = Manager();
        manager.Ready();
        Assert.Equal("READY=1", await heard.HearAsync());
        manager.Reloading();
        Assert.Equal("RELOADING=1\nMONOTONIC_USEC=3456000000000", await heard.HearAsync());
        manager.Status("one\ntwo");
        Assert.Equal("STATUS=one; two", await heard.HearAsync());

        heard.Close();
        manager.Stopping();
        new ServiceManager(_ => null, TimeProvider.System).Ready();
    }

    private ServiceManager Manager(string? watchdog = null) =>
        new(
            variable =>
                variable switch
                {
                    "NOTIFY_SOCKET" => heard.Path,
                    "WATCHDOG_USEC" => watchdog,
                    _ => null,
                },
            new LongUp()
        );

    /// <summary>A machine that has run for forty days, in nanoseconds.</summary>
    private sealed class LongUp : TimeProvider
    {
        public override long TimestampFrequency => 1_000_000_000;

        public override long GetTimestamp() => 40L * 24 * 60 * 60 * TimestampFrequency;
    }
}
