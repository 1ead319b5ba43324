namespace Weft.Ovsdb.Tests;

public sealed class ClusterTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_leader_only_client_follows_the_leader_and_its_replica_goes_on()
    {
        await using var cluster = await Cluster.FormAsync();
        var options = ReconnectTests.Quick([.. cluster.Servers.Select(static s => s.Remote)]) with
        {
            Database = TestSchema.Database,
            LeaderOnly = true,
            FirstConnectPatience = OvsdbServer.Patience,
        };
        await using var client = await OvsdbClient.ConnectAsync(options, Token);
        await using var replica = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Everything,
            Token
        );
        var leader = await cluster.LeaderAsync();
        Assert.Equal(leader.Remote, client.State.Remote!.ToString());
        await InsertAsync(client, "before");
        var row = Assert.Single(replica.Snapshot["thing"]).Value;

        await leader.KillAsync();
        await replica
            .WaitForStateAsync(static s => !s.IsLive, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        await InsertAsync(client, "after");

        Assert.NotEqual(leader.Remote, client.State.Remote!.ToString());
        Assert.Equal((await cluster.LeaderAsync()).Remote, client.State.Remote!.ToString());
        await replica
            .WaitAsync(static s => s["thing"].Count == 2, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        Assert.True(replica.State.IsLive);
        Assert.Equal(1, replica.Resumptions);
        Assert.Same(row, replica.Snapshot["thing"][row.Uuid!.Value]);
    }

    [Fact]
    public async Task A_leader_only_client_leaves_a_leader_that_steps_down()
    {
        await using var cluster = await Cluster.FormAsync();
        var options = ReconnectTests.Quick([.. cluster.Servers.Select(static s => s.Remote)]) with
        {
            Database = TestSchema.Database,
            LeaderOnly = true,
            FirstConnectPatience = OvsdbServer.Patience,
        };
        await using var client = await OvsdbClient.ConnectAsync(options, Token);
        var leader = await cluster.LeaderAsync();

        // A leader that leaves the cluster is none any longer, but goes on listening.
        await leader.ControlAsync("cluster/leave", TestSchema.Database);
        await client
            .WaitForStateAsync(
                s =>
                    s.Status == ConnectionStatus.Connected && s.Remote!.ToString() != leader.Remote,
                Token
            )
            .WaitAsync(OvsdbServer.Patience, Token);
        await InsertAsync(client, "after");
    }

    [Fact]
    public async Task A_follower_alone_is_no_server_for_a_leader_only_client()
    {
        await using var cluster = await Cluster.FormAsync();
        var leader = await cluster.LeaderAsync();
        var follower = cluster.Servers.First(s => s != leader);
        var options = ReconnectTests.Quick(follower.Remote) with { Database = TestSchema.Database };
        await using (var client = await OvsdbClient.ConnectAsync(options, Token))
        {
            await InsertAsync(client, "through a follower");
        }

        var error = await Assert.ThrowsAsync<OvsdbConnectionException>(() =>
            OvsdbClient.ConnectAsync(options with { LeaderOnly = true }, Token)
        );
        Assert.Contains($"{follower.Remote}: not the leader of 'test'", error.Message);
    }

    [Fact]
    public async Task A_member_that_lost_its_cluster_is_left()
    {
        await using var cluster = await Cluster.FormAsync();
        var alone = cluster.Servers[2];
        var options = ReconnectTests.Quick(alone.Remote) with { Database = TestSchema.Database };
        await using var client = await OvsdbClient.ConnectAsync(options, Token);
        await using var replica = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Everything,
            Token
        );
        await cluster.Servers[0].KillAsync();
        await cluster.Servers[1].KillAsync();
        var state = await replica
            .WaitForStateAsync(static s => !s.IsLive && s.Reason!.Contains("out of touch"), Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        Assert.Contains(alone.Remote, state.Reason);
    }

    [Fact]
    public async Task A_database_that_the_server_does_not_have_is_named()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        var options = ReconnectTests.Quick(server.Remote) with
        {
            Database = "nope",
            LeaderOnly = true,
        };
        var error = await Assert.ThrowsAsync<OvsdbConnectionException>(() =>
            OvsdbClient.ConnectAsync(options, Token)
        );
        Assert.Contains("has no database 'nope'", error.Message);
        await using var client = await OvsdbClient.ConnectAsync(
            options with
            {
                Database = TestSchema.Database,
            },
            Token
        );
    }

    private static Task InsertAsync(OvsdbClient client, string name) =>
        client.TransactAsync(
            TestSchema.Database,
            [new Insert("thing", new Row { ["name"] = name })],
            Token
        );

    private sealed class Cluster : IAsyncDisposable
    {
        private Cluster(OvsdbServer[] servers) => Servers = servers;

        public OvsdbServer[] Servers { get; }

        public static async Task<Cluster> FormAsync()
        {
            var servers = new OvsdbServer[3];
            var addresses = new string[3];
            for (var i = 0; i < 3; i++)
            {
                servers[i] = OvsdbServer.Prepare();
                addresses[i] = $"tcp:127.0.0.1:{OvsdbServer.FreePort()}";
                if (i == 0)
                {
                    var schema = Path.Combine(servers[0].Directory, "schema");
                    await File.WriteAllTextAsync(schema, TestSchema.Json, Token);
                    await OvsdbServer.RunAsync(
                        "ovsdb-tool",
                        "--election-timer=500",
                        "create-cluster",
                        servers[0].DatabasePath,
                        schema,
                        addresses[0]
                    );
                }
                else
                {
                    await OvsdbServer.RunAsync(
                        "ovsdb-tool",
                        "join-cluster",
                        servers[i].DatabasePath,
                        TestSchema.Database,
                        addresses[i],
                        addresses[0]
                    );
                }

                await servers[i].StartAsync();
                await servers[i].WaitUntilItJoinedAsync(TestSchema.Database);
            }

            return new(servers);
        }

        public async Task<OvsdbServer> LeaderAsync()
        {
            var deadline = TimeProvider.System.GetTimestamp();
            while (TimeProvider.System.GetElapsedTime(deadline) < OvsdbServer.Patience)
            {
                foreach (var server in Servers.Where(static s => s.IsRunning))
                {
                    var status = await server.ControlAsync("cluster/status", TestSchema.Database);
                    if (status.Contains("Role: leader"))
                    {
                        return server;
                    }
                }
            }

            throw new InvalidOperationException("the cluster has no leader");
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var server in Servers)
            {
                await server.DisposeAsync();
            }
        }
    }
}
