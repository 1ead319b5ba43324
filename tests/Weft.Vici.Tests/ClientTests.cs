using Weft.Vici.Tests.Hostile;

namespace Weft.Vici.Tests;

/// <summary>What the client does on its one connection, seen by the daemon.</summary>
public sealed class ClientTests
{
    [Fact]
    public async Task A_request_waits_for_the_answer_to_the_one_before_it()
    {
        var early = 0;
        await using var daemon = new FakeDaemon(async session =>
        {
            while (await session.ReadAsync() is { } request)
            {
                // All requests are there from the start: one that did not wait would be on its way already.
                await Task.Yield();
                early += session.Available;
                await session.WriteAsync(
                    Sane.Response(new() { ["name"] = request.Message.Text("n") })
                );
            }
        });
        await using var client = await daemon.ConnectAsync();
        await Task.WhenAll(
                Enumerable
                    .Range(0, 500)
                    .Select(async n =>
                        Assert.Equal(
                            n,
                            (await client.RequestAsync("echo", new() { ["n"] = n })).Number("name")
                        )
                    )
            )
            .WaitAsync(FakeDaemon.Hang);
        Assert.Equal(0, early);
    }

    [Fact]
    public async Task An_answer_to_a_canceled_request_is_dropped()
    {
        var read = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        await using var daemon = new FakeDaemon(async session =>
        {
            await session.ReadAsync();
            read.SetResult();
            await goOn.Task;
            await session.WriteAsync(Sane.Response(new() { ["n"] = 1 }));
            await session.ReadAsync();
            await session.WriteAsync(Sane.Response(new() { ["n"] = 2 }));
            await session.DrainAsync();
        });
        await using var client = await daemon.ConnectAsync();
        using var cancel = new CancellationTokenSource();
        var first = client.RequestAsync("first", cancellationToken: cancel.Token);
        await read.Task;
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        var second = client.RequestAsync("second");
        Assert.False(second.IsCompleted);
        goOn.SetResult();
        Assert.Equal(2, (await second.WaitAsync(FakeDaemon.Hang)).Number("n"));
    }

    [Fact]
    public async Task One_canceled_while_it_waits_for_its_turn_is_never_sent()
    {
        var goOn = new TaskCompletionSource();
        var names = new List<string>();
        await using var daemon = new FakeDaemon(async session =>
        {
            while (await session.ReadAsync() is { } request)
            {
                names.Add(request.Name);
                await goOn.Task;
                await session.WriteAsync(Sane.Response(ViciMessage.Empty));
            }
        });
        await using var client = await daemon.ConnectAsync();
        var first = client.RequestAsync("first");
        using var cancel = new CancellationTokenSource();
        var second = client.RequestAsync("second", cancellationToken: cancel.Token);
        var third = client.RequestAsync("third");
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        goOn.SetResult();
        await Task.WhenAll(first, third).WaitAsync(FakeDaemon.Hang);
        Assert.Equal(["first", "third"], names);
    }

    [Fact]
    public async Task What_commands_stream_is_registered_for_once_and_comes_to_the_one_that_streams()
    {
        var packets = new List<string>();
        await using var daemon = new FakeDaemon(async session =>
        {
            while (await session.ReadAsync() is { } request)
            {
                packets.Add($"{request.Type} {request.Name}");
                await session.WriteAsync(
                    request.Name == "list"
                        ? [.. Sane.UpEvent, .. Sane.UpEvent, .. Sane.Response(ViciMessage.Empty)]
                        : Sane.Answer(request)
                );
            }
        });
        await using var client = await daemon.ConnectAsync();
        var first = await client.StreamAsync("list", EventNames.ChildUpdown);
        await using (var told = await client.SubscribeAsync([EventNames.ChildUpdown]))
        {
            Assert.Equal(2, (await client.StreamAsync("list", EventNames.ChildUpdown)).Length);
        }
        var last = await client.StreamAsync("list", EventNames.ChildUpdown);
        Assert.Equal((2, 2), (first.Length, last.Length));
        Assert.Equal(["3 child-updown", "0 list", "0 list", "0 list"], packets);
    }

    [Fact]
    public async Task An_event_is_registered_once_for_all_who_want_it_and_unregistered_by_the_last()
    {
        var packets = new List<string>();
        await using var daemon = new FakeDaemon(async session =>
        {
            while (await session.ReadAsync() is { } request)
            {
                packets.Add($"{request.Type} {request.Name}");
                await session.WriteAsync(
                    request.Name == "raise"
                        ? [.. Sane.UpEvent, .. Sane.Response(ViciMessage.Empty)]
                        : Sane.Answer(request)
                );
            }
        });
        await using var client = await daemon.ConnectAsync();
        var one = await client.SubscribeAsync([EventNames.ChildUpdown]);
        var two = await client.SubscribeAsync([EventNames.ChildUpdown, EventNames.IkeUpdown]);
        await client.RequestAsync("raise");
        await one.DisposeAsync();
        await one.DisposeAsync();
        await client.RequestAsync("raise");
        await two.DisposeAsync();
        await client.ConnectionNamesAsync();
        Assert.Single(await EndAsync(one));
        Assert.Equal(2, (await EndAsync(two)).Count);
        Assert.Equal(
            [
                "3 child-updown",
                "3 ike-updown",
                "0 raise",
                "0 raise",
                "4 child-updown",
                "4 ike-updown",
                "0 get-conns",
            ],
            packets
        );
    }

    [Fact]
    public async Task What_cannot_be_registered_for_as_a_whole_is_not_registered_for_at_all()
    {
        var packets = new List<string>();
        await using var daemon = new FakeDaemon(async session =>
        {
            while (await session.ReadAsync() is { } request)
            {
                packets.Add($"{request.Type} {request.Name}");
                await session.WriteAsync(
                    request.Name == "unknown" ? Sane.Packet(6) : Sane.Answer(request)
                );
            }
        });
        await using var client = await daemon.ConnectAsync();
        await Assert.ThrowsAsync<ViciCommandException>(() =>
            client.SubscribeAsync(["log", "unknown", "alert"])
        );
        Assert.Equal(["3 log", "3 unknown", "4 log"], packets);
    }

    [Fact]
    public async Task A_subscription_that_is_canceled_while_it_begins_leaves_no_registration()
    {
        var read = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        var packets = new List<string>();
        await using var daemon = new FakeDaemon(async session =>
        {
            while (await session.ReadAsync() is { } request)
            {
                packets.Add($"{request.Type} {request.Name}");
                read.TrySetResult();
                await goOn.Task;
                await session.WriteAsync(Sane.Answer(request));
            }
        });
        await using var client = await daemon.ConnectAsync();
        using var cancel = new CancellationTokenSource();
        var subscribing = client.SubscribeAsync([EventNames.Log], cancel.Token);
        await read.Task;
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => subscribing);
        goOn.SetResult();
        await client.VersionAsync().WaitAsync(FakeDaemon.Hang);
        Assert.Equal(["3 log", "4 log", "0 version"], packets);
    }

    [Fact]
    public async Task Who_goes_through_a_list_may_ask_more_meanwhile()
    {
        await using var daemon = new FakeDaemon(Sane.ServeAsync);
        await using var client = await daemon.ConnectAsync();
        foreach (var ike in await client.SecurityAssociationsAsync())
        {
            Assert.Equal("peer", ike.Name);
            await client.InitiateAsync("net").WaitAsync(FakeDaemon.Hang);
        }
    }

    [Fact]
    public async Task Leaving_ends_what_is_under_way()
    {
        await using var daemon = new FakeDaemon(session => session.DrainAsync());
        var client = await daemon.ConnectAsync();
        var waiting = client.VersionAsync();
        var next = client.VersionAsync();
        await client.DisposeAsync();
        var error = await Assert.ThrowsAsync<ViciConnectionException>(() => waiting);
        Assert.True(error.OutcomeUnknown);
        error = await Assert.ThrowsAsync<ViciConnectionException>(() => next);
        Assert.False(error.OutcomeUnknown);
    }

    [Theory]
    [InlineData("")]
    [InlineData("new\nline")]
    [InlineData("größe")]
    public async Task A_name_that_the_daemon_would_never_answer_is_refused(string name)
    {
        await using var daemon = new FakeDaemon(Sane.ServeAsync);
        await using var client = await daemon.ConnectAsync();
        await Assert.ThrowsAsync<ArgumentException>(() => client.RequestAsync(name));
        await Assert.ThrowsAsync<ArgumentException>(() => client.StreamAsync("list-sas", name));
        await Assert.ThrowsAsync<ArgumentException>(async () =>
            await client.SubscribeAsync([name])
        );
        Assert.Equal("charon", (await client.VersionAsync()).Daemon);
    }

    private static async Task<List<ViciEvent>> EndAsync(ViciSubscription subscription)
    {
        var events = new List<ViciEvent>();
        await foreach (var told in subscription)
        {
            events.Add(told);
        }

        return events;
    }
}
