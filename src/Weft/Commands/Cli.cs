using System.CommandLine;

namespace Weft.Commands;

/// <summary>The command line as a whole.</summary>
internal static class Cli
{
    /// <summary>Runs one command line.</summary>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static Task<int> RunAsync(string[] args) =>
        CommandRunner.RunAsync(
            new RootCommand(
                "Weft makes the container hosts of one overlay file behave like one switch."
            )
            {
                CommonOptions.NoColor,
                CheckCommand.Create(),
                PlanCommand.Create(),
                ApplyCommand.Create(),
                StatusCommand.Create(),
                DestroyCommand.Create(),
                PingCommand.Create(),
                LabCommand.Create(),
            }.Parse(args)
        );
}
