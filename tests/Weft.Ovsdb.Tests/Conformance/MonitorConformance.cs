using System.Collections.Immutable;
using System.Text.Json;
using Weft.Ovsdb.Tests.Hostile;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>
/// Open vSwitch's ovsdb-monitor.at: rows before, a monitor, changes, and the tables ovsdb-client prints. Judged twice:
/// by the server's own messages as they pass through the client's connection, and by what the replica tells of itself.
/// </summary>
public sealed class MonitorConformance(SuiteServer server) : IClassFixture<SuiteServer>
{
    private const string File = "ovsdb-monitor.at";

    public static TheoryData<string> Titles => SuiteCases.Titles(File);

    [Theory]
    [MemberData(nameof(Titles))]
    public async Task Sees_the_changes_that_the_suite_of_Open_vSwitch_says(string title)
    {
        var one = SuiteCases.Find(File, title);
        await server.JudgeAsync(
            File,
            async () =>
            {
                var monitored = MonitorCase.Read(File, one);
                await OnServerAsync(monitored, RawAsync);
                await OnServerAsync(monitored, ReplicatedAsync);
            }
        );
    }

    /// <summary>Runs a case on the shared server, or on one of its own where it needs a cluster or a restart.</summary>
    private async Task OnServerAsync(MonitorCase monitored, Func<Stage, Task> judge)
    {
        await using var own = monitored.Clustered
            ? await ClusterOfOneAsync(monitored.Schema)
            : null;
        var database = own is null ? await server.AddAsync(monitored.Schema) : "ordinals";
        await using var client = await server.ConnectAsync(
            $"unix:{own?.SocketPath ?? server.SocketPath}"
        );
        await judge(new(monitored, own, own?.SocketPath ?? server.SocketPath, database, client));
    }

    private static async Task<OvsdbServer> ClusterOfOneAsync(string schema)
    {
        var own = OvsdbServer.Prepare();
        var file = Path.Combine(own.Directory, "schema");
        await System.IO.File.WriteAllTextAsync(file, schema);
        await OvsdbServer.RunAsync(
            "ovsdb-tool",
            "create-cluster",
            own.DatabasePath,
            file,
            $"unix:{Path.Combine(own.Directory, "raft")}"
        );
        await own.StartAsync();
        return own;
    }

    private async Task RawAsync(Stage stage)
    {
        var (monitored, own, path, database, writer) = stage;
        var others = new List<OvsdbClient>();
        Tap? tap = null;
        OvsdbClient? client = null;
        MonitorTables? tables = null;
        var seen = 0;
        var last = "";
        try
        {
            foreach (var step in monitored.Steps)
            {
                switch (step)
                {
                    case Transact transact:
                        await CallAsync(writer, "transact", Renamed(transact.Json, database));
                        break;
                    case Watch { Heard: false } watch:
                        var other = await server.ConnectAsync($"unix:{path}");
                        others.Add(other);
                        await CallAsync(
                            other,
                            watch.Method,
                            $"[\"{database}\",null,{monitored.Requests(watch)}]"
                        );
                        break;
                    case Watch watch:
                        tap = new(path);
                        seen = 0;
                        client = await server.ConnectAsync(tap.Remote);
                        tables = new(monitored.Table, monitored.Columns(watch.Columns).Columns);
                        // The shell takes the transaction from the output of the monitor before.
                        var since =
                            watch.Since is null ? Guid.Empty.ToString()
                            : watch.Since.StartsWith('`') ? last
                            : watch.Since;
                        var reply = await CallAsync(
                            client,
                            watch.Method,
                            $"[\"{database}\",null,{monitored.Requests(watch)}{(watch.Method == "monitor_cond_since" ? $",\"{since}\"" : "")}]"
                        );
                        last = Print(tables, watch.Method, reply);
                        break;
                    case ChangeCondition change:
                        await CallAsync(
                            client!,
                            "monitor_cond_change",
                            $$"""[null,null,{"{{monitored.Table}}":[{"where":{{change.Condition}}}]}]"""
                        );
                        break;
                    case StopWatching:
                        await client!.DisposeAsync();
                        await tap!.DisposeAsync();
                        (client, tap) = (null, null);
                        break;
                    case RestartServer:
                        await own!.KillAsync();
                        await own.StartAsync();
                        break;
                }
                seen =
                    client is null || step is StopWatching or RestartServer
                        ? seen
                        : await ListenAsync(client, tap!, tables!, seen);
            }
            Assert.Equal(
                monitored.Expected,
                SuiteText.FilterUuids(SuiteText.SortMonitor(tables!.ToString()))
            );
        }
        finally
        {
            foreach (var other in others)
            {
                await other.DisposeAsync();
            }
            await (client?.DisposeAsync() ?? default);
            await (tap?.DisposeAsync() ?? default);
        }
    }

    /// <summary>Prints what came by since; an echo tells that the server sent all it had to say.</summary>
    private async Task<int> ListenAsync(OvsdbClient client, Tap tap, MonitorTables tables, int seen)
    {
        await CallAsync(client, "echo", "[]");
        var heard = tap.Heard(toClient: true);
        foreach (var message in heard.Skip(seen))
        {
            if (!message.TryGetProperty("method", out var method))
            {
                continue;
            }
            var parameters = message.GetProperty("params");
            switch (method.GetString())
            {
                case "update":
                    tables.Add(parameters[1], initial: false);
                    break;
                case "update2":
                    tables.Add2(parameters[1]);
                    break;
                case "update3":
                    tables.Since(parameters[1].GetString()!, parameters[2]);
                    break;
            }
        }
        return heard.Count;
    }

    private static string Print(MonitorTables tables, string method, JsonElement reply)
    {
        switch (method)
        {
            case "monitor":
                tables.Add(reply, initial: true);
                return "";
            case "monitor_cond":
                tables.Add2(reply);
                return "";
            default:
                tables.Found(reply[0].GetBoolean(), reply[1].GetString()!, reply[2]);
                return reply[1].GetString()!;
        }
    }

    /// <summary>
    /// The same through a replica. It always sees every kind of change and knows whole rows, so it is held against the
    /// rows that the expected tables show: their final state, and each change that they list.
    /// </summary>
    private async Task ReplicatedAsync(Stage stage)
    {
        var (monitored, own, _, database, writer) = stage;
        var others = new List<Replica>();
        Replica? replica = null;
        var changes = new ReplicaTables(monitored);
        try
        {
            foreach (var step in monitored.Steps)
            {
                switch (step)
                {
                    case Transact transact:
                        await CallAsync(writer, "transact", Renamed(transact.Json, database));
                        break;
                    case Watch { Heard: false } watch:
                        others.Add(
                            await writer.MonitorAsync(
                                database,
                                Spec(monitored, watch),
                                server.Deadline
                            )
                        );
                        break;
                    case Watch watch when replica is null:
                        replica = await writer.MonitorAsync(
                            database,
                            Spec(monitored, watch),
                            server.Deadline
                        );
                        changes.Begin(watch, replica.Snapshot);
                        break;
                    case ChangeCondition change:
                        await replica!.SetConditionsAsync(
                            ImmutableDictionary<string, ImmutableArray<Condition>>.Empty.Add(
                                monitored.Table,
                                Where(change.Condition)
                            ),
                            server.Deadline
                        );
                        break;
                    case StopWatching:
                        // The replica lives on and stands for the suite's second monitor, which has an output of its own.
                        changes.Forget();
                        break;
                    case RestartServer:
                        await own!.KillAsync();
                        await own.StartAsync();
                        await replica!.WaitForStateAsync(state => state.IsLive, server.Deadline);
                        break;
                }
                if (replica is not null)
                {
                    changes.Note(replica.Snapshot);
                }
            }
            changes.Compare();
        }
        finally
        {
            foreach (var other in others)
            {
                await other.DisposeAsync();
            }
            await (replica?.DisposeAsync() ?? default);
        }
    }

    private static MonitorSpec Spec(MonitorCase monitored, Watch watch)
    {
        // "_version" is the suite's choice; a replica holds what applications use.
        var columns = monitored.Columns(watch.Columns).Columns.Where(c => c != "_version");
        return MonitorSpec.Of(
            new TableMonitor(monitored.Table)
            {
                Columns = [.. columns],
                Where = watch.Condition is null ? [] : Where(watch.Condition),
            }
        );
    }

    private static ImmutableArray<Condition> Where(string json)
    {
        using var document = JsonDocument.Parse(json);
        return [.. document.RootElement.EnumerateArray().Select(TypedOperations.Condition)];
    }

    private static string Renamed(string transaction, string database)
    {
        using var json = JsonDocument.Parse(transaction);
        return $"[\"{database}\"{string.Concat(json.RootElement.EnumerateArray().Skip(1).Select(o => "," + o.GetRawText()))}]";
    }

    private async Task<JsonElement> CallAsync(OvsdbClient client, string method, string parameters)
    {
        using var json = JsonDocument.Parse(parameters);
        return await client.CallAsync(method, json.RootElement, server.Deadline);
    }

    private sealed record Stage(
        MonitorCase Case,
        OvsdbServer? Own,
        string Path,
        string Database,
        OvsdbClient Client
    );
}
