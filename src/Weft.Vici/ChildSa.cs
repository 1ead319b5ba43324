using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>A CHILD SA: a pair of IPsec SAs, one each way (strongSwan, vici/README.md, list-sa).</summary>
public sealed record ChildSa
{
    /// <summary>The name of its configuration.</summary>
    public required string Name { get; init; }

    /// <summary>What tells it from others of its name: unique in the daemon, new after each rekeying.</summary>
    public required long UniqueId { get; init; }

    /// <summary>What ties its kernel states to the policies; stays through rekeying.</summary>
    public required long ReqId { get; init; }

    /// <summary>Its state in the daemon's word for it; see <see cref="ChildStates"/>.</summary>
    public required string State { get; init; }

    /// <summary><c>TUNNEL</c>, <c>TRANSPORT</c>, <c>BEET</c>, …</summary>
    public required string Mode { get; init; }

    /// <summary><c>ESP</c> or <c>AH</c>; null before it is installed, as all that follows.</summary>
    public string? Protocol { get; init; }

    /// <summary>Does its ESP go through UDP?</summary>
    public bool IsEncapsulated { get; init; }

    /// <summary>The SPI of what comes in.</summary>
    public uint? SpiIn { get; init; }

    /// <summary>The SPI of what goes out.</summary>
    public uint? SpiOut { get; init; }

    /// <summary>The algorithms.</summary>
    public required Proposal Proposal { get; init; }

    /// <summary>Has it extended sequence numbers (RFC 4304)?</summary>
    public bool HasExtendedSequenceNumbers { get; init; }

    /// <summary>Bytes that came in.</summary>
    public long BytesIn { get; init; }

    /// <summary>Packets that came in.</summary>
    public long PacketsIn { get; init; }

    /// <summary>How long ago the last packet came in; null where none did.</summary>
    public TimeSpan? LastIn { get; init; }

    /// <summary>Bytes that went out.</summary>
    public long BytesOut { get; init; }

    /// <summary>Packets that went out.</summary>
    public long PacketsOut { get; init; }

    /// <summary>How long ago the last packet went out; null where none did.</summary>
    public TimeSpan? LastOut { get; init; }

    /// <summary>When it is rekeyed, from now; null where it never is.</summary>
    public TimeSpan? RekeyIn { get; init; }

    /// <summary>When it ends unless it was rekeyed, from now; null where it never does.</summary>
    public TimeSpan? ExpiresIn { get; init; }

    /// <summary>For how long it is installed.</summary>
    public TimeSpan? Installed { get; init; }

    /// <summary>The traffic selectors of this end, such as <c>192.0.2.1/32[gre]</c>.</summary>
    public ImmutableArray<string> LocalSelectors { get; init; } = [];

    /// <summary>The traffic selectors of the other end.</summary>
    public ImmutableArray<string> RemoteSelectors { get; init; } = [];

    /// <summary>All that the daemon said, with what has no property here.</summary>
    public required ViciMessage Message { get; init; }

    /// <summary>Is it in the state <see cref="ChildStates.Installed"/>?</summary>
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
    /// <summary>Made, and not negotiated yet.</summary>
    public const string Created = "CREATED";

    /// <summary>A trap policy: the first packet begins the negotiation. No packet passes by it.</summary>
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

    /// <summary>Tried again, with another key exchange.</summary>
    public const string Retrying = "RETRYING";

    /// <summary>Being deleted.</summary>
    public const string Deleting = "DELETING";

    /// <summary>Deleted, and kept for packets that are still on their way.</summary>
    public const string Deleted = "DELETED";

    /// <summary>About to go.</summary>
    public const string Destroying = "DESTROYING";
}
