using System.Collections.Immutable;
using System.CommandLine;
using System.CommandLine.Help;
using Weft.Commands;

namespace Weft.Manuals;

/// <summary>
/// What there is to say of one command: out of the tree of commands that <c>--help</c> is printed from too, so that the two
/// cannot differ.
/// </summary>
/// <param name="path">The commands from the root to this one.</param>
internal sealed class CommandManual(ImmutableArray<Command> path)
{
    private Command Command => path[^1];

    /// <summary>What is typed: <c>weft lab up</c>.</summary>
    public string Name { get; } = string.Join(' ', path.Select(Spelled));

    /// <summary>Its name as a man page: <c>weft-lab-up</c>.</summary>
    public string Page => Name.Replace(' ', '-');

    /// <summary>Whether it is the program itself.</summary>
    public bool IsRoot => path.Length == 1;

    /// <summary>What it does.</summary>
    public string Description => Command.Description ?? "";

    /// <summary>What follows the name when it is typed.</summary>
    public string Operands =>
        string.Join(
            ' ',
            [
                .. Command.Arguments.Where(argument => !argument.Hidden).Select(Usage),
                .. Commands.Any() ? (string[])["COMMAND"] : [],
                "[OPTION...]",
            ]
        );

    /// <summary>What is typed after it without a name of its own.</summary>
    public IEnumerable<ManualEntry> Arguments =>
        Command
            .Arguments.Where(argument => !argument.Hidden)
            .Select(argument => new ManualEntry(
                [],
                argument.HelpName ?? argument.Name,
                argument.Description ?? "",
                argument.HasDefaultValue ? Written(argument.GetDefaultValue()) : null
            ));

    /// <summary>Its options, those of the commands above it that are for all below included.</summary>
    public IEnumerable<ManualEntry> Options =>
        Command
            .Options.Concat(
                path.SkipLast(1)
                    .Reverse()
                    .SelectMany(above => above.Options.Where(option => option.Recursive))
            )
            .Where(option => !option.Hidden)
            .Select(option => new ManualEntry(
                // Those that begin with a slash are for another system's habits.
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

    /// <summary>Command lines, each with what it does.</summary>
    public IReadOnlyList<(string Line, string Does)> Examples =>
        (Command as WeftCommand)?.Examples ?? [];

    /// <summary>This one and all below it.</summary>
    public IEnumerable<CommandManual> All =>
        Commands.SelectMany(command => command.All).Prepend(this);

    /// <summary>The manual of the program.</summary>
    public static CommandManual Of(RootCommand root) => new([root]);

    // The root is called after the file that runs, which may be anything while it is tested.
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
/// <param name="Names">What it is called when it is typed; none for an argument.</param>
/// <param name="Value">What its value is called; empty where it takes none.</param>
/// <param name="Description">What it is.</param>
/// <param name="Default">Its value where none is given; null where there is no such value.</param>
internal sealed record ManualEntry(
    IReadOnlyList<string> Names,
    string Value,
    string Description,
    string? Default
);
