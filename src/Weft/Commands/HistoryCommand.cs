using System.CommandLine;
using System.Text;
using Weft.Core.History;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft history</c>: what was applied on this host, when and by whom.</summary>
internal static class HistoryCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var overlay = HistoryOptions.Overlay();
        var diff = new Option<bool>("--diff")
        {
            Description = "Show what each changed in the file. Keys are left out.",
        };
        var json = CommonOptions.Json();
        var command = new WeftCommand(
            "history",
            "List what was applied on this host: when, by whom, from where, and how tries ended."
        )
        {
            Examples =
            [
                ("weft history", "the newest first"),
                ("weft history --diff", "with what each changed in the overlay file"),
                ("weft history show 7", "entry 7, and what it changed"),
                ("weft history show 7 --file", "the file of entry 7, with its keys left out"),
            ],
            Subcommands = { Show() },
        };
        command.AddAll(overlay, diff, json);
        command.SetAction(
            (parsed, terminal, _) =>
            {
                var store = HistoryOptions.Choose(parsed.GetValue(overlay));
                var book = store.Read();
                if (parsed.GetValue(json))
                {
                    Console.Out.WriteLine(HistoryView.Json(store, book, parsed.GetValue(diff)));
                }
                else
                {
                    HistoryView.Write(terminal, store, book, parsed.GetValue(diff));
                }
                return Task.FromResult(ExitCode.Done);
            }
        );
        return command;
    }

    private static WeftCommand Show()
    {
        var number = new Argument<int>("N") { Description = "The entry's number." };
        var overlay = HistoryOptions.Overlay();
        var file = new Option<bool>("--file")
        {
            Description =
                "Print the whole file, with its keys left out, instead of what it changed.",
        };
        var command = new WeftCommand("show", "Show one entry, and what it changed in the file.")
        {
            Examples =
            [
                ("weft history show 7", "what entry 7 changed"),
                ("weft history show 7 --file", "its whole file"),
            ],
        };
        command.AddAll(number, overlay, file);
        command.SetAction(
            (parsed, terminal, _) =>
            {
                var store = HistoryOptions.Choose(parsed.GetValue(overlay));
                var book = store.Read();
                var entry = HistoryOptions.Entry(book, parsed.GetValue(number));
                if (!parsed.GetValue(file))
                {
                    HistoryView.WriteEntry(terminal, store, book, entry);
                }
                else if (entry.File is { } name)
                {
                    Console.Out.Write(
                        SecretMask.Of(Encoding.UTF8.GetString(store.FileOf(name))).Text
                    );
                }
                return Task.FromResult(ExitCode.Done);
            }
        );
        return command;
    }
}
