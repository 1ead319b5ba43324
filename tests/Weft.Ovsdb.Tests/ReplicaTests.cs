using System.Collections.Immutable;

namespace Weft.Ovsdb.Tests;

public sealed class ReplicaTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_replica_holds_the_tables_and_columns_asked_for()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        var spec = MonitorSpec.Of(TableMonitor.Of("thing", "name", "number"));
        await using var replica = await client.MonitorAsync(TestSchema.Database, spec, Token);
        await InsertAsync(client, "a", 1);
        Assert.Equal(["name", "number"], Assert.Single(replica.Snapshot["thing"]).Value.Keys);
        Assert.Throws<OvsdbValueException>(() => replica.Snapshot["part"]);

        // A change to a column that is not held is none.
        var before = replica.Snapshot;
        await client.TransactAsync(
            TestSchema.Database,
            [new Update("thing", [], new Row { ["flag"] = true })],
            Token
        );
        Assert.Same(before["thing"], replica.Snapshot["thing"]);
    }

    [Fact]
    public async Task A_replica_that_was_disposed_of_leaves_nothing_behind_though_its_connection_lasts()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        var leftBehind = await UseAsync();
        for (var tries = 0; leftBehind.Exists(static left => left.IsAlive) && tries < 100; tries++)
        {
            // What ended last may still be on the stack of the thread that reads: the next answer is behind it.
            await client.ListDatabasesAsync(Token);
            GC.Collect();
        }

        Assert.DoesNotContain(true, leftBehind.Select(static left => left.IsAlive));

        // In a method of its own: what it held is held no more once it has returned.
        async Task<List<WeakReference>> UseAsync()
        {
            var replica = await client.MonitorAsync(
                TestSchema.Database,
                MonitorSpec.Everything,
                Token
            );
            List<WeakReference> used = [new(replica), new(replica.Following)];
            await replica.DisposeAsync();
            return used;
        }
    }

    [Fact]
    public async Task What_cannot_be_replicated_is_refused_by_name()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        await Refused("nope", MonitorSpec.Everything, ErrorNames.UnknownDatabase);
        await Refused("test", MonitorSpec.Of(TableMonitor.Of("nope")), ErrorNames.UnknownTable);
        await Refused(
            "test",
            MonitorSpec.Of(TableMonitor.Of("thing", "nope")),
            ErrorNames.UnknownColumn
        );
        var condition = new TableMonitor("thing") { Where = [Condition.Equal("nope", 1)] };
        await Refused("test", MonitorSpec.Of(condition), ErrorNames.UnknownColumn);

        async Task Refused(string database, MonitorSpec spec, string error) =>
            Assert.Equal(
                error,
                (
                    await Assert.ThrowsAsync<OvsdbRemoteException>(() =>
                        client.MonitorAsync(database, spec, Token)
                    )
                ).Error
            );
    }

    [Fact]
    public async Task Conditions_choose_the_rows_and_can_be_changed()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(
            ReconnectTests.Quick(server.Remote),
            Token
        );
        for (var i = 0; i < 10; i++)
        {
            await InsertAsync(client, $"n{i}", i);
        }

        var spec = MonitorSpec.Of(
            TableMonitor.Of("thing", "name") with
            {
                Where = [Condition.Equal("number", 1), new("number", ConditionFunction.Greater, 7)],
            }
        );
        await using var replica = await client.MonitorAsync(TestSchema.Database, spec, Token);
        Assert.Equal("n1 n8 n9", Names(replica.Snapshot));
        await using var changes = replica
            .ChangesAsync(replica.Snapshot, Token)
            .GetAsyncEnumerator(Token);
        var next = changes.MoveNextAsync();

        await SetAsync(new Condition("number", ConditionFunction.Less, 2));
        Assert.Equal("n0 n1", Names(replica.Snapshot));
        Assert.True(await next);
        Assert.Equal(
            [
                (RowChangeKind.Inserted, "n0"),
                (RowChangeKind.Deleted, "n8"),
                (RowChangeKind.Deleted, "n9"),
            ],
            changes
                .Current.Rows.Select(static r => (r.Kind, (r.New ?? r.Old)!["name"].AsString()))
                .OrderBy(static r => r.Item2)
        );

        // A row that ceases to meet the condition leaves; one that comes to meet it enters.
        await client.TransactAsync(
            TestSchema.Database,
            [
                new Update("thing", [Condition.Equal("name", "n0")], new Row { ["number"] = 50 }),
                new Update("thing", [Condition.Equal("name", "n5")], new Row { ["number"] = 0 }),
            ],
            Token
        );
        Assert.Equal("n1 n5", Names(replica.Snapshot));

        await SetAsync(Condition.Never);
        Assert.Empty(replica.Snapshot["thing"]);
        await SetAsync();
        Assert.Equal(10, replica.Snapshot["thing"].Count);

        await Assert.ThrowsAsync<OvsdbValueException>(() => SetAsync(Condition.Equal("nope", 1)));
        await Assert.ThrowsAsync<OvsdbRemoteException>(() => SetAsync(Condition.Equal("name", 1)));
        Assert.Equal(10, replica.Snapshot["thing"].Count);

        // Changed while the server is gone, they hold when it is back.
        await server.KillAsync();
        await replica
            .WaitForStateAsync(static s => !s.IsLive, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        var changing = SetAsync(Condition.Equal("name", "n3"));
        Assert.False(changing.IsCompleted);
        await server.StartAsync();
        await changing.WaitAsync(OvsdbServer.Patience, Token);
        Assert.Equal("n3", Names(replica.Snapshot));

        Task SetAsync(params ImmutableArray<Condition> where) =>
            replica.SetConditionsAsync(
                ImmutableDictionary<string, ImmutableArray<Condition>>.Empty.Add("thing", where),
                Token
            );
    }

    [Theory]
    [InlineData("thing", "part")]
    [InlineData("part", "thing")]
    public async Task Conditions_that_are_refused_leave_those_there_were(string good, string bad)
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        for (var i = 0; i < 4; i++)
        {
            await InsertWithPartAsync(client, i);
        }

        await using var replica = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Everything,
            Token
        );
        await Assert.ThrowsAsync<OvsdbRemoteException>(() =>
            replica.SetConditionsAsync(
                ImmutableDictionary<string, ImmutableArray<Condition>>
                    .Empty.Add(good, [good == "thing" ? NameIs("n1") : LabelIs("p1")])
                    .Add(bad, [bad == "thing" ? NameIs(1) : LabelIs(1)]),
                Token
            )
        );
        await replica
            .WaitForStateAsync(static s => s.IsLive, Token)
            .WaitAsync(OvsdbServer.Patience, Token);

        // Of rows that meet the good conditions, and of rows that do not.
        await client.TransactAsync(
            TestSchema.Database,
            [
                new Update("thing", [], new Row { ["number"] = 7 }),
                new Update("part", [LabelIs("p1")], new Row { ["label"] = "p1, new" }),
                new Update("part", [LabelIs("p2")], new Row { ["label"] = "p2, new" }),
            ],
            Token
        );
        var selected = await client.TransactAsync(
            TestSchema.Database,
            [new Select("thing", []), new Select("part", [])],
            Token
        );
        Assert.Equal(
            Texts(selected[0].Rows.Concat(selected[1].Rows)),
            Texts(replica.Snapshot["thing"].Values.Concat(replica.Snapshot["part"].Values))
        );
        Assert.Null(client.State.LastError);

        static IEnumerable<string> Texts(IEnumerable<Row> rows) =>
            rows.Select(static row =>
                    row.ContainsKey("label") ? $"{row["label"]}" : $"{row["name"]} {row["number"]}"
                )
                .Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task Conditions_that_are_refused_harm_no_others_that_are_set_at_the_same_time()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(
            ReconnectTests.Quick(server.Remote) with
            {
                ProbeInterval = TimeSpan.Zero,
            },
            Token
        );
        for (var i = 0; i < 4; i++)
        {
            await InsertWithPartAsync(client, i);
        }

        await using var replica = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Everything,
            Token
        );
        Task[] setting =
        [
            SetAsync("thing", NameIs(1)),
            SetAsync("part", LabelIs("p1")),
            SetAsync("thing", NameIs("n2")),
            SetAsync("thing", NameIs(2)),
        ];
        await Assert.ThrowsAsync<OvsdbRemoteException>(() => setting[0]);
        await setting[1].WaitAsync(OvsdbServer.Patience, Token);
        await setting[2].WaitAsync(OvsdbServer.Patience, Token);
        await Assert.ThrowsAsync<OvsdbRemoteException>(() => setting[3]);
        await CheckAsync();

        // While the server is gone, too.
        await server.KillAsync();
        await replica
            .WaitForStateAsync(static s => !s.IsLive, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        var waiting = SetAsync("thing", NameIs(3));
        await server.StartAsync();
        await Assert.ThrowsAsync<OvsdbRemoteException>(() =>
            waiting.WaitAsync(OvsdbServer.Patience, Token)
        );
        await CheckAsync();
        await SetAsync("thing", NameIs("n3")).WaitAsync(OvsdbServer.Patience, Token);
        Assert.Equal("n3", Names(replica.Snapshot));

        async Task CheckAsync()
        {
            await replica
                .WaitForStateAsync(static s => s.IsLive, Token)
                .WaitAsync(OvsdbServer.Patience, Token);
            Assert.Equal("n2", Names(replica.Snapshot));
            Assert.Equal("p1", Assert.Single(replica.Snapshot["part"]).Value["label"]);
        }

        Task SetAsync(string table, Condition condition) =>
            replica.SetConditionsAsync(
                ImmutableDictionary<string, ImmutableArray<Condition>>.Empty.Add(
                    table,
                    [condition]
                ),
                Token
            );
    }

    [Fact]
    public async Task A_column_that_is_named_twice_counts_once()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        string[] columns =
        [
            "name",
            "number",
            "real",
            "flag",
            "id",
            "maybe",
            "numbers",
            "map",
            "small",
            "color",
        ];
        var spec = MonitorSpec.Of(TableMonitor.Of("thing", [.. columns, .. columns]));
        await using var replica = await client.MonitorAsync(TestSchema.Database, spec, Token);
        await InsertAsync(client, "a", 1);
        Assert.Equal(columns, Assert.Single(replica.Snapshot["thing"]).Value.Keys);
    }

    [Fact]
    public async Task A_waiter_sees_also_what_holds_for_an_instant_only()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        await using var replica = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Everything,
            Token
        );
        await InsertAsync(client, "a", 0);
        var waiting = replica.WaitAsync(
            static s => s["thing"].Values.Any(static r => r["number"] == 500),
            Token
        );
        await Task.WhenAll(
            Enumerable
                .Range(0, 1000)
                .Select(_ =>
                    client.TransactAsync(
                        TestSchema.Database,
                        [new Mutate("thing", [], [new("number", Mutator.Add, 1)])],
                        Token
                    )
                )
        );
        var snapshot = await waiting.WaitAsync(OvsdbServer.Patience, Token);
        Assert.Equal(500, Assert.Single(snapshot["thing"]).Value["number"]);
        Assert.Equal(1000, Assert.Single(replica.Snapshot["thing"]).Value["number"]);

        var failing = replica.WaitAsync(
            static _ => throw new InvalidOperationException("mine"),
            Token
        );
        Assert.Equal(
            "mine",
            (await Assert.ThrowsAsync<InvalidOperationException>(() => failing)).Message
        );
    }

    [Fact]
    public async Task Several_replicas_of_one_client_all_come_back()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(
            ReconnectTests.Quick(server.Remote),
            Token
        );
        await using var one = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Of(TableMonitor.Of("thing", "name")),
            Token
        );
        await using var two = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Of(TableMonitor.Of("thing", "number")),
            Token
        );
        await using var three = await client.MonitorAsync("_Server", MonitorSpec.Everything, Token);
        var gone = await client.MonitorAsync(TestSchema.Database, MonitorSpec.Everything, Token);
        await gone.DisposeAsync();
        Replica[] replicas = [one, two, three];
        for (var round = 0; round < 3; round++)
        {
            await server.KillAsync();
            foreach (var replica in replicas)
            {
                await replica
                    .WaitForStateAsync(static s => !s.IsLive, Token)
                    .WaitAsync(OvsdbServer.Patience, Token);
            }

            await server.StartAsync();
            foreach (var replica in replicas)
            {
                await replica
                    .WaitForStateAsync(static s => s.IsLive, Token)
                    .WaitAsync(OvsdbServer.Patience, Token);
            }

            await InsertAsync(client, $"r{round}", round);
            Assert.Equal(round + 1, one.Snapshot["thing"].Count);
            Assert.Equal(round + 1, two.Snapshot["thing"].Count);
        }

        Assert.Empty(gone.Snapshot["thing"]);
        Assert.False(gone.State.IsLive);
    }

    private static string Names(Snapshot snapshot) =>
        string.Join(
            ' ',
            snapshot["thing"]
                .Values.Select(static r => r["name"].AsString())
                .Order(StringComparer.Ordinal)
        );

    private static Condition NameIs(Datum name) => Condition.Equal("name", name);

    private static Condition LabelIs(Datum label) => Condition.Equal("label", label);

    private static Task InsertWithPartAsync(OvsdbClient client, int number) =>
        client.TransactAsync(
            TestSchema.Database,
            [
                new Insert("part", new Row { ["label"] = $"p{number}" }) { UuidName = "p" },
                new Insert(
                    "thing",
                    new Row { ["name"] = $"n{number}", ["parts"] = Atom.NamedUuid("p") }
                ),
            ],
            Token
        );

    private static Task InsertAsync(OvsdbClient client, string name, int number) =>
        client.TransactAsync(
            TestSchema.Database,
            [new Insert("thing", new Row { ["name"] = name, ["number"] = number })],
            Token
        );
}
