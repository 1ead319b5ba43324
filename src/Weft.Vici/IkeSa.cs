using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>An IKE SA, and its CHILD SAs (strongSwan, vici/README.md, list-sa).</summary>
public sealed record IkeSa
{
    /// <summary>The name of its connection.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// The unique id, which distinguishes SAs of the same name: unique in the daemon, and new after each rekeying.
    /// </summary>
    public required long UniqueId { get; init; }

    /// <summary>The version of IKE, 1 or 2.</summary>
    public required int Version { get; init; }

    /// <summary>The state, in the daemon's words; see <see cref="IkeStates"/>.</summary>
    public required string State { get; init; }

    /// <summary>This end.</summary>
    public required Endpoint Local { get; init; }

    /// <summary>The other end.</summary>
    public required Endpoint Remote { get; init; }

    /// <summary>Whether this end initiated it.</summary>
    public bool IsInitiator { get; init; }

    /// <summary>The initiator's SPI.</summary>
    public ulong InitiatorSpi { get; init; }

    /// <summary>The responder's SPI; 0 before it has answered.</summary>
    public ulong ResponderSpi { get; init; }

    /// <summary>Whether an end is behind a NAT, or this is simulated so that ESP is encapsulated in UDP.</summary>
    public bool IsNatted { get; init; }

    /// <summary>The algorithms; all null before they are negotiated.</summary>
    public required Proposal Proposal { get; init; }

    /// <summary>The time since it was established; null if it is not.</summary>
    public TimeSpan? Established { get; init; }

    /// <summary>The time until it is rekeyed; null if it is not established or never rekeyed.</summary>
    public TimeSpan? RekeyIn { get; init; }

    /// <summary>The time until it is reauthenticated; null if it is not established or never reauthenticated.</summary>
    public TimeSpan? ReauthenticateIn { get; init; }

    /// <summary>The queued tasks, by strongSwan's names.</summary>
    public ImmutableArray<string> QueuedTasks { get; init; } = [];

    /// <summary>The tasks that this end has initiated, such as <c>CHILD_REKEY</c>.</summary>
    public ImmutableArray<string> ActiveTasks { get; init; } = [];

    /// <summary>The tasks that the other end has initiated.</summary>
    public ImmutableArray<string> PassiveTasks { get; init; } = [];

    /// <summary>The CHILD SAs; empty in an event that is not about them.</summary>
    public ImmutableArray<ChildSa> Children { get; init; } = [];

    /// <summary>The daemon's whole message, including what has no property here.</summary>
    public required ViciMessage Message { get; init; }

    /// <summary>Whether its state is <see cref="IkeStates.Established"/>.</summary>
    public bool IsEstablished => State == IkeStates.Established;

    /// <summary>Reads the section of an IKE SA.</summary>
    internal static IkeSa FromSection(string name, ViciMessage section) =>
        new()
        {
            Name = name,
            UniqueId = section.RequiredNumber("uniqueid"),
            Version = (int)section.RequiredNumber("version"),
            State = section.Required("state"),
            Local = Endpoint.FromSection(section, "local"),
            Remote = Endpoint.FromSection(section, "remote"),
            IsInitiator = section.Flag("initiator"),
            InitiatorSpi = section.Hexadecimal("initiator-spi") ?? 0,
            ResponderSpi = section.Hexadecimal("responder-spi") ?? 0,
            IsNatted = section.Flag("nat-any"),
            Proposal = Proposal.FromSection(section),
            Established = section.Seconds("established"),
            RekeyIn = section.Seconds("rekey-time"),
            ReauthenticateIn = section.Seconds("reauth-time"),
            QueuedTasks = section.Texts("tasks-queued"),
            ActiveTasks = section.Texts("tasks-active"),
            PassiveTasks = section.Texts("tasks-passive"),
            // In child-rekey, the old and the new SA are one level deeper; AssociationEvent reads those.
            Children =
            [
                .. (section.Section("child-sas") ?? ViciMessage.Empty)
                    .Sections.Where(static child => child.Value.Value("uniqueid") is not null)
                    .Select(static child => ChildSa.FromSection(child.Value)),
            ],
            Message = section,
        };
}

/// <summary>One end of an IKE SA.</summary>
/// <param name="Host">The address as the daemon writes it; <c>%any</c> if not known yet.</param>
/// <param name="Port">The UDP port: 500, or 4500 once NAT detection has begun.</param>
/// <param name="Id">The identity; <c>%any</c> if not known yet.</param>
/// <param name="IsBehindNat">Whether it is behind a NAT.</param>
public sealed record Endpoint(string Host, int Port, string Id, bool IsBehindNat)
{
    internal static Endpoint FromSection(ViciMessage section, string end) =>
        new(
            section.Required($"{end}-host"),
            (int)section.RequiredNumber($"{end}-port"),
            section.Required($"{end}-id"),
            section.Flag($"nat-{end}")
        );
}

/// <summary>The states of an IKE SA (strongSwan, src/libcharon/sa/ike_sa.c, ike_sa_state_names).</summary>
public static class IkeStates
{
    /// <summary>Created; nothing was sent yet.</summary>
    public const string Created = "CREATED";

    /// <summary>Being negotiated.</summary>
    public const string Connecting = "CONNECTING";

    /// <summary>In use.</summary>
    public const string Established = "ESTABLISHED";

    /// <summary>Held by the standby node of a cluster.</summary>
    public const string Passive = "PASSIVE";

    /// <summary>In use, and being rekeyed.</summary>
    public const string Rekeying = "REKEYING";

    /// <summary>Replaced by another.</summary>
    public const string Rekeyed = "REKEYED";

    /// <summary>Being deleted.</summary>
    public const string Deleting = "DELETING";

    /// <summary>About to be destroyed.</summary>
    public const string Destroying = "DESTROYING";
}
