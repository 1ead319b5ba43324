using Weft.Core.Planning;

namespace Weft.Agent;

/// <summary>
/// Decides which of a host's problems are to be said now: each once, for as long as it lasts. What fails is said at once. What
/// is as intended and does not work is said only once that has lasted: negotiating keys and restarting daemons take moments.
/// </summary>
/// <param name="clock">The clock.</param>
internal sealed class Complaints(TimeProvider clock)
{
    /// <summary>How long something may not work before it is said.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, DateTimeOffset> since = new(StringComparer.Ordinal);
    private HashSet<string> said = new(StringComparer.Ordinal);
    private string? former;

    /// <summary>When to look again only because something will then have failed to work for long enough to be said.</summary>
    public DateTimeOffset? Due { get; private set; }

    /// <summary>What is to be said after a round.</summary>
    /// <param name="problem">What failed in it; null where nothing did.</param>
    /// <param name="status">How the host stands; null where it could not be read.</param>
    /// <param name="failures">What failed in rounds before, too, and is tried again.</param>
    public IReadOnlyList<string> Next(
        string? problem,
        HostStatus? status,
        IEnumerable<Failure> failures
    )
    {
        var now = clock.GetUtcNow();
        var faults = new Dictionary<string, string>(StringComparer.Ordinal);
        if (status is not null)
        {
            foreach (var (what, words) in AgentState.Faults(status))
            {
                faults.TryAdd(what, words);
                since.TryAdd(what, now);
            }
            foreach (var works in since.Keys.Where(what => !faults.ContainsKey(what)).ToList())
            {
                since.Remove(works);
            }
        }
        var lasting = since
            .Where(fault => fault.Value + Patience <= now || said.Contains(fault.Key))
            .Select(fault => fault.Key)
            .ToList();
        List<string> news =
        [
            .. problem is null || said.Contains(problem) ? [] : (string[])[problem],
            .. lasting
                .Where(what => !said.Contains(what) && faults.ContainsKey(what))
                .Select(what => faults[what]),
        ];
        said =
        [
            // A round that fails does not tell what else is in the way, and that does not end with it: the problem before stays
            // said.
            .. problem is null ? [] : new[] { problem, former }.OfType<string>(),
            .. failures.Select(failure => failure.Reason),
            .. lasting.Where(what => said.Contains(what) || faults.ContainsKey(what)),
        ];
        former = problem;
        // While the host cannot be read nothing is due: the next round that can read it says it.
        Due = status is null
            ? null
            : since
                .Where(fault => !said.Contains(fault.Key))
                .Select(fault => (DateTimeOffset?)(fault.Value + Patience))
                .Min();
        return news;
    }
}
