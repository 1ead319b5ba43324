using System.Text.Json;
using Weft.Fleet;

namespace Weft.Reachability;

/// <summary>Who reaches whom in a lab or a fleet: each host is asked, and the answers are put together.</summary>
internal static class FleetReachability
{
    /// <summary>Runs <c>weft ping</c> on each host.</summary>
    /// <param name="runner">The hosts.</param>
    /// <param name="overlay">The overlay's name.</param>
    /// <param name="arguments">What follows <c>weft ping</c>, besides what is asked of each host by itself.</param>
    /// <param name="input">What each reads.</param>
    /// <param name="jobs">How many hosts are asked at a time.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>What the hosts that could be asked found, and why the others could not.</returns>
    public static async Task<(ReachabilityReport Report, IReadOnlyList<string> Silent)> AskAsync(
        IHostRunner runner,
        string overlay,
        IReadOnlyList<string> arguments,
        ReadOnlyMemory<byte> input = default,
        int jobs = HostRunners.DefaultJobs,
        CancellationToken cancellationToken = default
    )
    {
        var answers = await runner.AskAllAsync(
            host => ["ping", "--json", "--as", host, .. arguments],
            input,
            jobs,
            cancellationToken: cancellationToken
        );
        var results = new List<ProbeResult>();
        var silent = new List<string>();
        var unasked = 0L;
        foreach (var answer in answers)
        {
            try
            {
                var report = ReachabilityReport.FromJson(answer.Output);
                results.AddRange(report.Results);
                unasked += report.Unasked;
            }
            catch (JsonException)
            {
                silent.Add(answer.Why("could not be asked whom it reaches"));
            }
        }
        return (new ReachabilityReport(overlay, [.. results]) { Unasked = unasked }, silent);
    }
}
