using Weft.Commands;
using Weft.Core;
using Weft.Core.History;
using Weft.Core.Intents;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Installation;
using Weft.Rendering;

namespace Weft.Trials;

/// <summary>The steps of a try; its process may die after any of them.</summary>
/// <param name="store">The overlay's history.</param>
/// <param name="clock">The clock.</param>
internal sealed class TrialRun(HistoryStore store, TimeProvider clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Determines what a try of a file goes back to.</summary>
    /// <param name="tried">The file.</param>
    /// <param name="settled">The entry last applied to stay.</param>
    /// <param name="own">The host's own copy of the overlay file; null where it has none, or one of another overlay.</param>
    /// <returns>
    /// The file to go back to, or null if there is none, or if <c>IsRecorded</c> says that it is the one of
    /// <paramref name="settled"/>.
    /// </returns>
    /// <exception cref="UsageException">It is uncertain what is in force.</exception>
    public static (ReadOnlyMemory<byte>? Before, bool IsRecorded) GoesBackTo(
        LoadedFile tried,
        HistoryEntry? settled,
        LoadedFile? own
    )
    {
        var isOwn = own is not null && Path.GetFullPath(tried.Path) == own.Path;
        if (settled is { File: null })
        {
            return (null, false);
        }
        if (settled is null)
        {
            return isOwn
                ? throw new UsageException(
                    $"what {tried.Path} was before is not known here: write the new file beside it, and try that"
                )
                : (own?.Bytes, false);
        }
        if (own is not null && !isOwn && !HistoryStore.IsNameOf(settled.File, own.Bytes.Span))
        {
            throw new UsageException(
                $"{own.Path} is not what was applied last (`weft history`), and a reboot would apply it: apply it first, or `weft rollback {settled.Number}`"
            );
        }
        if (HistoryStore.IsNameOf(settled.File, tried.Bytes.Span))
        {
            throw new UsageException(
                $"{tried.Path} is what is in force already, and there is nothing else to go back to: `weft apply` mends what drifted"
            );
        }
        return (null, true);
    }

    /// <summary>
    /// Refuses a try that would go back to nothing on a host where the overlay exists and no record says by which file.
    /// </summary>
    /// <exception cref="UsageException">Something of the overlay exists.</exception>
    public static void RefuseWhereSomethingIs(HostSession session, HostObservation observation)
    {
        var (overlay, host) = (session.Overlay.Name, session.Host);
        if (!Planner.Plan(HostIntent.Nothing(overlay, host), observation).IsEmpty)
        {
            throw new UsageException(
                $"overlay {overlay} is on this host, and by which file is not written down (`weft history`), so that there is nothing to go back to: `weft apply` that file first"
            );
        }
    }

    /// <summary>The host's own copy of the overlay file; null where it has none, or one of another overlay.</summary>
    /// <exception cref="InvalidOverlayException">It has mistakes, so that a reboot would restore nothing.</exception>
    public static LoadedFile? OwnFileOf(string overlay) =>
        File.Exists(HostFiles.Overlay)
        && OverlayLoader.Read(HostFiles.Overlay, null, null) is var own
        && own.Overlay.Name == overlay
            ? own
            : null;

    /// <summary>
    /// Whether the host's own copy is of this overlay; an invalid copy, which is of no use to anybody, counts as one.
    /// </summary>
    public static bool HasOwnFileOf(string overlay)
    {
        try
        {
            return OwnFileOf(overlay) is not null;
        }
        catch (InvalidOverlayException)
        {
            return true;
        }
    }

    /// <summary>Records a try, before anything is changed.</summary>
    /// <param name="who">Who tries it.</param>
    /// <param name="host">This host's name in the overlay.</param>
    /// <param name="tried">The file.</param>
    /// <param name="before">The file that was in force, if it is not stored yet; null if it is, or if there was none.</param>
    /// <param name="trial">The try.</param>
    /// <returns>Its entry.</returns>
    public HistoryEntry Begin(
        Administrator who,
        string host,
        ReadOnlyMemory<byte> tried,
        ReadOnlyMemory<byte>? before,
        Trial trial
    )
    {
        var now = clock.GetUtcNow();
        // An earlier try that is still going back ends here: when this one goes back, that one's changes go too.
        var book = store.Read().Settle(EntryState.Reverted, now);
        List<ReadOnlyMemory<byte>> files = [tried];
        if (before is { } found)
        {
            trial = trial with { Before = book.NameOf(found.Span) };
            files.Add(found);
        }
        book = book.Add(
            who.Entry("try", host, now) with
            {
                File = book.NameOf(tried.Span),
                State = EntryState.Trying,
                Trial = trial,
            }
        );
        store.Write(book, files);
        if (trial is { Kept: { } path, Before: not null })
        {
            // If the host's own copy itself was edited for the try, it becomes the former file until the new one is confirmed.
            TrialGate.PutBack(store, trial);
        }
        return book.Open!;
    }

    /// <summary>Records that the try is carried out, with which its time begins.</summary>
    /// <returns>The entry.</returns>
    public HistoryEntry Applied()
    {
        var book = store.Read();
        var entry = book.Open!;
        entry = entry with
        {
            Trial = entry.Trial! with
            {
                IsApplied = true,
                Deadline = clock.GetUtcNow() + entry.Trial!.Within,
            },
        };
        store.Write(book.With(entry));
        return entry;
    }

    /// <summary>Records that the try goes back, after which nobody uses the tried file. The host's lock must be held.</summary>
    /// <exception cref="HostException">The history cannot be written; the tried file is marked as over all the same.</exception>
    public void GiveUp(string reason)
    {
        try
        {
            store.Write(store.Read().Settle(EntryState.Reverting, clock.GetUtcNow(), reason));
        }
        catch (HostException)
        {
            store.MarkOver(reason);
            throw;
        }
    }

    /// <summary>Confirms a try.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="progress">Called with what is waited for.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Its entry after that, which may say that it was too late.</returns>
    /// <exception cref="HostException">Its file cannot be put in place.</exception>
    public async Task<HistoryEntry> ConfirmAsync(
        int number,
        IProgress<string>? progress,
        CancellationToken cancellationToken
    )
    {
        using var only = await HostLock.TakeAsync(progress, cancellationToken);
        var book = store.Read();
        if (
            book[number] is not { Trial: { } trial } entry
            || !HistoryBook.IsOn(entry, clock.GetUtcNow(), Boot.Id)
            || !trial.IsApplied
        )
        {
            return book[number]!;
        }
        if (trial.Kept is { } path)
        {
            // Before the history: if this is interrupted, the try is not confirmed, and going back restores the file too.
            TrialGate.PutOwn(path, store.FileOf(entry.File!));
        }
        store.Write(book.Settle(EntryState.Confirmed, clock.GetUtcNow()));
        return store.Read()[number]!;
    }

    /// <summary>Restores the host to what it was before a try, whoever else has begun to or is about to.</summary>
    /// <param name="number">The try's number.</param>
    /// <param name="reason">Why.</param>
    /// <param name="terminal">Where to report it.</param>
    /// <param name="cancellationToken">Stops it between two steps.</param>
    /// <param name="unlessApplied">
    /// Whether to keep a try that turns out to be carried out once the host's lock is taken: its time begins then.
    /// </param>
    /// <returns>The entry as it ended, or as it remains.</returns>
    /// <exception cref="HostException">The host is not restored yet; trying again may help.</exception>
    public async Task<HistoryEntry> RevertAsync(
        int number,
        string reason,
        Output terminal,
        CancellationToken cancellationToken,
        bool unlessApplied = false
    )
    {
        if (store.Read()[number] is not { IsOpen: true, Trial: { } trial } entry)
        {
            return store.Read()[number]!;
        }
        var before = trial.Before is null ? null : Load(trial.Before, trial).Overlay;
        var isNothing = before?.Hosts.All(host => host.Name != entry.Host) ?? true;
        await using var session = await HostSession.OpenAsync(
            isNothing ? Load(entry.File!, trial).Overlay : before!,
            entry.Host,
            trial.Database,
            Patience,
            cancellationToken
        );
        await session.LockAsync(
            Patience,
            new Notices(terminal),
            cancellationToken,
            isPartOfTrial: true
        );
        var now = store.Read()[number];
        if (now is not { IsOpen: true } || unlessApplied && now.Trial is { IsApplied: true })
        {
            return now!;
        }
        // From here on it cannot be confirmed any more, and the agent uses the former file.
        try
        {
            GiveUp(reason);
        }
        catch (HostException exception)
        {
            // A full disk must not keep a host cut off.
            terminal.Notice(exception.Message);
        }
        TrialGate.PutBack(store, trial);
        var run = new ApplyRun(terminal, session, Patience)
        {
            Intend = isNothing
                ? _ => HostIntent.Nothing(session.Overlay.Name, session.Host)
                : session.Intend,
        };
        var proposal = await run.LookAsync(cancellationToken);
        if (!proposal.Plan.HasClearWay)
        {
            await run.GuardAsync(proposal.Plan, asks: false, cancellationToken);
        }
        // A conflict about a single container, tunnel or bridge does not stop the rest from going back: nobody is there to
        // resolve it.
        var isDone =
            proposal.Plan.HasClearWay
            && (await run.CarryOutAsync(proposal, cancellationToken)).Matches;
        if (!isDone)
        {
            throw new HostException("the host is not yet as it was before the try");
        }
        store.Write(store.Read().Settle(EntryState.Reverted, clock.GetUtcNow(), reason));
        return store.Read()[number]!;
    }

    private LoadedFile Load(string file, Trial trial) =>
        OverlayLoader.Of(store.PathOf(file), store.FileOf(file), trial.Engine, trial.Datapath);
}
