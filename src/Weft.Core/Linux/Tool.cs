using System.ComponentModel;
using System.Diagnostics;

namespace Weft.Core.Linux;

/// <summary>What a program that ran to its end has left.</summary>
internal sealed record ToolResult(int ExitCode, string Output, string Errors);

/// <summary>Runs the machine's own programs.</summary>
internal static class Tool
{
    private static readonly string[] Directories =
    [
        "/usr/local/sbin",
        "/usr/sbin",
        "/sbin",
        "/usr/bin",
        "/bin",
    ];

    /// <summary>
    /// The <c>PATH</c> for programs: this process's, and then root's directories, which a plain <c>su</c> or a timer leaves
    /// out.
    /// </summary>
    public static string Path
    {
        get
        {
            var own = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(
                ':',
                StringSplitOptions.RemoveEmptyEntries
            );
            return string.Join(':', own.Union(Directories));
        }
    }

    /// <summary>Runs a program to its end and gathers what it writes. It is killed when cancelled.</summary>
    /// <param name="command">The program and what follows it.</param>
    /// <param name="input">What it reads.</param>
    /// <param name="environment">What is in its environment besides this process's own.</param>
    /// <param name="within">The file of the network namespace that it runs in; null for this process's own.</param>
    /// <param name="cancellationToken">Kills it.</param>
    /// <exception cref="Win32Exception">The program could not be started.</exception>
    /// <exception cref="IOException">There is no such namespace.</exception>
    public static async Task<ToolResult> RunAsync(
        IReadOnlyList<string> command,
        ReadOnlyMemory<byte> input = default,
        IReadOnlyDictionary<string, string>? environment = null,
        string? within = null,
        CancellationToken cancellationToken = default
    )
    {
        // A program starts in the namespace of the thread that starts it.
        using var process = within is null
            ? Start(command, environment)
            : NetworkNamespace.Run(within, () => Start(command, environment));
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await FeedAsync(process, input, cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
        return new ToolResult(process.ExitCode, await output, await errors);
    }

    /// <summary>Starts a program with pipes for its three standard streams.</summary>
    public static Process Start(
        IReadOnlyList<string> command,
        IReadOnlyDictionary<string, string>? environment = null
    )
    {
        var start = new ProcessStartInfo(Find(command[0]) ?? command[0], command.Skip(1))
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = Path;
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(0))
        {
            start.Environment[name] = value;
        }
        return Process.Start(start)!;
    }

    /// <summary>The full path of a program, looked for where root's programs are too; null where there is none.</summary>
    public static string? Find(string program) =>
        program.Contains('/')
            ? File.Exists(program)
                ? program
                : null
            : Path.Split(':')
                .Select(directory => $"{directory}/{program}")
                .FirstOrDefault(File.Exists);

    /// <summary>Why a program did not start, and what to do; it says that the program is missing only if it is.</summary>
    /// <param name="program">The program.</param>
    /// <param name="package">The Debian package that it is in.</param>
    /// <param name="failure">The error.</param>
    public static string WhyNotStarted(string program, string package, Win32Exception failure) =>
        failure.NativeErrorCode == Libc.NoSuchFile
            ? $"{program} is not there: install the Debian package {package}"
            : $"{program} cannot be started: {new Win32Exception(failure.NativeErrorCode).Message}";

    private static async Task FeedAsync(
        Process process,
        ReadOnlyMemory<byte> input,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(input, cancellationToken);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended without reading everything; its exit code and words say why.
        }
    }
}
