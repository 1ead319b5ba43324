using System.Diagnostics;

namespace Weft.Labs.Guests;

/// <summary>This process's terminal, handing on every key as it is typed; as it was before when disposed of.</summary>
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

    /// <summary>Takes the terminal; null where standard input or output is none.</summary>
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
        // .NET's console knows the size too, and from then on has a say in how the terminal is.
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
