namespace Weft.Vici.Tests.Hostile;

/// <summary>Alone in the process, since they measure its memory.</summary>
[CollectionDefinition(nameof(MeasuringMemory), DisableParallelization = true)]
public sealed class MeasuringMemory;

/// <summary>
/// Sessions with a daemon that lies, stammers and breaks off: the client never hangs, never throws what its documentation
/// does not name, and keeps within memory.
/// </summary>
[Collection(nameof(MeasuringMemory))]
public sealed class HostileSessionTests
{
    private const int Sessions = 6000;

    [Fact]
    public async Task A_sane_session_is_whole()
    {
        await using var daemon = new FakeDaemon(Sane.ServeAsync);
        Assert.Equal("whole", await Sane.PlayAsync(daemon, "sane"));
    }

    [Fact]
    public async Task A_daemon_that_is_silent_for_too_long_is_left()
    {
        await using var daemon = new FakeDaemon(session => session.DrainAsync());
        await using var client = await daemon.ConnectAsync(TimeSpan.FromMilliseconds(200));

        var left = await Assert.ThrowsAsync<ViciConnectionException>(() =>
            client.SecurityAssociationsAsync(
                cancellationToken: TestContext.Current.CancellationToken
            )
        );

        Assert.Contains("was silent for 0.2 s", left.Message, StringComparison.Ordinal);
        Assert.True(client.Closed.IsCompleted);
    }

    [Fact]
    public async Task A_session_split_into_single_bytes_is_as_good_as_whole()
    {
        await using var daemon = new FakeDaemon(async session =>
        {
            while (await session.ReadAsync() is { } request)
            {
                await session.WriteByteByByteAsync(Sane.Answer(request));
            }
        });
        Assert.Equal("whole", await Sane.PlayAsync(daemon, "byte by byte"));
    }

    [Fact]
    public async Task Thousands_of_damaged_sessions_end_in_documented_errors_only()
    {
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
                // A session has nine answers, those to registrations included.
                var damageAt = random.Next(10);
                await using var daemon = new FakeDaemon(session =>
                    DamageAsync(session, random, damageAt)
                );
                var outcome = await Sane.PlayAsync(daemon, $"seed {seed}");
                lock (outcomes)
                {
                    outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
                }
            }
        );
        var grown = GC.GetTotalMemory(forceFullCollection: true) - memory;
        Assert.True(grown < 16 << 20, $"{Sessions} sessions left {grown / 1024} KiB behind");
        Console.WriteLine(
            $"{Sessions} damaged sessions: {string.Join(", ", outcomes.OrderByDescending(o => o.Value).Select(o => $"{o.Value} {o.Key}"))}"
        );
        // The damage must reach every kind of call, and not end every session at its first byte.
        foreach (var step in (string[])["subscribe", "request", "list", "stream", "control"])
        {
            Assert.Contains(
                outcomes.Keys,
                o => o.EndsWith($" in {step}", StringComparison.Ordinal)
            );
        }

        Assert.Contains("whole", outcomes.Keys);
        Assert.Contains(
            outcomes.Keys,
            o => o.StartsWith("ViciProtocolException", StringComparison.Ordinal)
        );
        Assert.Contains(
            outcomes.Keys,
            o => o.StartsWith("ViciConnectionException", StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData("a length of 4 GiB", new byte[] { 255, 255, 255, 255 })]
    [InlineData("a length just above the limit", new byte[] { 0, 8, 0, 1 })]
    [InlineData("an empty packet", new byte[] { 0, 0, 0, 0 })]
    [InlineData("a request", new byte[] { 0, 0, 0, 3, 0, 1, 65 })]
    [InlineData("an unknown type", new byte[] { 0, 0, 0, 1, 8 })]
    [InlineData("a confirmation to a request", new byte[] { 0, 0, 0, 1, 5 })]
    [InlineData("an unknown event to a request", new byte[] { 0, 0, 0, 1, 6 })]
    [InlineData("an unknown command with more in it", new byte[] { 0, 0, 0, 2, 2, 0 })]
    [InlineData("an event without a name", new byte[] { 0, 0, 0, 1, 7 })]
    [InlineData("an event that ends in its name", new byte[] { 0, 0, 0, 4, 7, 9, 65, 65 })]
    [InlineData("an event with half a message", new byte[] { 0, 0, 0, 5, 7, 1, 65, 1, 5 })]
    [InlineData("a response with half a message", new byte[] { 0, 0, 0, 3, 1, 1, 5 })]
    public async Task What_breaks_the_protocol_is_a_protocol_error(string what, byte[] bytes)
    {
        await using var daemon = new FakeDaemon(async session =>
        {
            await session.ReadAsync();
            await session.WriteAsync(bytes);
            await session.DrainAsync();
        });
        await using var client = await daemon.ConnectAsync();
        var error = await Assert.ThrowsAsync<ViciProtocolException>(() =>
            client.VersionAsync().WaitAsync(FakeDaemon.Hang)
        );
        Assert.Contains("was given up while 'version' was under way", error.Message);
        Assert.True(error.Message.Length < 500, what);
        // The connection has ended, and says why.
        Assert.IsType<ViciProtocolException>(await client.Closed.WaitAsync(FakeDaemon.Hang));
        await Assert.ThrowsAsync<ViciConnectionException>(() => client.VersionAsync());
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 9 })]
    [InlineData(new byte[] { 0, 0, 0, 9, 1, 3 })]
    public async Task A_daemon_that_breaks_off_is_a_connection_error(byte[] bytes)
    {
        await using var daemon = new FakeDaemon(async session =>
        {
            await session.ReadAsync();
            await session.WriteAsync(bytes);
        });
        await using var client = await daemon.ConnectAsync();
        var error = await Assert.ThrowsAsync<ViciConnectionException>(() =>
            client.VersionAsync().WaitAsync(FakeDaemon.Hang)
        );
        Assert.True(error.OutcomeUnknown);
    }

    [Fact]
    public async Task An_answer_that_nobody_asked_for_ends_the_connection()
    {
        await using var daemon = new FakeDaemon(async session =>
        {
            await session.WriteAsync(Sane.Response(ViciMessage.Empty));
            await session.DrainAsync();
        });
        await using var client = await daemon.ConnectAsync();
        var reason = await client.Closed.WaitAsync(FakeDaemon.Hang);
        Assert.Contains(
            "nothing had been asked",
            Assert.IsType<ViciProtocolException>(reason).Message
        );
    }

    [Fact]
    public async Task An_answer_without_what_is_documented_is_a_protocol_error_and_the_connection_goes_on()
    {
        await using var daemon = new FakeDaemon(async session =>
        {
            await session.ReadAsync();
            await session.WriteAsync(Sane.Response(new() { ["daemon"] = "charon" }));
            await Sane.ServeAsync(session);
        });
        await using var client = await daemon.ConnectAsync();
        var error = await Assert.ThrowsAsync<ViciProtocolException>(() => client.VersionAsync());
        Assert.Contains("should have 'version'", error.Message);
        Assert.Equal("5.9.8", (await client.VersionAsync()).Version);
    }

    [Fact]
    public async Task A_daemon_that_does_not_even_read_is_left_when_patience_ends()
    {
        await using var daemon = new FakeDaemon(session =>
            Task.Delay(Timeout.InfiniteTimeSpan, session.Stop)
        );
        await using var client = await daemon.ConnectAsync(TimeSpan.FromMilliseconds(100));
        var large = new ViciMessage(
            Enumerable
                .Range(0, 7)
                .Select(static n =>
                    KeyValuePair.Create($"n{n}", (ViciNode)new ViciValue(new string('x', 65_000)))
                )
        );
        var error = await Assert.ThrowsAsync<ViciConnectionException>(() =>
            client.RequestAsync("large", large).WaitAsync(FakeDaemon.Hang)
        );
        Assert.True(error.OutcomeUnknown);
        Assert.Contains("charon was silent for 0.1 s", error.Message);
    }

    [Fact]
    public async Task A_silent_daemon_is_waited_for_until_canceled_and_can_be_left()
    {
        await using var daemon = new FakeDaemon(session => session.DrainAsync());
        await using var client = await daemon.ConnectAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            client.VersionAsync(patience.Token).WaitAsync(FakeDaemon.Hang)
        );
        using var again = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            client.SubscribeAsync([EventNames.Log], again.Token).WaitAsync(FakeDaemon.Hang)
        );
        await client.DisposeAsync().AsTask().WaitAsync(FakeDaemon.Hang);
    }

    private static async Task DamageAsync(Session session, Random random, int damageAt)
    {
        for (var n = 0; await session.ReadAsync() is { } request; n++)
        {
            var answer = Sane.Answer(request);
            if (n != damageAt)
            {
                await session.WriteAsync(answer);
                continue;
            }

            var damaged = Mutilation.Of(answer, random);
            if (random.Next(8) == 0)
            {
                await session.WriteByteByByteAsync(damaged);
            }
            else
            {
                await session.WriteAsync(damaged);
            }

            // The damage may have eaten the end of the answer: then only the end of the connection goes on.
            await session.HangUpAsync();
            return;
        }
    }
}
