using System.CommandLine;
using System.CommandLine.Help;
using Weft.Core.Linux;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary>The command line as a whole.</summary>
internal static class Cli
{
    /// <summary>Runs one command line.</summary>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        StandardStreams.Fill();
        // What goes wrong or on is told as far as it can be, and nothing stops because it cannot: an agent whose log is full
        // keeps its host.
        Console.SetError(new LastingWriter(Console.Error));
        var parsed = Create().Parse(args);
        try
        {
            return await CommandRunner.RunAsync(parsed);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Commands put what they meet into words themselves; help and version are the library's.
            new Output(parsed.GetValue(CommonOptions.NoColor)).Fail(
                $"standard output cannot be written: {(exception.InnerException ?? exception).Message}"
            );
            return ExitCode.Failed;
        }
    }

    /// <summary>Writes the help of the command that was parsed.</summary>
    public static void WriteHelp(ParseResult parsed) =>
        (
            (HelpWithExamples)
                parsed.RootCommandResult.Command.Options.OfType<HelpOption>().Single().Action!
        ).Invoke(parsed);

    /// <summary>All commands.</summary>
    public static RootCommand Create()
    {
        var root = new RootCommand(
            "Weft makes the container hosts of one overlay file behave like one switch."
        )
        {
            CommonOptions.NoColor,
            CheckCommand.Create(),
            PlanCommand.Create(),
            ApplyCommand.Create(),
            TryCommand.Create(),
            ConfirmCommand.Create(),
            HistoryCommand.Create(),
            RollbackCommand.Create(),
            AgentCommand.Create(),
            StatusCommand.Create(),
            DoctorCommand.Create(),
            PingCommand.Create(),
            TraceCommand.Create(),
            TopCommand.Create(),
            ReportCommand.Create(),
            DiagramCommand.Create(),
            AddressesCommand.Create(),
            InventoryCommand.Create(),
            DestroyCommand.Create(),
            GuardCommand.Create(),
            InstallCommand.Create(),
            UpgradeCommand.Create(),
            UninstallCommand.Create(),
            ImportCommand.Create(),
            ExportCommand.Create(),
            PkiCommand.Create(),
            RotateCommand.Create(),
            LabCommand.Create(),
            CompletionCommand.Create(),
            ManCommand.Create(),
            WatchTryCommand.Create(),
        };
        HelpWithExamples.AddTo(root);
        return root;
    }
}
