using System.Diagnostics;
using System.Text.Json;

namespace Weft.Ovsdb.Tests.Hostile;

/// <summary>
/// Sessions with a server that lies, stammers, drips and never ends: the client never hangs, never throws what its
/// documentation does not name, and keeps within memory.
/// </summary>
public sealed class HostileSessionTests
{
    private const int Sessions = 4000;
    private const int MessageLimit = 1024 * 1024;

    // A session takes milliseconds; only one that hangs takes this long.
    private static readonly TimeSpan s_hang = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Thousands_of_damaged_recordings_end_in_documented_errors_only()
    {
        var recording = await RecordAsync();
        var outcomes = new Dictionary<string, int>(StringComparer.Ordinal);
        var memory = GC.GetTotalMemory(forceFullCollection: true);
        await Parallel.ForAsync(
            0,
            Sessions,
            new ParallelOptions
            {
                MaxDegreeOfParallelism = 4,
                CancellationToken = TestContext.Current.CancellationToken,
            },
            async (seed, _) =>
            {
                var random = new Random(seed);
                var damage = random.Next(6);
                await using var server = new HostileServer(session =>
                    ReplayAsync(session, recording, random, damage)
                );
                var outcome = await PlayAsync(server.Remote, $"seed {seed}");
                lock (outcomes)
                {
                    outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
                }
            }
        );
        var grown = GC.GetTotalMemory(forceFullCollection: true) - memory;
        Assert.True(
            grown < 32 * MessageLimit,
            $"{Sessions} sessions left {grown / 1024} KiB behind"
        );
        Console.WriteLine(
            $"{Sessions} damaged sessions: {string.Join(", ", outcomes.OrderByDescending(o => o.Value).Select(o => $"{o.Value} {o.Key}"))}"
        );
        // The damage must reach what it is meant for, and not end every session at its first byte.
        Assert.True(outcomes.GetValueOrDefault("whole") > 0);
        Assert.True(outcomes.Count > 3);
    }

    [Fact]
    public async Task A_session_split_into_single_bytes_is_as_good_as_whole()
    {
        var recording = await RecordAsync();
        await using var server = new HostileServer(async session =>
        {
            var counts = new Dictionary<string, int>(StringComparer.Ordinal);
            while (await session.ReadAsync() is { } request)
            {
                foreach (var b in Next(recording, request, counts))
                {
                    await session.WriteAsync(new[] { b });
                }
            }
        });
        Assert.Equal("whole", await PlayAsync(server.Remote, "byte by byte"));
    }

    /// <summary>Streams without an end, of which no more than the limit may ever be kept.</summary>
    public static TheoryData<string, string, string> Endless =>
        new()
        {
            { "string", "{\"id\":null,\"method\":\"update\",\"params\":[\"", "x" },
            { "escapes", "{\"id\":null,\"method\":\"update\",\"params\":[\"", "\\\\" },
            { "name", "{\"", "y" },
            { "nesting of arrays", "{\"id\":", "[" },
            { "nesting of objects", "", "{\"a\":" },
            { "numbers", "{\"id\":null,\"method\":\"update2\",\"params\":[\"m\",[", "1," },
            { "digits", "{\"id\":1", "7" },
            { "members", "{", "\"a\":1," },
            { "whitespace between messages", "", " \n" },
            { "whitespace in a message", "{\"id\":null,", " \t" },
            { "nothing but zeros", "", "\0" },
            { "replies to nobody", "", "{\"id\":4242,\"result\":[],\"error\":null}" },
            {
                "notifications of nobody",
                "",
                "{\"id\":null,\"method\":\"update3\",\"params\":[\"nobody\",{}]}"
            },
            {
                "echoes to be answered",
                "",
                "{\"id\":\"e\",\"method\":\"echo\",\"params\":[\"are you there\"]}"
            },
            { "requests it does not know", "", "{\"id\":7,\"method\":\"what\",\"params\":[]}" },
        };

    [Theory]
    [MemberData(nameof(Endless))]
    public async Task What_never_ends_costs_no_more_than_the_limit(
        string what,
        string start,
        string rest
    )
    {
        const long Sent = 300L * 1024 * 1024;
        var recording = await RecordAsync();
        var sent = 0L;
        await using var server = new HostileServer(async session =>
        {
            // Sane until the replica stands, so that the flood meets a client in full work.
            var counts = new Dictionary<string, int>(StringComparer.Ordinal);
            while (await session.ReadAsync() is { } request)
            {
                await session.WriteAsync(Next(recording, request, counts));
                if (request.GetProperty("method").GetString() == "transact")
                {
                    break;
                }
            }
            await session.WriteAsync(start);
            var chunk = string.Concat(Enumerable.Repeat(rest, Math.Max(1, 65536 / rest.Length)));
            // What the client writes back must be taken, or a wait for room would end the flood.
            var draining = session.DrainAsync();
            while (sent < Sent && !draining.IsCompleted)
            {
                await session.WriteAsync(chunk);
                Interlocked.Add(ref sent, chunk.Length);
            }
        });
        var before = GC.GetTotalMemory(forceFullCollection: true);
        using var process = Process.GetCurrentProcess();
        var peakBefore = process.WorkingSet64;
        var highest = 0L;
        var playing = PlayAsync(server.Remote, what);
        while (!playing.IsCompleted)
        {
            await Task.WhenAny(playing, Task.Delay(10, TestContext.Current.CancellationToken));
            highest = Math.Max(highest, GC.GetTotalMemory(forceFullCollection: false) - before);
        }
        await playing;
        process.Refresh();
        // Other tests run beside this one: the bound is far above the limit, and far below what was sent.
        Assert.True(
            highest < 96 * MessageLimit,
            $"{what}: {highest >> 20} MiB in use after {sent >> 20} MiB of input (working set {peakBefore >> 20} to {process.WorkingSet64 >> 20} MiB)"
        );
    }

    [Fact]
    public async Task A_server_that_drips_one_byte_a_time_for_ever_is_given_up_when_canceled()
    {
        await using var server = new HostileServer(async session =>
        {
            await session.ReadAsync();
            await session.WriteAsync("{\"id\":1,\"result\":[\"");
            while (true)
            {
                await session.WriteAsync("x");
                await Task.Delay(20, session.Stop);
            }
        });
        await using var client = await OvsdbClient.ConnectAsync(
            Options(server.Remote),
            TestContext.Current.CancellationToken
        );
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            client
                .ListDatabasesAsync(patience.Token)
                .WaitAsync(s_hang, TestContext.Current.CancellationToken)
        );
    }

    /// <summary>Replies that are JSON, but not what was asked for; the first is answered so, whatever it is.</summary>
    public static TheoryData<string> WrongResults =>
        [
            .. new[]
            {
                "null",
                "true",
                "0",
                "1.5",
                "\"text\"",
                "[]",
                "{}",
                "[null]",
                "[[]]",
                "[{}]",
                "[1,2,3]",
                """{"name":"n"}""",
                """{"name":"n","tables":[]}""",
                """{"name":"n","tables":{"t":null}}""",
                """{"name":"n","tables":{"t":{"columns":{"c":{"type":"void"}}}}}""",
                """{"name":"n","tables":{"t":{"columns":{"c":{"type":{"key":5}}}}}}""",
                """{"name":"n","tables":{"t":{"columns":{"c":{"type":{"key":"string","min":7}}}}}}""",
                """{"name":5,"tables":{}}""",
                """{"name":"n","version":[],"tables":{}}""",
                """[{"rows":5}]""",
                """[{"rows":[5]}]""",
                """[{"rows":[{"_uuid":5}]}]""",
                """[{"uuid":["uuid","x"]}]""",
                """[{"count":"many"}]""",
                """[{"error":5}]""",
                """[{"error":"e","details":5,"syntax":{}}]""",
                """[true,"x",{}]""",
                """[true,"00000000-0000-0000-0000-000000000001",{"thing":{}}]""",
                """[true,"00000000-0000-0000-0000-000000000001",{}]""",
                """[false,null,{}]""",
                """[false,"00000000-0000-0000-0000-000000000000",{"thing":{"no uuid":{"insert":{}}}}]""",
                """[false,"00000000-0000-0000-0000-000000000000",{"thing":{"00000000-0000-0000-0000-000000000001":{"modify":{}}}}]""",
                """[false,"00000000-0000-0000-0000-000000000000",{"thing":{"00000000-0000-0000-0000-000000000001":{"insert":{"nowhere":1}}}}]""",
                """[false,"00000000-0000-0000-0000-000000000000",{"nothing":{}}]""",
            },
        ];

    [Theory]
    [MemberData(nameof(WrongResults))]
    public async Task A_result_of_the_wrong_kind_is_a_documented_error_of_every_method(
        string result
    )
    {
        var recording = await RecordAsync();
        foreach (
            var method in new[]
            {
                "list_dbs",
                "get_schema",
                "transact",
                "monitor_cond_since",
                "monitor_cond",
                "monitor",
            }
        )
        {
            await using var server = new HostileServer(session =>
                AnswerAsync(session, recording, method, result, error: null)
            );
            await PlayAsync(server.Remote, $"{method} answered by {result}");
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("5")]
    [InlineData("[]")]
    [InlineData("[[]]")]
    [InlineData("[{}]")]
    [InlineData("true")]
    [InlineData("\"words\"")]
    [InlineData("{\"error\":5}")]
    [InlineData("{\"error\":\"e\",\"details\":[],\"syntax\":5}")]
    public async Task An_error_of_the_wrong_kind_is_a_documented_error_of_every_method(string error)
    {
        var recording = await RecordAsync();
        foreach (var method in new[] { "list_dbs", "get_schema", "transact", "monitor_cond_since" })
        {
            await using var server = new HostileServer(session =>
                AnswerAsync(session, recording, method, "null", error)
            );
            await PlayAsync(server.Remote, $"{method} refused by {error}");
        }
    }

    /// <summary>Notifications to the replica that are not what they should be, in place of the third dot its monitor's id.</summary>
    public static TheoryData<string> WrongNotifications =>
        [
            .. new[]
            {
                """{"id":null,"method":"update3","params":["…"]}""",
                """{"id":null,"method":"update3","params":["…",5,{}]}""",
                """{"id":null,"method":"update3","params":["…","x",{}]}""",
                """{"id":null,"method":"update3","params":["…","00000000-0000-0000-0000-000000000001",[]]}""",
                """{"id":null,"method":"update3","params":["…","00000000-0000-0000-0000-000000000001",{"thing":[]}]}""",
                """{"id":null,"method":"update3","params":["…","00000000-0000-0000-0000-000000000001",{"thing":{"x":{}}}]}""",
                """{"id":null,"method":"update3","params":["…","00000000-0000-0000-0000-000000000001",{"thing":{"00000000-0000-0000-0000-000000000001":{"delete":null}}}]}""",
                """{"id":null,"method":"update3","params":["…","00000000-0000-0000-0000-000000000001",{"thing":{"00000000-0000-0000-0000-000000000001":{}}}]}""",
                """{"id":null,"method":"update2","params":["…",{"thing":{"00000000-0000-0000-0000-000000000001":{"insert":5}}}]}""",
                """{"id":null,"method":"update2","params":["…",{"thing":{"ROW":{"modify":{"map":["set",["a","b"]]}}}}]}""",
                """{"id":null,"method":"update2","params":["…",{"thing":{"ROW":{"modify":{"numbers":["map",[["a","b"]]]}}}}]}""",
                """{"id":null,"method":"update2","params":["…",{"thing":{"ROW":{"modify":{"map":"scalar"}}}}]}""",
                """{"id":null,"method":"update2","params":["…",{"thing":{"ROW":{"modify":{"number":["set",[]]}}}}]}""",
                """{"id":null,"method":"update2","params":["…",{"thing":{"ROW":{"modify":{"name":"\ud800"}}}}]}""",
                """{"id":null,"method":"update","params":["…",{"thing":{"ROW":{"old":{},"new":5}}}]}""",
                """{"id":null,"method":"update","params":{"…":1}}""",
                """{"id":null,"method":"update","params":null}""",
                """{"id":null,"method":"update"}""",
                """{"id":null,"method":"update3","params":[]}""",
                """{"id":null,"method":"monitor_canceled","params":[]}""",
                """{"id":null,"method":"monitor_canceled","params":["…"]}""",
                """{"id":null,"method":"locked","params":[5]}""",
                """{"id":null,"method":5,"params":[]}""",
                """{"id":{},"method":"echo","params":[]}""",
                """{"id":"x","method":"echo"}""",
                """{"method":"echo","params":{}}""",
                """{"result":1}""",
                """{"error":1}""",
                """{}""",
                """[]""",
                """5""",
                """}""",
                "\u0001",
            },
        ];

    [Theory]
    [MemberData(nameof(WrongNotifications))]
    public async Task A_notification_of_the_wrong_kind_is_a_documented_error_or_none(
        string notification
    )
    {
        var recording = await RecordAsync();
        await using var server = new HostileServer(async session =>
        {
            var counts = new Dictionary<string, int>(StringComparer.Ordinal);
            string monitor = "",
                row = "";
            while (await session.ReadAsync() is { } request)
            {
                var method = request.TryGetProperty("method", out var name) ? name.GetString()! : "";
                await session.WriteAsync(Next(recording, request, counts));
                if (method.StartsWith("monitor_cond", StringComparison.Ordinal))
                {
                    monitor = request.GetProperty("params")[1].GetRawText();
                    row = recording
                        .Exchanges.First(e => e.Method == method)
                        .Result.Split('"')
                        .First(w => Guid.TryParse(w, out var id) && id != Guid.Empty);
                }
                if (method == "transact" && session.Number == 0)
                {
                    await session.WriteAsync(
                        notification
                            .Replace("\"…\"", monitor, StringComparison.Ordinal)
                            .Replace("ROW", row, StringComparison.Ordinal)
                    );
                }
            }
        });
        await PlayAsync(server.Remote, notification);
    }

    /// <summary>A session of every kind of call. Gives how it ended; fails on what is not documented, or hangs.</summary>
    private static async Task<string> PlayAsync(string remote, string what)
    {
        var began = Stopwatch.GetTimestamp();
        var step = "connect";
        try
        {
            return await PlayAsync().WaitAsync(s_hang);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"{what}: hangs in '{step}' for {Stopwatch.GetElapsedTime(began)}");
            throw;
        }

        async Task<string> PlayAsync()
        {
            var outcome = "whole";
            OvsdbClient? client = null;
            try
            {
                client = await OvsdbClient.ConnectAsync(Options(remote));
                step = "list_dbs";
                await client.ListDatabasesAsync();
                step = "get_schema";
                await client.GetSchemaAsync(TestSchema.Database);
                step = "monitor";
                var replica = await client.MonitorAsync(
                    TestSchema.Database,
                    MonitorSpec.Everything
                );
                step = "transact";
                var result = await client.TransactAsync(
                    TestSchema.Database,
                    [new Insert("thing", new Row { ["name"] = "b" }), new Select("thing", [])]
                );
                _ = result[1].Rows.Length;
                step = "call";
                using var parameters = JsonDocument.Parse("[\"ping\"]");
                await client.CallAsync("echo", parameters.RootElement);
                step = "snapshot";
                _ = Differential.Dump.Of(replica.Snapshot);
                if (!replica.State.IsLive)
                {
                    outcome = "stale replica";
                }
                step = "replica's end";
                await replica.DisposeAsync();
            }
            catch (OvsdbException e)
            {
                outcome = $"{e.GetType().Name} in {step}";
            }
            catch (Exception e)
            {
                Assert.Fail($"{what}: undocumented in '{step}': {e}");
            }
            finally
            {
                var at = step;
                step = $"disposal after {at}";
                try
                {
                    await (client?.DisposeAsync() ?? default);
                }
                catch (Exception e)
                {
                    Assert.Fail($"{what}: disposal after '{at}' throws {e}");
                }
            }
            return outcome;
        }
    }

    private static async Task ReplayAsync(
        HostileSession session,
        Recording recording,
        Random random,
        int damageAt
    )
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var n = 0; await session.ReadAsync() is { } request; n++)
        {
            var bytes = Next(recording, request, counts);
            if (n >= damageAt)
            {
                bytes = Mutilation.Of(bytes, random);
                await session.WriteAsync(bytes);
                // The damage may have eaten the end of the answer: then only the end of the connection goes on.
                await session.DrainBrieflyAsync();
                return;
            }
            await session.WriteAsync(bytes);
        }
    }

    private static async Task AnswerAsync(
        HostileSession session,
        Recording recording,
        string method,
        string result,
        string? error
    )
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        while (await session.ReadAsync() is { } request)
        {
            var asked = request.GetProperty("method").GetString()!;
            if (asked == method)
            {
                await session.WriteAsync(
                    $$"""{"id":{{request.GetProperty("id").GetRawText()}},"result":{{result}},"error":{{error ?? "null"}}}"""
                );
                await session.DrainBrieflyAsync();
                return;
            }
            // To be asked for an older way of monitoring, the server must know no newer one.
            var newer =
                asked.StartsWith("monitor", StringComparison.Ordinal)
                && method.StartsWith("monitor", StringComparison.Ordinal);
            await session.WriteAsync(
                newer
                    ? System.Text.Encoding.UTF8.GetBytes(
                        $$"""{"id":{{request.GetProperty("id").GetRawText()}},"result":null,"error":"unknown method"}"""
                    )
                    : Next(recording, request, counts)
            );
        }
    }

    private static byte[] Next(
        Recording recording,
        JsonElement request,
        Dictionary<string, int> counts
    )
    {
        var method = request.TryGetProperty("method", out var m) ? m.GetString()! : "";
        var n = counts.GetValueOrDefault(method);
        counts[method] = n + 1;
        return
            request.TryGetProperty("id", out var id)
            && id.ValueKind != JsonValueKind.Null
            && method.Length > 0
            ? recording.Answer(request, n)
                ?? System.Text.Encoding.UTF8.GetBytes(
                    HostileSession.Reply(
                        request,
                        method == "echo" ? request.GetProperty("params").GetRawText() : "{}"
                    )
                )
            : [];
    }

    /// <summary>The session against a real server, once sane.</summary>
    private static Task<Recording> RecordAsync() => s_recording.Value;

    private static readonly Lazy<Task<Recording>> s_recording = new(async () =>
    {
        await using var server = await OvsdbServer.StartAsync(TestSchema.Json);
        await using (var client = await OvsdbClient.ConnectAsync(server.Remote))
        {
            await client.TransactAsync(
                TestSchema.Database,
                [
                    new Insert(
                        "thing",
                        new Row
                        {
                            ["name"] = "a",
                            ["number"] = 5,
                            ["real"] = 1.5,
                            ["flag"] = true,
                            ["maybe"] = "x",
                            ["numbers"] = Datum.Set(1, 2, 3),
                            ["map"] = Datum.Map(("k", "v"), ("l", "w")),
                            ["color"] = "red",
                        }
                    ),
                ]
            );
        }
        await using var tap = new Tap(server.SocketPath);
        Assert.Equal("whole", await PlayAsync(tap.Remote, "recording"));
        var since = Recording.Of(tap);
        // The older ways of monitoring, for servers that know no newer one.
        await using var second = new Tap(server.SocketPath, "monitor_cond_since");
        await using var third = new Tap(server.SocketPath, "monitor_cond_since", "monitor_cond");
        foreach (var older in new[] { second, third })
        {
            await using var client = await OvsdbClient.ConnectAsync(older.Remote);
            await using var replica = await client.MonitorAsync(
                TestSchema.Database,
                MonitorSpec.Everything
            );
        }
        return new([
            .. since.Exchanges,
            .. Recording.Of(second).Exchanges.Where(e => e.Method == "monitor_cond"),
            .. Recording.Of(third).Exchanges.Where(e => e.Method == "monitor"),
        ]);
    });

    private static OvsdbClientOptions Options(string remote) =>
        new()
        {
            Remotes = [Remote.Parse(remote)],
            MaxMessageBytes = MessageLimit,
            MinBackoff = TimeSpan.FromMilliseconds(1),
            MaxBackoff = TimeSpan.FromMilliseconds(10),
            ReconnectPatience = TimeSpan.FromMilliseconds(200),
            ProbeInterval = TimeSpan.FromSeconds(5),
        };
}
