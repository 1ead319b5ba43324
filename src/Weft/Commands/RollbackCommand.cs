using System.CommandLine;
using Spectre.Console;
using Weft.Core;
using Weft.Installation;
using Weft.Rendering;
using Weft.Trials;

namespace Weft.Commands;

/// <summary><c>weft rollback</c>: goes back to a file that was applied before.</summary>
internal static class RollbackCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var number = new Argument<int?>("N")
        {
            Description =
                "The entry of `weft history` whose file to go back to; if not given: the one before the file in force. While something is tried, that is what goes back.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var overlay = HistoryOptions.Overlay();
        var options = new HostOptions(takesFile: false);
        var yes = CommonOptions.Yes();
        var timeout = CommonOptions.Timeout();
        var command = new WeftCommand(
            "rollback",
            "Go back to an overlay file that was applied on this host before: show the plan, ask, carry it out."
        )
        {
            ChangesHost = true,
            Examples =
            [
                ("weft rollback", "to the file before the one in force; ends a try at once"),
                ("weft rollback 3", "to the file of entry 3 of `weft history`"),
                ("weft rollback --yes 3", "do not ask"),
            ],
        };
        command.AddAll([number, .. options.With(overlay, yes, timeout)]);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var store = HistoryOptions.Choose(parsed.GetValue(overlay));
                var book = store.Read();
                var wanted = parsed.GetValue(number);
                if (wanted is null && book.Open is { } open)
                {
                    var ended = await new TrialRun(store, TimeProvider.System).RevertAsync(
                        open.Number,
                        $"{Administrator.Current.User} ended it",
                        terminal,
                        cancellationToken
                    );
                    terminal.Out.LineInterpolated($"[green]✓[/] try {ended.Number} has gone back");
                    return ExitCode.Done;
                }
                var entry = wanted is { } one
                    ? HistoryOptions.Entry(book, one)
                    : book.Former
                        ?? throw new HostException(
                            "no other file was applied on this host before: there is nothing to go back to"
                        );
                if (entry.File is not { } file)
                {
                    throw new UsageException(
                        $"entry {entry.Number} took the overlay off this host: `weft destroy` does that again"
                    );
                }
                var former = options.Former(parsed, store, file);
                var patience = TimeSpan.FromSeconds(parsed.GetValue(timeout));
                await using var session = await options.OpenAsync(
                    parsed,
                    former.Overlay,
                    OverlayLoader.RequireHost(
                        former.Overlay,
                        parsed.GetValue(options.Host) ?? entry.Host
                    ),
                    cancellationToken
                );
                await session.LockAsync(patience, new Notices(terminal), cancellationToken);
                var run = new ApplyRun(terminal, session, patience);
                if (
                    await run.ProposeAsync(
                        parsed.GetValue(yes)
                            ? null
                            : ("rollback", $"Go back to entry {entry.Number}?"),
                        cancellationToken
                    )
                    is not { } proposal
                )
                {
                    return ExitCode.Failed;
                }
                if (TrialGate.KeepOwn(store.Overlay, former.Bytes))
                {
                    terminal.Out.WriteLine(
                        $"{HostFiles.Overlay} is the file of entry {entry.Number} now"
                    );
                }
                var outcome = await run.CarryOutAsync(
                    proposal,
                    cancellationToken,
                    () =>
                        Remembering.Note(
                            terminal,
                            session,
                            $"rollback {entry.Number}",
                            former.Bytes,
                            !proposal.Plan.IsEmpty
                        )
                );
                return outcome.Code;
            }
        );
        return command;
    }
}
