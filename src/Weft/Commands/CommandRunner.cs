using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Spectre.Console;
using Weft.Core.Linux;
using Weft.Labs;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary>Runs commands and turns whatever goes wrong into words and an exit code: nobody sees a stack trace.</summary>
internal static class CommandRunner
{
    // How long a command may take after Ctrl-C: a batch of link commands finishes, and what was made of a lab is removed.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(60);

    // Whoever waits longer than this for the end is told how to end at once.
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    // One key press may arrive twice: from the terminal, and from a program that passes on to its child what it was sent
    // itself.
    private static readonly TimeSpan SameKey = TimeSpan.FromSeconds(0.2);

    /// <summary>Runs the command that was parsed.</summary>
    public static async Task<int> RunAsync(ParseResult parsed)
    {
        string[] wrong =
        [
            .. parsed.Errors.Count > 0 ? parsed.Errors.Select(Words) : Empty(parsed.CommandResult),
        ];
        if (wrong.Length > 0)
        {
            var output = new Output(parsed.GetValue(CommonOptions.NoColor));
            if (
                parsed.CommandResult.Command.Subcommands.Count > 0
                && parsed.UnmatchedTokens.Count == 0
            )
            {
                // A command that only has commands in it was named alone: its help is the answer.
                Cli.WriteHelp(parsed);
                return ExitCode.Usage;
            }
            foreach (var words in wrong)
            {
                output.Fail(words);
            }
            output.Error.WriteLine($"See '{string.Join(' ', Path(parsed.CommandResult))} --help'.");
            return ExitCode.Usage;
        }
        var configuration = new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        if (parsed.CommandResult.Command is WeftCommand { HandsSignalsOn: true })
        {
            return await parsed.InvokeAsync(configuration, CancellationToken.None);
        }
        // The library would listen for signals only once the command's action first waits, and on another thread than the
        // action goes on with: until then Ctrl-C would end the program on the spot.
        var stop = new CancellationTokenSource();
        var signalled = new TaskCompletionSource<int>();
        var first = 0L;
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        var running = parsed.InvokeAsync(configuration, stop.Token);
        return await await Task.WhenAny(running, EndedAsync());

        void Stop(PosixSignalContext context)
        {
            var isKey = context.Signal == PosixSignal.SIGINT;
            var now = Stopwatch.GetTimestamp();
            var before = Interlocked.CompareExchange(ref first, now, 0);
            if (isKey && before != 0 && Stopwatch.GetElapsedTime(before, now) > SameKey)
            {
                // The program ends as if nobody listened, and leaves the next `weft apply` no more to mend than any kill.
                new Output(parsed.GetValue(CommonOptions.NoColor)).Out.Cursor.Show();
                return;
            }
            context.Cancel = true;
            signalled.TrySetResult(Libc.EndedBy(isKey ? Libc.SigInt : Libc.SigTerm));
            stop.Cancel();
        }

        async Task<int> EndedAsync()
        {
            var code = await signalled.Task;
            await Task.Delay(Moment);
            if (code == Libc.EndedBy(Libc.SigInt) && Output.CanAsk)
            {
                new Output(parsed.GetValue(CommonOptions.NoColor)).Notice(
                    "what has begun is being ended; press Ctrl-C again to end at once"
                );
            }
            await Task.Delay(Grace - Moment);
            return code;
        }
    }

    /// <summary>Gives a command its action, with all errors it can meet put into words.</summary>
    public static void SetAction(
        this Command command,
        Func<ParseResult, Output, CancellationToken, Task<int>> action
    ) =>
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                var terminal = new Output(parsed.GetValue(CommonOptions.NoColor));
                try
                {
                    return await action(parsed, terminal, cancellationToken);
                }
                catch (InvalidOverlayException exception)
                {
                    foreach (var mistake in exception.Mistakes)
                    {
                        terminal.Error.WriteLine(mistake.ToString());
                    }
                    return ExitCode.Usage;
                }
                catch (UsageException exception)
                {
                    terminal.Fail(exception.Message);
                    return ExitCode.Usage;
                }
                catch (OperationCanceledException)
                {
                    terminal.Fail(
                        command is WeftCommand { ChangesHost: true }
                            ? "interrupted; what is half done the next `weft apply` mends"
                            : "interrupted"
                    );
                    return ExitCode.Failed;
                }
                catch (Exception exception)
                    when (HostFault.Is(exception) || exception is LabException)
                {
                    terminal.Fail(exception.Message);
                    return ExitCode.Failed;
                }
            }
        );

    // Usually a script's variable that is not set. An argument that takes any number of words may pass them on to another
    // program.
    private static IEnumerable<string> Empty(CommandResult command) =>
        command
            .Children.Select(child =>
                child switch
                {
                    OptionResult { Tokens: [{ Value: "" }], Option: var option } => option.Name,
                    ArgumentResult
                    {
                        Tokens: [{ Value: "" }],
                        Argument: { Arity.MaximumNumberOfValues: 1 } argument,
                    } => argument.Name,
                    _ => null,
                }
            )
            .OfType<string>()
            .Select(name => $"{name} is empty: say what is meant, or leave it out.");

    // The library names the type that it expects as .NET does.
    private static string Words(ParseError error)
    {
        var (name, type) = error.SymbolResult switch
        {
            OptionResult { Option: var option } => (option.Name, option.ValueType),
            ArgumentResult { Argument: var argument } => (argument.Name, argument.ValueType),
            _ => ("", typeof(string)),
        };
        type = Nullable.GetUnderlyingType(type) ?? type;
        // Whatever may have a fraction is a time, on this command line.
        var wanted =
            type == typeof(int) ? "a whole number"
            : type == typeof(double) ? "seconds"
            : null;
        return
            wanted is not null
            && error.Message.Contains($"{type}", StringComparison.Ordinal)
            && error.SymbolResult is { Tokens: [{ Value: var word }] }
            ? $"{name} takes {wanted}, not '{word}'."
            : error.Message;
    }

    private static IEnumerable<string> Path(CommandResult? result) =>
        result is null
            ? []
            : [.. Path(result.Parent as CommandResult), result.IdentifierToken.Value];
}
