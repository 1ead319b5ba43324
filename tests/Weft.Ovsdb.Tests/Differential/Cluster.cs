namespace Weft.Ovsdb.Tests.Differential;

/// <summary>A database served by three servers that agree by RAFT; any of them may be killed.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    private readonly List<OvsdbServer> _servers = [];
    private readonly HashSet<OvsdbServer> _dead = [];
    private readonly string _database;

    private Cluster(string database) => _database = database;

    public IEnumerable<string> Remotes => _servers.Select(server => server.Remote);

    public static async Task<Cluster> StartAsync(string schema, string database)
    {
        var cluster = new Cluster(database);
        for (var i = 0; i < 3; i++)
        {
            var server = OvsdbServer.Prepare();
            cluster._servers.Add(server);
            var address = $"unix:{Path.Combine(server.Directory, "raft")}";
            if (i == 0)
            {
                var file = Path.Combine(server.Directory, "schema");
                await File.WriteAllTextAsync(file, schema);
                await OvsdbServer.RunAsync(
                    "ovsdb-tool",
                    "--election-timer=500",
                    "create-cluster",
                    server.DatabasePath,
                    file,
                    address
                );
            }
            else
            {
                var first = $"unix:{Path.Combine(cluster._servers[0].Directory, "raft")}";
                await OvsdbServer.RunAsync(
                    "ovsdb-tool",
                    "join-cluster",
                    server.DatabasePath,
                    database,
                    address,
                    first
                );
            }
            await server.StartAsync();
            await cluster.JoinedAsync(server);
        }
        return cluster;
    }

    /// <summary>The server that leads, once one does.</summary>
    public async Task<OvsdbServer> LeaderAsync()
    {
        using var deadline = new CancellationTokenSource(OvsdbServer.Patience);
        while (true)
        {
            foreach (var server in _servers.Where(server => !_dead.Contains(server)))
            {
                var status = await server.ControlAsync("cluster/status", _database);
                if (status.Contains("Role: leader", StringComparison.Ordinal))
                {
                    return server;
                }
            }
            await Task.Delay(20, deadline.Token);
        }
    }

    public async Task KillLeaderAsync()
    {
        var leader = await LeaderAsync();
        await leader.KillAsync();
        _dead.Add(leader);
    }

    /// <summary>Starts again what was killed.</summary>
    public async Task ReviveAsync()
    {
        foreach (var server in _dead)
        {
            await server.StartAsync();
            await JoinedAsync(server);
        }
        _dead.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }
    }

    private Task<string> JoinedAsync(OvsdbServer server) =>
        OvsdbServer.RunAsync(
            "ovsdb-client",
            "--timeout=60",
            "wait",
            server.Remote,
            _database,
            "connected"
        );
}
