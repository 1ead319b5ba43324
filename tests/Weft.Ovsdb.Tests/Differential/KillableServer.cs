using System.Diagnostics;

namespace Weft.Ovsdb.Tests.Differential;

/// <summary>An ovsdb-server with one database, that can be killed without a word and started again.</summary>
internal sealed class KillableServer : IAsyncDisposable
{
    private readonly string _folder;
    private readonly string _file;
    private Process? _process;

    private KillableServer(string folder, string file)
    {
        (_folder, _file) = (folder, file);
    }

    public string SocketPath => Path.Combine(_folder, "db.sock");

    public string Remote => $"unix:{SocketPath}";

    /// <summary>Makes a database of the schema, alone or as the only server of a cluster, and serves it.</summary>
    public static async Task<KillableServer> StartAsync(
        string schema,
        bool clustered,
        CancellationToken cancellation
    )
    {
        var folder = Directory.CreateTempSubdirectory("weft-kill-").FullName;
        var file = Path.Combine(folder, "db");
        await File.WriteAllTextAsync(Path.Combine(folder, "schema"), schema, cancellation);
        await Tool.RunAsync(
            "ovsdb-tool",
            clustered
                ?
                [
                    "create-cluster",
                    file,
                    Path.Combine(folder, "schema"),
                    $"unix:{Path.Combine(folder, "raft")}",
                ]
                : ["create", file, Path.Combine(folder, "schema")]
        );
        var server = new KillableServer(folder, file);
        await server.StartAsync(cancellation);
        return server;
    }

    /// <summary>One of several servers of a cluster, its database file made already.</summary>
    public static KillableServer Of(string folder, string file) => new(folder, file);

    public async Task StartAsync(CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(
            "ovsdb-server",
            [
                $"--remote=punix:{SocketPath}",
                $"--unixctl={Path.Combine(_folder, "ctl")}",
                "--no-chdir",
                "-vconsole:off",
                _file,
            ]
        )
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["OVS_RUNDIR"] = _folder },
        };
        File.Delete(SocketPath);
        _process = Process.Start(start)!;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        while (!File.Exists(SocketPath))
        {
            Assert.False(_process.HasExited, "ovsdb-server ended before it listened");
            await Task.Delay(5, cancellation);
        }
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
            _process = null;
        }
    }

    public async Task RestartAsync(CancellationToken cancellation)
    {
        await KillAsync();
        await StartAsync(cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }
}

/// <summary>A command of Open vSwitch, run to its end.</summary>
internal static class Tool
{
    /// <exception cref="InvalidDataException">The command failed, in its own words.</exception>
    public static async Task<string> RunAsync(string command, params IEnumerable<string> arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(command, arguments)
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidDataException(await error);
    }
}
