using System.Collections.Immutable;
using System.CommandLine;
using System.CommandLine.Help;
using Weft.Commands;

namespace Weft.Manuals;

/// <summary>
/// Describes one command, from the same tree of commands that <c>--help</c> is printed from, so that the two cannot differ.
/// </summary>
/// <param name="path">The commands from the root to this one.</param>
internal sealed class CommandManual(ImmutableArray<Command> path)
{
    private Command Command => path[^1];

    /// <summary>The command as it is typed: <c>weft lab up</c>.</summary>
    public string Name { get; } = string.Join(' ', path.Select(Spelled));

    /// <summary>Its name as a man page: <c>weft-lab-up</c>.</summary>
    public string Page => Name.Replace(' ', '-');

    /// <summary>Whether it is the program itself.</summary>
    public bool IsRoot => path.Length == 1;

    /// <summary>What it does.</summary>
    public string Description => Command.Description ?? "";

    /// <summary>What follows the name on the command line.</summary>
    public string Operands =>
        string.Join(
            ' ',
            [
                .. Command.Arguments.Where(argument => !argument.Hidden).Select(Usage),
                .. Commands.Any() ? (string[])["COMMAND"] : [],
                "[OPTION...]",
            ]
        );

    /// <summary>Its positional arguments.</summary>
    public IEnumerable<ManualEntry> Arguments =>
        Command
            .Arguments.Where(argument => !argument.Hidden)
            .Select(argument => new ManualEntry(
                [],
                argument.HelpName ?? argument.Name,
                argument.Description ?? "",
                argument.HasDefaultValue ? Written(argument.GetDefaultValue()) : null
            ));

    /// <summary>Its options, including recursive options of the commands above it.</summary>
    public IEnumerable<ManualEntry> Options =>
        Command
            .Options.Concat(
                path.SkipLast(1)
                    .Reverse()
                    .SelectMany(above => above.Options.Where(option => option.Recursive))
            )
            .Where(option => !option.Hidden)
            .Select(option => new ManualEntry(
                // Leave out the library's aliases that begin with a slash.
                [
                    .. option
                        .Aliases.Where(alias => alias.StartsWith('-'))
                        .Order(StringComparer.Ordinal),
                    option.Name,
                ],
                TakesValue(option) ? option.HelpName ?? "VALUE" : "",
                option.Description ?? "",
                TakesValue(option) && option.HasDefaultValue
                    ? Written(option.GetDefaultValue())
                    : null
            ));

    /// <summary>The commands below it.</summary>
    public IEnumerable<CommandManual> Commands =>
        Command
            .Subcommands.Where(command => !command.Hidden)
            .Select(command => new CommandManual([.. path, command]));

    /// <summary>Examples: command lines, each with what it does.</summary>
    public IReadOnlyList<(string Line, string Does)> Examples =>
        (Command as WeftCommand)?.Examples ?? [];

    /// <summary>This command and all below it.</summary>
    public IEnumerable<CommandManual> All =>
        Commands.SelectMany(command => command.All).Prepend(this);

    /// <summary>The manual of the program.</summary>
    public static CommandManual Of(RootCommand root) => new([root]);

    // The root's own name is that of the running executable, which differs in tests.
    private static string Spelled(Command command) =>
        command is RootCommand ? "weft" : command.Name;

    private static bool TakesValue(Option option) =>
        option is not HelpOption and not VersionOption
        && option.Arity.MaximumNumberOfValues > 0
        && option.ValueType != typeof(bool);

    private static string Usage(Argument argument)
    {
        var name = argument.HelpName ?? argument.Name;
        var many = argument.Arity.MaximumNumberOfValues > 1 ? $"{name}..." : name;
        return argument.Arity.MinimumNumberOfValues == 0 ? $"[{many}]" : many;
    }

    private static string? Written(object? value) =>
        value switch
        {
            null or "" => null,
            _ => value.ToString(),
        };
}

/// <summary>An argument or option of a command.</summary>
/// <param name="Names">Its names as they are typed; none for an argument.</param>
/// <param name="Value">The placeholder of its value; empty where it takes none.</param>
/// <param name="Description">What it is.</param>
/// <param name="Default">Its default value; null where there is none.</param>
internal sealed record ManualEntry(
    IReadOnlyList<string> Names,
    string Value,
    string Description,
    string? Default
);
