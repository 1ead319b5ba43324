using System.Collections.Immutable;
using Weft.Core.Linux;
using Weft.Core.Overlays;

namespace Weft.Core.History;

/// <summary>The state of something that was applied.</summary>
internal enum EntryState
{
    /// <summary>Applied to stay.</summary>
    Applied,

    /// <summary>Being tried: it is reverted unless it is confirmed.</summary>
    Trying,

    /// <summary>Tried and confirmed.</summary>
    Confirmed,

    /// <summary>Tried, and being reverted.</summary>
    Reverting,

    /// <summary>Tried and reverted: the host is as it was before.</summary>
    Reverted,
}

/// <summary>One application of an overlay file to this host, or one removal of the overlay from it.</summary>
internal sealed record HistoryEntry
{
    /// <summary>The entry's number, from 1.</summary>
    public int Number { get; init; }

    /// <summary>When it happened.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>The command that did it, such as <c>apply</c>, or the agent.</summary>
    public required string Did { get; init; }

    /// <summary>The user who did it; null if unknown.</summary>
    public string? By { get; init; }

    /// <summary>The address that this user had logged in from; null if there was no remote login.</summary>
    public string? From { get; init; }

    /// <summary>The name of this machine among the overlay's hosts.</summary>
    public required string Host { get; init; }

    /// <summary>The file's name in the store; null if the overlay was removed from the host.</summary>
    public string? File { get; init; }

    /// <summary>The state.</summary>
    public EntryState State { get; init; }

    /// <summary>The details of a try; null if it was applied to stay.</summary>
    public Trial? Trial { get; init; }

    /// <summary>Whether this is a try that has not ended yet.</summary>
    public bool IsOpen => State is EntryState.Trying or EntryState.Reverting;
}

/// <summary>
/// A try: how to undo it, and until when it may be confirmed. It holds everything that reverting needs, in case nothing else is
/// left.
/// </summary>
internal sealed record Trial
{
    /// <summary>The store's name of the file that was in force before; null if there was no overlay.</summary>
    public string? Before { get; init; }

    /// <summary>The host's own copy of the overlay file, which a confirmation replaces; null if it has none.</summary>
    public string? Kept { get; init; }

    /// <summary>The time allowed for confirming, from when the try is applied.</summary>
    public required TimeSpan Within { get; init; }

    /// <summary>The end of the time for confirming.</summary>
    public required DateTimeOffset Deadline { get; init; }

    /// <summary>Whether the changes have been made.</summary>
    public bool IsApplied { get; init; }

    /// <summary>The boot of this machine to which the try belongs: a reboot ends it.</summary>
    public required string Boot { get; init; }

    /// <summary>The process that runs the try.</summary>
    public required ProcessIdentity Process { get; init; }

    /// <summary>The addresses that must keep answering.</summary>
    public ImmutableArray<Lifeline> Lifelines { get; init; } = [];

    /// <summary>The administrator's SSH connection (sshd(8), <c>SSH_CONNECTION</c>), if its packets are being watched.</summary>
    public string? Connection { get; init; }

    /// <summary>How long a lifeline or the connection may be silent before the try is reverted.</summary>
    public TimeSpan Grace { get; init; }

    /// <summary>Where the switch's database listens.</summary>
    public required string Database { get; init; }

    /// <summary>The engine used in place of all others.</summary>
    public Engine? Engine { get; init; }

    /// <summary>The datapath used in place of the file's.</summary>
    public DatapathChoice? Datapath { get; init; }

    /// <summary>When the try ended; null if it has not.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>Why it was reverted; null if it was not.</summary>
    public string? Reason { get; init; }
}

/// <summary>An address that must keep answering this host.</summary>
/// <param name="Name">Its name for people.</param>
/// <param name="From">The source address of the requests.</param>
/// <param name="To">The address that is asked.</param>
internal sealed record Lifeline(string Name, string From, string To);
