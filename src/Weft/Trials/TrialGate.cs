using Weft.Core;
using Weft.Core.History;
using Weft.Core.Linux;
using Weft.Installation;
using Weft.Rendering;

namespace Weft.Trials;

/// <summary>Protects a try from other changes of the host.</summary>
internal static class TrialGate
{
    /// <summary>The reason for a try that ends with the machine's restart.</summary>
    public const string Restarted = "the machine was started anew before it was confirmed";

    /// <summary>The reason for a try that ends at its deadline.</summary>
    public const string TooLate = "it was not confirmed in time";

    /// <summary>
    /// Keeps others from changing a host during a try. A try that is over is recorded as going back; the caller's own change,
    /// once applied, completes that. The host's lock must be held.
    /// </summary>
    /// <param name="store">The overlay's history.</param>
    /// <param name="progress">Called about a try that is over.</param>
    /// <param name="mayPass">Whether the caller only restores the file in force, tried or not.</param>
    /// <param name="clock">The clock.</param>
    /// <exception cref="HostException">A try is waiting to be confirmed.</exception>
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

    /// <summary>Keeps the file to which a try goes back from being changed.</summary>
    /// <exception cref="HostException">A try has not ended yet.</exception>
    public static void RefuseWhereOpen(HistoryStore store)
    {
        if (store.Read().Open is { } open)
        {
            throw new TrialException(WhatToDo(open));
        }
    }

    /// <summary>
    /// Restores the host's own copy to the file from before the try. Only an interrupted confirmation has changed it.
    /// </summary>
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
    /// Makes the file that is about to be applied the host's own copy, before it is applied: the agent and the next boot use that
    /// copy, and would undo the changes.
    /// </summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="file">The file that is about to be applied.</param>
    /// <param name="alsoNew">Whether to do so even if there is no such copy yet.</param>
    /// <returns>Whether the copy has changed.</returns>
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

    /// <summary>Replaces the host's own copy with a file.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static void PutOwn(string path, byte[] content)
    {
        if (!File.Exists(path) || !File.ReadAllBytes(path).AsSpan().SequenceEqual(content))
        {
            new Placement("/").Put(HostFiles.OverlayFile(content) with { Path = path });
        }
    }

    /// <summary>Reports a try that has not ended.</summary>
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
            // Only root may read it.
        }
    }

    /// <summary>Describes a try: who began it, and its deadline.</summary>
    public static string Words(HistoryEntry entry) =>
        $"try {entry.Number} by {entry.By ?? "somebody"}{(entry.From is null ? "" : $" from {entry.From}")} waits to be confirmed until {entry.Trial!.Deadline.ToLocalTime():HH:mm:ss}";

    private static string WhatToDo(HistoryEntry open) =>
        open.State is EntryState.Trying
            ? $"{Words(open)}: `weft confirm` keeps it, `weft rollback` ends it"
            : $"try {open.Number} is over and has not gone back yet ({open.Trial!.Reason}): `weft rollback` sees to it";

    private static string WhyOver(Trial trial) => trial.Boot == Boot.Id ? TooLate : Restarted;
}

/// <summary>The exception for a change that a try prevents.</summary>
internal sealed class TrialException(string message) : HostException(message);
