using System.Text.RegularExpressions;
using Weft.Core.Execution;
using Weft.Core.Observation;
using Weft.Installation;

namespace Weft.Health;

/// <summary>The state of ovs-vswitchd with the kernel's datapath.</summary>
/// <param name="StartedAfterBoot">The kernel's uptime when it started; null if it does not run.</param>
/// <param name="Missed">How many packets found no flow in the datapath and were sent up to it.</param>
/// <param name="Lost">How many of these were lost on the way up.</param>
internal sealed partial record SwitchDaemon(TimeSpan? StartedAfterBoot, long Missed, long Lost)
{
    private const string What = "packets to ovs-vswitchd";

    // sysconf(_SC_CLK_TCK), which is 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>Whether the daemon of this host runs.</summary>
    public static bool Runs => Started() is not null;

    /// <summary>The finding for a daemon that does not run.</summary>
    public static Finding NotRunning { get; } = new(What, Verdict.Wrong, SwitchProcess.Absence);

    /// <summary>Reads the state of this host's daemon.</summary>
    public static async Task<SwitchDaemon> ReadAsync(CancellationToken cancellationToken)
    {
        var seen = await SwitchControl.AskAsync(["dpctl/show"], cancellationToken);
        return new SwitchDaemon(
            Started(),
            Sum(MissedPattern().Matches(seen.Output)),
            Sum(LostPattern().Matches(seen.Output))
        );
    }

    /// <summary>The uptime that a kernel must have before Open vSwitch 3.1 finds its processors.</summary>
    public static TimeSpan EarlyStart { get; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether it was started so early that it may have made no thread for packets.</summary>
    public bool StartedEarly => StartedAfterBoot < EarlyStart;

    /// <summary>Whether every packet sent up to it was lost.</summary>
    public bool GetsNothing => Missed > 0 && Lost == Missed;

    /// <summary>Judges the state.</summary>
    /// <param name="before">
    /// The state some packets ago, since the counters survive a restart of the daemon; null if unknown.
    /// </param>
    public Finding Judge(SwitchDaemon? before = null)
    {
        if (StartedAfterBoot is null)
        {
            return NotRunning;
        }
        var lately =
            before?.Missed < Missed
                ? this with
                {
                    Missed = Missed - before.Missed,
                    Lost = Lost - before.Lost,
                }
                : this;
        return lately.GetsNothing
                ? new Finding(
                    What,
                    Verdict.Wrong,
                    $"all {lately.Lost} that the datapath had no flow for were lost: ovs-vswitchd has no thread for them{(StartedEarly ? ", as Open vSwitch 3.1 does when it starts within ten seconds of the kernel" : "")}. Start it again: `systemctl restart ovs-vswitchd`"
                )
            : Lost > 0
                ? new Finding(
                    What,
                    Verdict.Doubtful,
                    $"{Lost} of {Missed} that the datapath had no flow for were lost: the host was too busy, floods are on its networks, or ovs-vswitchd had no thread for them before it was started again"
                )
            : new Finding(What, Verdict.Well, $"{Missed} sent up, none lost");
    }

    /// <summary>
    /// Restarts the daemon if it was started so early that it gets no packets. Without a thread for packets a switch has no flows
    /// and forwards nothing, so that the restart interrupts nothing that works.
    /// </summary>
    /// <returns>What was done, or what to do where systemd does not run; null if it is well.</returns>
    /// <exception cref="Core.HostException">systemd refused to restart it.</exception>
    public static async Task<string?> MendAsync(CancellationToken cancellationToken)
    {
        if (Started() is not { } started || started >= EarlyStart)
        {
            return null;
        }
        var daemon = await ReadAsync(cancellationToken);
        if (!daemon.GetsNothing)
        {
            return null;
        }
        if (!Systemd.Runs)
        {
            return daemon.Judge().Words;
        }
        // A restart too early would fail in the same way.
        var uptime = TimeSpan.FromMilliseconds(Environment.TickCount64);
        if (uptime <= EarlyStart)
        {
            await Task.Delay(
                EarlyStart - uptime + TimeSpan.FromMilliseconds(100),
                cancellationToken
            );
        }
        await Systemd.ControlAsync(cancellationToken, "restart", "ovs-vswitchd.service");
        return "ovs-vswitchd was started within ten seconds of the kernel and had no thread for packets: it was started again";
    }

    private static TimeSpan? Started() =>
        SwitchProcess.Find() is { } process
            ? TimeSpan.FromSeconds(process.Started / TicksPerSecond)
            : null;

    private static long Sum(MatchCollection matches) =>
        matches.Sum(match => long.Parse(match.Groups["count"].ValueSpan));

    [GeneratedRegex(@"\bmissed:(?<count>\d+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex MissedPattern();

    [GeneratedRegex(@"\blost:(?<count>\d+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex LostPattern();
}
