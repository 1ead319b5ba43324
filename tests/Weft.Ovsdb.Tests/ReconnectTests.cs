namespace Weft.Ovsdb.Tests;

public sealed class ReconnectTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_replica_is_stale_while_the_server_is_gone_and_rebuilt_when_it_is_back()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(Quick(server.Remote), Token);
        await using var replica = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Everything,
            Token
        );
        await InsertAsync(client, "kept");
        await InsertAsync(client, "changed");
        await InsertAsync(client, "deleted");
        await using var changes = replica
            .ChangesAsync(replica.Snapshot, Token)
            .GetAsyncEnumerator(Token);
        var next = changes.MoveNextAsync();
        var before = replica.Snapshot;

        var killed = TimeProvider.System.GetUtcNow();
        await server.KillAsync();
        var stale = await replica
            .WaitForStateAsync(static s => !s.IsLive, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        Assert.InRange(stale.Since, killed, TimeProvider.System.GetUtcNow());
        Assert.Contains(server.Remote, stale.Reason);
        Assert.Same(before, replica.Snapshot);
        Assert.NotEqual(ConnectionStatus.Connected, client.State.Status);

        // Behind the client's back, between two lives of the server.
        await OvsdbServer.RunAsync(
            "ovsdb-tool",
            "transact",
            server.DatabasePath,
            """
            ["test", {"op":"update","table":"thing","where":[["name","==","changed"]],"row":{"number":5}},
                     {"op":"delete","table":"thing","where":[["name","==","deleted"]]},
                     {"op":"insert","table":"thing","row":{"name":"inserted"}}]
            """
        );
        await server.StartAsync();

        await replica
            .WaitForStateAsync(static s => s.IsLive, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        Assert.Equal(0, replica.Resumptions);
        Assert.True(await next);
        var change = changes.Current;
        Assert.Same(replica.Snapshot, change.Snapshot);
        Assert.Equal(
            [
                (RowChangeKind.Deleted, "deleted"),
                (RowChangeKind.Inserted, "inserted"),
                (RowChangeKind.Updated, "changed"),
            ],
            change
                .Rows.Select(static r => (r.Kind, (r.New ?? r.Old)!["name"].AsString()))
                .OrderBy(static r => r.Item2[0] == 'c' ? "z" : r.Item2, StringComparer.Ordinal)
        );
        var updated = change.Rows.Single(static r => r.Kind == RowChangeKind.Updated);
        Assert.Equal(0, updated.Old!["number"]);
        Assert.Equal(5, updated.New!["number"]);

        await InsertAsync(client, "after");
        Assert.Equal(4, replica.Snapshot["thing"].Count);
    }

    [Fact]
    public async Task A_replica_of_a_database_with_numbered_transactions_goes_on_from_the_last()
    {
        await using var server = OvsdbServer.Prepare();
        var schema = Path.Combine(server.Directory, "schema");
        await File.WriteAllTextAsync(schema, TestSchema.Json, Token);
        await OvsdbServer.RunAsync(
            "ovsdb-tool",
            "create-cluster",
            server.DatabasePath,
            schema,
            $"tcp:127.0.0.1:{OvsdbServer.FreePort()}"
        );
        await server.StartAsync();
        await server.WaitUntilItJoinedAsync(TestSchema.Database);
        var options = Quick(server.Remote) with { Database = TestSchema.Database };
        await using var client = await OvsdbClient.ConnectAsync(options, Token);
        await using var replica = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Everything,
            Token
        );
        await InsertAsync(client, "a");
        Assert.NotNull(replica.Snapshot.LastTransaction);
        var row = Assert.Single(replica.Snapshot["thing"]).Value;

        for (var round = 1; round <= 3; round++)
        {
            await RestartAsync(server, replica);
            Assert.Equal(round, replica.Resumptions);
            await InsertAsync(client, $"b{round}");
            Assert.Equal(round + 1, replica.Snapshot["thing"].Count);
        }

        Assert.Same(row, replica.Snapshot["thing"][row.Uuid!.Value]);
    }

    [Fact]
    public async Task A_transaction_that_was_under_way_fails_with_its_outcome_unknown_and_is_not_repeated()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(Quick(server.Remote), Token);
        await server.SetFrozenAsync(true);
        var transaction = client.TransactAsync(
            TestSchema.Database,
            [new Insert("thing", new Row())],
            Token
        );
        await server.KillAsync();

        var error = await Assert.ThrowsAsync<OvsdbConnectionException>(() =>
            transaction.WaitAsync(OvsdbServer.Patience, Token)
        );
        Assert.True(error.OutcomeUnknown);
        Assert.Contains("'transact'", error.Message);
        Assert.Contains("read back before trying again", error.Message);

        await server.StartAsync();
        var rows = await client.TransactAsync(
            TestSchema.Database,
            [new Select("thing", [])],
            Token
        );
        Assert.Empty(rows[0].Rows);
    }

    [Fact]
    public async Task A_request_without_a_connection_waits_for_one_and_then_fails_unsent()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        var options = Quick(server.Remote) with
        {
            ReconnectPatience = TimeSpan.FromMilliseconds(50),
        };
        await using var client = await OvsdbClient.ConnectAsync(options, Token);
        await server.KillAsync();
        await client.WaitForStateAsync(
            static s => s.Status == ConnectionStatus.Connecting && s.Attempts > 0,
            Token
        );

        var error = await Assert.ThrowsAsync<OvsdbConnectionException>(() =>
            client.ListDatabasesAsync(Token)
        );
        Assert.False(error.OutcomeUnknown);
        Assert.Contains("nothing was sent", error.Message);
    }

    [Fact]
    public async Task The_next_remote_takes_over_and_the_replica_shows_what_it_has()
    {
        await using var first = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var second = await OvsdbServer.StartAsync(TestSchema.Json);
        await using (var other = await OvsdbClient.ConnectAsync(second.Remote, Token))
        {
            await InsertAsync(other, "of the second");
        }

        var options = Quick(first.Remote, second.Remote);
        await using var client = await OvsdbClient.ConnectAsync(options, Token);
        Assert.Equal(first.Remote, client.State.Remote!.ToString());
        await using var replica = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Everything,
            Token
        );
        await InsertAsync(client, "of the first");

        await first.KillAsync();
        var snapshot = await replica
            .WaitAsync(
                static s => s["thing"].Values.Any(static r => r["name"] == "of the second"),
                Token
            )
            .WaitAsync(OvsdbServer.Patience, Token);
        Assert.Single(snapshot["thing"]);
        Assert.Equal(second.Remote, client.State.Remote!.ToString());

        await first.StartAsync();
        await second.KillAsync();
        await replica
            .WaitAsync(
                static s => s["thing"].Values.Any(static r => r["name"] == "of the first"),
                Token
            )
            .WaitAsync(OvsdbServer.Patience, Token);
    }

    [Fact]
    public async Task No_server_at_all_is_an_error_that_names_each_remote_and_its_reason()
    {
        var options = Quick("unix:/nonexistent/db.sock", $"tcp:127.0.0.1:{OvsdbServer.FreePort()}");
        var error = await Assert.ThrowsAsync<OvsdbConnectionException>(() =>
            OvsdbClient.ConnectAsync(options, Token)
        );
        Assert.Contains(
            "unix:/nonexistent/db.sock: no such socket: is ovsdb-server running?",
            error.Message
        );
        Assert.Contains("connection refused", error.Message);

        var single = await Assert.ThrowsAsync<OvsdbConnectionException>(() =>
            OvsdbClient.ConnectAsync("unix:/nonexistent", Token)
        );
        Assert.StartsWith("Cannot connect to unix:/nonexistent: no such socket", single.Message);
    }

    [Fact]
    public async Task A_patient_client_connects_once_the_server_starts()
    {
        await using var server = await OvsdbServer.CreateAsync(TestSchema.Json);
        var connecting = OvsdbClient.ConnectAsync(
            Quick(server.Remote) with
            {
                FirstConnectPatience = OvsdbServer.Patience,
            },
            Token
        );
        await server.StartAsync();
        await using var client = await connecting;
        Assert.Contains(TestSchema.Database, await client.ListDatabasesAsync(Token));
    }

    [Fact]
    public async Task A_server_that_accepts_and_hangs_up_is_not_hammered()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var server = new FakeServer(
            (peer, request) =>
            {
                if (request.Method == "list_dbs")
                {
                    peer.Hang();
                }

                return Task.CompletedTask;
            }
        );
        await using var client = await OvsdbClient.ConnectAsync(
            Quick(server.Remote) with
            {
                TimeProvider = time,
            },
            Token
        );
        await Assert.ThrowsAsync<OvsdbConnectionException>(() => client.ListDatabasesAsync(Token));
        await client.WaitForStateAsync(static s => s.Status == ConnectionStatus.Connecting, Token);
        Assert.Equal(1, server.Connections);

        // The pause is at least half of the 10 ms: the clock stands still, so nothing happens until it is moved.
        time.Advance(TimeSpan.FromMilliseconds(4));
        await Assert.ThrowsAsync<TimeoutException>(() =>
            server.WaitForConnectionsAsync(2).WaitAsync(TimeSpan.FromMilliseconds(50), Token)
        );

        // When the client begins its pause, after it has said that it is connecting, cannot be seen from here.
        var second = server.WaitForConnectionsAsync(2);
        while (!second.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(6));
            await Task.WhenAny(second, Task.Delay(TimeSpan.FromMilliseconds(5), Token));
        }

        await second;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Each_pause_is_twice_the_last_up_to_the_longest_less_up_to_half_by_chance(
        bool hasBeenConnected
    )
    {
        const int Clients = 8;
        double[] longest = [10, 20, 40, 80, 160, 200, 200, 200];
        var all = new List<double[]>();
        for (var i = 0; i < Clients; i++)
        {
            all.Add(await PausesAsync(longest.Length, hasBeenConnected));
        }

        Assert.All(
            all,
            pauses =>
                Assert.All(
                    pauses.Zip(longest),
                    pair => Assert.InRange(pair.First, pair.Second / 2, pair.Second)
                )
        );
        // A timer takes whole milliseconds: some are the same.
        for (var i = 4; i < longest.Length; i++)
        {
            Assert.True(all.Select(pauses => pauses[i]).Distinct().Count() > Clients / 2);
        }
    }

    /// <summary>How long a client pauses between its rounds, in milliseconds.</summary>
    private static async Task<double[]> PausesAsync(int count, bool hasBeenConnected)
    {
        var server = hasBeenConnected ? new FakeServer(static (_, _) => Task.CompletedTask) : null;
        var options = Quick(server?.Remote ?? "unix:/nonexistent/db.sock");
        var time = new SkippingTime(options.MaxBackoff);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var connecting = OvsdbClient.ConnectAsync(
            options with
            {
                FirstConnectPatience = OvsdbServer.Patience,
                TimeProvider = time,
            },
            ending.Token
        );
        if (server is not null)
        {
            await using var client = await connecting;
            // It has lasted long enough for the first try to come at once.
            time.Advance(options.MaxBackoff);
            await server.DisposeAsync();
            return await RecordedAsync();
        }
        var pauses = await RecordedAsync();
        await ending.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
        return pauses;

        async Task<double[]> RecordedAsync() =>
            [
                .. (
                    await time
                        .Pauses.WaitAsync(pauses => pauses.Count >= count, Token)
                        .WaitAsync(OvsdbServer.Patience, Token)
                )
                    .Take(count)
                    .Select(pause => pause.TotalMilliseconds),
            ];
    }

    /// <summary>A clock that stands still, and on which pauses are over at once.</summary>
    private sealed class SkippingTime(TimeSpan longest)
        : Microsoft.Extensions.Time.Testing.FakeTimeProvider
    {
        public Latest<IReadOnlyList<TimeSpan>> Pauses { get; } = new([]);

        public override ITimer CreateTimer(
            TimerCallback callback,
            object? state,
            TimeSpan dueTime,
            TimeSpan period
        )
        {
            // All else that the client times is longer.
            if (dueTime > longest || dueTime < TimeSpan.Zero)
            {
                return base.CreateTimer(callback, state, dueTime, period);
            }
            Pauses.Set([.. Pauses.Value, dueTime]);
            return System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }

    [Fact]
    public async Task Another_database_comes_and_goes_without_harm_and_a_new_schema_is_taken_up()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(Quick(server.Remote), Token);
        await using var replica = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Everything,
            Token
        );
        await InsertAsync(client, "kept");
        var since = client.State.Since;

        var other = Path.Combine(server.Directory, "other");
        await File.WriteAllTextAsync(
            $"{other}.schema",
            """{"name":"other","tables":{"t":{"columns":{"c":{"type":"string"}}}}}""",
            Token
        );
        await OvsdbServer.RunAsync("ovsdb-tool", "create", other, $"{other}.schema");
        await server.ControlAsync("ovsdb-server/add-db", other);
        Assert.Contains("other", await client.ListDatabasesAsync(Token));
        await server.ControlAsync("ovsdb-server/remove-db", "other");
        Assert.DoesNotContain("other", await client.ListDatabasesAsync(Token));
        Assert.Equal(since, client.State.Since);
        Assert.True(replica.State.IsLive);

        var wider = Path.Combine(server.Directory, "wider");
        await File.WriteAllTextAsync(
            wider,
            TestSchema.Json.Replace("\"label\"", "\"weight\""),
            Token
        );
        await OvsdbServer.RunAsync("ovsdb-client", "convert", server.Remote, wider);
        var insert = new Insert("part", new Row { ["weight"] = "7" }) { UuidName = "p" };
        await client.TransactAsync(
            TestSchema.Database,
            [insert, new Update("thing", [], new Row { ["parts"] = Atom.NamedUuid("p") })],
            Token
        );
        var snapshot = await replica
            .WaitAsync(static s => s["part"].Count == 1, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        Assert.Equal(["weight"], Assert.Single(snapshot["part"]).Value.Keys);
        Assert.Single(snapshot["thing"]);

        // The server canceled the monitor only, and others on the connection had no part in it.
        Assert.Equal(since, client.State.Since);
    }

    [Fact]
    public async Task Disposing_fails_what_waits_and_what_comes_after()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        var replica = await client.MonitorAsync(TestSchema.Database, MonitorSpec.Everything, Token);
        var waiting = replica.WaitAsync(static _ => false, Token);
        var changes = replica.ChangesAsync(replica.Snapshot, Token).GetAsyncEnumerator(Token);
        var change = changes.MoveNextAsync();
        await client.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() =>
            waiting.WaitAsync(OvsdbServer.Patience, Token)
        );
        await Assert.ThrowsAsync<ObjectDisposedException>(() =>
            change.AsTask().WaitAsync(OvsdbServer.Patience, Token)
        );
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.ListDatabasesAsync(Token));
        Assert.Equal(ConnectionStatus.Closed, client.State.Status);
        Assert.False(replica.State.IsLive);
        await replica.DisposeAsync();
        await client.DisposeAsync();
    }

    [Fact]
    public async Task Who_disposes_of_a_client_a_second_time_waits_for_the_first()
    {
        var asked = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        await using var server = new FakeServer(static (_, _) => Task.CompletedTask);
        var client = await OvsdbClient.ConnectAsync(server.Remote, Token);

        // Who waits for a state is asked on the way, and so can hold the end up.
        _ = client.WaitForStateAsync(
            state =>
            {
                if (state.Status == ConnectionStatus.Closed)
                {
                    asked.SetResult();
                    goOn.Task.Wait(OvsdbServer.Patience);
                }

                return false;
            },
            Token
        );
        var first = Task.Run(() => client.DisposeAsync().AsTask(), Token);
        await asked.Task.WaitAsync(OvsdbServer.Patience, Token);
        var second = client.DisposeAsync().AsTask();
        Assert.False(second.IsCompleted);
        goOn.SetResult();
        await Task.WhenAll(first, second).WaitAsync(OvsdbServer.Patience, Token);
        Assert.Equal(ConnectionStatus.Closed, client.State.Status);
    }

    [Fact]
    public async Task A_client_made_on_a_busy_thread_with_a_context_connects_again()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        using var isFree = new ManualResetEventSlim(initialState: true);
        var context = new BusyContext(isFree);
        var connected = Task.Run(
            () =>
            {
                SynchronizationContext.SetSynchronizationContext(context);
                return ConnectAsync();
            },
            Token
        );
        var (client, replica) = await connected.WaitAsync(OvsdbServer.Patience, Token);
        await using var _ = client;
        isFree.Reset();
        try
        {
            await RestartAsync(server, replica);
        }
        finally
        {
            isFree.Set();
        }

        async Task<(OvsdbClient, Replica)> ConnectAsync()
        {
            var made = await OvsdbClient.ConnectAsync(Quick(server.Remote), Token);
            return (
                made,
                await made.MonitorAsync(TestSchema.Database, MonitorSpec.Everything, Token)
            );
        }
    }

    internal static OvsdbClientOptions Quick(params IEnumerable<string> remotes) =>
        new()
        {
            Remotes = [.. remotes.Select(Remote.Parse)],
            MinBackoff = TimeSpan.FromMilliseconds(10),
            MaxBackoff = TimeSpan.FromMilliseconds(200),
            ReconnectPatience = OvsdbServer.Patience,
        };

    /// <summary>That of a user interface, say, whose one thread does something else once it is busy.</summary>
    private sealed class BusyContext(ManualResetEventSlim isFree) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) =>
            ThreadPool.UnsafeQueueUserWorkItem(
                _ =>
                {
                    isFree.Wait(OvsdbServer.Patience);
                    SetSynchronizationContext(this);
                    d(state);
                },
                null
            );
    }

    /// <summary>Kills the server and starts it again, and waits until the replica has noticed both.</summary>
    private static async Task RestartAsync(OvsdbServer server, Replica replica)
    {
        await server.KillAsync();
        await replica
            .WaitForStateAsync(static s => !s.IsLive, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        await server.StartAsync();
        await replica
            .WaitForStateAsync(static s => s.IsLive, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
    }

    private static Task InsertAsync(OvsdbClient client, string name) =>
        client.TransactAsync(
            TestSchema.Database,
            [new Insert("thing", new Row { ["name"] = name })],
            Token
        );
}
