using System.Text.Json;

namespace Weft.Ovsdb.Tests;

public sealed class TransactionErrorTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Errors_keep_the_servers_words_and_say_which_operation_failed()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);

        Operation thing = new Insert("thing", new Row { ["name"] = "a" }) { UuidName = "a" };
        var twice = await FailAsync(client, thing, thing);
        Assert.Equal((1, ErrorNames.DuplicateUuidName), (twice.Index, twice.Error));
        Assert.Same(thing, twice.Operation);

        var column = await FailAsync(
            client,
            new Comment("x"),
            new Insert("thing", new Row { ["nope"] = 1 })
        );
        Assert.Equal((1, ErrorNames.UnknownColumn), (column.Index, column.Error));
        Assert.Contains("nope", column.Details);

        Assert.Equal(ErrorNames.Aborted, (await FailAsync(client, new Abort())).Error);
        Assert.Equal(ErrorNames.NotOwner, (await FailAsync(client, new AssertLock("l"))).Error);
        Assert.Equal(
            ErrorNames.TimedOut,
            (
                await FailAsync(
                    client,
                    new Wait("thing", [], ["name"], WaitUntil.NotEqual, [])
                    {
                        Timeout = TimeSpan.Zero,
                    }
                )
            ).Error
        );
        Assert.Equal(
            ErrorNames.ConstraintViolation,
            (await FailAsync(client, new Insert("thing", new Row { ["level"] = 10 }))).Error
        );
        Assert.Equal(
            ErrorNames.ConstraintViolation,
            (await FailAsync(client, new Insert("thing", new Row { ["color"] = "green" }))).Error
        );
        var uuid = Guid.NewGuid();
        Operation numbered = new Insert("part", new Row()) { Uuid = uuid };
        Assert.Equal(
            (1, ErrorNames.DuplicateUuid),
            await FailAsync(client, numbered, numbered) is var e ? (e.Index, e.Error) : default
        );
        await client.TransactAsync(
            TestSchema.Database,
            [new Insert("thing", new Row { ["number"] = 1 })],
            Token
        );
        Assert.Equal(
            ErrorNames.DomainError,
            (
                await FailAsync(
                    client,
                    new Mutate("thing", [], [new Mutation("number", Mutator.Divide, 0)])
                )
            ).Error
        );
        Assert.Equal(
            ErrorNames.RangeError,
            (
                await FailAsync(
                    client,
                    new Mutate("thing", [], [new Mutation("number", Mutator.Add, long.MaxValue)])
                )
            ).Error
        );
    }

    [Fact]
    public async Task What_only_the_commit_finds_is_an_error_of_no_operation()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        var dangling = await FailAsync(
            client,
            new Insert("thing", new Row { ["parts"] = Guid.NewGuid() })
        );
        Assert.Equal(
            (null, ErrorNames.ReferentialIntegrityViolation),
            (dangling.Index, dangling.Error)
        );
        Assert.Null(dangling.Operation);

        Operation same = new Insert("thing", new Row { ["name"] = "same" });
        var index = await FailAsync(client, same, same);
        Assert.Equal((null, ErrorNames.ConstraintViolation), (index.Index, index.Error));
        Assert.Contains("same", index.Details);
    }

    [Fact]
    public async Task Every_error_of_a_transaction_is_kept()
    {
        // A real server stops at the first; the protocol allows more.
        await using var server = new FakeServer(
            static (peer, request) =>
                peer.ReplyAsync(
                    request,
                    """[{"count":1},{"error":"first","details":"one"},null,{"error":"second","syntax":"[]"},{"error":"of the commit"}]"""
                )
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        Operation delete = new Delete("t", []);
        var error = await Assert.ThrowsAsync<OvsdbTransactionException>(() =>
            client.TransactAsync("d", [delete, delete, delete, delete], Token)
        );
        Assert.Equal(
            [
                new OperationError(1, delete, "first", "one", null),
                new OperationError(3, delete, "second", null, "[]"),
                new OperationError(null, null, "of the commit", null, null),
            ],
            error.Errors
        );
        Assert.Contains(
            "refused a transaction on d: operation 1 (delete): first (one); operation 3 (delete): second in []; commit: of the commit",
            error.Message
        );
    }

    [Fact]
    public async Task Raw_calls_give_the_result_as_the_server_sent_it()
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using var client = await OvsdbClient.ConnectAsync(server.WithoutProbes, Token);
        using var parameters = JsonDocument.Parse("""["test",{"op":"abort"}]""");
        var result = await client.CallAsync("transact", parameters.RootElement, Token);
        Assert.Equal("aborted", result[0].GetProperty("error").GetString());

        using var none = JsonDocument.Parse("[]");
        var error = await Assert.ThrowsAsync<OvsdbRemoteException>(() =>
            client.CallAsync("nope", none.RootElement, Token)
        );
        Assert.Equal(ErrorNames.UnknownMethod, error.Error);
    }

    private static async Task<OperationError> FailAsync(
        OvsdbClient client,
        params Operation[] operations
    ) =>
        Assert.Single(
            (
                await Assert.ThrowsAsync<OvsdbTransactionException>(() =>
                    client.TransactAsync(TestSchema.Database, operations, Token)
                )
            ).Errors
        );
}
