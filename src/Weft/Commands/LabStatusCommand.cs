using System.CommandLine;
using Spectre.Console;
using Weft.Labs;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft lab status</c>.</summary>
internal static class LabStatusCommand
{
    // With more, a host would take more than one line on most terminals.
    private const int MostNamed = 8;

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
        name.CompletionSources.Add(LabNames.Complete);
        var command = new Command(
            "status",
            "Show the hosts of a lab and whether their daemons run."
        )
        {
            name,
        };
        command.SetAction(
            (parsed, terminal, cancellationToken) =>
                RunAsync(parsed.GetValue(name), terminal, cancellationToken)
        );
        return command;
    }

    private static async Task<int> RunAsync(
        string? name,
        Output terminal,
        CancellationToken cancellationToken
    )
    {
        Machine.RequireRoot();
        var lab = Lab.Open(name);
        terminal.Out.Line(
            $"[bold]{Markup.Escape(lab.Name)}[/]  {LabListCommand.State(lab)}  [dim]overlay '{Markup.Escape(lab.Record.Overlay)}', {lab.Record.Datapath.Word} datapath, since {lab.Record.Created.LocalDateTime:yyyy-MM-dd HH:mm}[/]"
        );
        var states = await lab.StatesAsync(cancellationToken);
        AlignedRows.Write(
            terminal.Out,
            [
                ["HOST", "UNDERLAY", "PID", "OVSDB-SERVER", "OVS-VSWITCHD", "CONTAINERS"],
                .. states.Select(state =>
                    new[]
                    {
                        Markup.Escape(state.Host.Name),
                        state.Host.Address,
                        state.Host.Pid is { } pid ? $"{pid}" : "[red]gone[/]",
                        Daemon(state.DatabasePid),
                        Daemon(state.SwitchPid),
                        Containers(state.Containers),
                    }
                ),
            ]
        );
        if (!lab.IsUp)
        {
            terminal.Out.Line($"It can only be removed: weft lab down {lab.Name}");
        }
        return states.All(state => state.IsWell) ? ExitCode.Done : ExitCode.Failed;
    }

    private static string Containers(IReadOnlyList<string> names) =>
        names.Count == 0 ? "[dim]none[/]"
        : names.Count <= MostNamed ? Markup.Escape(string.Join(' ', names))
        : $"{Markup.Escape(string.Join(' ', names.Take(MostNamed)))} [dim]and {names.Count - MostNamed} more[/]";

    private static string Daemon(int? pid) =>
        pid is null ? "[red]not running[/]" : $"[green]runs[/] [dim]{pid}[/]";
}
