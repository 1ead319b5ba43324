using System.Collections.Immutable;
using System.CommandLine;
using Weft.Core;
using Weft.Core.History;
using Weft.Rendering;
using Weft.Trials;

namespace Weft.Commands;

/// <summary><c>weft confirm</c>: what is tried stays.</summary>
internal static class ConfirmCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var command = new WeftCommand(
            "confirm",
            "Keep what `weft try` applied to this host. Fails if it was undone already."
        )
        {
            ChangesHost = true,
            Examples =
            [
                ("weft confirm", "what is tried stays, and is what a reboot restores"),
                (
                    "weft try --yes overlay.yaml && ./check && weft confirm",
                    "in a script: what the check finds wrong goes back by itself"
                ),
            ],
        };
        command.SetAction(
            async (_, terminal, cancellationToken) =>
            {
                HostSession.RequireRoot("confirming what is tried");
                var tried = (
                    from store in HistoryStore.All()
                    let last = Entries(store, terminal)
                        .LastOrDefault(entry => entry.Trial is not null)
                    where last is not null
                    orderby last.IsOpen, last.Time
                    select (Store: store, Entry: last)
                ).ToList();
                if (tried is [])
                {
                    throw new HostException("nothing was tried on this host");
                }
                var (of, entry) = tried[^1];
                if (entry is { State: EntryState.Confirmed })
                {
                    throw new HostException(
                        $"nothing is being tried: try {entry.Number} was confirmed already"
                    );
                }
                return TryCommand.Say(
                    terminal,
                    await new TrialRun(of, TimeProvider.System).ConfirmAsync(
                        entry.Number,
                        new Notices(terminal),
                        cancellationToken
                    )
                );
            }
        );
        return command;
    }

    /// <summary>
    /// What was applied of an overlay; nothing if that cannot be read, which must not make another overlay's try go back.
    /// </summary>
    private static ImmutableArray<HistoryEntry> Entries(HistoryStore store, Output terminal)
    {
        try
        {
            return store.Read().Entries;
        }
        catch (HostException exception)
        {
            terminal.Notice(exception.Message);
            return [];
        }
    }
}
