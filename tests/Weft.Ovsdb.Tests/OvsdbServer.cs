using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Weft.Ovsdb.Tests;

/// <summary>
/// A real ovsdb-server in a directory of its own, with one database. Everything it makes is gone once it is disposed
/// of. Where the binary is missing, the test is skipped.
/// </summary>
internal sealed class OvsdbServer : IAsyncDisposable
{
    /// <summary>A generous limit for anything that takes milliseconds on an idle machine.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>
    /// For a test that the probe is no part of: on a busy machine a server may well be kept from answering for as long as a
    /// probe waits.
    /// </summary>
    public OvsdbClientOptions WithoutProbes =>
        new() { Remotes = Weft.Ovsdb.Remote.ParseList(Remote), ProbeInterval = TimeSpan.Zero };

    private static readonly ConcurrentDictionary<int, bool> s_givenPorts = new();

    private readonly string _directory;
    private readonly List<string> _remotes;
    private readonly List<string> _arguments;
    private Process? _process;

    private OvsdbServer(
        string directory,
        IEnumerable<string> remotes,
        IEnumerable<string> arguments
    )
    {
        _directory = directory;
        _remotes = [$"punix:{SocketPath}", .. remotes];
        _arguments = [.. arguments];
    }

    /// <summary>Where it listens.</summary>
    public string SocketPath => Path.Combine(_directory, "db.sock");

    /// <summary>Where it listens, as <see cref="Weft.Ovsdb.Remote"/> reads it.</summary>
    public string Remote => $"unix:{SocketPath}";

    /// <summary>The database's file.</summary>
    public string DatabasePath => Path.Combine(_directory, "db");

    /// <summary>For files that a test needs beside the database.</summary>
    public string Directory => _directory;

    /// <summary>What the server said.</summary>
    public string Log => File.Exists(LogPath) ? File.ReadAllText(LogPath) : "";

    /// <summary>Was it started, and not killed since?</summary>
    public bool IsRunning => _process is { HasExited: false };

    private string LogPath => Path.Combine(_directory, "log");

    /// <summary>Starts a server with an empty database.</summary>
    /// <param name="schema">The schema, JSON.</param>
    /// <param name="remotes">Further remotes of 127.0.0.1 to listen at, such as <c>ptcp:16640:127.0.0.1</c>.</param>
    /// <param name="arguments">Further arguments.</param>
    public static async Task<OvsdbServer> StartAsync(
        string schema,
        IEnumerable<string>? remotes = null,
        IEnumerable<string>? arguments = null
    )
    {
        var server = await CreateAsync(schema, remotes, arguments);
        try
        {
            await server.StartAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes the database, but starts nothing.</summary>
    public static async Task<OvsdbServer> CreateAsync(
        string schema,
        IEnumerable<string>? remotes = null,
        IEnumerable<string>? arguments = null
    )
    {
        var server = Prepare(remotes, arguments);
        var schemaPath = Path.Combine(server._directory, "schema");
        await File.WriteAllTextAsync(schemaPath, schema);
        await RunAsync("ovsdb-tool", "create", server.DatabasePath, schemaPath);
        return server;
    }

    /// <summary>Makes a directory for a server, and leaves it to the caller to make the database in it.</summary>
    public static OvsdbServer Prepare(
        IEnumerable<string>? remotes = null,
        IEnumerable<string>? arguments = null
    )
    {
        foreach (var program in (string[])["ovsdb-server", "ovsdb-tool"])
        {
            if (Find(program) is null)
            {
                Assert.Skip(
                    $"{program} is not installed (Debian: openvswitch-common, openvswitch-switch)"
                );
            }
        }

        // A socket's path is at most 107 bytes long, so the name is short.
        var directory = System.IO.Directory.CreateTempSubdirectory("weft-ovsdb-").FullName;
        return new(directory, remotes ?? [], arguments ?? []);
    }

    /// <summary>Adds arguments for the next start.</summary>
    public void AddArguments(params ReadOnlySpan<string> arguments) =>
        _arguments.AddRange(arguments);

    /// <summary>Starts it, again too, and waits until it listens.</summary>
    public async Task StartAsync()
    {
        File.Delete(SocketPath);
        File.Delete(Path.Combine(_directory, "db.pid"));
        var start = new ProcessStartInfo(Find("ovsdb-server")!)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        foreach (
            var argument in (string[])
                [
                    DatabasePath,
                    "--no-chdir",
                    $"--unixctl={Path.Combine(_directory, "ctl")}",
                    $"--log-file={LogPath}",
                    "--verbose=console:off",
                    .. _remotes.Select(static r => $"--remote={r}"),
                    .. _arguments,
                ]
        )
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["OVS_RUNDIR"] = _directory;
        start.Environment["OVS_LOGDIR"] = _directory;
        _process = Process.Start(start)!;
        await WaitUntilItListensAsync(_process);
    }

    /// <summary>Ends it as a power cut would.</summary>
    public async Task KillAsync()
    {
        if (_process is null)
        {
            return;
        }

        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Stops it without ending it, so that it answers nothing; or lets it go on.</summary>
    public Task SetFrozenAsync(bool isFrozen) =>
        RunAsync("kill", isFrozen ? "-STOP" : "-CONT", $"{_process!.Id}");

    /// <summary>Runs a command of the server's control socket, such as <c>cluster/status</c>.</summary>
    public Task<string> ControlAsync(params string[] arguments) =>
        RunAsync("ovs-appctl", ["-t", Path.Combine(_directory, "ctl"), .. arguments]);

    /// <summary>Waits until the server has joined its cluster.</summary>
    public Task WaitUntilItJoinedAsync(string database) =>
        RunAsync("ovsdb-client", "--timeout=60", "wait", Remote, database, "connected");

    /// <summary>
    /// A TCP port of 127.0.0.1 that nobody listens at: below those that Linux gives to who asks for any, so that nobody gets
    /// it by chance before its server does.
    /// </summary>
    public static int FreePort()
    {
        while (true)
        {
            var port = Random.Shared.Next(20000, 32768);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                if (s_givenPorts.TryAdd(port, true))
                {
                    return port;
                }
            }
            catch (SocketException)
            {
                // Somebody has it.
            }
        }
    }

    /// <summary>Runs a program to its end, and fails the test unless it succeeds.</summary>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(Find(program) ?? program)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(
            process.ExitCode == 0,
            $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await errors}"
        );
        return await output;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        System.IO.Directory.Delete(_directory, recursive: true);
    }

    // Not --detach, which tells when it listens: then it would be no child, and nobody could wait for its end.
    private async Task WaitUntilItListensAsync(Process process)
    {
        var began = Stopwatch.GetTimestamp();
        foreach (var remote in _remotes)
        {
            var parts = remote.Split(':');
            EndPoint address = parts[0] switch
            {
                "punix" => new UnixDomainSocketEndPoint(parts[1]),
                _ => new IPEndPoint(IPAddress.Loopback, int.Parse(parts[1])),
            };
            while (true)
            {
                using var socket = new Socket(
                    address.AddressFamily,
                    SocketType.Stream,
                    ProtocolType.Unspecified
                );
                try
                {
                    await socket.ConnectAsync(address);
                    break;
                }
                catch (SocketException)
                    when (!process.HasExited && Stopwatch.GetElapsedTime(began) < Patience)
                {
                    await Task.Delay(5);
                }
                catch (SocketException)
                {
                    Assert.Fail($"ovsdb-server does not listen at {remote}: {Log}");
                }
            }
        }
    }

    private static string? Find(string program) =>
        $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin"
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, program))
            .FirstOrDefault(File.Exists);
}
