using System.Collections.Immutable;

namespace Weft.Core.History;

/// <summary>The history of one overlay on this host, oldest entry first. It is immutable: each change gives a new book.</summary>
internal sealed record HistoryBook(ImmutableArray<HistoryEntry> Entries)
{
    /// <summary>How many entries are kept.</summary>
    public const int Most = 100;

    /// <summary>The book of a host on which nothing was applied yet.</summary>
    public static HistoryBook Empty { get; } = new([]);

    /// <summary>The entry in force: the last that was applied to stay or confirmed; null if there is none.</summary>
    public HistoryEntry? Settled =>
        Entries.LastOrDefault(entry => entry.State is EntryState.Applied or EntryState.Confirmed);

    /// <summary>The try that has not ended yet; null if there is none.</summary>
    public HistoryEntry? Open => Entries.LastOrDefault(entry => entry.IsOpen);

    /// <summary>The names of all files stored for this book.</summary>
    public IEnumerable<string> Files =>
        Entries
            .SelectMany(entry => (string?[])[entry.File, entry.Trial?.Before])
            .OfType<string>()
            .Distinct(StringComparer.Ordinal);

    /// <summary>
    /// The name that a file has or would get in the store; for a file stored by an earlier Weft, the name it has from then.
    /// </summary>
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

    /// <summary>The entry with that number; null if it is no longer kept or never existed.</summary>
    public HistoryEntry? this[int number] =>
        Entries.FirstOrDefault(entry => entry.Number == number);

    /// <summary>What was in force before an entry; null if nothing was.</summary>
    public HistoryEntry? Before(HistoryEntry entry) =>
        new HistoryBook([.. Entries.TakeWhile(other => other.Number != entry.Number)]).Settled;

    /// <summary>
    /// The last file in force before the present one that differs from it; null if there is none to go back to.
    /// </summary>
    public HistoryEntry? Former =>
        Entries.LastOrDefault(entry =>
            entry is { State: EntryState.Applied or EntryState.Confirmed, File: not null }
            && entry.File != Settled?.File
        );

    /// <summary>Whether a try may still be confirmed: its deadline has not passed, and the machine was not rebooted.</summary>
    public static bool IsOn(HistoryEntry entry, DateTimeOffset now, string boot) =>
        entry is { State: EntryState.Trying, Trial: { } trial }
        && trial.Boot == boot
        && now < trial.Deadline;

    /// <summary>The number of the next entry.</summary>
    public int Next => (Entries.LastOrDefault()?.Number ?? 0) + 1;

    /// <summary>
    /// The same book with one more entry, which gets the next number. If there are too many, the oldest is dropped.
    /// </summary>
    public HistoryBook Add(HistoryEntry entry)
    {
        var all = Entries.Add(entry with { Number = Next });
        // The entry in force is kept even if many tries were made and reverted since.
        return new([
            .. all.Where(
                (one, index) => index >= all.Length - Most || one.Number == Settled?.Number
            ),
        ]);
    }

    /// <summary>The same book with one entry replaced.</summary>
    public HistoryBook With(HistoryEntry changed) =>
        new([.. Entries.Select(entry => entry.Number == changed.Number ? changed : entry)]);

    /// <summary>The same book with the open try in another state.</summary>
    /// <param name="state">The state.</param>
    /// <param name="now">The current time.</param>
    /// <param name="reason">Why the try is reverted; if there are several reasons, the first is kept.</param>
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
