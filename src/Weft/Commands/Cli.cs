using System.CommandLine;
using System.CommandLine.Help;
using Weft.Core.Linux;
using Weft.Rendering;
using Weft.Trials;

namespace Weft.Commands;

/// <summary>The command line as a whole.</summary>
internal static class Cli
{
    /// <summary>All commands in the order of the help, each made only where it is needed.</summary>
    internal static readonly (string Name, Func<Command> Create)[] Commands =
    [
        ("check", CheckCommand.Create),
        ("plan", PlanCommand.Create),
        ("apply", ApplyCommand.Create),
        ("try", TryCommand.Create),
        ("confirm", ConfirmCommand.Create),
        ("history", HistoryCommand.Create),
        ("rollback", RollbackCommand.Create),
        ("agent", AgentCommand.Create),
        ("status", StatusCommand.Create),
        ("doctor", DoctorCommand.Create),
        ("ping", PingCommand.Create),
        ("trace", TraceCommand.Create),
        ("top", TopCommand.Create),
        ("report", ReportCommand.Create),
        ("diagram", DiagramCommand.Create),
        ("addresses", AddressesCommand.Create),
        ("inventory", InventoryCommand.Create),
        ("destroy", DestroyCommand.Create),
        ("guard", GuardCommand.Create),
        ("install", InstallCommand.Create),
        ("upgrade", UpgradeCommand.Create),
        ("uninstall", UninstallCommand.Create),
        ("import", ImportCommand.Create),
        ("export", ExportCommand.Create),
        ("pki", PkiCommand.Create),
        ("rotate", RotateCommand.Create),
        ("lab", LabCommand.Create),
        ("completion", CompletionCommand.Create),
        ("man", ManCommand.Create),
        (TrialWatch.Command, WatchTryCommand.Create),
    ];

    /// <summary>Runs one command line.</summary>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        StandardStreams.Fill();
        Console.InputEncoding = Console.OutputEncoding = StandardWriter.Utf8;
        Console.SetOut(StandardWriter.ForResults());
        Console.SetError(StandardWriter.ForWords());
        var parsed = ParseAlone(args) ?? Create().Parse(args);
        try
        {
            return await CommandRunner.RunAsync(parsed);
        }
        catch (ResultLostException exception)
        {
            // Commands report this themselves; help and version are the library's.
            new Output(parsed.GetValue(CommonOptions.NoColor)).Fail(exception.Message);
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
        };
        foreach (var (_, create) in Commands)
        {
            root.Add(create());
        }
        HelpWithExamples.AddTo(root);
        return root;
    }

    /// <summary>
    /// Parses a command line that begins with a command's name without all other commands, and without the root that the
    /// library makes by reflection: together they are a sixth of the memory that a short command touches.
    /// </summary>
    /// <returns>Null where the answer takes more than that command: help, completion, a mistake.</returns>
    public static ParseResult? ParseAlone(string[] args)
    {
        if (
            args is not [var name, ..]
            || Array.Find(Commands, command => command.Name == name).Create is not { } create
        )
        {
            return null;
        }
        var help = new Option<bool>("--help", "-h", "-?", "/h", "/?")
        {
            Recursive = true,
            Arity = ArgumentArity.Zero,
        };
        var parsed = new Command("weft") { CommonOptions.NoColor, help, create() }.Parse(args);
        return parsed.Errors.Count == 0 && !parsed.GetValue(help) ? parsed : null;
    }
}
