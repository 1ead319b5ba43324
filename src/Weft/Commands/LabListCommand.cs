using System.CommandLine;
using Spectre.Console;
using Weft.Labs;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft lab list</c>.</summary>
internal static class LabListCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var command = new Command("list", "List the labs on this machine.");
        command.SetAction((_, terminal, _) => Run(terminal));
        return command;
    }

    /// <summary>One word on how a lab is.</summary>
    public static string State(Lab lab) =>
        lab.IsUp ? "[green]up[/]"
        : lab.Record.Complete ? "[red]broken[/]"
        : "[yellow]half made[/]";

    private static Task<int> Run(Output terminal)
    {
        Machine.RequireRoot();
        var labs = Lab.All();
        if (labs.Count == 0)
        {
            terminal.Out.WriteLine(
                "There is no lab. Make one: weft lab up FILE, or weft lab up --hosts 2"
            );
            return Task.FromResult(ExitCode.Done);
        }
        AlignedRows.Write(
            terminal.Out,
            [
                ["LAB", "OVERLAY", "HOSTS", "DATAPATH", "STATE", "SINCE"],
                .. labs.Select(lab =>
                    new[]
                    {
                        Markup.Escape(lab.Name),
                        Markup.Escape(lab.Record.Overlay),
                        $"{lab.Hosts.Count}",
                        lab.Record.Datapath.Word,
                        State(lab),
                        $"{lab.Record.Created.LocalDateTime:yyyy-MM-dd HH:mm}",
                    }
                ),
            ]
        );
        return Task.FromResult(ExitCode.Done);
    }
}
