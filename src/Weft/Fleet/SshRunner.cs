using System.Collections.Concurrent;
using Weft.Core;
using Weft.Core.Linux;
using Weft.Core.Overlays;
using Weft.Core.Pki;
using Weft.Installation;

namespace Weft.Fleet;

/// <summary>Runs weft on hosts over SSH, after putting the right build of it in place.</summary>
/// <param name="hosts">The hosts, and how SSH reaches them.</param>
/// <param name="binaries">The builds of weft for the hosts' architectures; the first for each counts.</param>
/// <param name="installed">
/// The path of a weft that is on the hosts already and is left as it is; null to put one in place.
/// </param>
/// <param name="notice">Called in the end with what the user should know about the builds that were put in place.</param>
internal sealed class SshRunner(
    IReadOnlyList<(string Name, SshTarget Target)> hosts,
    Lazy<IReadOnlyList<WeftBinary>> binaries,
    string? installed,
    Action<string> notice
) : IHostRunner, IAsyncDisposable
{
    /// <summary>The path at which weft is put on a host, the same as for <c>weft install</c>.</summary>
    public const string Program = "/usr/local/bin/weft";

    private const string None = "none";

    private const string Greet =
        $"id -u; uname -m; for one do sha256sum -- \"$one\" 2>/dev/null || echo {None}; done";

    // Secrets are verified by size, since their hash would show in the process list. A program is run once before it replaces the
    // one that works: the host's C library may be too old for it. On one line, since csh allows no line break in a quoted word.
    private static readonly string PutFile = """
        set -e
        umask 077
        mkdir -p -m 755 -- "$(dirname "$1")"
        new="$1.new.$$"
        trap 'rm -f "$new"' EXIT
        cat >"$new"
        [ "$(wc -c <"$new")" -eq "$3" ]
        [ "$4" = - ] || echo "$4  $new" | sha256sum --check --status
        chmod "$2" "$new"
        [ "$4" = - ] || "$new" --version >/dev/null
        sync "$new"
        mv -f "$new" "$1"
        [ -z "$5" ] || mv -f "$5.new" "$5"
        """.ReplaceLineEndings("; ");

    private readonly string sockets = Directory.CreateTempSubdirectory("weft-ssh-").FullName;
    private readonly ConcurrentDictionary<string, Lazy<Task<Door>>> doors = new(
        StringComparer.Ordinal
    );

    /// <inheritdoc/>
    public IReadOnlyList<string> Hosts { get; } = [.. hosts.Select(host => host.Name)];

    /// <summary>Reaches a host, and puts weft in place if it is missing or another build.</summary>
    /// <param name="host">The host.</param>
    /// <param name="step">Called with what is being done.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Whether weft was put in place.</returns>
    /// <exception cref="HostException">The host is not reached, or weft cannot be run there.</exception>
    public async Task<bool> ConnectAsync(
        string host,
        Action<string>? step,
        CancellationToken cancellationToken
    ) => (await DoorAsync(host, step, cancellationToken)).WasPut;

    /// <inheritdoc/>
    public async Task<ToolResult> RunAsync(
        string host,
        IReadOnlyList<string> arguments,
        ReadOnlyMemory<byte> input = default,
        CancellationToken cancellationToken = default
    )
    {
        var door = await DoorAsync(host, null, cancellationToken);
        var result = await door.RunAsync([door.Program, .. arguments], input, cancellationToken);
        return result.ExitCode is NotThere or NotRunnable
            ? throw new HostException(
                $"host '{host}' cannot run {door.Program}: {result.Errors.Trim()}"
            )
            : result;
    }

    /// <summary>Compares a file with the one on a host.</summary>
    /// <param name="host">The host.</param>
    /// <param name="path">The file's path there.</param>
    /// <param name="content">The content that it should have.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HostException">The host is not reached, or the file there cannot be read.</exception>
    public async Task<FileThere> CompareAsync(
        string host,
        string path,
        ReadOnlyMemory<byte> content,
        CancellationToken cancellationToken
    )
    {
        var door = await DoorAsync(host, null, cancellationToken);
        // On standard input, again to keep the secret out of the process list.
        var there = await door.RunAsync(
            ["sh", "-c", "[ -e \"$1\" ] || exit 3; cmp -s -- \"$1\" -", "weft", path],
            content,
            cancellationToken
        );
        return there.ExitCode switch
        {
            0 => FileThere.Same,
            1 => FileThere.Another,
            3 => FileThere.None,
            _ => throw new HostException(
                $"host '{host}': whether {path} holds the same cannot be found out: {there.Errors.Trim()}"
            ),
        };
    }

    /// <summary>Puts a file that only root may read on a host, atomically.</summary>
    /// <param name="host">The host.</param>
    /// <param name="path">The file's path there.</param>
    /// <param name="content">The content.</param>
    /// <param name="follower">
    /// A file that waits beside its place under a name with <see cref="PkiDirectory.NextSuffix"/>, and is renamed into place
    /// right after; null for none.
    /// </param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HostException">The host is not reached, or the file cannot be written there.</exception>
    public async Task PutAsync(
        string host,
        string path,
        ReadOnlyMemory<byte> content,
        string? follower,
        CancellationToken cancellationToken
    )
    {
        var door = await DoorAsync(host, null, cancellationToken);
        await door.PutAsync(path, "600", content, hash: null, follower, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Parallel.ForEachAsync(
            doors.Values.Where(door => door.IsValueCreated),
            async (door, _) =>
            {
                try
                {
                    await (await door.Value).Connection.DisposeAsync();
                }
                catch (Exception exception)
                    when (exception is HostException or OperationCanceledException)
                {
                    // There was no connection.
                }
            }
        );
        Directory.Delete(sockets, recursive: true);
        string[] hiding =
        [
            .. Hosts.Where(host =>
                doors.TryGetValue(host, out var door)
                && door is { IsValueCreated: true, Value.IsCompletedSuccessfully: true }
                && door.Value.Result.HidesPackage
            ),
        ];
        if (hiding.Length > 0)
        {
            notice(
                $"{string.Join(", ", hiding)}: {Program} was put there and hides the Debian package's {HostFiles.PackagedProgram}, another build, from now on, and newer packages: `--installed {HostFiles.PackagedProgram}` here, or a package of this very weft there, does without; `rm {Program}` there takes it back"
            );
        }
    }

    private const int NotRunnable = 126;
    private const int NotThere = 127;

    private Task<Door> DoorAsync(
        string host,
        Action<string>? step,
        CancellationToken cancellationToken
    )
    {
        // Forget a failed connection: whoever watches the host tries again until it is reachable.
        if (
            doors.TryGetValue(host, out var failed)
            && failed is { IsValueCreated: true, Value.IsFaulted: true }
        )
        {
            doors.TryRemove(KeyValuePair.Create(host, failed));
        }
        return doors
            .GetOrAdd(
                host,
                _ => new Lazy<Task<Door>>(() => OpenAsync(host, step, cancellationToken))
            )
            .Value;
    }

    private async Task<Door> OpenAsync(
        string name,
        Action<string>? step,
        CancellationToken cancellationToken
    )
    {
        step?.Invoke("connecting");
        var connection = await SshConnection.PrepareAsync(
            name,
            hosts.First(one => one.Name == name).Target,
            sockets,
            cancellationToken
        );
        var door = new Door(name, connection, installed ?? Program);
        var greeting = await door.RunAsync(
            ["sh", "-c", Greet, "weft", Program, HostFiles.PackagedProgram],
            default,
            cancellationToken
        );
        if (
            greeting.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            is not [var user, var machine, var own, var packaged]
        )
        {
            throw new HostException(
                $"host '{name}' does not answer as a Linux host with a shell does: {(greeting.Output + greeting.Errors).Trim()}"
            );
        }
        if (user != "0")
        {
            door = door with { NeedsSudo = true };
            var allowed = await door.RunAsync(["true"], default, cancellationToken);
            if (allowed.ExitCode != 0)
            {
                throw new HostException(
                    $"host '{name}' does not let you become root without a password ({allowed.Errors.Trim()}): log in as root there, or give the user `NOPASSWD: ALL` in a file in /etc/sudoers.d"
                );
            }
        }
        if (installed is not null)
        {
            return door;
        }
        var binary =
            binaries.Value.FirstOrDefault(binary => binary.Machine == machine)
            ?? throw new HostException(
                $"host '{name}' is {machine}, and there is no weft for it here ({Have()}): name one with --binary, or with --installed the one that is on the hosts"
            );
        if (IsBinary(own))
        {
            return door;
        }
        // What is in /usr/local takes precedence over the package, even over a newer one.
        if (own == None && IsBinary(packaged))
        {
            return door with { Program = HostFiles.PackagedProgram };
        }
        step?.Invoke("putting weft in place");
        await door.PutAsync(
            Program,
            "755",
            binary.Content,
            binary.Hash,
            follower: null,
            cancellationToken
        );
        return door with { WasPut = true, HidesPackage = own == None && packaged != None };

        bool IsBinary(string sum) => sum.Split(' ')[0] == binary.Hash;
    }

    private string Have() =>
        binaries.Value.Count == 0
            ? "this one is a build for development, which is more than one file"
            : string.Join(
                ", ",
                binaries.Value.Select(binary => $"{binary.Path} is for {binary.Machine}")
            );

    /// <summary>A host that was reached.</summary>
    /// <param name="Host">The host.</param>
    /// <param name="Connection">The connection to it.</param>
    /// <param name="Program">The path of the weft to run there.</param>
    private sealed record Door(string Host, SshConnection Connection, string Program)
    {
        /// <summary>Whether the login there is not root's.</summary>
        public bool NeedsSudo { get; init; }

        /// <summary>Whether weft was put in place just now.</summary>
        public bool WasPut { get; init; }

        /// <summary>Whether that one now hides another one, the Debian package's.</summary>
        public bool HidesPackage { get; init; }

        public Task<ToolResult> RunAsync(
            IEnumerable<string> command,
            ReadOnlyMemory<byte> input,
            CancellationToken cancellationToken
        ) =>
            Connection.RunAsync(
                NeedsSudo ? ["sudo", "-n", "--", .. command] : command,
                input,
                cancellationToken
            );

        public async Task PutAsync(
            string path,
            string mode,
            ReadOnlyMemory<byte> content,
            string? hash,
            string? follower,
            CancellationToken cancellationToken
        )
        {
            var put = await RunAsync(
                [
                    "sh",
                    "-c",
                    PutFile,
                    "weft",
                    path,
                    mode,
                    content.Length.ToString(),
                    hash ?? "-",
                    follower ?? "",
                ],
                content,
                cancellationToken
            );
            if (put.ExitCode != 0)
            {
                throw new HostException(
                    $"host '{Host}': {path} could not be put in place: {(put.Errors.Trim() is { Length: > 0 } words ? words : "what arrived is not what was sent")}"
                );
            }
        }
    }
}

/// <summary>Where to put a file.</summary>
internal enum KeyPlacing
{
    /// <summary>Nowhere: only compare.</summary>
    Nowhere,

    /// <summary>Where there is none yet.</summary>
    WhereNone,

    /// <summary>Everywhere, also in place of another.</summary>
    Everywhere,
}

/// <summary>What a host has at the path of a file.</summary>
internal enum FileThere
{
    /// <summary>The same file.</summary>
    Same,

    /// <summary>Another file.</summary>
    Another,

    /// <summary>No file.</summary>
    None,
}
