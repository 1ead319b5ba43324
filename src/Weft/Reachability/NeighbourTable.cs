using System.Net.Sockets;

namespace Weft.Reachability;

/// <summary>
/// The kernel's neighbour table (arp(7)), which all namespaces of a machine share, so that a lab of many hosts can exceed it.
/// Packets to neighbours that do not fit are lost silently.
/// </summary>
internal static class NeighbourTable
{
    // The kernel's built-in default.
    private const int UsualMost = 1024;

    /// <summary>
    /// How many destinations each of so many hosts on this kernel can try before they need more neighbours than it keeps.
    /// </summary>
    public static int MostWays(int hosts) =>
        Math.Max(1, (Limit("ipv4") ?? UsualMost) / Math.Max(1, hosts));

    /// <summary>A warning for a report whose losses may be due to a full table; null where they are not.</summary>
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

    // Only the initial network namespace shows it.
    private static int? Limit(string version)
    {
        var limit = $"/proc/sys/net/{version}/neigh/default/gc_thresh3";
        return File.Exists(limit) && int.TryParse(File.ReadAllText(limit), out var most)
            ? most
            : null;
    }
}
