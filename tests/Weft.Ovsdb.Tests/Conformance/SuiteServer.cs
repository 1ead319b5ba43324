using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>
/// One ovsdb-server for all cases of a file. Each case gets a database of its own, under a name of its own: the
/// server keeps databases apart by name, and the suite's schemas share a few names.
/// </summary>
public class SuiteServer : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-suite-").FullName;
    private Process? _server;
    private int _databases;

    public string Remote => $"unix:{Socket}";

    /// <summary>Further arguments for the server.</summary>
    protected virtual IEnumerable<string> Options => [];

    private string Socket => Path.Combine(_folder, "db.sock");

    private string Control => Path.Combine(_folder, "ctl");

    public async ValueTask InitializeAsync()
    {
        if (OvsSuite.Here is null)
        {
            return;
        }
        var start = new ProcessStartInfo("ovsdb-server")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
            Environment = { ["OVS_RUNDIR"] = _folder },
        };
        foreach (
            var argument in (IEnumerable<string>)
                [
                    $"--remote=punix:{Socket}",
                    $"--unixctl={Control}",
                    "--no-chdir",
                    "-vconsole:off",
                    .. Options,
                    await CreateAsync("first", """{"name":"first","tables":{}}"""),
                ]
        )
        {
            start.ArgumentList.Add(argument);
        }
        _server = Process.Start(start)!;
        _server.OutputDataReceived += (_, _) => { };
        _server.ErrorDataReceived += (_, _) => { };
        _server.BeginOutputReadLine();
        _server.BeginErrorReadLine();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!File.Exists(Socket) || !File.Exists(Control))
        {
            Assert.False(_server.HasExited, "ovsdb-server ended before it listened");
            await Task.Delay(5, deadline.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            _server.Kill();
            await _server.WaitForExitAsync();
            _server.Dispose();
        }
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Adds a database of this schema under a new name, and gives the name.</summary>
    /// <exception cref="InvalidDataException">ovsdb-server refuses the schema, in its own words.</exception>
    public async Task<string> AddAsync(string schema)
    {
        var named = JsonNode.Parse(schema)!.AsObject();
        var name = $"{named["name"]}{Interlocked.Increment(ref _databases)}";
        named["name"] = name;
        var file = await CreateAsync(name, named.ToJsonString());
        await RunAsync("ovs-appctl", "-t", Control, "ovsdb-server/add-db", file);
        return name;
    }

    private async Task<string> CreateAsync(string name, string schema)
    {
        var file = Path.Combine(_folder, $"{name}.db");
        await File.WriteAllTextAsync($"{file}.ovsschema", schema);
        await RunAsync("ovsdb-tool", "create", file, $"{file}.ovsschema");
        return file;
    }

    private static async Task RunAsync(string command, params string[] arguments)
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
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidDataException(await error);
        }
    }
}
