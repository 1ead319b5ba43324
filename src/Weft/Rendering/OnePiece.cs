using Spectre.Console;

namespace Weft.Rendering;

/// <summary>
/// Writes a text at once. Without ANSI codes a console writes each styled word separately, and each wakes the reader of a pipe: a
/// plan of 300 changes was 1,500 writes.
/// </summary>
internal static class OnePiece
{
    /// <summary>Collects what <paramref name="write"/> writes, as the console would show it, and writes it at once.</summary>
    public static void Write(IAnsiConsole console, Action<IAnsiConsole> write)
    {
        var profile = console.Profile;
        using var text = new StringWriter { NewLine = "\n" };
        var collector = Output.AsShown(
            AnsiConsole.Create(
                new AnsiConsoleSettings
                {
                    Ansi = profile.Capabilities.Ansi ? AnsiSupport.Yes : AnsiSupport.No,
                    Out = new AnsiConsoleOutput(text),
                }
            )
        );
        collector.Profile.Capabilities.ColorSystem = profile.Capabilities.ColorSystem;
        collector.Profile.Width = profile.Width;
        write(collector);
        profile.Out.Writer.Write(text.ToString());
    }
}
