using Weft.Commands;
using Weft.Core;
using Weft.Core.History;
using Weft.Core.Linux;
using Weft.Rendering;

namespace Weft.Trials;

/// <summary>
/// Watches a try in a process of its own and restores the host: if nobody confirms the try in time, if a lifeline falls silent,
/// or if the process that carries it out dies too early.
/// </summary>
/// <param name="store">The overlay's history.</param>
/// <param name="number">The try's number.</param>
/// <param name="terminal">Where to report what is done.</param>
/// <param name="clock">The clock.</param>
internal sealed class TrialWatch(
    HistoryStore store,
    int number,
    Output terminal,
    TimeProvider clock
)
{
    /// <summary>The hidden command that runs it.</summary>
    public const string Command = "watch-try";

    /// <summary>What it prints once it watches.</summary>
    public const string Ready = "ready";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);

    private readonly Silence silence = new(clock);
    private DateTimeOffset deadline;
    private long deadlineSeen;
    private TimeSpan leftThen;

    /// <summary>Starts the process, which outlives this one and its session, and waits until it watches.</summary>
    /// <param name="session">The host, locked.</param>
    /// <param name="store">The overlay's history.</param>
    /// <param name="number">The number that the try will have.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="HostException">It does not start; then nothing may be tried.</exception>
    public static async Task StartAsync(
        HostSession session,
        HistoryStore store,
        int number,
        CancellationToken cancellationToken
    )
    {
        store.Make();
        var unit = new TrialUnit(store.Overlay, number);
        var keeper = TrialUnit.Keeper;
        if (keeper is Keeper.Service)
        {
            unit.LeaveEnvironment();
        }
        using var process = session.StartApart([
            "sh",
            "-c",
            ": >\"$0\"; exec \"$@\" </dev/null 2>>\"$0\"",
            store.LogPath,
            .. unit.Before(keeper, store.LogPath),
            .. Self.Command,
            Command,
            store.Overlay,
            number.ToString(),
        ]);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(StartPatience);
        var isReady = false;
        try
        {
            isReady = await process.StandardOutput.ReadLineAsync(patience.Token) is Ready;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Reported below.
        }
        finally
        {
            if (!isReady && keeper is Keeper.Service)
            {
                unit.TakeEnvironment();
            }
        }
        if (isReady)
        {
            return;
        }
        throw new HostException(
            $"nothing watches over the try, so nothing was changed: {store.LogPath} says why"
        );
    }

    /// <summary>Watches until the try has ended.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (await LookAsync(cancellationToken) is { } pause)
        {
            await Task.Delay(pause, clock, cancellationToken);
        }
    }

    /// <summary>Checks once, and reverts the try if it must go back.</summary>
    /// <returns>When to check again; null if the try has ended.</returns>
    private async Task<TimeSpan?> LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            var book = store.Read();
            if (book[number] is not { IsOpen: true, Trial: { } trial } entry)
            {
                return book.Next <= number && await IsComingAsync(cancellationToken) ? Pause : null;
            }
            if (await ReasonAsync(entry, trial, cancellationToken) is not { } reason)
            {
                return Pause;
            }
            terminal.Notice($"{clock.GetUtcNow():u} try {number} goes back: {reason}");
            var ended = await new TrialRun(store, clock).RevertAsync(
                number,
                reason,
                terminal,
                cancellationToken,
                // Whoever carries it out holds the lock until then, and may have finished by now.
                unlessApplied: !trial.IsApplied
            );
            if (ended is not { IsOpen: true })
            {
                return null;
            }
            terminal.Notice($"{clock.GetUtcNow():u} try {number} stays: it has been carried out");
            return Pause;
        }
        catch (Exception exception)
            when (HostFault.Is(exception) || exception is InvalidOverlayException)
        {
            // Nobody else may be there to revert it: whatever the obstacle is now, check again.
            terminal.Fail(exception.Message);
            return RetryPause;
        }
    }

    /// <summary>
    /// Whether a try that is not recorded yet may still be. It is recorded only once this process watches, so that no try is ever
    /// unwatched; whoever tries holds the host's lock until then.
    /// </summary>
    private async Task<bool> IsComingAsync(CancellationToken cancellationToken)
    {
        using (var only = await HostLock.TryTakeAsync(TimeSpan.Zero, cancellationToken))
        {
            if (only is null)
            {
                return true;
            }
        }
        return store.Read().Next > number;
    }

    /// <summary>The reason for the try to go back now; null if it need not.</summary>
    private async Task<string?> ReasonAsync(
        HistoryEntry entry,
        Trial trial,
        CancellationToken cancellationToken
    )
    {
        if (entry.State is EntryState.Reverting)
        {
            return trial.Reason!;
        }
        if (IsOver(trial.Deadline))
        {
            return TrialGate.TooLate;
        }
        if (!trial.IsApplied)
        {
            // Read again: its last act may have been to record that it was carried out.
            return
                trial.Process.IsAlive
                || store.Read()[number] is not { IsOpen: true, Trial.IsApplied: false }
                ? null
                : "weft ended before it had carried it out";
        }
        var answering = await Lifelines.AnsweringAsync(
            trial.Lifelines,
            AnswerPatience,
            clock,
            cancellationToken
        );
        foreach (var line in trial.Lifelines)
        {
            if (silence.Note(line.Name + line.To, answering.Contains(line)) > trial.Grace)
            {
                return Silent(line.Name, line.To);
            }
        }
        return
            SshLogin.Parse(trial.Connection) is { } connection
            && silence.Note(
                Lifelines.Administrator,
                await Lifelines.IsHeardAsync(connection, cancellationToken)
            ) > trial.Grace
            ? Silent(Lifelines.Administrator, connection.Client.ToString())
            : null;

        string Silent(string name, string address) =>
            $"{name} {address}, was reached before, and not for {trial.Grace.TotalSeconds:0.#} s";
    }

    /// <summary>
    /// Whether a deadline has passed: by the wall clock, or, in case that clock was changed, by the time since the deadline was
    /// set.
    /// </summary>
    private bool IsOver(DateTimeOffset until)
    {
        var left = until - clock.GetUtcNow();
        if (deadline != until)
        {
            (deadline, deadlineSeen, leftThen) = (until, clock.GetTimestamp(), left);
        }
        return left <= TimeSpan.Zero || clock.GetElapsedTime(deadlineSeen) >= leftThen;
    }
}
