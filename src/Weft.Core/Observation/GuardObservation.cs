using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;

namespace Weft.Core.Observation;

/// <summary>The kernel's IPsec policies, among which the guard stands.</summary>
/// <param name="Policies">All of them, of whoever made them, but for those of single sockets.</param>
/// <param name="Problem">Why they could not be read and what to do; null if they could.</param>
public sealed record GuardObservation(ImmutableArray<XfrmPolicy> Policies, string? Problem = null)
{
    /// <summary>A kernel without any policy.</summary>
    public static GuardObservation Empty { get; } = new([]);
}

/// <summary>The packets that a policy applies to (ip-xfrm(8): DIR).</summary>
public enum XfrmDirection
{
    /// <summary>Those for this host.</summary>
    In = 0,

    /// <summary>Those that this host sends.</summary>
    Out = 1,

    /// <summary>Those that pass through this host.</summary>
    Forward = 2,
}

/// <summary>One of the kernel's IPsec policies: what becomes of the packets that it selects.</summary>
public sealed record XfrmPolicy
{
    /// <summary>In which direction it counts.</summary>
    public required XfrmDirection Direction { get; init; }

    /// <summary>The packets.</summary>
    public required XfrmSelector Selector { get; init; }

    /// <summary>Among those that select a packet, the policy with the smallest number decides.</summary>
    public required uint Priority { get; init; }

    /// <summary>Whether the packets are dropped.</summary>
    public bool Blocks { get; init; }

    /// <summary>Whether the packets pass only if they are encrypted: a template demands it.</summary>
    public bool Encrypts { get; init; }

    /// <summary>Which associations may be used, by their request ID (ip-xfrm(8): REQID); 0 for any.</summary>
    public uint RequestId { get; init; }

    /// <summary>Whether it applies to one mark or one xfrm interface only, and so may stand beside another of its selector.</summary>
    public bool IsPartial { get; init; }

    /// <summary>What identifies the policy, as <c>ip xfrm policy</c> takes it.</summary>
    public override string ToString() =>
        $"{Selector} dir {(Direction is XfrmDirection.Forward ? "fwd" : Direction.ToString().ToLowerInvariant())}";
}

/// <summary>
/// What a policy selects packets by. The kernel holds one policy per direction and selector: a second takes the first one's
/// place, whatever their priorities (xfrm_policy_insert_list in net/xfrm/xfrm_policy.c).
/// </summary>
/// <param name="Source">Where the packets come from.</param>
/// <param name="Destination">Where they go.</param>
/// <param name="Protocol">The IP protocol number; 0 for any.</param>
/// <param name="SourcePort">The source port; null for any.</param>
/// <param name="DestinationPort">The destination port; null for any.</param>
/// <param name="Rest">Whatever else it says, as numbers: port masks, an interface, a user; 0 if nothing.</param>
public readonly record struct XfrmSelector(
    IPNetwork Source,
    IPNetwork Destination,
    byte Protocol,
    ushort? SourcePort = null,
    ushort? DestinationPort = null,
    ulong Rest = 0
)
{
    /// <summary>The selector as <c>ip xfrm policy</c> takes it.</summary>
    public override string ToString()
    {
        var protocol = Protocol switch
        {
            0 => "",
            TunnelTraffic.Gre => " proto gre",
            TunnelTraffic.Udp => " proto udp",
            _ => $" proto {Protocol}",
        };
        var source = SourcePort is { } from ? $" sport {from}" : "";
        var destination = DestinationPort is { } to ? $" dport {to}" : "";
        return $"src {Source} dst {Destination}{protocol}{source}{destination}";
    }
}

/// <summary>One of the kernel's IPsec associations, which works in one direction (ip-xfrm(8): STATE).</summary>
/// <param name="Source">Where its packets come from.</param>
/// <param name="Destination">Where they go.</param>
/// <param name="Protocol">The IP protocol number: ESP or AH.</param>
/// <param name="Spi">What tells it from others to the same destination; 0 while it is being negotiated.</param>
/// <param name="RequestId">The number by which policies demand it.</param>
public readonly record struct XfrmState(
    IPAddress Source,
    IPAddress Destination,
    byte Protocol,
    uint Spi,
    uint RequestId
)
{
    /// <summary>The IP protocol number of ESP (RFC 4303 section 2).</summary>
    public const byte Esp = 50;

    /// <summary>The association as <c>ip xfrm state delete</c> takes it.</summary>
    public override string ToString() =>
        $"src {Source} dst {Destination} proto {(Protocol == Esp ? "esp" : "ah")} spi 0x{Spi:x8}";
}
