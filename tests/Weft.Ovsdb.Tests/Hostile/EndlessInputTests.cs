using System.Text;

namespace Weft.Ovsdb.Tests.Hostile;

/// <summary>Alone in the process, since they measure its memory.</summary>
[CollectionDefinition(nameof(EndlessInputTests), DisableParallelization = true)]
public sealed class MeasuringMemory;

/// <summary>Floods: whatever a server sends, the client keeps no more than a message of the largest size allowed.</summary>
[Collection(nameof(EndlessInputTests))]
public sealed class EndlessInputTests
{
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
            { "messages of the largest size", "", "" },
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
        // What is to be answered takes the client longer than what is only to be endured.
        var length =
            SaneSession.MessageLimit
            * (rest.Contains("\"id\":\"e\"") || rest.Contains("what") ? 8L : 250L);
        var chunk = Encoding.UTF8.GetBytes(
            rest.Length == 0
                ? LargestAllowed()
                : string.Concat(Enumerable.Repeat(rest, Math.Max(1, 65536 / rest.Length)))
        );
        var recording = await SaneSession.RecordAsync();
        var sent = 0L;
        await using var server = new HostileServer(async session =>
        {
            // Sane until the replica stands, so that the flood meets a client in full work.
            var counts = new Dictionary<string, int>(StringComparer.Ordinal);
            while (await session.ReadAsync() is { } request)
            {
                await session.WriteAsync(SaneSession.Next(recording, request, counts));
                if (request.GetProperty("method").GetString() == "transact")
                {
                    break;
                }
            }
            await session.WriteAsync(start);
            // What the client writes back must be taken, or a wait for room would end the flood.
            var draining = session.DrainAsync();
            while (sent < length && !draining.IsCompleted)
            {
                await session.WriteAsync(chunk);
                Interlocked.Add(ref sent, chunk.Length);
            }
        });
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var highest = 0L;
        var playing = SaneSession.PlayAsync(server.Remote, what);
        while (!playing.IsCompleted)
        {
            await Task.WhenAny(playing, Task.Delay(50, TestContext.Current.CancellationToken));
            highest = Math.Max(highest, GC.GetTotalMemory(forceFullCollection: true) - before);
        }
        await playing;
        // A buffer that doubled. A message that ends is parsed too: 12 bytes for each of its tokens, at half a million
        // tokens in arrays that doubled and stay pooled.
        var limit = (rest.Length == 0 ? 128L : 4L) * SaneSession.MessageLimit;
        Assert.True(
            highest < limit,
            $"{what}: {highest >> 20} MiB are held after {sent >> 20} MiB of input"
        );
        Console.WriteLine($"{what}: {highest >> 10} KiB held at most, {sent >> 20} MiB sent");
    }

    /// <summary>A message just within the limit, of as many values as there can be.</summary>
    private static string LargestAllowed()
    {
        const string Start = """{"id":null,"method":"update2","params":["nobody",[1""";
        const string End = "]]}";
        return Start
            + string.Concat(
                Enumerable.Repeat(",1", (SaneSession.MessageLimit - Start.Length - End.Length) / 2)
            )
            + End;
    }
}
