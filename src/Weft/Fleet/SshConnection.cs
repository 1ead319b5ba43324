using System.ComponentModel;
using Weft.Core;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Core.Planning;

namespace Weft.Fleet;

/// <summary>Reaches one host with the system's own <c>ssh</c>, over one connection that all commands share.</summary>
internal sealed class SshConnection : IAsyncDisposable
{
    private const int ExitOfSsh = 255;

    private static readonly string[] Always =
    [
        // Nobody is there to enter a password or passphrase, or to confirm a key.
        "-o",
        "BatchMode=yes",
        // Whatever the user's configuration says.
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "ConnectTimeout=10",
        "-o",
        "ServerAliveInterval=10",
        "-o",
        "ServerAliveCountMax=3",
        "-T",
    ];

    private readonly string host;
    private readonly SshTarget target;
    private readonly string[] sharing;

    private SshConnection(string host, SshTarget target, string[] sharing)
    {
        this.host = host;
        this.target = target;
        this.sharing = sharing;
    }

    /// <summary>Reads how the user's configuration reaches this host; connects to nothing yet.</summary>
    /// <param name="host">The host's name in the overlay.</param>
    /// <param name="target">How SSH reaches it.</param>
    /// <param name="directory">The directory for sockets of shared connections; nobody else may have access to it.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HostException">There is no ssh, or the user's configuration has an error.</exception>
    public static async Task<SshConnection> PrepareAsync(
        string host,
        SshTarget target,
        string directory,
        CancellationToken cancellationToken
    )
    {
        var asked = await StartAsync(
            ["ssh", "-G", .. LoginOf(target)],
            ReadOnlyMemory<byte>.Empty,
            cancellationToken
        );
        if (asked.ExitCode != 0)
        {
            throw new HostException(
                $"host '{host}': ssh cannot make anything of its configuration: {asked.Errors.Trim()}"
            );
        }
        // If the user's configuration shares connections, use that: a security key then has to be touched only once a day.
        var isShared = asked
            .Output.Split('\n')
            .Any(line =>
                line.StartsWith("controlpath ", StringComparison.Ordinal)
                && line != "controlpath none"
            );
        return new SshConnection(
            host,
            target,
            isShared
                ? []
                :
                [
                    "-o",
                    "ControlMaster=auto",
                    "-o",
                    $"ControlPath={directory}/%C",
                    // In case nobody is left to close it.
                    "-o",
                    "ControlPersist=60",
                ]
        );
    }

    /// <summary>Runs a command on the host and waits for it to end. Omits what the user's shell there prints before it.</summary>
    /// <exception cref="HostException">The host was not reached.</exception>
    public async Task<ToolResult> RunAsync(
        IEnumerable<string> command,
        ReadOnlyMemory<byte> input,
        CancellationToken cancellationToken
    )
    {
        // Omits a greeting from .bashrc, or a warning about a missing locale. The mark comes before sudo, whose messages are
        // kept.
        var mark = Guid.NewGuid().ToString("N");
        string[] marking = ["sh", "-c", $"echo {mark}; echo {mark} >&2; exec \"$@\"", "sh"];
        var result = await StartAsync(
            [
                "ssh",
                .. Always,
                .. sharing,
                .. LoginOf(target),
                // The host's shell parses the words again.
                .. marking.Concat(command).Select(ShellWord.Quote),
            ],
            input,
            cancellationToken
        );
        result = result with
        {
            Output = Since(mark, result.Output),
            Errors = Since(mark, result.Errors),
        };
        return result.ExitCode == ExitOfSsh ? throw Failure(result.Errors) : result;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (sharing.Length > 0)
        {
            await StartAsync(
                ["ssh", "-O", "exit", .. sharing, .. LoginOf(target)],
                ReadOnlyMemory<byte>.Empty,
                CancellationToken.None
            );
        }
    }

    /// <summary>The text after the mark; all of it if there is no mark, since then it comes from ssh itself.</summary>
    private static string Since(string mark, string text) =>
        text.IndexOf($"{mark}\n", StringComparison.Ordinal) is >= 0 and var at
            ? text[(at + mark.Length + 1)..]
            : text;

    private static IEnumerable<string> LoginOf(SshTarget target) =>
        [
            .. target.Port is { } port ? ["-p", $"{port}"] : (string[])[],
            target.User is { } user ? $"{user}@{target.Name}" : target.Name,
        ];

    private static async Task<ToolResult> StartAsync(
        IReadOnlyList<string> command,
        ReadOnlyMemory<byte> input,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await Tool.RunAsync(command, input, cancellationToken: cancellationToken);
        }
        catch (Win32Exception exception)
        {
            throw new HostException(
                Tool.WhyNotStarted("ssh", "openssh-client", exception),
                exception
            );
        }
    }

    /// <summary>Explains ssh's error messages, and what to do about them.</summary>
    private HostException Failure(string errors)
    {
        var login = string.Join(' ', LoginOf(target).Select(ShellWord.Quote));
        var words = errors
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(line => !line.StartsWith('@'))
            .ToArray();
        return new HostException(
            errors switch
            {
                _ when errors.Contains("IDENTIFICATION HAS CHANGED", StringComparison.Ordinal) =>
                    $"host '{host}' shows another key than the one that is known: it was set up anew, or somebody stands in between. "
                        + $"If it was set up anew: `ssh-keygen -R {KnownName}`, and then `ssh -o StrictHostKeyChecking=ask {login} true`",
                _ when errors.Contains("Host key verification failed", StringComparison.Ordinal) =>
                    $"host '{host}' is not known yet: compare the fingerprint that it shows with the host's own, and accept it, by `ssh -o StrictHostKeyChecking=ask {login} true`",
                _ when errors.Contains("Permission denied", StringComparison.Ordinal) =>
                    $"host '{host}' takes none of your keys ({words.LastOrDefault()}): `ssh-copy-id {login}`, or load the right key with `ssh-add`",
                _ =>
                    $"host '{host}' was not reached: {words.LastOrDefault() ?? "ssh says nothing more"}",
            }
        );
    }

    private string KnownName =>
        ShellWord.Quote(
            target.Port is { } port && port != 22 ? $"[{target.Name}]:{port}" : target.Name
        );
}
