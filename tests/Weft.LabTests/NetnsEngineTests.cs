using Weft.Core.Engines;

namespace Weft.LabTests;

/// <summary>Named network namespaces as containers.</summary>
public sealed class NetnsEngineTests : IAsyncLifetime
{
    private TestLab lab = null!;
    private NetnsEngine door = null!;

    public async ValueTask InitializeAsync()
    {
        lab = await TestLab.UpAsync(TestLab.HostsAt(1500, "192.0.2.1"));
        door = new NetnsEngine($"/proc/{lab["host1"].Pid}/root");
    }

    public async ValueTask DisposeAsync()
    {
        if (lab is not null)
        {
            await door.DisposeAsync();
            await lab.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_name_is_a_container_once_it_is_a_namespace()
    {
        await RunAsync(
            "ip netns add b; ip netns add a; touch /run/netns/file; mkdir /run/netns/dir"
        );

        var all = await door.ListAsync(Needs.Cancellation);

        Assert.Equal(["a", "b"], all!.Value.Select(one => one.Key.Name));
        Assert.Equal(
            await RunAsync("stat -Lc %i /run/netns/a"),
            await RunAsync($"stat -Lc %i {all.Value[0].Namespace!.Split("/root")[1]}")
        );
        Assert.Equal(all.Value[0], await door.FindAsync("a", Needs.Cancellation));
        foreach (var none in new[] { "file", "dir", "c", "", ".", "..", "../netns/a" })
        {
            Assert.Null(await door.FindAsync(none, Needs.Cancellation));
        }
    }

    [Fact]
    public async Task A_host_that_never_had_any_has_none_and_can_be_watched()
    {
        await RunAsync("umount -l /run/netns; rmdir /run/netns");
        Assert.Empty((await door.ListAsync(Needs.Cancellation))!.Value);
        await using var watched = await EngineLab.WatchAsync(door);
        await RunAsync("ip netns add first");
        await watched.HasAsync("first", "added");
    }

    [Fact]
    public async Task What_is_told_to_be_added_is_a_namespace_by_then()
    {
        const int Many = 100;
        var seen = 0;
        await foreach (var told in door.WatchAsync(Needs.Cancellation))
        {
            if (told.Name is null)
            {
                _ = RunAsync(
                    $"touch /run/netns/none; for i in $(seq {Many}); do ip netns add n$i; done"
                );
                continue;
            }
            Assert.Equal("added", told.What);
            Assert.NotNull((await door.FindAsync(told.Name, Needs.Cancellation))?.Namespace);
            if (++seen == Many)
            {
                break;
            }
        }
    }

    [Fact]
    public async Task One_that_is_made_again_is_told_as_gone_and_as_new()
    {
        await RunAsync("ip netns add a");
        await using var watched = await EngineLab.WatchAsync(door);
        await RunAsync("ip netns del a; ip netns add a");
        await watched.HasAsync("a", "deleted");
        await watched.HasAsync("a", "added");
        Assert.NotNull(await door.FindAsync("a", Needs.Cancellation));
    }

    private Task<string> RunAsync(string script) => lab.RunAsync("host1", script);
}
