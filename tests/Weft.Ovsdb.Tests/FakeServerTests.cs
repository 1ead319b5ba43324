using System.Text.Json;
using Microsoft.Extensions.Time.Testing;

namespace Weft.Ovsdb.Tests;

/// <summary>What needs a server that misbehaves, or one older than any that can be installed.</summary>
public sealed class FakeServerTests
{
    private const string Schema = """
        {"name":"d","version":"1.0.0","tables":{"t":{"columns":{
          "one":{"type":"integer"},
          "set":{"type":{"key":"integer","min":0,"max":"unlimited"}},
          "maybe":{"type":{"key":"integer","min":0,"max":1}}}}}}
        """;

    private const string Uuid = "00000000-0000-0000-0000-000000000001";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_mute_server_is_probed_and_then_left()
    {
        var time = new FakeTimeProvider();
        await using var server = new FakeServer(static (_, _) => Task.CompletedTask);
        var options = ReconnectTests.Quick(server.Remote) with
        {
            TimeProvider = time,
            ProbeInterval = TimeSpan.FromSeconds(5),
        };
        await using var client = await OvsdbClient.ConnectAsync(options, Token);
        var request = client.ListDatabasesAsync(Token);

        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.DoesNotContain("echo", server.Methods.Value);
        time.Advance(TimeSpan.FromSeconds(0.1));
        await server
            .Methods.WaitAsync(static m => m.Contains("echo"), Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        Assert.Equal(ConnectionStatus.Connected, client.State.Status);

        time.Advance(TimeSpan.FromSeconds(5));
        var error = await Assert.ThrowsAsync<OvsdbConnectionException>(() =>
            request.WaitAsync(OvsdbServer.Patience, Token)
        );
        Assert.True(error.OutcomeUnknown);
        Assert.Contains("sent nothing for 10 s, not even an echo when asked", error.Message);
        await server.WaitForConnectionsAsync(2);
    }

    public static TheoryData<string, Func<OvsdbClient, CancellationToken, Task>> Requests =>
        new()
        {
            { "list_dbs", static (client, token) => client.ListDatabasesAsync(token) },
            { "get_schema", static (client, token) => client.GetSchemaAsync("d", token) },
            {
                "transact",
                static (client, token) => client.TransactAsync("d", [new Delete("t", [])], token)
            },
            {
                "dance",
                static (client, token) =>
                    client.CallAsync("dance", JsonDocument.Parse("[]").RootElement, token)
            },
            // A monitor asks for the schema first.
            {
                "get_schema",
                static (client, token) => client.MonitorAsync("d", MonitorSpec.Everything, token)
            },
            {
                "monitor_cond_since",
                static (client, token) => client.MonitorAsync("d", MonitorSpec.Everything, token)
            },
            { "lock", static (client, token) => client.LockAsync("l", token) },
            { "steal", static (client, token) => client.StealAsync("l", token) },
        };

    [Theory]
    [MemberData(nameof(Requests), DisableDiscoveryEnumeration = true)]
    public async Task Whatever_is_under_way_says_by_whom_it_was_ended(
        string unanswered,
        Func<OvsdbClient, CancellationToken, Task> ask
    )
    {
        await using var server = new FakeServer(
            (peer, request) =>
                request.Method == "get_schema" && unanswered != "get_schema"
                    ? peer.ReplyAsync(request, Schema)
                    : Task.CompletedTask
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        using var giving = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var givenUp = ask(client, giving.Token);
        await AskedAsync(1);
        await giving.CancelAsync();
        var canceled = await Assert.ThrowsAsync<OperationCanceledException>(() =>
            givenUp.WaitAsync(OvsdbServer.Patience, Token)
        );
        Assert.Equal(giving.Token, canceled.CancellationToken);

        // Nor does a token that can be canceled, and is not, make it a cancellation.
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var left = ask(client, idle.Token);
        await AskedAsync(2);
        await client.DisposeAsync();
        var disposed = await Assert.ThrowsAsync<ObjectDisposedException>(() =>
            left.WaitAsync(OvsdbServer.Patience, Token)
        );
        Assert.True(
            Assert.IsType<OvsdbConnectionException>(disposed.InnerException).OutcomeUnknown
        );

        Task AskedAsync(int times) =>
            server
                .Methods.WaitAsync(
                    methods => methods.Count(method => method == unanswered) == times,
                    Token
                )
                .WaitAsync(OvsdbServer.Patience, Token);
    }

    [Fact]
    public async Task Who_gives_up_while_there_is_no_connection_is_told_so_by_its_own_token()
    {
        var server = new FakeServer(static (_, _) => Task.CompletedTask);
        await using var client = await OvsdbClient.ConnectAsync(
            ReconnectTests.Quick(server.Remote),
            Token
        );
        await server.DisposeAsync();
        await client.WaitForStateAsync(
            static state => state.Status == ConnectionStatus.Connecting,
            Token
        );
        foreach (
            var ask in (Func<CancellationToken, Task>[])
                [
                    token => client.ListDatabasesAsync(token),
                    token => client.MonitorAsync("d", MonitorSpec.Everything, token),
                    token => client.LockAsync("l", token),
                    token =>
                        OvsdbClient.ConnectAsync(
                            ReconnectTests.Quick(server.Remote) with
                            {
                                FirstConnectPatience = OvsdbServer.Patience,
                            },
                            token
                        ),
                ]
        )
        {
            using var before = new CancellationTokenSource();
            await before.CancelAsync();
            await GivenUpAsync(ask(before.Token), before);
            using var after = new CancellationTokenSource();
            var waiting = ask(after.Token);
            await after.CancelAsync();
            await GivenUpAsync(waiting, after);
        }

        static async Task GivenUpAsync(Task waiting, CancellationTokenSource giving) =>
            Assert.Equal(
                giving.Token,
                (
                    await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
                        waiting.WaitAsync(OvsdbServer.Patience, Token)
                    )
                ).CancellationToken
            );
    }

    [Fact]
    public async Task A_server_that_answers_the_probe_is_kept()
    {
        var time = new FakeTimeProvider();
        await using var server = new FakeServer(
            static (peer, request) => peer.ReplyAsync(request, "[]")
        );
        var options = ReconnectTests.Quick(server.Remote) with { TimeProvider = time };
        await using var client = await OvsdbClient.ConnectAsync(options, Token);
        for (var i = 1; i <= 10; i++)
        {
            // Its reply comes after those to what was sent before, to the client's greeting or the last echo: a sign
            // of life that came while time moves on would rightly put the probe off.
            await client.ListDatabasesAsync(Token);
            time.Advance(options.ProbeInterval);
            await server
                .Methods.WaitAsync(m => m.Count(static x => x == "echo") >= i, Token)
                .WaitAsync(OvsdbServer.Patience, Token);
        }

        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task The_servers_echo_is_answered_with_what_it_sent()
    {
        var answers = new Latest<IReadOnlyList<JsonElement>>([]);
        await using var server = new FakeServer(
            async (peer, request) =>
            {
                if (request.Method.Length == 0)
                {
                    answers.Set([.. answers.Value, request.Whole]);
                    return;
                }

                if (request.Method != "list_dbs")
                {
                    return;
                }

                await peer.SendAsync(
                    """{"method":"echo","params":["a",{"b":[1.5,null]}],"id":"their own"}"""
                );
                await peer.SendAsync("""{"method":"dance","params":[],"id":7}""");
                await peer.ReplyAsync(request, "[]");
            }
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        await client.ListDatabasesAsync(Token);
        var both = await answers
            .WaitAsync(static a => a.Count == 2, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        Assert.Equal("""["a",{"b":[1.5,null]}]""", both[0].GetProperty("result").GetRawText());
        Assert.Equal("their own", both[0].GetProperty("id").GetString());
        Assert.Equal(JsonValueKind.Null, both[0].GetProperty("error").ValueKind);
        Assert.Equal("unknown method", both[1].GetProperty("error").GetString());
    }

    [Theory]
    [InlineData("monitor_cond_since")]
    [InlineData("monitor_cond")]
    [InlineData("monitor")]
    public async Task A_replica_makes_do_with_the_best_monitor_the_server_knows(string best)
    {
        await using var server = new FakeServer(
            async (peer, request) =>
            {
                if (request.Method == "get_schema")
                {
                    await peer.ReplyAsync(request, Schema);
                }
                else if (request.Method == best)
                {
                    var id = request.Params[1].GetRawText();
                    var (initial, update) = best switch
                    {
                        "monitor" => (
                            Fill(
                                """{"t":{"<uuid>":{"new":{"one":1,"set":["set",[1,2]],"maybe":5}}}}"""
                            ),
                            Fill(
                                """{"method":"update","params":[<id>,{"t":{"<uuid>":{"old":{"set":["set",[1,2]],"maybe":5},"new":{"one":1,"set":["set",[2,3]],"maybe":["set",[]]}}}}],"id":null}""",
                                ("id", id)
                            )
                        ),
                        _ => (
                            Fill(
                                """{"t":{"<uuid>":{"initial":{"one":1,"set":["set",[1,2]],"maybe":5}}}}"""
                            ),
                            Fill(
                                """{"t":{"<uuid>":{"modify":{"set":["set",[1,3]],"maybe":["set",[]]}}}}"""
                            )
                        ),
                    };
                    if (best == "monitor_cond_since")
                    {
                        initial = $"""[false,"{Uuid}",{initial}]""";
                        update = Fill(
                            """{"method":"update3","params":[<id>,"<uuid>",<update>],"id":null}""",
                            ("id", id),
                            ("update", update)
                        );
                    }
                    else if (best == "monitor_cond")
                    {
                        update = Fill(
                            """{"method":"update2","params":[<id>,<update>],"id":null}""",
                            ("id", id),
                            ("update", update)
                        );
                    }

                    await peer.ReplyAsync(request, initial);
                    await peer.SendAsync(update);
                }
                else
                {
                    await peer.RefuseAsync(request, "\"unknown method\"");
                }
            }
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        await using var replica = await client.MonitorAsync("d", MonitorSpec.Everything, Token);
        var snapshot = await replica
            .WaitAsync(static s => s["t"].Values.Any(static r => r["maybe"].IsEmpty), Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        var row = Assert.Single(snapshot["t"]).Value;
        Assert.Equal([2L, 3L], row["set"].Integers);
        Assert.Equal(1, row["one"]);
        string[] methods =
        [
            "set_db_change_aware",
            "get_schema",
            "monitor_cond_since",
            "monitor_cond",
            "monitor",
        ];
        Assert.Equal(methods[..(Array.IndexOf(methods, best) + 1)], server.Methods.Value);
    }

    [Fact]
    public async Task A_server_without_conditions_is_not_asked_for_them()
    {
        await using var server = new FakeServer(
            static (peer, request) =>
                request.Method == "get_schema"
                    ? peer.ReplyAsync(request, Schema)
                    : peer.RefuseAsync(request, "\"unknown method\"")
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        var spec = MonitorSpec.Of(new TableMonitor("t") { Where = [Condition.Equal("one", 1)] });
        var error = await Assert.ThrowsAsync<OvsdbRemoteException>(() =>
            client.MonitorAsync("d", spec, Token)
        );
        Assert.Equal(ErrorNames.UnknownMethod, error.Error);
        Assert.Contains("too old to hold back rows by conditions", error.Message);
        Assert.DoesNotContain("monitor", server.Methods.Value);
    }

    [Theory]
    [InlineData("""{"t":{"00000000-0000-0000-0000-000000000002":{"modify":{"one":2}}}}""")]
    [InlineData("""{"t":{"00000000-0000-0000-0000-000000000001":{"modify":{"two":2}}}}""")]
    [InlineData("""{"t":{"00000000-0000-0000-0000-000000000001":{"modify":{"one":{}}}}}""")]
    [InlineData("""{"t":{"no uuid":{"insert":{}}}}""")]
    [InlineData("""{"u":{}}""")]
    [InlineData("[]")]
    public async Task An_update_that_cannot_be_applied_makes_the_replica_start_over(string update)
    {
        var monitors = 0;
        var since = new List<string>();
        await using var server = new FakeServer(
            async (peer, request) =>
            {
                if (request.Method == "get_schema")
                {
                    await peer.ReplyAsync(request, Schema);
                }
                else if (request.Method == "monitor_cond_since")
                {
                    since.Add(request.Params[3].GetString()!);
                    await peer.ReplyAsync(
                        request,
                        Fill(
                            """[false,"<uuid>",{"t":{"<uuid>":{"initial":{"one":<n>}}}}]""",
                            ("n", $"{++monitors}")
                        )
                    );
                    if (monitors == 1)
                    {
                        await peer.SendAsync(
                            Fill(
                                """{"method":"update3","params":[<id>,"<uuid>",<update>],"id":null}""",
                                ("id", request.Params[1].GetRawText()),
                                ("update", update)
                            )
                        );
                    }
                }
            }
        );
        await using var client = await OvsdbClient.ConnectAsync(
            ReconnectTests.Quick(server.Remote),
            Token
        );
        await using var replica = await client.MonitorAsync("d", MonitorSpec.Everything, Token);
        await replica
            .WaitAsync(static s => s["t"][Guid.Parse(Uuid)]["one"] == 2, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        Assert.IsType<OvsdbProtocolException>(client.State.LastError);
        Assert.Contains("breaks the protocol", client.State.LastError.Message);

        // It did not claim to have what it could not apply.
        Assert.Equal(Guid.Empty.ToString(), since[1]);
    }

    [Fact]
    public async Task A_slow_reader_gets_one_change_for_many_and_nothing_for_what_came_and_went()
    {
        FakeServer.Peer? peer = null;
        string? monitor = null;
        await using var server = new FakeServer(
            async (p, request) =>
            {
                peer = p;
                if (request.Method == "get_schema")
                {
                    await p.ReplyAsync(request, Schema);
                }
                else if (request.Method == "monitor_cond_since")
                {
                    monitor = request.Params[1].GetRawText();
                    await p.ReplyAsync(
                        request,
                        Fill("""[false,"<uuid>",{"t":{"<uuid>":{"initial":{"one":0}}}}]""")
                    );
                }
            }
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        await using var replica = await client.MonitorAsync("d", MonitorSpec.Everything, Token);
        await using var changes = replica
            .ChangesAsync(Snapshot.Empty, Token)
            .GetAsyncEnumerator(Token);
        Assert.True(await changes.MoveNextAsync());
        Assert.Equal(RowChangeKind.Inserted, Assert.Single(changes.Current.Rows).Kind);

        for (var i = 1; i <= 1000; i++)
        {
            var passing = new Guid(i, 0, 0, new byte[8]);
            await Update(
                Fill(
                    """{"t":{"<uuid>":{"modify":{"one":<i>}},"<passing>":{"insert":{"one":1}}}}""",
                    ("i", $"{i}"),
                    ("passing", $"{passing}")
                )
            );
            await Update(
                Fill("""{"t":{"<passing>":{"delete":null}}}""", ("passing", $"{passing}"))
            );
        }

        await replica
            .WaitAsync(static s => s.Version == 2001, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        Assert.True(await changes.MoveNextAsync());
        var change = Assert.Single(changes.Current.Rows);
        Assert.Equal(0, change.Old!["one"]);
        Assert.Equal(1000, change.New!["one"]);

        Task Update(string updates) =>
            peer!.SendAsync(
                Fill(
                    """{"method":"update3","params":[<id>,"<uuid>",<updates>],"id":null}""",
                    ("id", monitor!),
                    ("updates", updates)
                )
            );
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"error":5}""")]
    [InlineData("5")]
    [InlineData("[]")]
    [InlineData("\"\\ud800\"")]
    public async Task A_malformed_error_fails_its_request(string error)
    {
        await using var server = new FakeServer(
            (peer, request) => peer.RefuseAsync(request, error)
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        await Assert.ThrowsAnyAsync<OvsdbException>(() =>
            client.ListDatabasesAsync(Token).WaitAsync(OvsdbServer.Patience, Token)
        );
    }

    [Theory]
    [InlineData("""[true,"<uuid>",{"t":{"<uuid>":{"modify":{"one":1}}}}]""")]
    [InlineData("""[true,"<uuid>",{}]""")]
    [InlineData("""[false,"<uuid>",{"u":{}}]""")]
    [InlineData("""[false,"no uuid",{}]""")]
    [InlineData(
        """[false,"<uuid>",{"t":{"<uuid>":{"initial":{"set":["map",[[1,2]]]}},"<uuid>":{"modify":{"set":["set",[1]]}}}}]"""
    )]
    [InlineData("{}")]
    public async Task A_monitor_that_starts_with_nonsense_fails(string reply)
    {
        await using var server = new FakeServer(
            (peer, request) =>
                request.Method switch
                {
                    "get_schema" => peer.ReplyAsync(request, Schema),
                    "monitor_cond_since" => peer.ReplyAsync(request, Fill(reply)),
                    _ => Task.CompletedTask,
                }
        );
        await using var client = await OvsdbClient.ConnectAsync(
            ReconnectTests.Quick(server.Remote),
            Token
        );
        await Assert.ThrowsAsync<OvsdbProtocolException>(() =>
            client
                .MonitorAsync("d", MonitorSpec.Everything, Token)
                .WaitAsync(OvsdbServer.Patience, Token)
        );
    }

    [Fact]
    public async Task Replies_that_make_no_sense_fail_their_request_only()
    {
        await using var server = new FakeServer(
            static (peer, request) =>
                request.Method switch
                {
                    "transact" => peer.ReplyAsync(request, """[{"count":"many"}]"""),
                    "get_schema" => peer.ReplyAsync(request, """{"name":1}"""),
                    _ => peer.ReplyAsync(request, """["d"]"""),
                }
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        await Assert.ThrowsAsync<OvsdbProtocolException>(() =>
            client.TransactAsync("d", [new Delete("t", [])], Token)
        );
        await Assert.ThrowsAsync<OvsdbProtocolException>(() => client.GetSchemaAsync("d", Token));
        Assert.Equal(["d"], await client.ListDatabasesAsync(Token));
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task A_server_that_asks_for_echoes_and_never_reads_them_is_no_longer_read_either()
    {
        const int Chunk = 1024 * 1024;
        const int Limit = 64 * Chunk;
        var flooded = new Latest<int>(0);
        await using var server = new FakeServer(
            async (peer, request) =>
            {
                if (request.Method != "list_dbs")
                {
                    return;
                }

                var echo = $$"""{"method":"echo","params":["{{new string('x', 1000)}}"],"id":1}""";
                var echoes = string.Concat(Enumerable.Repeat(echo, Chunk / echo.Length));
                var sent = 0;
                Task sending;
                do
                {
                    sending = peer.SendAsync(echoes);
                    sent += Chunk;
                } while (
                    sent < Limit && await Task.WhenAny(sending, Task.Delay(1000, Token)) == sending
                );

                // Now it reads again, by returning from here, once it has said what it wanted to.
                flooded.Set(sent);
                _ = Task.Run(
                    async () =>
                    {
                        await sending;
                        await peer.ReplyAsync(request, "[]");
                    },
                    Token
                );
            }
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        var listing = client.ListDatabasesAsync(Token);
        Assert.InRange(
            await flooded
                .WaitAsync(static n => n > 0, Token)
                .WaitAsync(OvsdbServer.Patience, Token),
            Chunk,
            Limit / 2
        );
        Assert.Empty(await listing.WaitAsync(OvsdbServer.Patience, Token));
    }

    [Fact]
    public async Task A_monitor_that_the_server_cancels_is_asked_for_again_on_the_same_connection()
    {
        var monitors = new List<string>();
        await using var server = new FakeServer(
            async (peer, request) =>
            {
                if (request.Method == "get_schema")
                {
                    await peer.ReplyAsync(request, Schema);
                }
                else if (request.Method == "monitor_cond_since")
                {
                    monitors.Add(request.Params[1].GetRawText());
                    await peer.ReplyAsync(
                        request,
                        Fill(
                            """[false,"<uuid>",{"t":{"<uuid>":{"initial":{"one":<n>}}}}]""",
                            ("n", $"{monitors.Count}")
                        )
                    );
                }
                else if (request.Method == "list_dbs")
                {
                    await peer.SendAsync(
                        Fill(
                            """{"method":"monitor_canceled","params":[<id>],"id":null}""",
                            ("id", monitors[0])
                        )
                    );
                    await peer.ReplyAsync(request, "[]");
                }
            }
        );
        await using var client = await OvsdbClient.ConnectAsync(server.Remote, Token);
        await using var canceled = await client.MonitorAsync("d", MonitorSpec.Everything, Token);
        await using var other = await client.MonitorAsync("d", MonitorSpec.Everything, Token);
        var before = other.State;
        var stale = canceled.WaitForStateAsync(static s => !s.IsLive, Token);
        await client.ListDatabasesAsync(Token);
        Assert.Contains("canceled the monitor of 'd'", (await stale).Reason);
        await canceled
            .WaitAsync(static s => s["t"][Guid.Parse(Uuid)]["one"] == 3, Token)
            .WaitAsync(OvsdbServer.Patience, Token);
        Assert.Equal(before, other.State);
        Assert.Equal(1, server.Connections);
    }

    // JSON ends in too many braces to be interpolated legibly.
    private static string Fill(string text, params ReadOnlySpan<(string Name, string Value)> values)
    {
        foreach (var (name, value) in values)
        {
            text = text.Replace($"<{name}>", value);
        }

        return text.Replace("<uuid>", Uuid);
    }
}
