using Spectre.Console;

namespace Weft.Rendering;

/// <summary>Where the program writes to: results to standard output, all else to standard error.</summary>
internal sealed class Output
{
    private const string FailMark = "weft:";
    private const string NoticeMark = "!";
    private const string ProgressMark = "…";

    // Created on first use: creating one examines the terminal, and most commands write to only one of the two.
    private readonly Lazy<IAnsiConsole> output;
    private readonly Lazy<IAnsiConsole> error;

    /// <summary>Creates the output of this process.</summary>
    /// <param name="noColor">Whether to omit colours; they are also omitted if NO_COLOR is set.</param>
    public Output(bool noColor)
    {
        var plain =
            noColor || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        output = new(() => Make(Console.Out, plain, Console.IsOutputRedirected));
        error = new(() => Make(Console.Error, plain, Console.IsErrorRedirected));
    }

    /// <summary>Shows results.</summary>
    public IAnsiConsole Out => output.Value;

    /// <summary>Shows progress, questions, notices and errors.</summary>
    public IAnsiConsole Error => error.Value;

    /// <summary>Whether somebody is there to answer a question.</summary>
    public static bool CanAsk => !Console.IsInputRedirected && !Console.IsErrorRedirected;

    /// <summary>The prefixes of lines for people, to be removed where another program passes the lines on.</summary>
    public static string[] Marks { get; } = [$"{FailMark} ", $"{NoticeMark} "];

    /// <summary>Whether a line only reports progress, which means nothing afterwards.</summary>
    public static bool IsProgress(string line) =>
        line.StartsWith($"{ProgressMark} ", StringComparison.Ordinal);

    /// <summary>Reports progress.</summary>
    public void Progress(string what) => Error.LineInterpolated($"{ProgressMark} {what}");

    /// <summary>Reports a failure.</summary>
    public void Fail(string message) => Error.LineInterpolated($"[red]{FailMark}[/] {message}");

    /// <summary>Reports something that deserves attention but is no failure.</summary>
    public void Notice(string message) =>
        Error.LineInterpolated($"[yellow]{NoticeMark}[/] {message}");

    /// <summary>Asks a question; Enter and Ctrl-C mean no.</summary>
    public async Task<bool> ConfirmAsync(string question, CancellationToken cancellationToken)
    {
        Error.MarkupInterpolated($"{question} [[y/N]] ");
        try
        {
            // Console.ReadLine cannot be cancelled: its thread is left behind, and ends with the program.
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
                // Detecting which of a dozen CI services runs this makes no difference to redirected output.
                Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
            }
        );
        if (redirected)
        {
            // Output to a pipe or file is not limited to a terminal's width.
            console.Profile.Width = WholeLines.Width;
        }
        return AsShown(console);
    }

    /// <summary>Attaches the program's render hooks to a console.</summary>
    internal static IAnsiConsole AsShown(IAnsiConsole console)
    {
        console.Pipeline.Attach(new HarmlessText());
        // The hook attached last runs first, and WholeLines must see the original renderables.
        console.Pipeline.Attach(new WholeLines());
        return console;
    }
}
