using Spectre.Console;
using Weft.Labs;

namespace Weft.Commands;

/// <summary>Writes for a person on a terminal, and plainly for whatever else reads it.</summary>
internal static class Terminal
{
    // As the shell's for a program that SIGINT ended.
    private const int Interrupted = 130;
    private const int WidthOfAPipe = 100;
    private const int Gap = 2;

    /// <summary>How many columns there are.</summary>
    public static int Width =>
        Console.IsOutputRedirected ? WidthOfAPipe : AnsiConsole.Console.Profile.Width;

    /// <summary>Writes a line of Spectre's markup; without any of it, and never wrapped, where nobody looks.</summary>
    public static void Line(string markup)
    {
        if (Console.IsOutputRedirected)
        {
            Console.WriteLine(Markup.Remove(markup));
        }
        else
        {
            AnsiConsole.MarkupLine(markup);
        }
    }

    /// <summary>Writes rows of markup with their cells under one another; the first row is the heading.</summary>
    public static void Columns(IReadOnlyList<string[]> rows)
    {
        var widths = rows[0]
            .Select((_, column) => rows.Max(row => Markup.Remove(row[column]).Length))
            .ToArray();
        for (var row = 0; row < rows.Count; row++)
        {
            var line = string.Concat(
                rows[row]
                    .Select(
                        (cell, column) =>
                            cell
                            + new string(' ', widths[column] - Markup.Remove(cell).Length + Gap)
                    )
            );
            Line(row == 0 ? $"[dim]{line.TrimEnd()}[/]" : line.TrimEnd());
        }
    }

    /// <summary>Says on standard error what went wrong.</summary>
    public static void Error(string message) => Console.Error.WriteLine($"weft: {message}");

    /// <summary>Runs a command and turns what it may fail with into a message and an exit code.</summary>
    public static async Task<int> GuardAsync(Func<Task<int>> command)
    {
        // The command line library listens for Ctrl-C only once the command first waits: until then it would end
        // the program on the spot.
        await Task.Yield();
        try
        {
            return await command();
        }
        catch (LabException exception)
        {
            Error(exception.Message);
            return 1;
        }
        catch (InvalidOverlayException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return ExitCode.Usage;
        }
        catch (UsageException exception)
        {
            Error(exception.Message);
            return ExitCode.Usage;
        }
        catch (OperationCanceledException)
        {
            Error("interrupted");
            return Interrupted;
        }
    }

    /// <summary>
    /// Does something that takes a while. A terminal shows what is being done in one line that moves; everything
    /// else is told once, at the beginning.
    /// </summary>
    public static Task<T> WhileAsync<T>(string what, Func<Action<string>, Task<T>> work)
    {
        if (!Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Interactive)
        {
            return AnsiConsole
                .Status()
                .StartAsync(
                    Markup.Escape(what),
                    status => work(doing => status.Status = Markup.Escape($"{what}: {doing}"))
                );
        }
        Console.WriteLine(what);
        return work(_ => { });
    }
}
