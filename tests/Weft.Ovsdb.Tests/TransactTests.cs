namespace Weft.Ovsdb.Tests;

public sealed class TransactTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Text_with_U_0000_is_refused_and_the_connection_stays()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        var since = client.State.Since;
        const string Bad = "\\\0\\";
        foreach (
            var operation in (Operation[])
                [
                    new Comment(Bad),
                    new AssertLock(Bad),
                    new Insert(Bad, new Row()),
                    new Insert("thing", new Row { [Bad] = 1 }),
                    new Select("thing", [Condition.Equal(Bad, 1)]),
                ]
        )
        {
            await Assert.ThrowsAsync<OvsdbValueException>(() =>
                client.TransactAsync(TestSchema.Database, [operation], Token)
            );
        }

        await Assert.ThrowsAsync<OvsdbValueException>(() => client.GetSchemaAsync(Bad, Token));
        await Assert.ThrowsAsync<OvsdbValueException>(() =>
            client.MonitorAsync(Bad, MonitorSpec.Everything, Token)
        );

        // These only look like it.
        foreach (var good in (string[])[@"\u0000", @"\\u0000", "\u0001", @"\"])
        {
            var result = await client.TransactAsync(
                TestSchema.Database,
                [
                    new Comment(good),
                    new Insert("thing", new Row { ["name"] = good }),
                    new Select("thing", [Condition.Equal("name", good)]),
                ],
                Token
            );
            Assert.Equal(good, Assert.Single(result[2].Rows)["name"]);
        }

        Assert.Equal(since, client.State.Since);
    }

    [Fact]
    public async Task A_wait_without_end_is_no_wait_of_no_time()
    {
        var wait = new Wait("thing", [], ["name"], WaitUntil.Equal, []);
        Assert.Null((wait with { Timeout = Timeout.InfiniteTimeSpan }).Timeout);
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            wait with
            {
                Timeout = TimeSpan.FromSeconds(-1),
            }
        );
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        var waiting = client.TransactAsync(
            TestSchema.Database,
            [wait with { Until = WaitUntil.NotEqual, Timeout = Timeout.InfiniteTimeSpan }],
            Token
        );
        await client.TransactAsync(TestSchema.Database, [new Insert("thing", new Row())], Token);
        await waiting.WaitAsync(OvsdbServer.Patience, Token);
    }

    [Fact]
    public async Task Every_operation_of_the_rfc_works()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        await using var _ = await client.LockAsync("mine", Token);

        var uuid = Guid.NewGuid();
        var result = await client.TransactAsync(
            TestSchema.Database,
            [
                new AssertLock("mine"),
                new Comment("made by a test"),
                new Insert("part", new Row { ["label"] = "wheel" }) { UuidName = "wheel" },
                new Insert(
                    "thing",
                    new Row
                    {
                        ["name"] = "cart",
                        ["number"] = long.MinValue,
                        ["real"] = 0.1,
                        ["flag"] = true,
                        ["maybe"] = "yes",
                        ["numbers"] = Datum.Set(3, 1, 2, 3),
                        ["map"] = new Dictionary<string, string>(StringComparer.Ordinal)
                        {
                            ["é\n\"\\"] = "𝄞",
                        },
                        ["parts"] = Atom.NamedUuid("wheel"),
                    }
                )
                {
                    Uuid = uuid,
                },
                new Mutate(
                    "thing",
                    [Condition.Equal("name", "cart")],
                    [
                        new Mutation("number", Mutator.Add, 1),
                        new Mutation("numbers", Mutator.Delete, Datum.Set(1, 2)),
                        new Mutation("map", Mutator.Insert, Datum.Map(("k", "v"))),
                    ]
                ),
                new Update("thing", [Condition.UuidIs(uuid)], new Row { ["color"] = "red" }),
                new Wait(
                    "thing",
                    [Condition.UuidIs(uuid)],
                    ["color"],
                    WaitUntil.Equal,
                    [new Row { ["color"] = "red" }]
                )
                {
                    Timeout = TimeSpan.Zero,
                },
                new Select("thing", []),
                new Delete("thing", [new Condition("number", ConditionFunction.Greater, 0)]),
                new Commit(true),
            ],
            Token
        );

        var wheel = result[2].Uuid!.Value;
        Assert.Equal(uuid, result[3].Uuid);
        Assert.Equal(1, result[4].Count);
        Assert.Equal(1, result[5].Count);
        Assert.Equal(0, result[8].Count);
        var row = Assert.Single(result[7].Rows);
        Assert.Equal(uuid, row.Uuid);
        Assert.Equal("cart", row["name"].AsString());
        Assert.Equal(long.MinValue + 1, row["number"].AsInteger());
        Assert.Equal(0.1, row["real"].AsReal());
        Assert.True(row["flag"].AsBoolean());
        Assert.Equal("yes", row["maybe"].AsOptionalString());
        Assert.Equal([3L], row["numbers"].Integers);
        Assert.Equal("𝄞", row["map"].StringMap["é\n\"\\"]);
        Assert.Equal("v", row["map"].StringMap["k"]);
        Assert.Equal([wheel], row["parts"].Uuids);
        Assert.Null(row["small"].AsOptionalString());
        Assert.Equal("red", row["color"]);
    }

    [Fact]
    public async Task A_replica_has_what_its_clients_transaction_changed()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        await using var replica = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Everything,
            Token
        );

        Assert.Empty(replica.Snapshot["thing"]);
        var result = await client.TransactAsync(
            TestSchema.Database,
            [new Insert("thing", new Row { ["name"] = "a", ["numbers"] = Datum.Set(1, 2) })],
            Token
        );
        var uuid = result[0].Uuid!.Value;
        Assert.Equal([1L, 2L], replica.Snapshot["thing"][uuid]["numbers"].Integers);
        await client.TransactAsync(
            TestSchema.Database,
            [
                new Update(
                    "thing",
                    [],
                    new Row
                    {
                        ["numbers"] = Datum.Set(2, 3),
                        ["maybe"] = "x",
                        ["number"] = 7,
                    }
                ),
            ],
            Token
        );
        var row = replica.Snapshot["thing"][uuid];
        Assert.Equal([2L, 3L], row["numbers"].Integers);
        Assert.Equal("x", row["maybe"]);
        Assert.Equal(7, row["number"]);
        await client.TransactAsync(TestSchema.Database, [new Delete("thing", [])], Token);
        Assert.Empty(replica.Snapshot["thing"]);
    }
}
