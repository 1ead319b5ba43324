using Spectre.Console;

namespace Weft.Rendering;

/// <summary>Where the program writes to: results to standard output, all else to standard error.</summary>
internal sealed class Output
{
    private const string FailMark = "weft:";
    private const string NoticeMark = "!";
    private const string ProgressMark = "…";

    // Most commands write to one of the two, and each looks at the terminal first.
    private readonly Lazy<IAnsiConsole> output;
    private readonly Lazy<IAnsiConsole> error;

    /// <summary>Makes one for this process.</summary>
    /// <param name="noColor">Whether colours are unwanted; the environment's NO_COLOR says so too.</param>
    public Output(bool noColor)
    {
        var plain =
            noColor || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        output = new(() => Make(Console.Out, plain, Console.IsOutputRedirected));
        error = new(() => Make(Console.Error, plain, Console.IsErrorRedirected));
    }

    /// <summary>For results.</summary>
    public IAnsiConsole Out => output.Value;

    /// <summary>For progress, questions, notices and errors.</summary>
    public IAnsiConsole Error => error.Value;

    /// <summary>Whether somebody is there to answer a question.</summary>
    public static bool CanAsk => !Console.IsInputRedirected && !Console.IsErrorRedirected;

    /// <summary>What lines for people begin with, which is of no use where another program tells them on.</summary>
    public static string[] Marks { get; } = [$"{FailMark} ", $"{NoticeMark} "];

    /// <summary>Whether a line only says what is being done, which is of no use once it is.</summary>
    public static bool IsProgress(string line) =>
        line.StartsWith($"{ProgressMark} ", StringComparison.Ordinal);

    /// <summary>Says what is being done.</summary>
    public void Progress(string what) => Error.LineInterpolated($"{ProgressMark} {what}");

    /// <summary>Says what went wrong.</summary>
    public void Fail(string message) => Error.LineInterpolated($"[red]{FailMark}[/] {message}");

    /// <summary>Says what deserves attention though nothing went wrong.</summary>
    public void Notice(string message) =>
        Error.LineInterpolated($"[yellow]{NoticeMark}[/] {message}");

    /// <summary>Asks a question that Enter, like Ctrl-C, answers with no.</summary>
    public async Task<bool> ConfirmAsync(string question, CancellationToken cancellationToken)
    {
        Error.MarkupInterpolated($"{question} [[y/N]] ");
        try
        {
            // A line that is being read cannot be given up: its thread is left behind, and ends with the program.
            var answer = await Task.Run(Console.ReadLine, cancellationToken)
                .WaitAsync(cancellationToken);
            return answer?.Trim().ToLowerInvariant() is "y" or "yes";
        }
        catch (OperationCanceledException)
        {
            Error.WriteLine();
            return false;
        }
    }

    private static IAnsiConsole Make(TextWriter writer, bool plain, bool redirected)
    {
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = redirected ? AnsiSupport.No : AnsiSupport.Detect,
                ColorSystem =
                    plain || redirected ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
                Out = new AnsiConsoleOutput(writer),
                // Whether this is one of a dozen services that build programs makes no difference to what is redirected.
                Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
            }
        );
        if (redirected)
        {
            // Who reads a table in a pipe or a file has other means.
            console.Profile.Width = WholeLines.Width;
        }
        return AsShown(console);
    }

    /// <summary>A console that shows text as this program does.</summary>
    internal static IAnsiConsole AsShown(IAnsiConsole console)
    {
        console.Pipeline.Attach(new HarmlessText());
        // The one that is attached last is asked first, and this one must see what it is given.
        console.Pipeline.Attach(new WholeLines());
        return console;
    }
}
