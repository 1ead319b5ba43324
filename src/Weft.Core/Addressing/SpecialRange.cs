using System.Collections.Immutable;
using System.Net;

namespace Weft.Core.Addressing;

/// <summary>
/// A range of addresses with a special meaning everywhere (RFC 6890 and its registries), so that no address in it can reach a
/// host.
/// </summary>
/// <param name="Range">The range.</param>
/// <param name="What">What its addresses are, such as "a loopback address".</param>
public sealed record SpecialRange(IPNetwork Range, string What)
{
    /// <summary>All special ranges; no two overlap.</summary>
    public static ImmutableArray<SpecialRange> All { get; } =
    [
        new(IPNetwork.Parse("0.0.0.0/8"), "an address of 'this network'"),
        new(IPNetwork.Parse("127.0.0.0/8"), "a loopback address"),
        new(IPNetwork.Parse("169.254.0.0/16"), "a link-local address"),
        new(IPNetwork.Parse("224.0.0.0/4"), "a multicast address"),
        new(IPNetwork.Parse("240.0.0.0/4"), "a reserved address"),
        new(IPNetwork.Parse("::/128"), "the unspecified address"),
        new(IPNetwork.Parse("::1/128"), "the loopback address"),
        new(IPNetwork.Parse("fe80::/10"), "a link-local address"),
        new(IPNetwork.Parse("ff00::/8"), "a multicast address"),
    ];

    /// <summary>The special range that holds the address; null if none does.</summary>
    public static SpecialRange? Of(IPAddress address) =>
        All.FirstOrDefault(special => special.Range.Contains(address));

    /// <summary>A special range that shares addresses with the subnet; null if none does.</summary>
    public static SpecialRange? Overlapping(IPNetwork subnet) =>
        All.FirstOrDefault(special =>
            special.Range.Contains(subnet.BaseAddress) || subnet.Contains(special.Range.BaseAddress)
        );
}
