using System.Diagnostics;

namespace Weft.Labs.Guests;

/// <summary>Has this process's terminal in raw mode, which hands on every key as it is typed; disposing restores it.</summary>
internal sealed class RawTerminal : IDisposable
{
    private readonly string before;

    private RawTerminal(string before, TerminalSize size)
    {
        this.before = before;
        Size = size;
    }

    /// <summary>How large it is.</summary>
    public TerminalSize Size { get; }

    /// <summary>Enters raw mode; null where standard input or output is not a terminal.</summary>
    public static RawTerminal? TryEnter()
    {
        if (
            Console.IsInputRedirected
            || Console.IsOutputRedirected
            || Stty("-g") is not { Length: > 0 } before
        )
        {
            return null;
        }
        // Not from .NET's console: it knows the size too, but once asked also changes the terminal's settings.
        var size = (Stty("size") ?? "").Split(' ').Select(int.Parse).ToArray();
        var terminal = new RawTerminal(before, new TerminalSize(size[0], size[1]));
        _ = Stty("raw", "-echo");
        return terminal;
    }

    /// <inheritdoc/>
    public void Dispose() => _ = Stty(before);

    // stty(1) works on its standard input, so it must have the terminal itself and not a pipe.
    private static string? Stty(params IEnumerable<string> arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo("stty", arguments)
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
            }
        )!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output.Trim() : null;
    }
}
