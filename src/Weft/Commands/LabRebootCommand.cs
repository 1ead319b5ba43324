using System.CommandLine;
using Spectre.Console;
using Weft.Labs;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft lab reboot</c>.</summary>
internal static class LabRebootCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var lab = CommonOptions.Lab("The lab; not needed where there is one only.");
        var cut = new Option<bool>("--power-cut")
        {
            Description = "Cut its power, without shutting down first.",
        };
        var host = new Argument<string>("HOST") { Description = "The host.", HelpName = "HOST" };
        host.CompletionSources.Add(HostNames.CompleteOfLab);
        var command = new Command(
            "reboot",
            "Turn a host of a lab off and on again (labs made with --isolation uml)."
        )
        {
            lab,
            cut,
            host,
        };
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                Machine.RequireRoot();
                var name = parsed.GetValue(host)!;
                var there = Lab.Open(parsed.GetValue(lab));
                await terminal.WhileAsync(
                    $"Rebooting host '{name}'",
                    _ => there.RebootAsync(name, parsed.GetValue(cut), cancellationToken)
                );
                terminal.Out.Line($"[green]✓[/] host '{Markup.Escape(name)}' is up again");
                return ExitCode.Done;
            }
        );
        return command;
    }
}
