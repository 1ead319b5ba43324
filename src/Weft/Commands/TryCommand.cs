using System.Collections.Immutable;
using System.CommandLine;
using Spectre.Console;
using Weft.Agent;
using Weft.Core.History;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Installation;
using Weft.Rendering;
using Weft.Trials;

namespace Weft.Commands;

/// <summary><c>weft try</c>: an apply that undoes itself unless it is confirmed.</summary>
internal static class TryCommand
{
    private static readonly TimeSpan BaselinePatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var options = new HostOptions();
        var within = Durations.Option(
            "--within",
            "How long there is to confirm it, such as 90s, 2m or 1h.",
            TimeSpan.FromMinutes(2)
        );
        var grace = Durations.Option(
            "--grace",
            "How long another host, or you, may be unreachable before it goes back.",
            TimeSpan.FromSeconds(10)
        );
        var untilDeadline = new Option<bool>("--until-deadline")
        {
            Description =
                "Go back only at the deadline, whoever becomes unreachable: for a change that other hosts must follow first.",
        };
        var yes = CommonOptions.Yes();
        var timeout = CommonOptions.Timeout();
        var command = new WeftCommand(
            "try",
            "Make this host match the overlay file, and undo that unless it is confirmed in time, or as soon as the host is cut off."
        )
        {
            ChangesHost = true,
            Examples =
            [
                ("weft try overlay.yaml", "then Enter or y to keep it, n to go back at once"),
                (
                    "weft try --yes --within 10m overlay.yaml",
                    "in a script; `weft confirm` keeps it"
                ),
                ("weft confirm", "keep it, from a new login: you can still log in"),
                ("weft rollback", "go back before the time is over"),
            ],
        };
        command.AddAll(options.With(within, yes, untilDeadline, grace, timeout));
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var read = options.Read(parsed);
                var own = TrialRun.OwnFileOf(read.Overlay.Name);
                CheckAgent(read.Overlay.Name, own);
                var clock = TimeProvider.System;
                var store = new HistoryStore(read.Overlay.Name);
                var run = new TrialRun(store, clock);
                var patience = TimeSpan.FromSeconds(parsed.GetValue(timeout));
                HistoryEntry entry;
                await using (
                    var session = await options.OpenAsync(
                        parsed,
                        read.Overlay,
                        OverlayLoader.RequireHost(read.Overlay, parsed.GetValue(options.Host)),
                        cancellationToken
                    )
                )
                {
                    await session.LockAsync(patience, new Notices(terminal), cancellationToken);
                    // What cannot go back is refused before anybody is asked.
                    _ = TrialRun.GoesBackTo(read, store.Read().Settled, own);
                    var change = new ApplyRun(terminal, session, patience);
                    if (
                        await change.ProposeAsync(
                            parsed.GetValue(yes) ? null : ("try", "Try?"),
                            cancellationToken
                        )
                        is not { } proposal
                    )
                    {
                        return ExitCode.Failed;
                    }
                    if (proposal.Plan.IsEmpty)
                    {
                        terminal.Out.WriteLine(
                            "Nothing of this host changes: there is nothing to try. `weft apply` makes the file the one in force."
                        );
                        return ExitCode.Done;
                    }
                    // The lock was released while somebody was asked.
                    var settled = store.Read().Settled;
                    var (before, isRecorded) = TrialRun.GoesBackTo(read, settled, own);
                    var former =
                        isRecorded ? options.Former(parsed, store, settled!.File!).Overlay
                        : before is not null ? own!.Overlay
                        : null;
                    if (former is null)
                    {
                        TrialRun.RefuseWhereSomethingIs(session, proposal.Observation);
                    }
                    var (lifelines, connection) = parsed.GetValue(untilDeadline)
                        ? ([], null)
                        : await LifelinesAsync(
                            former,
                            read.Overlay,
                            session.Host,
                            clock,
                            cancellationToken
                        );
                    // Before it is written down: from then on an agent keeps to the tried file.
                    await TrialWatch.StartAsync(
                        session,
                        store,
                        store.Read().Next,
                        cancellationToken
                    );
                    entry = run.Begin(
                        Administrator.Current,
                        session.Host,
                        read.Bytes,
                        before,
                        new Trial
                        {
                            Before = isRecorded ? settled!.File : null,
                            Kept = own?.Path,
                            Within = parsed.GetValue(within).Span,
                            Deadline = clock.GetUtcNow() + parsed.GetValue(within).Span + patience,
                            Boot = Boot.Id,
                            Process = ProcessIdentity.Of(Environment.ProcessId)!.Value,
                            Lifelines = lifelines,
                            Connection = connection?.ToString(),
                            Grace = parsed.GetValue(grace).Span,
                            Database = options.DatabaseOf(parsed),
                            Engine = options.EngineOf(parsed),
                            Datapath = options.DatapathOf(parsed),
                        }
                    );
                    if (await IsCarriedOutAsync(change, proposal))
                    {
                        Tell(terminal, lifelines, connection);
                        entry = run.Applied();
                    }
                    else
                    {
                        run.GiveUp("it could not be carried out");
                    }
                }
                if (!entry.Trial!.IsApplied)
                {
                    return Say(
                        terminal,
                        await run.RevertAsync(
                            entry.Number,
                            "it could not be carried out",
                            terminal,
                            CancellationToken.None
                        )
                    );
                }
                if (!Output.CanAsk)
                {
                    terminal.Notice(
                        $"{TrialGate.Words(entry)}, and goes back otherwise: `weft confirm` keeps it, `weft rollback` ends it"
                    );
                    return ExitCode.Done;
                }
                return await WaitAsync(terminal, run, store, entry, clock, cancellationToken);

                async Task<bool> IsCarriedOutAsync(ApplyRun change, Proposal proposal)
                {
                    try
                    {
                        var outcome = await change.CarryOutAsync(proposal, cancellationToken);
                        return outcome.Code == ExitCode.Done;
                    }
                    catch (Exception exception)
                        when (HostFault.Is(exception) || exception is OperationCanceledException)
                    {
                        terminal.Fail(
                            exception is OperationCanceledException
                                ? "interrupted"
                                : exception.Message
                        );
                        return false;
                    }
                }
            }
        );
        return command;
    }

    /// <summary>Says how a try has ended.</summary>
    /// <returns>The exit code that goes with it.</returns>
    internal static int Say(Output terminal, HistoryEntry entry)
    {
        switch (entry)
        {
            case { State: EntryState.Confirmed }:
                terminal.Out.LineInterpolated(
                    $"[green]✓[/] try {entry.Number} is confirmed{(entry.Trial?.Kept is { } own ? $": {own} is the tried file now" : "")}"
                );
                return ExitCode.Done;
            case { State: EntryState.Reverted or EntryState.Reverting }:
                terminal.Fail(
                    $"try {entry.Number} has gone back: {entry.Trial?.Reason ?? "it is over"}"
                );
                return ExitCode.Failed;
            default:
                terminal.Fail(
                    $"try {entry.Number} cannot be confirmed: {(entry.Trial is { IsApplied: false } ? "it is still being carried out" : "its time is over, and it is about to go back")}"
                );
                return ExitCode.Failed;
        }
    }

    /// <summary>Waits on the terminal for an answer, or for what somebody else does about the try.</summary>
    private static async Task<int> WaitAsync(
        Output terminal,
        TrialRun run,
        HistoryStore store,
        HistoryEntry entry,
        TimeProvider clock,
        CancellationToken cancellationToken
    )
    {
        // A line that is being read cannot be given up: its thread is left behind, and ends with the program.
        var answer = Task.Run(Console.ReadLine, CancellationToken.None);
        while (store.Read()[entry.Number] is { State: EntryState.Trying } now)
        {
            var left = now.Trial!.Deadline - clock.GetUtcNow();
            if (left > TimeSpan.Zero)
            {
                // Written again and again, so that a connection of the terminal that is cut off shows by what it does not
                // carry.
                Console.Error.Write(
                    $"\rKeep it? Enter or y keeps it, n goes back, which it does by itself in {left:h\\:mm\\:ss} "
                );
            }
            try
            {
                await Task.WhenAny(answer, Task.Delay(Tick, clock, cancellationToken));
                cancellationToken.ThrowIfCancellationRequested();
            }
            catch (OperationCanceledException)
            {
                return await EndAsync();
            }
            if (!answer.IsCompleted)
            {
                continue;
            }
            switch ((await answer)?.Trim().ToLowerInvariant())
            {
                case null:
                    // The terminal has gone away: that is no answer.
                    return ExitCode.Failed;
                case "" or "y" or "yes":
                    return Say(
                        terminal,
                        await run.ConfirmAsync(
                            entry.Number,
                            new Notices(terminal),
                            cancellationToken
                        )
                    );
                case "n" or "no":
                    return await EndAsync();
                default:
                    answer = Task.Run(Console.ReadLine, CancellationToken.None);
                    break;
            }
        }
        Console.Error.WriteLine();
        return Say(terminal, store.Read()[entry.Number]!);

        async Task<int> EndAsync()
        {
            Console.Error.WriteLine();
            return Say(
                terminal,
                await run.RevertAsync(
                    entry.Number,
                    $"{Administrator.Current.User} ended it",
                    terminal,
                    CancellationToken.None
                )
            );
        }
    }

    /// <summary>Finds out what is reached now, and so must be afterwards.</summary>
    private static async Task<(
        ImmutableArray<Lifeline> Lifelines,
        SshLogin? Connection
    )> LifelinesAsync(
        Overlay? before,
        Overlay tried,
        string host,
        TimeProvider clock,
        CancellationToken cancellationToken
    )
    {
        var connection = Administrator.Current.Connection;
        var lines = Lifelines.Of(before, tried, host, connection).ToList();
        var answering = await Lifelines.AnsweringAsync(
            lines.Select(line => line.After with { From = line.From.ToString() }),
            BaselinePatience,
            clock,
            cancellationToken
        );
        ImmutableArray<Lifeline> reached =
        [
            .. lines
                .Where(line => answering.Contains(line.After with { From = line.From.ToString() }))
                .Select(line => line.After),
        ];
        // Answered pings tell more than a connection, which may be silent.
        var isPinged = reached.Any(line => line.Name == Lifelines.Administrator);
        return (
            reached,
            !isPinged
            && lines.Exists(line => line.After.Name == Lifelines.Administrator)
            && await Lifelines.IsHeardAsync(connection!, cancellationToken)
                ? connection
                : null
        );
    }

    private static void Tell(
        Output terminal,
        ImmutableArray<Lifeline> lifelines,
        SshLogin? connection
    )
    {
        string[] names =
        [
            .. lifelines.Select(line => $"{line.Name} {line.To}"),
            .. connection is null
                ? []
                : (string[])[$"{Lifelines.Administrator} {connection.Client}"],
        ];
        if (names.Length > 0)
        {
            terminal.Out.LineInterpolated(
                $"[grey]must stay in reach: {string.Join("; ", names)}[/]"
            );
        }
    }

    /// <summary>An agent that keeps another file would take the tried one for drift.</summary>
    private static void CheckAgent(string overlay, LoadedFile? own)
    {
        if (
            AgentSeat.Taken().FirstOrDefault(seat => seat.Overlay == overlay) is { } agent
            && agent.File != own?.Path
        )
        {
            throw new UsageException(
                $"the agent here keeps {agent.File}, and would undo at once what is tried: end it, or have it keep {HostFiles.Overlay}"
            );
        }
    }
}
