using System.Text;

namespace Weft.Ovsdb.Tests.Hostile;

/// <summary>Messages that are JSON-RPC but of the wrong kind, in every place that the client reads.</summary>
public sealed class WrongMessageTests
{
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
        var recording = await SaneSession.RecordAsync();
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
            await SaneSession.PlayAsync(server.Remote, $"{method} answered by {result}");
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
        var recording = await SaneSession.RecordAsync();
        foreach (var method in new[] { "list_dbs", "get_schema", "transact", "monitor_cond_since" })
        {
            await using var server = new HostileServer(session =>
                AnswerAsync(session, recording, method, "null", error)
            );
            await SaneSession.PlayAsync(server.Remote, $"{method} refused by {error}");
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
        var recording = await SaneSession.RecordAsync();
        await using var server = new HostileServer(async session =>
        {
            var counts = new Dictionary<string, int>(StringComparer.Ordinal);
            string monitor = "",
                row = "";
            while (await session.ReadAsync() is { } request)
            {
                var method = request.TryGetProperty("method", out var name)
                    ? name.GetString()!
                    : "";
                await session.WriteAsync(SaneSession.Next(recording, request, counts));
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
        await SaneSession.PlayAsync(server.Remote, notification);
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
                    ? Encoding.UTF8.GetBytes(
                        $$"""{"id":{{request.GetProperty("id").GetRawText()}},"result":null,"error":"unknown method"}"""
                    )
                    : SaneSession.Next(recording, request, counts)
            );
        }
    }
}
