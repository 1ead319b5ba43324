using System.CommandLine;
using Weft.Commands;

return await Cli.RunAsync(args);

/// <summary>The command line as a whole.</summary>
internal static class Cli
{
    /// <summary>Runs one command line.</summary>
    /// <returns>One of <see cref="Weft.ExitCode"/>.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand(
            "Weft makes the container hosts of one overlay file behave like one switch."
        )
        {
            CommonOptions.NoColor,
            CheckCommand.Create(),
            PlanCommand.Create(),
            ApplyCommand.Create(),
            StatusCommand.Create(),
            DestroyCommand.Create(),
        };
        var parsed = root.Parse(args);
        return await Weft.Commands.CommandRunner.RunAsync(parsed);
    }
}
