using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Ovsdb.Tests.Hostile;
using Xunit.Sdk;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>
/// One ovsdb-server for all cases of a file, and the count of how they went. Each case gets a database of its own,
/// under a name of its own: the server keeps databases apart by name, and the suite's schemas share a few names.
/// </summary>
public class SuiteServer : IAsyncLifetime
{
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromMinutes(5));
    private readonly List<(string File, string Outcome)> _judged = [];
    private OvsdbServer? _server;
    private OvsdbClient? _client;
    private int _databases;

    public string SocketPath => _server!.SocketPath;

    /// <summary>A client of the server, shared by the cases.</summary>
    public OvsdbClient Client => _client!;

    /// <summary>When everything must be over.</summary>
    public CancellationToken Deadline => _deadline.Token;

    /// <summary>Further arguments for the server.</summary>
    protected virtual IEnumerable<string> Options => [];

    public async ValueTask InitializeAsync()
    {
        if (OvsSuite.Here is null)
        {
            return;
        }
        _server = await OvsdbServer.StartAsync(
            """{"name":"first","tables":{}}""",
            arguments: Options
        );
        _client = await ConnectAsync($"unix:{SocketPath}");
    }

    public async ValueTask DisposeAsync()
    {
        Report();
        await (_client?.DisposeAsync() ?? default);
        await (_server?.DisposeAsync() ?? default);
        _deadline.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A client that stays connected when another case adds a database (ovsdb-server(7), section 4.1.16).</summary>
    public async Task<OvsdbClient> ConnectAsync(string remote)
    {
        var client = await OvsdbClient.ConnectAsync(remote, Deadline);
        using var yes = JsonDocument.Parse("[true]");
        await client.CallAsync("set_db_change_aware", yes.RootElement, Deadline);
        return client;
    }

    /// <summary>Adds a database of this schema under a new name, and gives the name.</summary>
    /// <exception cref="InvalidDataException">ovsdb-tool refuses the schema, in its own words.</exception>
    public async Task<string> AddAsync(string schema)
    {
        var named = JsonNode.Parse(schema)!.AsObject();
        var name = $"{named["name"]}{Interlocked.Increment(ref _databases)}";
        named["name"] = name;
        var file = Path.Combine(_server!.Directory, $"{name}.db");
        await File.WriteAllTextAsync($"{file}.ovsschema", named.ToJsonString());
        await CreateAsync(file);
        await _server.ControlAsync("ovsdb-server/add-db", file);
        return name;
    }

    /// <summary>Calls a method with parameters written as JSON.</summary>
    public async Task<JsonElement> CallAsync(string method, string parameters)
    {
        using var json = JsonDocument.Parse(parameters);
        return await Client.CallAsync(method, json.RootElement, Deadline);
    }

    /// <summary>Has the client carry out one operation, and gives it as it passed on the wire.</summary>
    public async Task<JsonElement> SentAsync(string database, Operation operation)
    {
        await using var tap = new Tap(SocketPath);
        await using var client = await ConnectAsync(tap.Remote);
        await client.TransactAsync(database, [operation], Deadline);
        return tap.Heard(toClient: false)
            .Last(m => m.GetProperty("method").GetString() == "transact")
            .GetProperty("params")[1];
    }

    /// <summary>Runs a case, and counts how it went.</summary>
    public async Task JudgeAsync(string file, Func<Task> judge)
    {
        try
        {
            await judge();
            Count(file, "passed");
        }
        catch (SkipException)
        {
            Count(file, "skipped");
            throw;
        }
        catch
        {
            Count(file, "failed");
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
        foreach (var file in _judged.GroupBy(j => j.File))
        {
            var skipped = file.Count(j => j.Outcome == "skipped");
            Console.WriteLine(
                $"{file.Count(j => j.Outcome == "passed")} of {file.Count()} cases of {file.Key} pass"
                    + (skipped == 0 ? "" : $", {skipped} skipped with a reason")
            );
        }
    }

    private static async Task CreateAsync(string file)
    {
        using var process = Process.Start(
            new ProcessStartInfo("ovsdb-tool", ["create", file, $"{file}.ovsschema"])
            {
                UseShellExecute = false,
                RedirectStandardError = true,
            }
        )!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidDataException(error);
        }
    }
}

/// <summary>A server in the read-only mode of a backup whose active server cannot be reached.</summary>
public sealed class ReadOnlySuiteServer : SuiteServer
{
    protected override IEnumerable<string> Options => ["--sync-from=unix:/nonexistent/active"];
}
