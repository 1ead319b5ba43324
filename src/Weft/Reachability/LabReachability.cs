using System.Text.Json;
using Weft.Labs;

namespace Weft.Reachability;

/// <summary>Who reaches whom in a lab: each host is asked, and the answers are put together.</summary>
internal static class LabReachability
{
    /// <summary>Runs <c>weft ping</c> in each host.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="weft">The beginning of the command line of <c>weft</c>.</param>
    /// <param name="options">Options for it.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="LabException">A host could not be asked.</exception>
    public static async Task<ReachabilityReport> AskAsync(
        Lab lab,
        IReadOnlyList<string> weft,
        IReadOnlyList<string> options,
        CancellationToken cancellationToken
    )
    {
        var runs = await lab.RunEverywhereAsync(
            [.. weft, "ping", "--json", .. options],
            null,
            cancellationToken
        );
        var reports = runs.Select(run =>
        {
            try
            {
                return ReachabilityReport.FromJson(run.Result.Output);
            }
            catch (JsonException)
            {
                throw new LabException(
                    $"host '{run.Host.Name}' could not be asked whom it reaches: {run.Result.Errors.Trim()}"
                );
            }
        });
        return new ReachabilityReport(
            lab.Record.Overlay,
            [.. reports.SelectMany(report => report.Results)]
        );
    }
}
