using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>An IKE SA, and the CHILD SAs that it made (strongSwan, vici/README.md, list-sa).</summary>
public sealed record IkeSa
{
    /// <summary>The name of its connection.</summary>
    public required string Name { get; init; }

    /// <summary>What tells it from others of its name: unique in the daemon, new after each rekeying.</summary>
    public required long UniqueId { get; init; }

    /// <summary>The version of IKE, 1 or 2.</summary>
    public required int Version { get; init; }

    /// <summary>Its state in the daemon's word for it; see <see cref="IkeStates"/>.</summary>
    public required string State { get; init; }

    /// <summary>This end.</summary>
    public required Endpoint Local { get; init; }

    /// <summary>The other end.</summary>
    public required Endpoint Remote { get; init; }

    /// <summary>Did this end begin it?</summary>
    public bool IsInitiator { get; init; }

    /// <summary>The SPI of who began it.</summary>
    public ulong InitiatorSpi { get; init; }

    /// <summary>The SPI of who answered; 0 before it did.</summary>
    public ulong ResponderSpi { get; init; }

    /// <summary>Is any end behind a NAT, or is it made believe so that ESP goes through UDP?</summary>
    public bool IsNatted { get; init; }

    /// <summary>The algorithms; all null before they are negotiated.</summary>
    public required Proposal Proposal { get; init; }

    /// <summary>For how long it is established; null where it is not.</summary>
    public TimeSpan? Established { get; init; }

    /// <summary>When it is rekeyed, from now; null where it is not established or never rekeyed.</summary>
    public TimeSpan? RekeyIn { get; init; }

    /// <summary>When it is authenticated anew, from now; null where it is not established or never is.</summary>
    public TimeSpan? ReauthenticateIn { get; init; }

    /// <summary>What is to be done next, by strongSwan's names of tasks.</summary>
    public ImmutableArray<string> QueuedTasks { get; init; } = [];

    /// <summary>What this end is doing, as <c>CHILD_REKEY</c>.</summary>
    public ImmutableArray<string> ActiveTasks { get; init; } = [];

    /// <summary>What the other end is doing.</summary>
    public ImmutableArray<string> PassiveTasks { get; init; } = [];

    /// <summary>Its CHILD SAs; empty in an event that is not about them.</summary>
    public ImmutableArray<ChildSa> Children { get; init; } = [];

    /// <summary>All that the daemon said, with what has no property here.</summary>
    public required ViciMessage Message { get; init; }

    /// <summary>Is it in the state <see cref="IkeStates.Established"/>?</summary>
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
            // In child-rekey the old and the new one are a level deeper; AssociationEvent has those.
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
/// <param name="Host">The address as the daemon writes it; <c>%any</c> where it is not known yet.</param>
/// <param name="Port">The UDP port: 500, or 4500 once NATs are looked for.</param>
/// <param name="Id">The identity; <c>%any</c> where it is not known yet.</param>
/// <param name="IsBehindNat">Is it behind a NAT?</param>
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
    /// <summary>Made, and nothing sent yet.</summary>
    public const string Created = "CREATED";

    /// <summary>Being negotiated.</summary>
    public const string Connecting = "CONNECTING";

    /// <summary>In use.</summary>
    public const string Established = "ESTABLISHED";

    /// <summary>Kept by the standby of a cluster.</summary>
    public const string Passive = "PASSIVE";

    /// <summary>In use, and being rekeyed.</summary>
    public const string Rekeying = "REKEYING";

    /// <summary>Replaced by another.</summary>
    public const string Rekeyed = "REKEYED";

    /// <summary>Being deleted.</summary>
    public const string Deleting = "DELETING";

    /// <summary>About to go.</summary>
    public const string Destroying = "DESTROYING";
}
