using System.Globalization;
using System.Threading.Channels;
using Weft.Commands;
using Weft.Core.Planning;

namespace Weft.Agent;

/// <summary>What the agent knows of itself and of the host: written by its loop, read by whoever asks.</summary>
internal sealed class AgentState
{
    private const int MostUnreadEvents = 1000;
    private const int MostRememberedEvents = 200;
    private const int MostCounted = 1000;
    private const string Others = "others";

    private readonly Lock gate = new();
    private readonly List<Channel<NumberedEvent>> listeners = [];
    private readonly Queue<NumberedEvent> remembered = new();
    private long told;

    /// <summary>When the agent started.</summary>
    public DateTimeOffset Started { get; } = TimeProvider.System.GetUtcNow();

    /// <summary>The overlay file.</summary>
    public required string File { get; init; }

    /// <summary>The overlay in force.</summary>
    public volatile HostOverlay? On;

    /// <summary>The file that the overlay in force was read from; another than <see cref="File"/> while something is tried.</summary>
    public volatile LoadedFile? Read;

    /// <summary>What is wrong with the file as it is now, so that the one before stays in force; null if nothing is.</summary>
    public volatile IReadOnlyList<string>? Refused;

    /// <summary>The last round.</summary>
    public volatile Round? Last;

    /// <summary>When the last round ended; when the agent started, before one has.</summary>
    public DateTimeOffset LastTime => tally is { Rounds: > 0 } last ? last.Time : Started;

    /// <summary>How long ago that was, however the clock has been set since.</summary>
    public TimeSpan SinceLast => TimeProvider.System.GetElapsedTime(tally.Timestamp);

    /// <summary>How many rounds there were.</summary>
    public long Rounds => tally.Rounds;

    /// <summary>How many changes were carried out.</summary>
    public long Changes => tally.Changes;

    /// <summary>What failed and is tried again later.</summary>
    public volatile IReadOnlyDictionary<string, Failure> Failures =
        new Dictionary<string, Failure>();

    /// <summary>How many failures there were, by what failed.</summary>
    public IReadOnlyDictionary<string, long> FailureCounts
    {
        get
        {
            lock (gate)
            {
                return new Dictionary<string, long>(failureCounts, StringComparer.Ordinal);
            }
        }
    }

    private readonly Dictionary<string, long> failureCounts = new(StringComparer.Ordinal);
    private volatile Tally tally = new(default, TimeProvider.System.GetTimestamp(), 0, 0);

    /// <summary>How the host stands; null before it was read for the first time.</summary>
    public HostStatus? Status
    {
        get
        {
            var last = Last;
            if (last is not { Observation: { } observation, Intent: { } intent })
            {
                return null;
            }
            var known = lastStatus;
            if (known is null || !ReferenceEquals(known.Of, last))
            {
                lastStatus = known = new AgentStanding(
                    last,
                    HostStatus.Of(intent, observation, last.Plan)
                );
            }
            return known.Status;
        }
    }

    private volatile AgentStanding? lastStatus;

    private sealed record AgentStanding(Round Of, HostStatus Status);

    /// <summary>
    /// What is wrong with the host, in words: what failed in the last round, or else what is not as intended; null if nothing
    /// is.
    /// </summary>
    public string? Problem =>
        Last?.Problem
        ?? (Status is { IsHealthy: false } status ? Words(status, Failures.Values) : null);

    private static string Words(HostStatus status, IEnumerable<Failure> failures)
    {
        const int Most = 3;
        string[] all =
        [
            .. status
                .Conflicts.Select(conflict => conflict.Message)
                .Concat(Faults(status).Select(fault => fault.Words))
                .Concat(failures.Select(failure => failure.Reason))
                .Distinct(StringComparer.Ordinal),
        ];
        if (all is [])
        {
            all = [.. status.Drift.Select(change => $"{change.What} {change.Name} differs")];
        }
        return string.Join("; ", all.Take(Most))
            + (all.Length > Most ? $"; and {all.Length - Most} more" : "");
    }

    /// <summary>What does not work although it is as intended on this host, by kind and name.</summary>
    public static IEnumerable<(string What, string Words)> Faults(HostStatus status) =>
        status
            .Items.Where(item => item.State is ItemState.Error)
            .Select(item =>
                (
                    $"{item.Kind} {item.Name}",
                    $"{item.Kind} {item.Name}: {item.Detail ?? "does not work"}"
                )
            );

    /// <summary>A round has ended.</summary>
    public void Note(Round round, IReadOnlyDictionary<string, Failure> failures)
    {
        Last = round;
        tally = new Tally(
            TimeProvider.System.GetUtcNow(),
            TimeProvider.System.GetTimestamp(),
            tally.Rounds + 1,
            tally.Changes + round.Done.Count
        );
        Failures = failures;
    }

    /// <summary>Something could not be carried out.</summary>
    public void NoteFailures(IEnumerable<string> names)
    {
        lock (gate)
        {
            foreach (var failed in names)
            {
                // Containers come and go, each with names of its own: the counters must not grow without end.
                var name =
                    failureCounts.Count < MostCounted || failureCounts.ContainsKey(failed)
                        ? failed
                        : Others;
                failureCounts[name] = failureCounts.GetValueOrDefault(name) + 1;
            }
        }
    }

    /// <summary>Tells whoever listens, and remembers all events but ends of rounds.</summary>
    public void Tell(AgentEvent happened)
    {
        lock (gate)
        {
            var numbered = new NumberedEvent(Started.ToUnixTimeMilliseconds(), ++told, happened);
            if (happened.Kind != AgentEvent.Round)
            {
                remembered.Enqueue(numbered);
                if (remembered.Count > MostRememberedEvents)
                {
                    remembered.Dequeue();
                }
            }
            foreach (var listener in listeners)
            {
                listener.Writer.TryWrite(numbered);
            }
        }
    }

    private sealed record Tally(DateTimeOffset Time, long Timestamp, long Rounds, long Changes);

    /// <summary>Begins to listen. A listener that keeps up misses nothing from now on; one that does not misses the oldest.</summary>
    /// <param name="after">The last event that was heard, to begin with those remembered since; null for none of them.</param>
    public Listener Listen(string? after)
    {
        var channel = Channel.CreateBounded<NumberedEvent>(
            new BoundedChannelOptions(MostUnreadEvents)
            {
                FullMode = BoundedChannelFullMode.DropOldest,
            }
        );
        lock (gate)
        {
            if (after is not null)
            {
                foreach (var before in remembered.Where(before => before.IsAfter(after)))
                {
                    channel.Writer.TryWrite(before);
                }
            }
            listeners.Add(channel);
        }
        return new Listener(this, channel);
    }

    /// <summary>Somebody who hears what happens, until it is disposed.</summary>
    internal sealed class Listener(AgentState state, Channel<NumberedEvent> channel) : IDisposable
    {
        /// <summary>What has happened and was not read yet, and then what happens.</summary>
        public IAsyncEnumerable<NumberedEvent> ReadAsync(CancellationToken cancellationToken) =>
            channel.Reader.ReadAllAsync(cancellationToken);

        /// <inheritdoc/>
        public void Dispose()
        {
            lock (state.gate)
            {
                state.listeners.Remove(channel);
            }
        }
    }
}

/// <summary>An event with a number, by which a listener that was cut off says what it heard last.</summary>
/// <param name="Agent">A number that no earlier or later agent on this host has.</param>
/// <param name="Number">Which of this agent's events it is.</param>
/// <param name="Event">The event.</param>
internal sealed record NumberedEvent(long Agent, long Number, AgentEvent Event)
{
    /// <summary>The number as a listener is told it.</summary>
    public string Id => $"{Agent}-{Number}";

    /// <summary>Whether this event is new to somebody who says what they heard last. If that was another agent's, it is.</summary>
    public bool IsAfter(string id) =>
        id.Split('-') is not [var agent, var number]
        || agent != Agent.ToString()
        || !long.TryParse(number, NumberStyles.None, null, out var heard)
        || Number > heard;
}

/// <summary>Something that the agent did or met.</summary>
/// <param name="Time">When.</param>
/// <param name="Kind"><c>change</c>, <c>problem</c>, <c>file</c> or <see cref="Round"/>.</param>
/// <param name="Message">What, in one line.</param>
/// <param name="Why">What led to it; null where it is known from the message.</param>
internal sealed record AgentEvent(DateTimeOffset Time, string Kind, string Message, string? Why)
{
    /// <summary>The kind of an event which says that a round has ended: how the host stands may be different now.</summary>
    public const string Round = "round";
}
