using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Weft.Commands;

/// <summary>A command whose help ends with examples.</summary>
internal sealed class WeftCommand(string name, string description) : Command(name, description)
{
    /// <summary>Command lines, each with what it does.</summary>
    public IReadOnlyList<(string Line, string Does)> Examples { get; init; } = [];

    /// <summary>Whether an interruption may leave a host half changed, which the next <c>weft apply</c> mends.</summary>
    public bool ChangesHost { get; init; }

    /// <summary>Whether signals are for another program, which decides what becomes of them.</summary>
    public bool HandsSignalsOn { get; init; }

    /// <summary>Adds arguments and options, in the order in which help shows them.</summary>
    public void AddAll(params IEnumerable<Symbol> symbols)
    {
        foreach (var symbol in symbols)
        {
            if (symbol is Option option)
            {
                Add(option);
            }
            else
            {
                Add((Argument)symbol);
            }
        }
    }
}

/// <summary>The help that System.CommandLine writes, and a command's examples after it.</summary>
internal sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
{
    /// <summary>Puts the examples into the help of a command line.</summary>
    public static void AddTo(RootCommand root)
    {
        foreach (var option in root.Options.OfType<HelpOption>())
        {
            option.Action = new HelpWithExamples((HelpAction)option.Action!);
        }
    }

    /// <summary>Who asks for help is not told what is missing.</summary>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        var code = help.Invoke(parseResult);
        if (parseResult.CommandResult.Command is WeftCommand { Examples: { Count: > 0 } examples })
        {
            var output = parseResult.InvocationConfiguration.Output;
            var width = examples.Max(example => example.Line.Length);
            output.WriteLine("Examples:");
            foreach (var (line, does) in examples)
            {
                output.WriteLine($"  {line.PadRight(width)}  {does}");
            }
            output.WriteLine();
        }
        return code;
    }
}
