using Weft.Core;
using Weft.Core.History;
using Weft.Core.Linux;
using Weft.Installation;
using Weft.Rendering;

namespace Weft.Trials;

/// <summary>What a try means to whoever else changes the host.</summary>
internal static class TrialGate
{
    /// <summary>Why a try ends with the machine's restart.</summary>
    public const string Restarted = "the machine was started anew before it was confirmed";

    /// <summary>Why a try ends at its deadline.</summary>
    public const string TooLate = "it was not confirmed in time";

    /// <summary>
    /// Keeps others from changing a host on which something is tried, and writes down of a try that is over that it goes
    /// back: it has once something else is applied. The host's lock must be held.
    /// </summary>
    /// <param name="store">What was applied.</param>
    /// <param name="progress">Is told of a try that is over.</param>
    /// <param name="mayPass">Whether who asks keeps to the file that is in force, tried or not.</param>
    /// <param name="clock">The clock.</param>
    /// <exception cref="HostException">A try waits for its confirmation.</exception>
    public static void Pass(
        HistoryStore store,
        IProgress<string>? progress,
        bool mayPass,
        TimeProvider clock
    )
    {
        try
        {
            var book = store.Read();
            if (book.Open is not { Trial: { } trial } open)
            {
                return;
            }
            if (HistoryBook.IsOn(open, clock.GetUtcNow(), Boot.Id))
            {
                if (mayPass)
                {
                    return;
                }
                throw new TrialException(WhatToDo(open));
            }
            PutBack(store, trial);
            store.Write(book.Settle(EntryState.Reverting, clock.GetUtcNow(), WhyOver(trial)));
            progress?.Report($"try {open.Number} is over: {trial.Reason ?? WhyOver(trial)}");
        }
        catch (Exception exception)
            when (exception is HostException and not TrialException
                || exception is IOException or UnauthorizedAccessException
            )
        {
            progress?.Report(exception.Message);
        }
    }

    /// <summary>Keeps the file that a try goes back to from being changed under it.</summary>
    /// <exception cref="HostException">A try has not come to its end.</exception>
    public static void RefuseWhereOpen(HistoryStore store)
    {
        if (store.Read().Open is { } open)
        {
            throw new TrialException(WhatToDo(open));
        }
    }

    /// <summary>Has the host's own copy be the file of before the try again. Only a confirmation that was cut short has changed it.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static void PutBack(HistoryStore store, Trial trial)
    {
        if (trial is { Kept: { } path, Before: { } before })
        {
            PutOwn(path, store.FileOf(before));
        }
    }

    /// <summary>
    /// Has the host's own copy be the file that is about to be applied, before it is: the agent goes by that copy, and a boot too,
    /// and both would take the changes back.
    /// </summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="file">What is about to be applied.</param>
    /// <param name="alsoNew">Whether also where there is no such copy yet.</param>
    /// <returns>Whether that is another file now.</returns>
    /// <exception cref="HostException">It cannot be written.</exception>
    public static bool KeepOwn(string overlay, ReadOnlyMemory<byte> file, bool alsoNew = false)
    {
        try
        {
            return (alsoNew || TrialRun.HasOwnFileOf(overlay))
                && new Placement("/").Put(HostFiles.OverlayFile(file)) is not Placing.Same;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HostException(
                $"{HostFiles.Overlay} cannot be written, so nothing was changed: {exception.Message}",
                exception
            );
        }
    }

    /// <summary>Puts a file in the place of the host's own copy.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static void PutOwn(string path, byte[] content)
    {
        if (!File.Exists(path) || !File.ReadAllBytes(path).AsSpan().SequenceEqual(content))
        {
            new Placement("/").Put(HostFiles.OverlayFile(content) with { Path = path });
        }
    }

    /// <summary>Tells of a try that is not at its end.</summary>
    public static void Tell(HistoryStore store, Output terminal)
    {
        try
        {
            if (store.Read().Open is { } open)
            {
                terminal.Notice(WhatToDo(open));
            }
        }
        catch (HostException)
        {
            // Only root may see it.
        }
    }

    /// <summary>A try in words: whose it is, and until when.</summary>
    public static string Words(HistoryEntry entry) =>
        $"try {entry.Number} by {entry.By ?? "somebody"}{(entry.From is null ? "" : $" from {entry.From}")} waits to be confirmed until {entry.Trial!.Deadline.ToLocalTime():HH:mm:ss}";

    private static string WhatToDo(HistoryEntry open) =>
        open.State is EntryState.Trying
            ? $"{Words(open)}: `weft confirm` keeps it, `weft rollback` ends it"
            : $"try {open.Number} is over and has not gone back yet ({open.Trial!.Reason}): `weft rollback` sees to it";

    private static string WhyOver(Trial trial) => trial.Boot == Boot.Id ? TooLate : Restarted;
}

/// <summary>A try stands in the way.</summary>
internal sealed class TrialException(string message) : HostException(message);
