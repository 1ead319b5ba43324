using Weft.Health;

namespace Weft.Tests;

public sealed class SwitchDaemonTests
{
    [Theory]
    [InlineData(3, 48, 48, Verdict.Wrong, "within ten seconds of the kernel")]
    [InlineData(300, 48, 48, Verdict.Wrong, "no thread for them. Start it again")]
    [InlineData(300, 48, 2, Verdict.Doubtful, "2 of 48")]
    [InlineData(300, 48, 0, Verdict.Well, "none lost")]
    [InlineData(3, 0, 0, Verdict.Well, "0 sent up")]
    public void Packets_that_ovs_vswitchd_does_not_get_are_told_with_what_to_do(
        int startedAfterBoot,
        long missed,
        long lost,
        object verdict,
        string words
    )
    {
        var finding = new SwitchDaemon(
            TimeSpan.FromSeconds(startedAfterBoot),
            missed,
            lost
        ).Judge();
        Assert.Equal(verdict, finding.Verdict);
        Assert.Contains(words, finding.Words, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(60, 12, Verdict.Doubtful, "12 of 60")]
    [InlineData(60, 60, Verdict.Wrong, "all 48 that")]
    [InlineData(12, 12, Verdict.Wrong, "all 12 that")]
    public void What_was_lost_before_it_was_started_again_is_past(
        long missed,
        long lost,
        object verdict,
        string words
    )
    {
        var before = new SwitchDaemon(TimeSpan.FromSeconds(300), 12, 12);
        var finding = (before with { Missed = missed, Lost = lost }).Judge(before);
        Assert.Equal(verdict, finding.Verdict);
        Assert.Contains(words, finding.Words, StringComparison.Ordinal);
    }

    [Fact]
    public void A_daemon_that_does_not_run_is_wrong() =>
        Assert.Equal(Verdict.Wrong, new SwitchDaemon(null, 0, 0).Judge().Verdict);
}
