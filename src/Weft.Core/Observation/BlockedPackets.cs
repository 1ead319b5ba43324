namespace Weft.Core.Observation;

/// <summary>
/// How many packets the kernel has dropped since boot because they would have crossed in plaintext, of all peers together: the
/// kernel counts for the whole host.
/// </summary>
/// <param name="Out">Those that this host was to send.</param>
/// <param name="In">Those that came in.</param>
public sealed record BlockedPackets(long Out, long In)
{
    private const string StatisticsFile = "/proc/net/xfrm_stat";

    /// <summary>The counters of this host; null where its kernel keeps none.</summary>
    public static BlockedPackets? Read() =>
        File.Exists(StatisticsFile) ? Parse(File.ReadLines(StatisticsFile)) : null;

    /// <summary>Reads the kernel's counters (Documentation/networking/xfrm_proc.rst).</summary>
    /// <param name="lines">A counter each: its name and its number.</param>
    /// <remarks>
    /// The guard's counters are <c>PolBlock</c>. Where the daemon's policy stands in front of it, packets without keys are
    /// dropped as <c>XfrmOutNoStates</c>, and those that came in plaintext as <c>XfrmInTmplMismatch</c>. The others count
    /// packets that were encrypted and could not be accepted.
    /// </remarks>
    internal static BlockedPackets Parse(IEnumerable<string> lines)
    {
        var counters = lines
            .Select(line =>
                line.Split(
                    [' ', '\t'],
                    2,
                    StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries
                )
            )
            .Where(words => words.Length == 2)
            .ToLookup(words => words[0], words => long.Parse(words[1]), StringComparer.Ordinal);
        return new BlockedPackets(
            counters["XfrmOutPolBlock"].Concat(counters["XfrmOutNoStates"]).Sum(),
            counters["XfrmInPolBlock"].Concat(counters["XfrmInTmplMismatch"]).Sum()
        );
    }

    /// <summary>In words.</summary>
    public override string ToString() => $"{Out} out, {In} in";
}
