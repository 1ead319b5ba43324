namespace Weft.Vici.Tests.Hostile;

/// <summary>Floods: whatever a daemon sends, the client keeps a bounded part of it.</summary>
[Collection(nameof(MeasuringMemory))]
public sealed class FloodTests
{
    private const long MiB = 1 << 20;

    // The last says whether one of them alone is more than may wait.
    public static TheoryData<string, byte[], bool> Largest =>
        new()
        {
            { "one list of empty items", [4, 1, 65, .. Many([5, 0, 0]), 6], true },
            { "empty sections", Many([1, 0, 2]), true },
            { "empty values", Many([3, 0, 0, 0]), true },
            { "empty lists", Many([4, 0, 6]), true },
            {
                "large values",
                [
                    .. Enumerable
                        .Repeat((byte[])[3, 1, 65, 255, 255, .. new byte[65535]], 7)
                        .SelectMany(b => b),
                ],
                false
            },
        };

    [Theory]
    [MemberData(nameof(Largest))]
    public async Task Events_that_nobody_reads_end_the_subscription_and_nothing_else(
        string what,
        byte[] message,
        bool isTooMuchAlone
    )
    {
        var packet = Sane.Packet(7, [3, .. "log"u8, .. message]);
        await using var daemon = new FakeDaemon(async session =>
        {
            await session.ReadAsync();
            await session.WriteAsync(Sane.Confirm);
            for (var n = 0; n < 60; n++)
            {
                await session.WriteAsync(packet);
            }

            await Sane.ServeAsync(session);
        });
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await using var client = await daemon.ConnectAsync();
        await using var events = await client.SubscribeAsync([EventNames.Log]);
        // Answered after the flood, so all of it was taken in.
        Assert.Equal("charon", (await client.VersionAsync().WaitAsync(FakeDaemon.Hang)).Daemon);
        var held = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.True(held < 40 * MiB, $"{what}: {held / MiB} MiB are held");
        var read = 0;
        await Assert.ThrowsAsync<ViciOverflowException>(async () =>
        {
            await foreach (var _ in events)
            {
                read++;
            }
        });
        Assert.InRange(read, isTooMuchAlone ? 0 : 1, isTooMuchAlone ? 0 : 59);
    }

    [Fact]
    public async Task Subscriptions_that_are_disposed_of_leave_nothing_of_what_they_did_not_read()
    {
        const int Rounds = 20;
        var packet = Sane.Event(EventNames.Log, new() { ["msg"] = new string('x', 60_000) });
        await using var daemon = new FakeDaemon(async session =>
        {
            while (await session.ReadAsync() is { } request)
            {
                await session.WriteAsync(Sane.Answer(request));
                for (var n = 0; request.Type == 3 && n < 60; n++)
                {
                    await session.WriteAsync(packet);
                }
            }
        });
        await using var client = await daemon.ConnectAsync();
        await RoundAsync();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var round = 0; round < Rounds; round++)
        {
            await RoundAsync();
        }

        var held = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.True(held < 20 * MiB, $"{held / MiB} MiB are held");

        async Task RoundAsync()
        {
            await using (await client.SubscribeAsync([EventNames.Log]))
            {
                // Answered after the events, so all of them wait to be read.
                await client.VersionAsync().WaitAsync(FakeDaemon.Hang);
            }

            await client.VersionAsync().WaitAsync(FakeDaemon.Hang);
        }
    }

    [Fact]
    public async Task A_reader_that_falls_behind_gets_what_waited_and_then_the_overflow()
    {
        await using var daemon = new FakeDaemon(async session =>
        {
            await session.ReadAsync();
            await session.WriteAsync(Sane.Confirm);
            for (var n = 0; n < ViciSubscription.MaxUnread + 1; n++)
            {
                await session.WriteAsync(Sane.Event(EventNames.Log, new() { ["n"] = n }));
            }

            await Sane.ServeAsync(session);
        });
        await using var client = await daemon.ConnectAsync();
        await using var events = await client.SubscribeAsync([EventNames.Log]);
        await client.VersionAsync().WaitAsync(FakeDaemon.Hang);
        var next = 0;
        await Assert.ThrowsAsync<ViciOverflowException>(async () =>
        {
            await foreach (var told in events)
            {
                Assert.Equal(next++, told.Message.Number("n"));
            }
        });
        Assert.Equal(ViciSubscription.MaxUnread, next);
        // Another begins anew.
        await using var again = await client.SubscribeAsync([EventNames.ChildUpdown]);
    }

    [Fact]
    public async Task A_reader_that_keeps_up_loses_nothing_of_a_hundred_thousand_events()
    {
        const int Count = 100_000;
        await using var daemon = new FakeDaemon(async session =>
        {
            await session.ReadAsync();
            await session.WriteAsync(Sane.Confirm);
            for (var n = 0; n < Count; n += 1000)
            {
                // Waits until these are read.
                await session.WriteAsync(
                    (byte[])
                        [
                            .. Enumerable
                                .Range(n, 1000)
                                .SelectMany(i => Sane.Event(EventNames.Log, new() { ["n"] = i })),
                        ]
                );
                await session.ReadAsync();
                await session.WriteAsync(Sane.Packet(2));
            }

            await session.DrainAsync();
        });
        await using var client = await daemon.ConnectAsync();
        await using var subscription = await client.SubscribeAsync([EventNames.Log]);
        await using var events = subscription.GetAsyncEnumerator();
        for (var n = 0; n < Count; n++)
        {
            Assert.True(await events.MoveNextAsync());
            Assert.Equal(n, events.Current.Message.Number("n"));
            if (n % 1000 == 999)
            {
                await Assert.ThrowsAsync<ViciCommandException>(() => client.RequestAsync("next"));
            }
        }
    }

    [Fact]
    public async Task Events_of_nobody_are_passed_over()
    {
        await using var daemon = new FakeDaemon(async session =>
        {
            for (var n = 0; n < 10_000; n++)
            {
                await session.WriteAsync(Sane.UpEvent);
            }

            await Sane.ServeAsync(session);
        });
        Assert.Equal("whole", await Sane.PlayAsync(daemon, "events of nobody"));
    }

    [Fact]
    public async Task A_stream_without_an_end_ends_the_connection()
    {
        await using var daemon = new FakeDaemon(async session =>
        {
            await session.ReadAsync();
            await session.WriteAsync(Sane.Confirm);
            await session.ReadAsync();
            var many = (byte[])
                [
                    .. Enumerable
                        .Repeat(Sane.Event("list-sa", Sane.Association), 100)
                        .SelectMany(b => b),
                ];
            while (true)
            {
                await session.WriteAsync(many);
            }
        });
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await using var client = await daemon.ConnectAsync();
        var error = await Assert.ThrowsAsync<ViciProtocolException>(() =>
            client.SecurityAssociationsAsync().WaitAsync(FakeDaemon.Hang)
        );
        Assert.Contains("streams more than 64 MiB", error.Message);
        var held = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.True(held < 80 * MiB, $"{held / MiB} MiB are held");
    }

    private static byte[] Many(byte[] element) =>
        [.. Enumerable.Repeat(element, ((512 * 1024) - 16) / element.Length).SelectMany(b => b)];
}
