using System.Diagnostics;
using Weft.Core;
using Weft.Core.Overlays;

namespace Weft.LabTests;

/// <summary>The doors to engines, against the real ones.</summary>
public sealed class EngineTests
{
    private const int Rounds = 20;

    public static TheoryData<Engine> Engines =>
        [Engine.Docker, Engine.Podman, Engine.Lxd, Engine.Incus];

    [Theory, MemberData(nameof(Engines))]
    public async Task Every_container_is_told_with_its_labels_and_whether_it_runs(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        await lab.MakeAsync("idle", "weft.network=cont-mgmnt0");
        var door = lab.Door();

        var all = await door.ListAsync(Needs.Cancellation);

        Assert.Equal(["idle", "web"], all!.Value.Select(one => one.Key.Name));
        Assert.All(all.Value, one => Assert.Equal(engine, one.Key.Engine));
        Assert.Null(all.Value[0].Namespace);
        Assert.Equal("cont-mgmnt0", all.Value[0].Labels["weft.network"]);
        Assert.False(all.Value[1].Labels.ContainsKey("weft.network"));
        foreach (var listed in all.Value)
        {
            var found = await door.FindAsync(listed.Key.Name, Needs.Cancellation);
            Assert.Equal(listed.Id, found!.Id);
            Assert.Equal(listed.Namespace, found.Namespace);
            Assert.Equal(listed.Labels, found.Labels);
        }
        foreach (var none in new[] { "nope", "..", "we", "web/x", "", all.Value[1].Id[..12] })
        {
            Assert.Null(await door.FindAsync(none, Needs.Cancellation));
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task The_namespace_is_the_containers_own(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        var web = await lab.Door().FindAsync("web", Needs.Cancellation);

        Assert.False(web!.SharesHostNetwork);
        Assert.Equal(await InsideAsync(lab, "readlink /proc/self/ns/net"), LinkOf(web.Namespace));
    }

    [Theory]
    [InlineData(Engine.Docker)]
    [InlineData(Engine.Podman)]
    public async Task A_container_in_the_hosts_own_network_is_told(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        await lab.RunAsync("$c run -d --name open --network host weft-lab");
        var door = lab.Door();

        Assert.True((await door.FindAsync("open", Needs.Cancellation))!.SharesHostNetwork);
        Assert.True(
            (await door.ListAsync(Needs.Cancellation))!
                .Value.Single(one => one.Key.Name == "open")
                .SharesHostNetwork
        );
    }

    [Theory]
    [InlineData(Engine.Docker)]
    [InlineData(Engine.Podman)]
    public async Task Whose_network_a_container_shares_is_known_whether_it_runs_or_not(
        Engine engine
    )
    {
        await using var lab = await EngineLab.UpAsync(engine);
        await lab.RunAsync("$c run -d --name mate --network container:web weft-lab");
        var door = lab.Door();
        await IsOfWebsAsync(isKept: false);

        await lab.StopAsync("mate");
        await IsOfWebsAsync(isKept: true);

        async Task IsOfWebsAsync(bool isKept)
        {
            var all = (await door.ListAsync(Needs.Cancellation))!.Value;
            var (mate, web) = (all[0], all[1]);
            Assert.Equal(("mate", "web"), (mate.Key.Name, web.Key.Name));
            Assert.Equal(web.Id, mate.SharesNetworkOf);
            Assert.Equal((web.NamespaceId, isKept), (mate.NamespaceId, mate.IsKeptByOthers));
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_happens_to_a_container_is_told_as_it_happens(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        var door = lab.Door();
        await using var watched = await EngineLab.WatchAsync(door);

        await lab.MakeAsync("one");
        await watched.HasAsync("one", "create", "created");
        var made = await door.FindAsync("one", Needs.Cancellation);

        await lab.RenameAsync("one", "two");
        // The old name first: whoever looks between the two would else find one container by both. Podman does not tell it: it
        // could be any.
        await watched.HasAsync(engine is Engine.Podman ? null : "one", "rename", "renamed");
        await watched.HasAsync("two", "rename", "renamed");
        Assert.Null(await door.FindAsync("one", Needs.Cancellation));
        Assert.Equal(made!.Id, (await door.FindAsync("two", Needs.Cancellation))!.Id);

        await lab.RunAsync("$c start two");
        await watched.HasAsync("two", "start", "started");
        Assert.NotNull((await door.FindAsync("two", Needs.Cancellation))!.Namespace);

        await lab.RunAsync(lab.HasNics ? "$c restart -f two" : "$c restart -t 0 two");
        await watched.HasAsync("two", "start", "restarted");
        Assert.NotNull((await door.FindAsync("two", Needs.Cancellation))!.Namespace);

        await lab.StopAsync("two");
        await watched.HasAsync("two", "die", "stopped");
        Assert.Null((await door.FindAsync("two", Needs.Cancellation))!.Namespace);

        await lab.RemoveAsync("two");
        await watched.HasAsync("two", "destroy", "remove", "deleted");
        Assert.Null(await door.FindAsync("two", Needs.Cancellation));

        await lab.MakeAsync("two");
        await watched.HasAsync("two", "create", "created");
        Assert.NotEqual(made.Id, (await door.FindAsync("two", Needs.Cancellation))!.Id);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_container_whose_first_process_is_killed_is_told(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        var door = lab.Door();
        await using var watched = await EngineLab.WatchAsync(door);
        var place = (await door.FindAsync("web", Needs.Cancellation))!.Namespace!;

        await lab.RunAsync($"kill -9 {place.Split('/')[^3]}");

        await watched.HasAsync("web", "die", "shutdown", "stopped");
        await Eventually.IsAsync(async () =>
            (await door.FindAsync("web", Needs.Cancellation))!.Namespace is null
        );
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_runs_inside_a_container_is_no_event(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        await using var watched = await EngineLab.WatchAsync(lab.Door());

        await lab.RunAsync(lab.HasNics ? "$c exec web -- true" : "$c exec web true");
        await lab.StopAsync("web");

        await watched.HasAsync("web", "die", "stopped");
        Assert.DoesNotContain(
            watched.Words,
            word => word.Contains("exec", StringComparison.Ordinal)
        );
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_daemon_that_ends_ends_the_watch_and_is_asked_again_once_it_is_back(
        Engine engine
    )
    {
        await using var lab = await EngineLab.UpAsync(engine);
        var door = lab.Door();
        await using var watched = await EngineLab.WatchAsync(door);

        await lab.EndDaemonAsync();

        await watched.Ended.WaitAsync(TimeSpan.FromSeconds(60), Needs.Cancellation);
        Assert.Null(await door.ListAsync(Needs.Cancellation));
        // That it has none of that name it cannot say.
        await Assert.ThrowsAsync<HostException>(() => door.FindAsync("web", Needs.Cancellation));
        var none = await Assert.ThrowsAsync<HostException>(async () =>
        {
            await foreach (var _ in door.WatchAsync(Needs.Cancellation)) { }
        });
        Assert.Contains("nobody listens at", none.Message, StringComparison.Ordinal);

        await lab.StartDaemonAsync();
        await Eventually.IsAsync(async () =>
            await door.ListAsync(Needs.Cancellation) is { Length: 1 }
        );
        await using var again = await EngineLab.WatchAsync(door);
        await lab.MakeAsync("two");
        await again.HasAsync("two", "create", "created");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Each_host_has_containers_of_its_own(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine, hosts: 2);
        await lab.MakeAsync("other", host: "host2");

        var first = await lab.Door("host1").ListAsync(Needs.Cancellation);
        var second = await lab.Door("host2").ListAsync(Needs.Cancellation);

        Assert.Equal(["web"], first!.Value.Select(one => one.Key.Name));
        Assert.Equal(["other", "web"], second!.Value.Select(one => one.Key.Name));
        Assert.NotEqual(LinkOf(first.Value[0].Namespace), LinkOf(second.Value[1].Namespace));
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_container_is_seen_within_a_moment_of_its_start(Engine engine)
    {
        await using var lab = await EngineLab.UpAsync(engine);
        await lab.StopAsync("web");
        var door = lab.Door();
        var moments = new List<double>();
        var acting = Task.CompletedTask;
        await foreach (var told in door.WatchAsync(Needs.Cancellation))
        {
            var at = Stopwatch.GetTimestamp();
            if (told.What is "start" or "started")
            {
                Assert.NotNull((await door.FindAsync("web", Needs.Cancellation))!.Namespace);
                moments.Add(Stopwatch.GetElapsedTime(at).TotalMilliseconds);
                if (moments.Count == Rounds)
                {
                    break;
                }
                acting = acting
                    .ContinueWith(_ => lab.StopAsync("web"), TaskScheduler.Default)
                    .Unwrap();
            }
            else if (told is { Name: null } or { What: "die" or "stopped" })
            {
                acting = acting
                    .ContinueWith(_ => lab.RunAsync("$c start web"), TaskScheduler.Default)
                    .Unwrap();
            }
        }
        await acting;
        moments.Sort();
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{engine}: from the event to the sighting, {Rounds} starts: median {moments[Rounds / 2]:0.0} ms, most {moments[^1]:0.0} ms"
        );
        // Generous: what LXD itself takes to say which process a container is would be more.
        Assert.True(moments[Rounds / 2] < 40, string.Join(' ', moments));
    }

    private static Task<string> InsideAsync(EngineLab lab, string command) =>
        lab.RunAsync(lab.HasNics ? $"$c exec web -- {command}" : $"$c exec web {command}");

    private static string? LinkOf(string? path) => new FileInfo(path!).LinkTarget;
}
