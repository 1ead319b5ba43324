namespace Weft.Ovsdb.Tests.Hostile;

/// <summary>
/// Sessions with a server that lies, stammers, drips and never ends: the client never hangs, never throws what its
/// documentation does not name, and keeps within memory.
/// </summary>
[Collection(nameof(EndlessInputTests))]
public sealed class HostileSessionTests
{
    private const int Sessions = 4000;

    [Fact]
    public async Task Thousands_of_damaged_recordings_end_in_documented_errors_only()
    {
        var recording = await SaneSession.RecordAsync();
        var outcomes = new Dictionary<string, int>(StringComparer.Ordinal);
        var memory = GC.GetTotalMemory(forceFullCollection: true);
        await Parallel.ForAsync(
            0,
            Sessions,
            new ParallelOptions
            {
                MaxDegreeOfParallelism = 8,
                CancellationToken = TestContext.Current.CancellationToken,
            },
            async (seed, _) =>
            {
                var random = new Random(seed);
                var damage = random.Next(6);
                await using var server = new HostileServer(session =>
                    ReplayAsync(session, recording, random, damage)
                );
                var outcome = await SaneSession.PlayAsync(server.Remote, $"seed {seed}");
                lock (outcomes)
                {
                    outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
                }
            }
        );
        var grown = GC.GetTotalMemory(forceFullCollection: true) - memory;
        Assert.True(
            grown < 32 * SaneSession.MessageLimit,
            $"{Sessions} sessions left {grown / 1024} KiB behind"
        );
        Console.WriteLine(
            $"{Sessions} damaged sessions: {string.Join(", ", outcomes.OrderByDescending(o => o.Value).Select(o => $"{o.Value} {o.Key}"))}"
        );
        // The damage must reach every kind of call, and not end every session at its first byte. Whether a session that
        // comes through sees the end of its connection as well is a matter of moments.
        foreach (var step in new[] { "list_dbs", "get_schema", "monitor", "transact", "call" })
        {
            Assert.Contains(
                outcomes.Keys,
                o => o.EndsWith($" in {step}", StringComparison.Ordinal)
            );
        }
        Assert.Contains(outcomes.Keys, o => o is "whole" or "stale replica");
    }

    [Fact]
    public async Task A_session_split_into_single_bytes_is_as_good_as_whole()
    {
        var recording = await SaneSession.RecordAsync();
        await using var server = new HostileServer(async session =>
        {
            var counts = new Dictionary<string, int>(StringComparer.Ordinal);
            while (await session.ReadAsync() is { } request)
            {
                foreach (var b in SaneSession.Next(recording, request, counts))
                {
                    await session.WriteAsync(new[] { b });
                }
            }
        });
        Assert.Equal("whole", await SaneSession.PlayAsync(server.Remote, "byte by byte"));
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
            SaneSession.Options(server.Remote),
            TestContext.Current.CancellationToken
        );
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            client
                .ListDatabasesAsync(patience.Token)
                .WaitAsync(SaneSession.Hang, TestContext.Current.CancellationToken)
        );
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
            var bytes = SaneSession.Next(recording, request, counts);
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
}
