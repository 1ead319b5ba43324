using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>A CHILD SA: a pair of IPsec SAs, one for each direction (strongSwan, vici/README.md, list-sa).</summary>
public sealed record ChildSa
{
    /// <summary>The name of its configuration.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// The unique id, which distinguishes SAs of the same name: unique in the daemon, and new after each rekeying.
    /// </summary>
    public required long UniqueId { get; init; }

    /// <summary>The reqid, which connects its kernel states with the policies; it stays the same through rekeying.</summary>
    public required long ReqId { get; init; }

    /// <summary>The state, in the daemon's words; see <see cref="ChildStates"/>.</summary>
    public required string State { get; init; }

    /// <summary>The mode: <c>TUNNEL</c>, <c>TRANSPORT</c>, <c>BEET</c>, …</summary>
    public required string Mode { get; init; }

    /// <summary>The protocol, <c>ESP</c> or <c>AH</c>; like the SPIs, null before the SA is installed.</summary>
    public string? Protocol { get; init; }

    /// <summary>Whether ESP is encapsulated in UDP.</summary>
    public bool IsEncapsulated { get; init; }

    /// <summary>The SPI of the inbound SA.</summary>
    public uint? SpiIn { get; init; }

    /// <summary>The SPI of the outbound SA.</summary>
    public uint? SpiOut { get; init; }

    /// <summary>The algorithms.</summary>
    public required Proposal Proposal { get; init; }

    /// <summary>Whether it uses extended sequence numbers (RFC 4304).</summary>
    public bool HasExtendedSequenceNumbers { get; init; }

    /// <summary>The number of bytes received.</summary>
    public long BytesIn { get; init; }

    /// <summary>The number of packets received.</summary>
    public long PacketsIn { get; init; }

    /// <summary>The time since the last packet was received; null if none was.</summary>
    public TimeSpan? LastIn { get; init; }

    /// <summary>The number of bytes sent.</summary>
    public long BytesOut { get; init; }

    /// <summary>The number of packets sent.</summary>
    public long PacketsOut { get; init; }

    /// <summary>The time since the last packet was sent; null if none was.</summary>
    public TimeSpan? LastOut { get; init; }

    /// <summary>The time until it is rekeyed; null if it never is.</summary>
    public TimeSpan? RekeyIn { get; init; }

    /// <summary>The time until it expires unless it is rekeyed; null if it never does.</summary>
    public TimeSpan? ExpiresIn { get; init; }

    /// <summary>The time since it was installed.</summary>
    public TimeSpan? Installed { get; init; }

    /// <summary>The traffic selectors of this end, such as <c>192.0.2.1/32[gre]</c>.</summary>
    public ImmutableArray<string> LocalSelectors { get; init; } = [];

    /// <summary>The traffic selectors of the other end.</summary>
    public ImmutableArray<string> RemoteSelectors { get; init; } = [];

    /// <summary>The daemon's whole message, including what has no property here.</summary>
    public required ViciMessage Message { get; init; }

    /// <summary>Whether its state is <see cref="ChildStates.Installed"/>.</summary>
    public bool IsInstalled => State == ChildStates.Installed;

    internal static ChildSa FromSection(ViciMessage section) =>
        new()
        {
            Name = section.Required("name"),
            UniqueId = section.RequiredNumber("uniqueid"),
            ReqId = section.RequiredNumber("reqid"),
            State = section.Required("state"),
            Mode = section.Required("mode"),
            Protocol = section.Text("protocol"),
            IsEncapsulated = section.Flag("encap"),
            SpiIn = (uint?)section.Hexadecimal("spi-in"),
            SpiOut = (uint?)section.Hexadecimal("spi-out"),
            Proposal = Proposal.FromSection(section),
            HasExtendedSequenceNumbers = section.Flag("esn"),
            BytesIn = section.Number("bytes-in") ?? 0,
            PacketsIn = section.Number("packets-in") ?? 0,
            LastIn = section.Seconds("use-in"),
            BytesOut = section.Number("bytes-out") ?? 0,
            PacketsOut = section.Number("packets-out") ?? 0,
            LastOut = section.Seconds("use-out"),
            RekeyIn = section.Seconds("rekey-time"),
            ExpiresIn = section.Seconds("life-time"),
            Installed = section.Seconds("install-time"),
            LocalSelectors = section.Texts("local-ts"),
            RemoteSelectors = section.Texts("remote-ts"),
            Message = section,
        };
}

/// <summary>The states of a CHILD SA (strongSwan, src/libcharon/sa/child_sa.c, child_sa_state_names).</summary>
public static class ChildStates
{
    /// <summary>Created, and not negotiated yet.</summary>
    public const string Created = "CREATED";

    /// <summary>A trap policy: the first packet starts the negotiation. No packet gets through by it.</summary>
    public const string Routed = "ROUTED";

    /// <summary>Being installed in the kernel.</summary>
    public const string Installing = "INSTALLING";

    /// <summary>In use.</summary>
    public const string Installed = "INSTALLED";

    /// <summary>Changing its addresses.</summary>
    public const string Updating = "UPDATING";

    /// <summary>In use, and being rekeyed.</summary>
    public const string Rekeying = "REKEYING";

    /// <summary>Replaced by another.</summary>
    public const string Rekeyed = "REKEYED";

    /// <summary>Being retried with another key exchange.</summary>
    public const string Retrying = "RETRYING";

    /// <summary>Being deleted.</summary>
    public const string Deleting = "DELETING";

    /// <summary>Deleted, but kept for packets still in transit.</summary>
    public const string Deleted = "DELETED";

    /// <summary>About to be destroyed.</summary>
    public const string Destroying = "DESTROYING";
}
