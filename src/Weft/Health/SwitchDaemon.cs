using System.Globalization;
using System.Text.RegularExpressions;
using Weft.Core.Linux;

namespace Weft.Health;

/// <summary>How ovs-vswitchd does with the kernel's datapath.</summary>
/// <param name="StartedAfterBoot">How long the kernel had been running when it started; null if it does not run.</param>
/// <param name="Missed">How many packets found no flow in the datapath and were sent up to it.</param>
/// <param name="Lost">How many of these it did not get.</param>
internal sealed partial record SwitchDaemon(TimeSpan? StartedAfterBoot, long Missed, long Lost)
{
    private const string PidFile = "/run/openvswitch/ovs-vswitchd.pid";

    // sysconf(_SC_CLK_TCK), which is 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>Looks at the daemon of this host.</summary>
    public static async Task<SwitchDaemon> ReadAsync(CancellationToken cancellationToken)
    {
        var started = ProcessIdentity.OfPidFile(PidFile);
        var seen = Tool.Find("ovs-appctl") is { } appctl
            ? await Tool.RunAsync(
                [appctl, "--timeout=5", "dpctl/show"],
                cancellationToken: cancellationToken
            )
            : new ToolResult(1, "", "");
        return new SwitchDaemon(
            started is { } process ? TimeSpan.FromSeconds(process.Started / TicksPerSecond) : null,
            Sum(MissedPattern().Matches(seen.Output)),
            Sum(LostPattern().Matches(seen.Output))
        );
    }

    /// <summary>What that means.</summary>
    public Finding Judge()
    {
        const string What = "packets to ovs-vswitchd";
        if (StartedAfterBoot is null)
        {
            return new Finding(
                What,
                Verdict.Wrong,
                "ovs-vswitchd does not run: start it with `systemctl start openvswitch-switch`"
            );
        }
        if (Missed > 0 && Lost == Missed)
        {
            var early =
                StartedAfterBoot < TimeSpan.FromSeconds(10)
                    ? ", as Open vSwitch 3.1 does when it starts within ten seconds of the kernel"
                    : "";
            return new Finding(
                What,
                Verdict.Wrong,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"all {Lost} that the datapath had no flow for were lost: ovs-vswitchd has no thread for them{early}. Start it again: `systemctl restart openvswitch-switch`"
                )
            );
        }
        return Lost > 0
            ? new Finding(
                What,
                Verdict.Doubtful,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Lost} of {Missed} that the datapath had no flow for were lost: the host was too busy, or floods are on its networks"
                )
            )
            : new Finding(
                What,
                Verdict.Well,
                string.Create(CultureInfo.InvariantCulture, $"{Missed} sent up, none lost")
            );
    }

    private static long Sum(MatchCollection matches) =>
        matches.Sum(match =>
            long.Parse(match.Groups["count"].ValueSpan, CultureInfo.InvariantCulture)
        );

    [GeneratedRegex(@"\bmissed:(?<count>\d+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex MissedPattern();

    [GeneratedRegex(@"\blost:(?<count>\d+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex LostPattern();
}
