using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Weft.Ovsdb.Tests.Hostile;

/// <summary>One session of every kind of call, to be played against any server, and what a real one answered to it.</summary>
internal static class SaneSession
{
    /// <summary>The largest message the client is told to accept.</summary>
    public const int MessageLimit = 1024 * 1024;

    // A session takes milliseconds; only one that hangs takes this long.
    public static readonly TimeSpan Hang = TimeSpan.FromSeconds(30);

    /// <summary>A session of every kind of call. Gives how it ended; fails on what is not documented, or hangs.</summary>
    public static async Task<string> PlayAsync(string remote, string what)
    {
        var began = Stopwatch.GetTimestamp();
        var step = "connect";
        try
        {
            return await PlayAsync().WaitAsync(Hang);
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

    /// <summary>The recorded answer to a request of the client; to what the client answers itself, nothing.</summary>
    public static byte[] Next(
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
                ?? Encoding.UTF8.GetBytes(
                    HostileSession.Reply(
                        request,
                        method == "echo" ? request.GetProperty("params").GetRawText() : "{}"
                    )
                )
            : [];
    }

    /// <summary>The session against a real server, once sane.</summary>
    public static Task<Recording> RecordAsync() => s_recording.Value;

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

    public static OvsdbClientOptions Options(string remote) =>
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
