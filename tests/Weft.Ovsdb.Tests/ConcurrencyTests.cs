namespace Weft.Ovsdb.Tests;

public sealed class ConcurrencyTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Transactions_started_without_waiting_are_carried_out_in_order()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        await using var replica = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Everything,
            Token
        );
        await client.TransactAsync(TestSchema.Database, [new Insert("thing", new Row())], Token);
        var transactions = new List<Task<TransactionResult>>();
        for (var i = 0; i < 5000; i++)
        {
            transactions.Add(
                client.TransactAsync(
                    TestSchema.Database,
                    [
                        new Wait(
                            "thing",
                            [],
                            ["number"],
                            WaitUntil.Equal,
                            [new Row { ["number"] = i }]
                        )
                        {
                            Timeout = TimeSpan.Zero,
                        },
                        new Mutate("thing", [], [new Mutation("number", Mutator.Add, 1)]),
                    ],
                    Token
                )
            );
        }

        await Task.WhenAll(transactions).WaitAsync(OvsdbServer.Patience, Token);
        Assert.Equal(5000, Assert.Single(replica.Snapshot["thing"]).Value["number"]);
    }

    [Fact]
    public async Task Large_transactions_started_without_waiting_are_all_carried_out()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        await using var replica = await client.MonitorAsync(
            TestSchema.Database,
            MonitorSpec.Everything,
            Token
        );
        var text = new string('x', 20_000);
        var transactions = Enumerable
            .Range(0, 400)
            .Select(n =>
                client.TransactAsync(
                    TestSchema.Database,
                    [new Insert("thing", new Row { ["name"] = $"{n}", ["fixed"] = text })],
                    Token
                )
            )
            .ToList();
        await Task.WhenAll(transactions).WaitAsync(OvsdbServer.Patience, Token);
        Assert.Equal(400, replica.Snapshot["thing"].Count);
    }

    [Fact]
    public async Task A_list_of_operations_is_the_callers_again_once_they_are_sent()
    {
        var asked = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        await using var server = new FakeServer(
            async (peer, request) =>
            {
                if (request.Method == "transact")
                {
                    asked.SetResult();
                    await goOn.Task;
                    await peer.ReplyAsync(request, """[{"count":3}]""");
                }
            }
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        var operations = new List<Operation> { new Delete("t", []) };
        var transaction = client.TransactAsync("d", operations, Token);
        await asked.Task.WaitAsync(OvsdbServer.Patience, Token);
        operations.Clear();
        goOn.SetResult();
        Assert.Equal(3, (await transaction.WaitAsync(OvsdbServer.Patience, Token))[0].Count);
    }

    [Fact]
    public async Task Many_threads_share_one_client()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 1000),
            Token,
            async (i, token) =>
            {
                var name = $"{i} {new string('x', i * 10)}";
                var result = await client.TransactAsync(
                    TestSchema.Database,
                    [
                        new Insert("thing", new Row { ["name"] = name }),
                        new Select("thing", [Condition.Equal("name", name)]) { Columns = ["name"] },
                    ],
                    token
                );
                Assert.Equal(name, Assert.Single(result[1].Rows)["name"]);
            }
        );
    }

    [Fact]
    public async Task A_canceled_transaction_is_canceled_on_the_server_too()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var waiting = client.TransactAsync(
            TestSchema.Database,
            [
                new Wait("thing", [], ["name"], WaitUntil.Equal, [new Row { ["name"] = "signal" }]),
                new Insert("thing", new Row { ["name"] = "never" }),
            ],
            cancel.Token
        );
        await client.ListDatabasesAsync(Token);
        Assert.False(waiting.IsCompleted);

        await cancel.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            waiting.WaitAsync(OvsdbServer.Patience, Token)
        );
        Assert.Contains("nothing was carried out", error.Message);

        // What it waited for comes true now: were it still there, it would insert.
        await client.TransactAsync(
            TestSchema.Database,
            [new Insert("thing", new Row { ["name"] = "signal" })],
            Token
        );
        var rows = await client.TransactAsync(
            TestSchema.Database,
            [new Select("thing", [])],
            Token
        );
        Assert.Single(rows[0].Rows);
    }

    [Fact]
    public async Task A_cancellation_that_comes_too_late_gives_the_result()
    {
        await using var server = new FakeServer(
            static (peer, request) =>
                request.Method == "cancel"
                    ? peer.SendAsync(
                        $$"""{"id":{{request.Params[0].GetRawText()}},"result":[{"count":3}],"error":null}"""
                    )
                    : Task.CompletedTask
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        using var cancel = new CancellationTokenSource();
        var transaction = client.TransactAsync("d", [new Delete("t", [])], cancel.Token);
        await cancel.CancelAsync();
        Assert.Equal(3, (await transaction.WaitAsync(OvsdbServer.Patience, Token))[0].Count);
    }

    [Fact]
    public async Task A_server_that_answers_a_cancellation_by_the_book_is_understood()
    {
        await using var server = new FakeServer(
            static (peer, request) =>
                request.Method == "cancel"
                    ? peer.SendAsync(
                        $$"""{"id":{{request.Params[0].GetRawText()}},"result":null,"error":"canceled"}"""
                    )
                    : Task.CompletedTask
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        using var cancel = new CancellationTokenSource();
        var transaction = client.TransactAsync("d", [new Delete("t", [])], cancel.Token);
        await cancel.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            transaction.WaitAsync(OvsdbServer.Patience, Token)
        );
        Assert.Contains("nothing was carried out", error.Message);
    }

    [Fact]
    public async Task A_cancellation_that_the_server_does_not_answer_ends_all_the_same()
    {
        await using var server = new FakeServer(static (_, _) => Task.CompletedTask);
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        using var cancel = new CancellationTokenSource();
        var transaction = client.TransactAsync("d", [new Delete("t", [])], cancel.Token);
        await cancel.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            transaction.WaitAsync(OvsdbServer.Patience, Token)
        );
        Assert.Contains("the server does not say whether it was carried out", error.Message);
        Assert.Equal(cancel.Token, error.CancellationToken);
    }

    [Fact]
    public async Task A_lock_is_held_by_one_client_at_a_time()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var one = await OvsdbClient.ConnectAsync(
            ReconnectTests.Quick(server.Remote),
            Token
        );
        await using var two = await OvsdbClient.ConnectAsync(
            ReconnectTests.Quick(server.Remote),
            Token
        );
        await using var first = await one.LockAsync("l", Token);
        Assert.True(first.IsHeld);
        await using var second = await two.LockAsync("l", Token);
        Assert.False(second.IsHeld);
        await one.TransactAsync(TestSchema.Database, [new AssertLock("l")], Token);
        await Assert.ThrowsAsync<OvsdbTransactionException>(() =>
            two.TransactAsync(TestSchema.Database, [new AssertLock("l")], Token)
        );

        await first.DisposeAsync();
        await second.WaitUntilHeldAsync(Token).WaitAsync(OvsdbServer.Patience, Token);

        await using var third = await one.StealAsync("l", Token);
        Assert.True(third.IsHeld);
        await second.WaitUntilLostAsync(Token).WaitAsync(OvsdbServer.Patience, Token);
        await third.DisposeAsync();
        await second.WaitUntilHeldAsync(Token).WaitAsync(OvsdbServer.Patience, Token);

        await server.KillAsync();
        await second.WaitUntilLostAsync(Token).WaitAsync(OvsdbServer.Patience, Token);
        await server.StartAsync();
        await second.WaitUntilHeldAsync(Token).WaitAsync(OvsdbServer.Patience, Token);
        await two.TransactAsync(TestSchema.Database, [new AssertLock("l")], Token);
    }

    [Fact]
    public async Task A_lock_that_this_client_asked_for_already_is_refused_and_the_first_stays()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        await using var other = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        await using (var first = await client.LockAsync("l", Token))
        {
            using var canceled = new CancellationTokenSource();
            await canceled.CancelAsync();
            await Assert.ThrowsAsync<InvalidOperationException>(() => client.LockAsync("l", Token));
            await Assert.ThrowsAsync<InvalidOperationException>(() =>
                client.StealAsync("l", canceled.Token)
            );
            await client.TransactAsync(TestSchema.Database, [new AssertLock("l")], Token);

            // It is still told of what happens to the lock.
            await using (await other.StealAsync("l", Token))
            {
                await first.WaitUntilLostAsync(Token).WaitAsync(OvsdbServer.Patience, Token);
            }

            await first.WaitUntilHeldAsync(Token).WaitAsync(OvsdbServer.Patience, Token);
        }

        await using var again = await client.LockAsync("l", Token);
        Assert.True(again.IsHeld);
    }

    [Fact]
    public async Task A_lock_that_is_given_up_before_the_server_has_answered_is_given_back()
    {
        using var giving = new CancellationTokenSource();
        await using var server = new FakeServer(
            async (peer, request) =>
            {
                if (request.Method == "lock")
                {
                    await giving.CancelAsync();
                    return;
                }
                await peer.ReplyAsync(request, "{}");
            }
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            client.LockAsync("l", giving.Token)
        );

        Assert.Contains("unlock", server.Methods.Value);
    }
}
