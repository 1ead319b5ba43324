using System.Net.Sockets;

namespace Weft.Reachability;

/// <summary>
/// The kernel's table of neighbours (arp(7)): one for all namespaces of the machine, so that a lab of many hosts can
/// need more of it than there is. What does not fit is lost without a word.
/// </summary>
internal static class NeighbourTable
{
    // What kernels are built with.
    private const int UsualMost = 1024;

    /// <summary>
    /// How many ways from each of so many hosts on this kernel can be asked of before they take more neighbours than it
    /// keeps.
    /// </summary>
    public static int MostWays(int hosts) =>
        Math.Max(1, (Limit("ipv4") ?? UsualMost) / Math.Max(1, hosts));

    /// <summary>What to tell of a report whose losses the table may have caused; null where it has not.</summary>
    public static string? Shortage(ReachabilityReport report)
    {
        if (report.Results.All(result => result.Outcome is Outcome.Reached))
        {
            return null;
        }
        foreach (
            var (family, version) in new[]
            {
                (AddressFamily.InterNetwork, "ipv4"),
                (AddressFamily.InterNetworkV6, "ipv6"),
            }
        )
        {
            var needed = report
                .Results.Where(result => result.To.Address.AddressFamily == family)
                .Select(result => (result.From, result.To))
                .Distinct()
                .Count();
            if (Limit(version) is { } most && needed > most)
            {
                return $"this takes {needed} neighbours, and the kernel keeps {most} for all namespaces together: what is lost may be lost for that. It can be told to keep more: sysctl -w net.{version}.neigh.default.gc_thresh3={needed * 2}";
            }
        }
        return null;
    }

    // Only the namespace that the machine began with shows it.
    private static int? Limit(string version)
    {
        var limit = $"/proc/sys/net/{version}/neigh/default/gc_thresh3";
        return File.Exists(limit) && int.TryParse(File.ReadAllText(limit), out var most)
            ? most
            : null;
    }
}
