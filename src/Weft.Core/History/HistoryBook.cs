using System.Collections.Immutable;

namespace Weft.Core.History;

/// <summary>What was applied on this host of one overlay, oldest first. Every change of it is a new book.</summary>
internal sealed record HistoryBook(ImmutableArray<HistoryEntry> Entries)
{
    /// <summary>How many entries are kept.</summary>
    public const int Most = 100;

    /// <summary>A host on which nothing was applied yet.</summary>
    public static HistoryBook Empty { get; } = new([]);

    /// <summary>What was applied last to stay; null where nothing was.</summary>
    public HistoryEntry? Settled =>
        Entries.LastOrDefault(entry => entry.State is EntryState.Applied or EntryState.Confirmed);

    /// <summary>The try that has not come to its end; null where there is none.</summary>
    public HistoryEntry? Open => Entries.LastOrDefault(entry => entry.IsOpen);

    /// <summary>Everything that is stored for it.</summary>
    public IEnumerable<string> Files =>
        Entries
            .SelectMany(entry => (string?[])[entry.File, entry.Trial?.Before])
            .OfType<string>()
            .Distinct(StringComparer.Ordinal);

    /// <summary>What a file is stored as, or would be: the name that an earlier Weft gave it, where it is stored by that.</summary>
    /// <param name="file">The file.</param>
    public string NameOf(ReadOnlySpan<byte> file)
    {
        foreach (var name in Files)
        {
            if (HistoryStore.IsNameOf(name, file))
            {
                return name;
            }
        }
        return HistoryStore.NameOf(file);
    }

    /// <summary>The entry with that number; null where it is not kept, or never was.</summary>
    public HistoryEntry? this[int number] =>
        Entries.FirstOrDefault(entry => entry.Number == number);

    /// <summary>What was in force before an entry; null where nothing was.</summary>
    public HistoryEntry? Before(HistoryEntry entry) =>
        new HistoryBook([.. Entries.TakeWhile(other => other.Number != entry.Number)]).Settled;

    /// <summary>The last file that was in force and is not the one that is now; null where there is none to go back to.</summary>
    public HistoryEntry? Former =>
        Entries.LastOrDefault(entry =>
            entry is { State: EntryState.Applied or EntryState.Confirmed, File: not null }
            && entry.File != Settled?.File
        );

    /// <summary>Whether a try may be confirmed: its time is not over, and the machine was not started anew.</summary>
    public static bool IsOn(HistoryEntry entry, DateTimeOffset now, string boot) =>
        entry is { State: EntryState.Trying, Trial: { } trial }
        && trial.Boot == boot
        && now < trial.Deadline;

    /// <summary>The number of the entry that is written down next.</summary>
    public int Next => (Entries.LastOrDefault()?.Number ?? 0) + 1;

    /// <summary>The same with one more, which gets the next number. The oldest goes where there are too many.</summary>
    public HistoryBook Add(HistoryEntry entry)
    {
        var all = Entries.Add(entry with { Number = Next });
        // What is in force must be known however many tries went back since.
        return new([
            .. all.Where(
                (one, index) => index >= all.Length - Most || one.Number == Settled?.Number
            ),
        ]);
    }

    /// <summary>The same with an entry changed.</summary>
    public HistoryBook With(HistoryEntry changed) =>
        new([.. Entries.Select(entry => entry.Number == changed.Number ? changed : entry)]);

    /// <summary>The same with the open try in another state.</summary>
    /// <param name="state">The state.</param>
    /// <param name="now">The time.</param>
    /// <param name="reason">Why it goes back; the first reason is the one that is kept.</param>
    public HistoryBook Settle(EntryState state, DateTimeOffset now, string? reason = null) =>
        Open is { Trial: { } trial } open
            ? With(
                open with
                {
                    State = state,
                    Trial = trial with
                    {
                        Ended = state is EntryState.Reverting ? null : now,
                        Reason = trial.Reason ?? reason,
                    },
                }
            )
            : this;
}
