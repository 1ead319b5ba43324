using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Engines;

/// <summary>What an engine answers when it is not well: nothing of it may hang, take memory without end, or end in anything but a word to the user.</summary>
public sealed class EngineAnswerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<Engine> Engines =>
        [Engine.Docker, Engine.Podman, Engine.Lxd, Engine.Incus];

    private static readonly string[] Nonsense =
    [
        "",
        "null",
        "true",
        "[[]]",
        "{",
        "{}",
        "[{\"Id\":7}]",
        "{\"metadata\":null}",
        "{\"metadata\":[{\"name\":null}]}",
        "{\"metadata\":{\"name\":\"web\",\"type\":\"container\",\"devices\":{\"a\":7}}}",
        "{\"metadata\":7}",
        "{\"Id\":\"x\",\"Name\":\"/web\",\"State\":null}",
        "{\"Id\":\"x\",\"Name\":null,\"State\":{\"Pid\":1}}",
        "{\"Id\":\"x\",\"Name\":\"/web\",\"State\":{\"Pid\":1e99}}",
        new('[', 10_000),
        "\u0000\ufffd",
    ];

    [Theory, MemberData(nameof(Engines))]
    public async Task An_engine_without_a_socket_does_not_run(Engine engine)
    {
        await using var door = ContainerEngines.Of(engine, "/nowhere");
        Assert.Null(await door.ListAsync(Cancellation));
        // That it has none of that name nobody can say.
        await RefusedAsync(() => door.FindAsync("web", Cancellation), "nobody listens at /nowhere");
        await Assert.ThrowsAsync<HostException>(() => WatchAsync(door));
    }

    /// <summary>The package podman-docker makes such a link.</summary>
    [Theory]
    [InlineData("/run/podman/podman.sock")]
    [InlineData("podman/podman.sock")]
    public async Task A_link_to_Podmans_socket_is_no_Docker(string target)
    {
        await using var fake = FakeEngine.Of(
            Engine.Podman,
            request =>
                Answer.Json(
                    request.Contains("/json?all=1", StringComparison.Ordinal)
                        ? """[{"Id":"1","Names":["/web"],"State":"exited"}]"""
                        : """{"Id":"1","Name":"/web","State":{"Pid":0}}"""
                )
        );
        File.CreateSymbolicLink(FakeEngine.PathOf(fake.Root, Engine.Docker), target);
        await using var podman = ContainerEngines.Of(Engine.Podman, fake.Root);
        await using var docker = ContainerEngines.Of(Engine.Docker, fake.Root);
        Assert.Single((await podman.ListAsync(Cancellation))!.Value);
        Assert.Null(await docker.ListAsync(Cancellation));
        Assert.EndsWith("leads to Podman, whose containers have `engine: podman`", docker.Absence);
    }

    /// <summary>Whoever keeps others waiting asks afterwards, and does not wait as long.</summary>
    [Fact]
    public async Task One_that_was_knocked_at_in_vain_is_not_waited_for_as_long()
    {
        var clock = new FakeTimeProvider();
        await using var fake = FakeEngine.Of(Engine.Docker, _ => Answer.Nothing);
        using var socket = new EngineSocket(
            Engine.Docker,
            [FakeEngine.PathOf(fake.Root, Engine.Docker)],
            clock: clock
        );
        await PassAsync(socket.KnockAsync("/_ping", Cancellation));
        var asked = socket.AskAsync(new HttpRequestMessage(HttpMethod.Get, "/x"), Cancellation);
        await RefusedAsync(
            async () =>
            {
                await PassAsync(asked);
                return await asked;
            },
            "within 2 s"
        );

        Task PassAsync(Task task) => PassesUntilAsync(task, clock, 0.5);
    }

    /// <summary>Docker holds back what it knows of a container while its start hangs, and nothing else.</summary>
    [Fact]
    public async Task A_container_that_hangs_keeps_no_other_from_being_seen()
    {
        var hangs = true;
        await using var fake = FakeEngine.Of(
            Engine.Docker,
            request =>
                request.Split(' ')[1] switch
                {
                    "/v1.41/containers/json?all=1" => Answer.Json(
                        """
                        [{"Id":"1","Names":["/slow"],"State":"running","Labels":{"a":"b"}},
                         {"Id":"2","Names":["/web"],"State":"running"}]
                        """
                    ),
                    "/v1.41/containers/2/json" => Answer.Json(
                        """{"Id":"2","Name":"/web","State":{"Pid":0}}"""
                    ),
                    _ when hangs => Answer.Nothing,
                    _ => Answer.Json(
                        """{"Id":"1","Name":"/slow","State":{"Pid":0},"Config":{"Labels":{"a":"b"}}}"""
                    ),
                }
        );
        var clock = new FakeTimeProvider();
        await using var door = new DockerEngine(Engine.Docker, fake.Root, clock);

        var listed = (await PassAsync(door.ListAsync(Cancellation)))!.Value;
        Assert.Equal(["slow", "web"], listed.Select(one => one.Key.Name));
        Assert.Contains("not within 2 s", listed[0].Silence, StringComparison.Ordinal);
        Assert.Equal(("b", null), (listed[0].Labels["a"], listed[1].Silence));
        Assert.True(listed[0].IsNetworkUnknown);
        // One that is known to hang is not waited for as long, by whatever it is asked for.
        var again = await PassAsync(door.FindAsync("slow", Cancellation));
        Assert.Equal("1", again!.Id);
        Assert.Contains("not within 0.25 s", again.Silence, StringComparison.Ordinal);
        // It may be no more than slow by now.
        clock.Advance(TimeSpan.FromSeconds(5));
        again = await PassAsync(door.FindAsync("slow", Cancellation));
        Assert.Contains("not within 2 s", again!.Silence, StringComparison.Ordinal);
        again = await PassAsync(door.FindAsync("slow", Cancellation));
        Assert.Contains("not within 0.25 s", again!.Silence, StringComparison.Ordinal);
        hangs = false;
        Assert.Null((await door.FindAsync("slow", Cancellation))!.Silence);

        async Task<T> PassAsync<T>(Task<T> asked)
        {
            await PassesUntilAsync(asked, clock, 0.05);
            return await asked;
        }
    }

    /// <summary>Podman 4 refuses Docker's list as well as the one's inspection where the storage of one is gone.</summary>
    [Theory]
    [InlineData(true, "running")]
    [InlineData(false, "running")]
    [InlineData(true, "exited")]
    [InlineData(false, "exited")]
    public async Task A_container_that_cannot_be_inspected_keeps_no_other_from_being_seen(
        bool isListRefused,
        string state
    )
    {
        const string Refusal = """
            {"cause":"container not known","message":"getting container from store: container not known","response":500}
            """;
        await using var fake = FakeEngine.Of(
            Engine.Podman,
            request =>
                request.Split(' ')[1] switch
                {
                    "/v1.41/containers/json?all=1" when !isListRefused => Answer.Json(
                        $$$"""
                        [{"Id":"1","Names":["/bad"],"State":"{{{state}}}","HostConfig":{"NetworkMode":"host"}},
                         {"Id":"2","Names":["/web"],"State":"exited"}]
                        """
                    ),
                    "/v1.41/libpod/containers/json?all=true" => Answer.Json(
                        $$$"""
                        [{"Id":"1","Names":["bad"],"State":"{{{state}}}","Labels":null},
                         {"Id":"2","Names":["web"],"State":"exited","Labels":{"a":"b"}}]
                        """
                    ),
                    "/v1.41/containers/2/json" => Answer.Json(
                        """{"Id":"2","Name":"/web","State":{"Pid":0},"Config":{"Labels":{"a":"b"}}}"""
                    ),
                    _ => Answer.Json(Refusal, 500),
                }
        );
        await using var door = new DockerEngine(Engine.Podman, fake.Root);

        var listed = (await door.ListAsync(Cancellation))!.Value;

        Assert.Equal(["bad", "web"], listed.Select(one => one.Key.Name));
        // Of one that has ended nobody needs to know more: pods wait for their places while others may have their network.
        var mayRun = state == "running";
        Assert.Equal(mayRun, listed[0].Silence?.Contains("container not known") ?? false);
        Assert.Equal((true, false), (listed[0].IsNetworkUnknown, listed[0].SharesHostNetwork));
        Assert.Equal(("b", null), (listed[1].Labels["a"], listed[1].Silence));
        Assert.Equal("1", (await door.FindAsync("bad", Cancellation))!.Id);
    }

    /// <summary>Incus says so of a container that is just ending.</summary>
    [Fact]
    public async Task A_container_whose_state_is_refused_keeps_no_other_from_being_seen()
    {
        const string Ending =
            """{"name":"ending","type":"container","status":"Running","status_code":103}""";
        const string Stopped =
            """{"name":"web","type":"container","status":"Stopped","status_code":102}""";
        await using var fake = FakeEngine.Of(
            Engine.Incus,
            request =>
                request.Split(' ')[1] switch
                {
                    "/1.0/instances?recursion=1" => Answer.Json(
                        $$"""{"metadata":[{{Ending}},{{Stopped}}]}"""
                    ),
                    "/1.0/instances/ending" => Answer.Json($$"""{"metadata":{{Ending}}}"""),
                    "/1.0/instances/ending/state" => Answer.Json(
                        """{"type":"error","error":"Invalid PID '-1'","error_code":500}""",
                        500
                    ),
                    _ => Answer.Json("""{"metadata":{"environment":{}}}"""),
                }
        );
        await using var door = new LxdEngine(Engine.Incus, fake.Root);

        var listed = (await door.ListAsync(Cancellation))!.Value;

        Assert.Equal(["ending", "web"], listed.Select(one => one.Key.Name));
        Assert.Contains("Invalid PID", listed[0].Silence, StringComparison.Ordinal);
        Assert.Equal((null, null), (listed[0].Namespace, listed[1].Silence));
        Assert.NotNull((await door.FindAsync("ending", Cancellation))!.Silence);
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_socket_that_nobody_listens_at_is_none(Engine engine)
    {
        var root = Directory.CreateTempSubdirectory("weft-engine-").FullName;
        try
        {
            var path = FakeEngine.PathOf(root, engine);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var left = new Socket(
                AddressFamily.Unix,
                SocketType.Stream,
                ProtocolType.Unspecified
            );
            left.Bind(new UnixDomainSocketEndPoint(path));
            await using var door = ContainerEngines.Of(engine, root);
            Assert.Null(await door.ListAsync(Cancellation));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_no_answer_is_told_as_such(Engine engine)
    {
        foreach (var body in Nonsense)
        {
            await using var fake = FakeEngine.Of(engine, _ => Answer.Json(body));
            await using var door = ContainerEngines.Of(engine, fake.Root);
            await RefusedAsync(() => door.ListAsync(Cancellation), "cannot be understood");
            await RefusedAsync(() => door.FindAsync("web", Cancellation), "cannot be understood");
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task What_is_no_HTTP_is_told_as_such(Engine engine)
    {
        foreach (
            var bytes in new[]
            {
                "",
                "\r\n\r\n",
                "SSH-2.0-OpenSSH_9.2\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"cut\":",
                "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnine\r\n",
                $"HTTP/1.1 200 OK\r\nX: {new string('x', 200_000)}\r\n\r\n",
            }
        )
        {
            await using var fake = FakeEngine.Of(engine, _ => Answer.Raw(bytes));
            await using var door = ContainerEngines.Of(engine, fake.Root);
            await RefusedAsync(() => door.ListAsync(Cancellation), "does not answer");
            await Assert.ThrowsAsync<HostException>(() => WatchAsync(door));
        }
    }

    [Theory]
    [InlineData(Engine.Docker, """{"message":"no room"}""")]
    [InlineData(Engine.Podman, """{"cause":"x","message":"no room","response":500}""")]
    [InlineData(
        Engine.Lxd,
        """{"type":"error","error":"no room","error_code":500,"metadata":null}"""
    )]
    public async Task A_refusal_is_told_in_the_engines_words(Engine engine, string body)
    {
        await using var fake = FakeEngine.Of(engine, _ => Answer.Json(body, 500));
        await using var door = ContainerEngines.Of(engine, fake.Root);
        await RefusedAsync(() => door.FindAsync("web", Cancellation), "no room");
        await RefusedAsync(() => door.ListAsync(Cancellation), "no room");
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task A_refusal_without_words_is_told_by_its_status(Engine engine)
    {
        await using var fake = FakeEngine.Of(engine, _ => Answer.Json("<html>", 503));
        await using var door = ContainerEngines.Of(engine, fake.Root);
        await RefusedAsync(() => door.ListAsync(Cancellation), "status 503");
    }

    [Fact]
    public async Task An_answer_that_never_comes_is_not_waited_for_for_ever()
    {
        await using var fake = FakeEngine.Of(Engine.Docker, _ => Answer.Nothing);
        using var socket = new EngineSocket(
            Engine.Docker,
            [FakeEngine.PathOf(fake.Root, Engine.Docker)],
            TimeSpan.FromMilliseconds(100)
        );
        await RefusedAsync(
            () => socket.AskAsync(new HttpRequestMessage(HttpMethod.Get, "/x"), Cancellation),
            "did not answer GET /x within"
        );
    }

    /// <summary>Whoever asks it asks for others as well, who would all wait.</summary>
    [Fact]
    public async Task One_that_was_silent_is_not_waited_for_as_long_until_it_answers()
    {
        var answer = Answer.Nothing;
        var clock = new FakeTimeProvider();
        await using var fake = FakeEngine.Of(Engine.Docker, _ => answer);
        using var socket = new EngineSocket(
            Engine.Docker,
            [FakeEngine.PathOf(fake.Root, Engine.Docker)],
            clock: clock
        );

        await SilentForAsync("within 10 s");
        await SilentForAsync("within 2 s");
        clock.Advance(TimeSpan.FromMinutes(5));
        await SilentForAsync("within 10 s");
        await SilentForAsync("within 2 s");
        answer = Answer.Json("{}");
        Assert.NotNull(await AskAsync());
        answer = Answer.Nothing;
        await SilentForAsync("within 10 s");

        Task<EngineAnswer?> AskAsync() =>
            socket.AskAsync(new HttpRequestMessage(HttpMethod.Get, "/x"), Cancellation);

        async Task SilentForAsync(string within)
        {
            var asked = AskAsync();
            await PassesUntilAsync(asked, clock, 0.5);
            await RefusedAsync(() => asked, within);
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public async Task Whoever_gives_up_is_heard(Engine engine)
    {
        await using var fake = FakeEngine.Of(engine, _ => Answer.Nothing);
        await using var door = ContainerEngines.Of(engine, fake.Root);
        using var given = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => door.ListAsync(given.Token));
    }

    [Fact]
    public async Task An_answer_without_end_is_read_to_a_limit()
    {
        var part = Encoding.ASCII.GetBytes($"100000\r\n{new string(' ', 0x100000)}\r\n");
        await using var fake = FakeEngine.Of(
            Engine.Docker,
            _ => new Answer(
                Enumerable
                    .Repeat(part, 1_000_000)
                    .Prepend("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray())
            )
        );
        await using var door = ContainerEngines.Of(Engine.Docker, fake.Root);
        await RefusedAsync(() => door.ListAsync(Cancellation), "does not answer");
    }

    [Fact]
    public async Task Events_are_read_however_they_are_cut()
    {
        const string Lines = """
            {"Type":"container","Action":"start","Actor":{"ID":"1","Attributes":{"name":"web"}}}

            {"Type":"container","Action":"exec_start: true ","Actor":{"ID":"1","Attributes":{"name":"web"}}}
            {"Type":"container","Action":"rename","Actor":{"ID":"1","Attributes":{"name":"new","oldName":"/web"}}}
            {"Type":"container","Action":"die","Actor":null}
            {"Action":null}

            """;
        await using var fake = FakeEngine.Of(
            Engine.Docker,
            _ => new Answer(
                Lines
                    .Select(letter => Encoding.UTF8.GetBytes($"1\r\n{letter}\r\n"))
                    .Prepend("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray())
                    .Append("0\r\n\r\n"u8.ToArray())
            )
        );
        await using var door = ContainerEngines.Of(Engine.Docker, fake.Root);
        Assert.Equal(
            [
                new ContainerEvent(null, "watching"),
                new ContainerEvent("web", "start"),
                new ContainerEvent("web", "rename"),
                new ContainerEvent("new", "rename"),
                new ContainerEvent(null, "die"),
            ],
            await WatchAsync(door)
        );
    }

    [Fact]
    public async Task A_Docker_that_serves_the_version_no_more_is_spoken_to_in_the_oldest_that_it_does()
    {
        await using var fake = FakeEngine.Of(
            Engine.Docker,
            request =>
                request.Split(' ')[1] switch
                {
                    "/version" => Answer.Json(
                        """{"Version":"29.0.4","ApiVersion":"1.52","MinAPIVersion":"1.44"}"""
                    ),
                    "/v1.44/_ping" => Answer.Json("OK"),
                    "/v1.44/containers/json?all=1" => Answer.Json(
                        """[{"Id":"1","Names":["/web"],"State":"exited"}]"""
                    ),
                    var path when path.StartsWith("/v1.44/events", StringComparison.Ordinal) =>
                        Answer.Json(
                            """{"Action":"start","Actor":{"Attributes":{"name":"web"}}}""" + "\n"
                        ),
                    _ => Answer.Json(
                        """{"message":"client version 1.41 is too old. Minimum supported API version is 1.44, please upgrade your client to a newer version"}""",
                        400
                    ),
                }
        );
        await using (var door = ContainerEngines.Of(Engine.Docker, fake.Root))
        {
            Assert.Equal(
                "web",
                Assert.Single((await door.ListAsync(Cancellation))!.Value).Key.Name
            );
            // What is wrong with a request is not asked about for ever.
            await RefusedAsync(() => door.FindAsync("web", Cancellation), "is too old");
        }
        await using (var door = ContainerEngines.Of(Engine.Docker, fake.Root))
        {
            using var enough = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var told = new List<ContainerEvent>();
            await foreach (var one in door.WatchAsync(enough.Token))
            {
                told.Add(one);
                if (told.Count == 2)
                {
                    break;
                }
            }
            Assert.Equal(
                [new ContainerEvent(null, "watching"), new ContainerEvent("web", "start")],
                told
            );
        }
    }

    /// <summary>Podman holds back what happens before the time that it was asked to tell from, by its clock.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(3600, false)]
    [InlineData(-40, true)]
    public async Task Podman_is_asked_anew_once_the_clock_was_set_back(int by, bool ends)
    {
        await using var fake = FakeEngine.Of(
            Engine.Podman,
            request =>
                request.Contains("/events", StringComparison.Ordinal)
                    ? new Answer(
                        ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray()],
                        Hangs: true
                    )
                    : Answer.Json("OK")
        );
        var clock = new SettableClock();
        await using var door = new DockerEngine(Engine.Podman, fake.Root, clock);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        await using var told = door.WatchAsync(enough.Token).GetAsyncEnumerator(enough.Token);
        Assert.True(await told.MoveNextAsync());
        var next = told.MoveNextAsync().AsTask();

        clock.Set(TimeSpan.FromSeconds(by));
        clock.Advance(TimeSpan.FromMinutes(1));
        if (!ends)
        {
            Assert.False(next.IsCompleted);
            await enough.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
            return;
        }
        Assert.False(await next.WaitAsync(TimeSpan.FromSeconds(30), Cancellation));
    }

    [Theory]
    [InlineData(Engine.Lxd)]
    [InlineData(Engine.Incus)]
    public async Task Of_a_cluster_only_this_members_containers_are_seen(Engine engine)
    {
        static string Instance(string name, string location) =>
            $$"""{"name":"{{name}}","type":"container","status_code":102,"location":"{{location}}"}""";
        await using var fake = FakeEngine.Of(
            engine,
            request =>
                request.Split(' ')[1] switch
                {
                    "/1.0" => Answer.Json(
                        """{"metadata":{"environment":{"server_name":"a","server_clustered":true}}}"""
                    ),
                    "/1.0/instances/near" => Answer.Json(
                        $$"""{"metadata":{{Instance("near", "a")}}}"""
                    ),
                    "/1.0/instances/far" => Answer.Json(
                        $$"""{"metadata":{{Instance("far", "b")}}}"""
                    ),
                    _ => Answer.Json(
                        $$"""{"metadata":[{{Instance("far", "b")}},{{Instance("near", "a")}},{{Instance("alone", "none")}}]}"""
                    ),
                }
        );
        await using var door = ContainerEngines.Of(engine, fake.Root);

        Assert.Equal(
            ["alone", "near"],
            (await door.ListAsync(Cancellation))!.Value.Select(one => one.Key.Name)
        );
        Assert.NotNull(await door.FindAsync("near", Cancellation));
        Assert.Null(await door.FindAsync("far", Cancellation));
    }

    [Fact]
    public async Task A_member_of_a_cluster_that_is_renamed_is_known_at_once()
    {
        var member = "before";
        string Instance() =>
            $$"""{"name":"web","type":"container","status_code":102,"location":"{{member}}"}""";
        await using var fake = FakeEngine.Of(
            Engine.Lxd,
            request =>
                Answer.Json(
                    request.Split(' ')[1] switch
                    {
                        "/1.0" =>
                            $$$$"""{"metadata":{"environment":{"server_name":"{{{{member}}}}"}}}""",
                        "/1.0/instances/web" => $$"""{"metadata":{{Instance()}}}""",
                        _ => $$"""{"metadata":[{{Instance()}}]}""",
                    }
                )
        );
        await using var door = ContainerEngines.Of(Engine.Lxd, fake.Root);
        Assert.Single((await door.ListAsync(Cancellation))!.Value);

        member = "after";

        Assert.NotNull(await door.FindAsync("web", Cancellation));
        Assert.Single((await door.ListAsync(Cancellation))!.Value);
    }

    [Fact]
    public async Task A_member_of_a_cluster_that_does_not_know_its_own_name_yet_says_so()
    {
        await using var fake = FakeEngine.Of(
            Engine.Lxd,
            request =>
                request.Split(' ')[1] switch
                {
                    "/1.0" => Answer.Json(
                        """{"metadata":{"environment":{"server_name":"before","server_clustered":true}}}"""
                    ),
                    "/1.0/cluster/members/before" => Answer.Json("""{"error":"not found"}""", 404),
                    _ => Answer.Json("""{"metadata":[]}"""),
                }
        );
        await using var door = ContainerEngines.Of(Engine.Lxd, fake.Root);

        await RefusedAsync(() => door.ListAsync(Cancellation), "no member of that name");
    }

    [Theory]
    [InlineData("no json\n", "cannot be understood")]
    [InlineData("[]\n", "cannot be understood")]
    [InlineData("{\"Action\":7}\n", "cannot be understood")]
    [InlineData(null, "more than 1 MiB")]
    public async Task Events_that_are_none_end_the_watch(string? line, string words)
    {
        line ??= new string(' ', 3_000_000);
        await using var fake = FakeEngine.Of(
            Engine.Docker,
            _ => Answer.Raw($"HTTP/1.1 200 OK\r\nContent-Length: {line.Length}\r\n\r\n{line}")
        );
        await using var door = ContainerEngines.Of(Engine.Docker, fake.Root);
        await RefusedAsync(() => WatchAsync(door), words);
    }

    [Theory]
    [InlineData(Engine.Lxd)]
    [InlineData(Engine.Incus)]
    public async Task Messages_of_LXD_are_read_from_its_WebSocket(Engine engine)
    {
        await using var fake = FakeEngine.Of(
            engine,
            _ =>
                Upgraded([
                    Ping,
                    Frame(Told("instance-started", "/1.0/instances/web")),
                    Frame(Told("instance-exec", "/1.0/instances/web")),
                    Frame(Told("image-created", "/1.0/images/1")),
                    Frame(Told("instance-updated", "/1.0/instances/web?project=default")),
                    Frame(Told("instance-renamed", "/1.0/instances/new", "web")),
                    [0x88, 0],
                ])
        );
        await using var door = ContainerEngines.Of(engine, fake.Root);
        Assert.Equal(
            [
                new ContainerEvent(null, "watching"),
                new ContainerEvent("web", "started"),
                new ContainerEvent("web", "updated"),
                new ContainerEvent("web", "renamed"),
                new ContainerEvent("new", "renamed"),
            ],
            await WatchAsync(door)
        );
    }

    [Fact]
    public async Task Messages_that_are_none_end_the_watch()
    {
        foreach (
            var (frames, words) in new (IEnumerable<byte[]>, string)[]
            {
                ([Frame("no json")], "cannot be understood"),
                ([Frame("null")], "cannot be understood"),
                (
                    [
                        [0xf1, 0],
                    ],
                    "stopped telling"
                ),
                (
                    [
                        [0x01, 127, 0, 0, 0, 0, 1, 0, 0, 0],
                        new byte[4_000_000],
                    ],
                    "more than 1 MiB"
                ),
            }
        )
        {
            await using var fake = FakeEngine.Of(Engine.Lxd, _ => Upgraded([Ping, .. frames]));
            await using var door = ContainerEngines.Of(Engine.Lxd, fake.Root);
            await RefusedAsync(() => WatchAsync(door), words);
        }
    }

    [Fact]
    public async Task A_NIC_that_is_taken_away_leaves_all_else_as_it_was_read()
    {
        const string Web = """
            {"type":"sync","metadata":{"architecture":"x86_64","config":{"user.a":"b"},"description":"d","devices":{
            "mine":{"type":"disk","path":"/x"},"weft-a":{"type":"nic","user.weft":"prod"}},"ephemeral":false,
            "expanded_devices":{"weft-a":{"type":"nic","user.weft":"prod"}},"name":"web","new":1,"profiles":["p"],
            "stateful":false,"type":"container"}}
            """;
        await using var fake = FakeEngine.Of(
            Engine.Lxd,
            request =>
                request.StartsWith("GET /1.0/instances/web", StringComparison.Ordinal)
                    ? Answer.Json(Web)
                : request.StartsWith("PUT", StringComparison.Ordinal)
                    ? Answer.Json("""{"type":"async","metadata":{"id":"1-2"}}""", 202)
                : Answer.Json(
                    """{"metadata":{"id":"1-2","status":"Failure","status_code":400,"err":"no"}}"""
                )
        );
        await using var door = ContainerEngines.Of(Engine.Lxd, fake.Root);

        await RefusedAsync(
            async () =>
            {
                await door.SetNicAsync("web", "weft-a", null, Cancellation);
                return true;
            },
            "refused PUT /1.0/instances/web: no"
        );

        var written = fake.Requests.Single(one => one.StartsWith("PUT", StringComparison.Ordinal));
        Assert.Contains("If-Match: 0a1b", written, StringComparison.Ordinal);
        Assert.Contains(
            """{"architecture":"x86_64","config":{"user.a":"b"},"description":"d","devices":{"mine":{"type":"disk","path":"/x"}},"ephemeral":false,"profiles":["p"],"stateful":false}""",
            written,
            StringComparison.Ordinal
        );
        Assert.Contains(
            fake.Requests,
            one => one.StartsWith("GET /1.0/operations/1-2/wait", StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData(
        false,
        """{"config":{"volatile.weft-a.hwaddr":"00:00:00:00:00:00"},"description":"d","devices":{"weft-a":{"type":"nic","""
    )]
    [InlineData(true, """{"config":{"user.weft-adopted.weft-a":"prod"},"description":"d"}""")]
    public async Task A_NIC_that_is_given_or_taken_over_leaves_the_description(
        bool adopts,
        string body
    )
    {
        var devices = adopts ? """{"weft-a":{"type":"nic"}}""" : "{}";
        await using var fake = FakeEngine.Of(
            Engine.Lxd,
            request =>
                Answer.Json(
                    request.StartsWith("GET", StringComparison.Ordinal)
                        ? $$$"""{"metadata":{"description":"d","devices":{{{devices}}},"expanded_devices":{{{devices}}},"name":"web"}}"""
                        : "{}"
                )
        );
        await using var door = ContainerEngines.Of(Engine.Lxd, fake.Root);
        var nic = new NicDevice
        {
            Parent = "br0",
            Interface = "eth1",
            HostEnd = "web-eth1",
            Mac = default,
            Mtu = 1400,
            Mark = "prod",
            IsAdopted = adopts,
        };

        await door.SetNicAsync("web", "weft-a", nic, Cancellation);

        // An engine that is patched without one takes it away.
        Assert.Contains(
            body,
            fake.Requests.Single(one => one.StartsWith("PATCH", StringComparison.Ordinal)),
            StringComparison.Ordinal
        );
    }

    private static byte[] Ping { get; } = [0x89, 0];

    private static Answer Upgraded(IEnumerable<byte[]> frames) =>
        new(
            frames.Prepend(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"u8.ToArray()
            ),
            Ends: true
        );

    // RFC 6455, section 5.2: a whole message of text.
    private static byte[] Frame(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return [0x81, 126, (byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
    }

    private static string Told(string action, string source, string? old = null) =>
        $$"""{"type":"lifecycle","metadata":{"action":"{{action}}","source":"{{source}}","context":{{(old is null ? "null" : $$"""{"old_name":"{{old}}"}""")}}},"project":"default"}""";

    private static async Task<List<ContainerEvent>> WatchAsync(IContainerEngine door)
    {
        var events = new List<ContainerEvent>();
        await foreach (var one in door.WatchAsync(Cancellation))
        {
            events.Add(one);
        }
        return events;
    }

    private static async Task RefusedAsync<T>(Func<Task<T>> ask, string words)
    {
        var refusal = await Record.ExceptionAsync(ask);
        Assert.True(
            refusal is HostException && refusal.Message.Contains(words, StringComparison.Ordinal),
            $"'{words}' was expected, and this came: {refusal}"
        );
    }

    /// <summary>A clock that somebody sets: what passes is what passes all the same.</summary>
    private sealed class SettableClock : FakeTimeProvider
    {
        private TimeSpan set;

        public void Set(TimeSpan by) => set += by;

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + set;

        public override long GetTimestamp() => base.GetUtcNow().Ticks;
    }

    /// <summary>Lets a clock go on, by so many seconds at a time, until something is done that waits by it.</summary>
    private static async Task PassesUntilAsync(Task done, FakeTimeProvider clock, double seconds)
    {
        while (!done.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(seconds));
            await Task.Delay(1, Cancellation);
        }
    }
}
