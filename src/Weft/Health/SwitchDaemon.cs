using System.Text.RegularExpressions;
using Weft.Core.Execution;
using Weft.Core.Observation;
using Weft.Installation;

namespace Weft.Health;

/// <summary>How ovs-vswitchd does with the kernel's datapath.</summary>
/// <param name="StartedAfterBoot">How long the kernel had been running when it started; null if it does not run.</param>
/// <param name="Missed">How many packets found no flow in the datapath and were sent up to it.</param>
/// <param name="Lost">How many of these it did not get.</param>
internal sealed partial record SwitchDaemon(TimeSpan? StartedAfterBoot, long Missed, long Lost)
{
    private const string What = "packets to ovs-vswitchd";

    // sysconf(_SC_CLK_TCK), which is 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>Whether the daemon of this host runs.</summary>
    public static bool Runs => Started() is not null;

    /// <summary>What it means that it does not.</summary>
    public static Finding NotRunning { get; } = new(What, Verdict.Wrong, SwitchProcess.Absence);

    /// <summary>Looks at the daemon of this host.</summary>
    public static async Task<SwitchDaemon> ReadAsync(CancellationToken cancellationToken)
    {
        var seen = await SwitchControl.AskAsync(["dpctl/show"], cancellationToken);
        return new SwitchDaemon(
            Started(),
            Sum(MissedPattern().Matches(seen.Output)),
            Sum(LostPattern().Matches(seen.Output))
        );
    }

    /// <summary>How long after it was started a kernel has to run before Open vSwitch 3.1 counts its processors.</summary>
    public static TimeSpan EarlyStart { get; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether it was started so soon that it may have made no thread for packets.</summary>
    public bool StartedEarly => StartedAfterBoot < EarlyStart;

    /// <summary>Whether it has got none of the packets that were sent up to it.</summary>
    public bool GetsNothing => Missed > 0 && Lost == Missed;

    /// <summary>What that means.</summary>
    /// <param name="before">How it was some packets ago: the counters stay when it is started again. Null where nobody looked.</param>
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
    /// Starts it again where it was started so soon that it gets no packets. A switch without a thread for packets has no
    /// flows and passes nothing, so that nothing which works is cut.
    /// </summary>
    /// <returns>What was done, or is to be done where no systemd runs; null where nothing is.</returns>
    /// <exception cref="Core.HostException">systemd would not.</exception>
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
        // Started again too soon, it would do the same again.
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
