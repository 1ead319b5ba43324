using System.CommandLine;
using Spectre.Console;
using Weft.Labs;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft lab down</c>.</summary>
internal static class LabDownCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var name = new Argument<string?>("NAME")
        {
            Description = "The lab; not needed where there is one only.",
            // Else help would name the labs that are there.
            HelpName = "NAME",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var all = new Option<bool>("--all") { Description = "Remove every lab." };
        name.CompletionSources.Add(LabNames.Complete);
        var command = new Command(
            "down",
            "Remove a lab without a trace, also one that was left half made."
        )
        {
            name,
            all,
        };
        command.SetAction(
            (parsed, terminal, cancellationToken) =>
                RunAsync(parsed.GetValue(name), parsed.GetValue(all), terminal, cancellationToken)
        );
        return command;
    }

    private static async Task<int> RunAsync(
        string? name,
        bool all,
        Output terminal,
        CancellationToken cancellationToken
    )
    {
        if (all && name is not null)
        {
            throw new UsageException("name one lab or say --all, not both");
        }
        Machine.RequireRoot();
        // Even a lab that never got as far as having a record is to be removed: directories are counted, not labs.
        string[] names = (name, LabDirectory.All()) switch
        {
            ({ } one, _) => [one],
            (_, var there) when all || there.Count == 1 => [.. there.Select(one => one.Name)],
            _ => [Lab.Open(null).Name],
        };
        if (names.Length == 0)
        {
            terminal.Out.WriteLine("There is no lab.");
        }
        foreach (var one in names)
        {
            if (!new LabDirectory(one).Exists)
            {
                throw new LabException($"there is no lab '{one}': see 'weft lab list'");
            }
            await terminal.WhileAsync(
                $"Removing lab '{one}'",
                progress => Lab.DownAsync(one, progress, cancellationToken)
            );
            terminal.Out.Line($"[green]✓[/] lab '{Markup.Escape(one)}' is removed");
        }
        return ExitCode.Done;
    }
}
