using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Ovsdb.Tests.Differential;
using Xunit.Sdk;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>
/// One ovsdb-server for all cases of a file. Each case gets a database of its own, under a name of its own: the
/// server keeps databases apart by name, and the suite's schemas share a few names.
/// </summary>
public class SuiteServer : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-suite-").FullName;
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromMinutes(5));
    private readonly List<(string Title, string Outcome)> _judged = [];
    private Process? _server;
    private OvsdbClient? _client;
    private int _databases;

    public string SocketPath => Path.Combine(_folder, "db.sock");

    /// <summary>A client of the server, shared by the cases.</summary>
    public OvsdbClient Client => _client!;

    /// <summary>When everything must be over.</summary>
    public CancellationToken Deadline => _deadline.Token;

    /// <summary>Further arguments for the server.</summary>
    protected virtual IEnumerable<string> Options => [];

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
                    $"--remote=punix:{SocketPath}",
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
        while (!File.Exists(SocketPath) || !File.Exists(Control))
        {
            Assert.False(_server.HasExited, "ovsdb-server ended before it listened");
            await Task.Delay(5, deadline.Token);
        }
        _client = await OvsdbClient.ConnectAsync($"unix:{SocketPath}", deadline.Token);
    }

    public async ValueTask DisposeAsync()
    {
        Report();
        if (_client is not null)
        {
            await _client.DisposeAsync();
        }
        if (_server is not null)
        {
            _server.Kill();
            await _server.WaitForExitAsync();
            _server.Dispose();
        }
        _deadline.Dispose();
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
        await Tool.RunAsync("ovs-appctl", "-t", Control, "ovsdb-server/add-db", file);
        return name;
    }

    /// <summary>Calls a method with parameters written as JSON.</summary>
    public async Task<JsonElement> CallAsync(string method, string parameters)
    {
        using var json = JsonDocument.Parse(parameters);
        return await Client.CallAsync(method, json.RootElement, Deadline);
    }

    /// <summary>Runs a case, and counts how it went.</summary>
    public async Task JudgeAsync(string file, Func<Task> judge)
    {
        try
        {
            await judge();
            Count(file, "passed");
        }
        catch (Exception e)
        {
            Count(file, e.GetType() == typeof(SkipException) ? "skipped" : "failed");
            throw;
        }
    }

    private void Count(string file, string outcome)
    {
        lock (_judged)
        {
            _judged.Add((file, outcome));
        }
    }

    private void Report()
    {
        foreach (var file in _judged.GroupBy(j => j.Title))
        {
            var skipped = file.Count(j => j.Outcome == "skipped");
            Console.WriteLine(
                $"{file.Count(j => j.Outcome == "passed")} of {file.Count()} cases of {file.Key} pass"
                    + (skipped == 0 ? "" : $", {skipped} skipped with a reason")
            );
        }
    }

    private async Task<string> CreateAsync(string name, string schema)
    {
        var file = Path.Combine(_folder, $"{name}.db");
        await File.WriteAllTextAsync($"{file}.ovsschema", schema);
        await Tool.RunAsync("ovsdb-tool", "create", file, $"{file}.ovsschema");
        return file;
    }
}

/// <summary>A server in the read-only mode of a backup whose active server cannot be reached.</summary>
public sealed class ReadOnlySuiteServer : SuiteServer
{
    protected override IEnumerable<string> Options => ["--sync-from=unix:/nonexistent/active"];
}
