using System.Collections.Immutable;
using Weft.Core.Linux;
using Weft.Core.Overlays;

namespace Weft.Core.History;

/// <summary>How something that was applied stands.</summary>
internal enum EntryState
{
    /// <summary>It was applied to stay.</summary>
    Applied,

    /// <summary>It is tried: it goes back unless it is confirmed.</summary>
    Trying,

    /// <summary>It was tried, and confirmed.</summary>
    Confirmed,

    /// <summary>It was tried and is on its way back.</summary>
    Reverting,

    /// <summary>It was tried, and the host is again as it was before.</summary>
    Reverted,
}

/// <summary>One time that an overlay file was applied on this host, or taken off it.</summary>
internal sealed record HistoryEntry
{
    /// <summary>Its number, from 1.</summary>
    public int Number { get; init; }

    /// <summary>When.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>What did it: a command such as <c>apply</c>, or the agent.</summary>
    public required string Did { get; init; }

    /// <summary>Who; null where that is not known.</summary>
    public string? By { get; init; }

    /// <summary>The address that they had logged in from; null where they had not.</summary>
    public string? From { get; init; }

    /// <summary>Which of the overlay's hosts this machine was.</summary>
    public required string Host { get; init; }

    /// <summary>What the file is stored as; null where the overlay was taken off the host.</summary>
    public string? File { get; init; }

    /// <summary>How it stands.</summary>
    public EntryState State { get; init; }

    /// <summary>What is to be known of it as a try; null where it was applied to stay.</summary>
    public Trial? Trial { get; init; }

    /// <summary>Whether it is a try that has not come to its end.</summary>
    public bool IsOpen => State is EntryState.Trying or EntryState.Reverting;
}

/// <summary>A try: what undoes it, and until when it may be confirmed. All that a revert needs is in here, should everybody else be gone.</summary>
internal sealed record Trial
{
    /// <summary>What the file that was in force before is stored as; null where there was no overlay.</summary>
    public string? Before { get; init; }

    /// <summary>The host's own copy of the overlay file, which a confirmation replaces; null where it has none.</summary>
    public string? Kept { get; init; }

    /// <summary>How long it may be confirmed once it is applied.</summary>
    public required TimeSpan Within { get; init; }

    /// <summary>Until when it may be confirmed.</summary>
    public required DateTimeOffset Deadline { get; init; }

    /// <summary>Whether it has been carried out.</summary>
    public bool IsApplied { get; init; }

    /// <summary>Which start of this machine's kernel it belongs to: a reboot ends it.</summary>
    public required string Boot { get; init; }

    /// <summary>The process that carries it out.</summary>
    public required ProcessIdentity Process { get; init; }

    /// <summary>What must go on answering.</summary>
    public ImmutableArray<Lifeline> Lifelines { get; init; } = [];

    /// <summary>The administrator's connection (sshd(8), <c>SSH_CONNECTION</c>), where it is watched by its own packets.</summary>
    public string? Connection { get; init; }

    /// <summary>How long something may be silent before the try goes back.</summary>
    public TimeSpan Grace { get; init; }

    /// <summary>Where the switch's database listens.</summary>
    public required string Database { get; init; }

    /// <summary>The engine that stands in for all others.</summary>
    public Engine? Engine { get; init; }

    /// <summary>The datapath in place of the file's.</summary>
    public DatapathChoice? Datapath { get; init; }

    /// <summary>When it came to its end; null while it has not.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>Why it went back; null where it did not.</summary>
    public string? Reason { get; init; }
}

/// <summary>An address that must go on answering this host.</summary>
/// <param name="Name">What people call it.</param>
/// <param name="From">The address that is asked from.</param>
/// <param name="To">Who is asked.</param>
internal sealed record Lifeline(string Name, string From, string To);
