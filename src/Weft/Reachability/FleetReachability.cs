using Weft.Fleet;

namespace Weft.Reachability;

/// <summary>Finds who reaches whom in a lab or a fleet: asks each host and merges the answers.</summary>
internal static class FleetReachability
{
    /// <summary>Runs <c>weft ping</c> on each host.</summary>
    /// <param name="runner">The hosts.</param>
    /// <param name="overlay">The overlay's name.</param>
    /// <param name="time">The clock.</param>
    /// <param name="arguments">More arguments for <c>weft ping</c>, besides those that differ by host.</param>
    /// <param name="input">The standard input of each run.</param>
    /// <param name="jobs">How many hosts are asked at a time.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>What the hosts that could be asked found, and why the others could not.</returns>
    public static async Task<ReachabilityReport> AskAsync(
        IHostRunner runner,
        string overlay,
        TimeProvider time,
        IReadOnlyList<string> arguments,
        ReadOnlyMemory<byte> input = default,
        int jobs = HostRunners.DefaultJobs,
        CancellationToken cancellationToken = default
    )
    {
        var (reports, silent) = await runner.ReadAllAsync(
            host => ["ping", "--json", "--as", host, .. arguments],
            ReachabilityReport.FromJson,
            "could not be asked whom it reaches",
            input,
            jobs,
            cancellationToken
        );
        return new ReachabilityReport(
            overlay,
            [.. reports.SelectMany(report => report.Results)],
            time.GetUtcNow(),
            silent
        )
        {
            Unasked = reports.Sum(report => report.Unasked),
        };
    }
}
