using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>
/// Docker, and Podman by the same API (Docker Engine API 1.41, which Docker serves from 20.10 to 28 and Podman since 3.0; if an
/// engine no longer does, the oldest that it serves). Neither can give a container a NIC: those are made in its namespace.
/// </summary>
public sealed class DockerEngine : IContainerEngine
{
    private static readonly Version Known = new(1, 41);
    private const int AtOnce = 4;

    // The answer about one container waits for what the engine does with it, such as a start that a file system or a runtime
    // holds up. Other containers must not wait along, so one that is known to hang gets less time still.
    private static readonly TimeSpan OnesPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(250);

    // One that hung is given its full time again after a pause, which doubles each time that it hangs again.
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);
    private const int MostEventBytes = 1024 * 1024;
    private static readonly TimeSpan Look = TimeSpan.FromMinutes(1);

    // Two clocks are not read in the same instant, and somebody who sets a clock moves it by more.
    private static readonly TimeSpan Leap = TimeSpan.FromMilliseconds(100);

    // What changes which containers there are, what they are called, or their namespaces. Health checks, which run
    // programs every few seconds, are not of that kind. Podman calls some of it by other words.
    private static readonly string[] Actions =
    [
        "create",
        "start",
        "restart",
        "die",
        "died",
        "stop",
        "destroy",
        "remove",
        "rename",
    ];

    private readonly string place;
    private readonly EngineSocket socket;
    private readonly ContainerProcesses processes;
    private readonly TimeProvider clock;

    // By name: when each was last waited for in vain, and for how long it is given less time.
    private readonly ConcurrentDictionary<string, (long Since, TimeSpan Pause)> hanging = new(
        StringComparer.Ordinal
    );
    private volatile Version spoken = Known;

    /// <summary>The door to Docker or Podman; nothing is asked yet.</summary>
    /// <param name="engine">Which of the two.</param>
    /// <param name="root">The root directory of the host that it runs on: none for this one, else such as <c>/proc/PID/root</c>.</param>
    /// <param name="clock">The clock; null for this machine's.</param>
    /// <exception cref="ArgumentOutOfRangeException">Another engine.</exception>
    public DockerEngine(Engine engine, string root = "", TimeProvider? clock = null)
    {
        Engine = engine;
        this.clock = clock ?? TimeProvider.System;
        place = engine switch
        {
            Engine.Docker => $"{root}/run/docker.sock",
            Engine.Podman => $"{root}/run/podman/podman.sock",
            _ => throw new ArgumentOutOfRangeException(nameof(engine), engine, null),
        };
        socket = new EngineSocket(engine, [place], isOthers: IsPodmans);
        processes = new ContainerProcesses(root);
    }

    /// <inheritdoc/>
    public Engine Engine { get; }

    /// <inheritdoc/>
    public string Absence =>
        IsPodmans(place)
            ? $"{socket.Name} does not run on this host: {place} leads to Podman, whose containers have `engine: podman`"
            : socket.Absence;

    /// <inheritdoc/>
    public Task KnockAsync(CancellationToken cancellationToken) =>
        socket.KnockAsync("/_ping", cancellationToken);

    /// <inheritdoc/>
    public async Task<ImmutableArray<ContainerSighting>?> ListAsync(
        CancellationToken cancellationToken
    )
    {
        if (await ListedAsync(cancellationToken) is not { } listed)
        {
            return null;
        }
        DockerListed[] all = [.. listed];
        foreach (var gone in hanging.Keys.Except(all.Select(one => one.Name ?? one.Id)))
        {
            hanging.TryRemove(gone, out _);
        }
        var found = new ConcurrentBag<ContainerSighting>();
        await Parallel.ForEachAsync(
            all,
            new ParallelOptions
            {
                MaxDegreeOfParallelism = AtOnce,
                CancellationToken = cancellationToken,
            },
            async (one, token) =>
            {
                // Only the answer about a single container names its process and its network; Podman's list lacks the network
                // even of those that do not run.
                var seen =
                    one.MayRun || Engine is Engine.Podman
                        ? await SeeAsync(
                            one.Id,
                            one.Name ?? one.Id,
                            _ => Task.FromResult<DockerListed?>(one),
                            token
                        )
                        : Sighting(one);
                if (seen is not null)
                {
                    found.Add(seen);
                }
            }
        );
        return
        [
            .. ContainerSighting
                .Shared(found)
                .Concat(found)
                .DistinctBy(one => one.Key)
                .OrderBy(one => one.Key.Name, StringComparer.Ordinal),
        ];
    }

    /// <inheritdoc/>
    public async Task<ContainerSighting?> FindAsync(
        string name,
        CancellationToken cancellationToken
    )
    {
        // The engine would take the beginning of an id for a name too.
        var seen = await SeeAsync(name, name, ListedAsWellAsync, cancellationToken);
        return seen?.Key.Name == name ? seen : null;

        async Task<DockerListed?> ListedAsWellAsync(CancellationToken token) =>
            (await ListedAsync(token) ?? throw socket.NotThere()).FirstOrDefault(one =>
                one.Name == name
            );
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ContainerEvent> WatchAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        // A restarted engine may speak another version. This finds it out; the answer to the request below would not.
        await GetAsync("/_ping", cancellationToken);
        // Podman answers before it begins to watch, so the request says from when on.
        var begun = clock.GetUtcNow();
        var started = clock.GetTimestamp();
        var since = begun.ToUnixTimeMilliseconds() / 1000m;
        var filters =
            $$"""{"type":["container"],"event":[{{string.Join(',', Actions.Select(action => $"\"{action}\""))}}]}""";
        var request = new HttpRequestMessage(
            HttpMethod.Get,
            $"/v{spoken}/events?since={since:0.000}&filters={Uri.EscapeDataString(filters)}"
        );
        await using var stream = await socket.OpenAsync(
            request,
            HttpStatusCode.OK,
            cancellationToken
        );
        var reader = PipeReader.Create(stream);
        // When the clock was set back, Podman reports nothing until it reaches that time again.
        await using var look = clock.CreateTimer(
            _ =>
            {
                var passed = clock.GetElapsedTime(started);
                if (clock.GetUtcNow() + Leap < begun + passed)
                {
                    reader.CancelPendingRead();
                }
            },
            null,
            Look,
            Look
        );
        yield return new ContainerEvent(null, "watching");
        while (await ReadLineAsync(reader, cancellationToken) is { } told)
        {
            foreach (var one in Events(told))
            {
                yield return one;
            }
        }
    }

    /// <inheritdoc/>
    public Task SetNicAsync(
        string name,
        string device,
        NicDevice? nic,
        CancellationToken cancellationToken
    ) => Task.CompletedTask;

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// Whether Docker's socket is the link to Podman's that the package podman-docker makes: by it every container of Podman's
    /// would be there twice.
    /// </summary>
    private bool IsPodmans(string at) =>
        Engine is Engine.Docker
        && new FileInfo(at).LinkTarget is { } target
        && Path.GetFileName(target) == "podman.sock";

    /// <summary>The engine's list, which does not wait for what it does with single containers; null where nobody listens.</summary>
    private async Task<IEnumerable<DockerListed>?> ListedAsync(CancellationToken cancellationToken)
    {
        var answer = await GetAsync("/containers/json?all=1", cancellationToken);
        // For Docker's list Podman inspects each container, and lists nothing if one cannot be inspected, as one whose storage
        // is gone. For its own list, which has the same words, it does not.
        if (
            answer is { Status: HttpStatusCode.InternalServerError }
            && Engine is Engine.Podman
            && await GetAsync("/libpod/containers/json?all=true", cancellationToken)
                is { IsGood: true } own
        )
        {
            answer = own;
        }
        return answer is null
            ? null
            : Good(answer).Read(EngineJson.Default.DockerListedArray).OfType<DockerListed>();
    }

    /// <summary>
    /// A container; only what the list says of it if the engine does not say more in time, or refuses to, as Podman does for
    /// one whose storage is gone.
    /// </summary>
    private async Task<ContainerSighting?> SeeAsync(
        string nameOrId,
        string name,
        Func<CancellationToken, Task<DockerListed?>> listed,
        CancellationToken cancellationToken
    )
    {
        // A URL drops path segments of nothing but dots, and no container is called so.
        if (nameOrId.Trim('.').Length == 0)
        {
            return null;
        }
        var isHanging = hanging.TryGetValue(name, out var known);
        var isGlance = isHanging && clock.GetElapsedTime(known.Since) < known.Pause;
        var patience = isGlance ? Glance : OnesPatience;
        using var timer = new CancellationTokenSource(patience, clock);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken,
            timer.Token
        );
        string silence;
        var isRefused = false;
        try
        {
            var answer =
                await GetAsync($"/containers/{Uri.EscapeDataString(nameOrId)}/json", deadline.Token)
                ?? throw socket.NotThere();
            hanging.TryRemove(name, out _);
            if (answer.Status is HttpStatusCode.NotFound)
            {
                return null;
            }
            if (answer.Status is not HttpStatusCode.InternalServerError)
            {
                return Seen(answer);
            }
            isRefused = true;
            silence = Refusal(answer).Message;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            if (!isGlance)
            {
                var pause = isHanging ? 2 * known.Pause : FirstPause;
                hanging[name] = (clock.GetTimestamp(), pause < LongestPause ? pause : LongestPause);
            }
            silence =
                $"{socket.Name} tells of others, and of this one not within {patience.TotalSeconds:0.##} s: its start hangs, perhaps, or what it mounts; see the log of its daemon";
        }
        if (await listed(cancellationToken) is not { } one || Sighting(one) is not { } sighting)
        {
            return null;
        }
        // One that has ended need not be waited for until the engine says more. Whose network it shares is known from when it was
        // seen before.
        return isRefused && !one.MayRun ? sighting : sighting with { Silence = silence };
    }

    private ContainerSighting Seen(EngineAnswer answer)
    {
        var one = Good(answer).Read(EngineJson.Default.DockerContainer);
        var network = one.State.Pid > 0 ? processes.NetworkOf(one.State.Pid) : null;
        return new ContainerSighting
        {
            Key = new ContainerKey(Engine, one.Name.TrimStart('/')),
            Id = one.Id,
            Namespace = network?.Path,
            NamespaceId = network?.Id,
            SharesHostNetwork =
                one.HostConfig?.NetworkMode == "host" || network is { IsHostsOwn: true },
            SharesNetworkOf = one.HostConfig?.Partner,
            Labels = one.Config?.Labels.Sorted() ?? Labels.None,
        };
    }

    private ContainerSighting? Sighting(DockerListed one)
    {
        if (one.Name is not { Length: > 0 } name)
        {
            return null;
        }
        // Podman's list does not have it, and would say of each that it has the host's own network (its LibpodToContainer).
        var config = Engine is Engine.Podman ? null : one.HostConfig;
        return new ContainerSighting
        {
            Key = new ContainerKey(Engine, name),
            Id = one.Id,
            SharesHostNetwork = config?.NetworkMode == "host",
            SharesNetworkOf = config?.Partner,
            IsNetworkUnknown = config?.NetworkMode is not { Length: > 0 },
            Labels = one.Labels.Sorted(),
        };
    }

    /// <summary>Asks in the version that was understood last, and once more in another if the engine demands that.</summary>
    private async Task<EngineAnswer?> GetAsync(string path, CancellationToken cancellationToken)
    {
        var version = spoken;
        var answer = await AskAsync($"/v{version}{path}");
        if (
            answer is not { Status: HttpStatusCode.BadRequest }
            // Asked without a version, as whoever does not know any.
            || await AskAsync("/version") is not { IsGood: true } answered
            || !Version.TryParse(
                answered.Read(EngineJson.Default.DockerVersion).MinApiVersion,
                out var oldest
            )
        )
        {
            return answer;
        }
        var other = oldest > Known ? oldest : Known;
        if (other == version)
        {
            return answer;
        }
        spoken = other;
        return await AskAsync($"/v{other}{path}");

        Task<EngineAnswer?> AskAsync(string what) =>
            socket.AskAsync(new HttpRequestMessage(HttpMethod.Get, what), cancellationToken);
    }

    private static EngineAnswer Good(EngineAnswer answer) =>
        answer.IsGood ? answer : throw Refusal(answer);

    private static HostException Refusal(EngineAnswer answer) =>
        answer.Refused(answer.Reason(EngineJson.Default.DockerError)?.Message);

    private static IEnumerable<ContainerEvent> Events(DockerEvent told)
    {
        var name = told.Actor?.Attributes?.GetValueOrDefault("name");
        if (told.Action is not { } action || !Actions.Contains(action))
        {
            yield break;
        }
        if (action == "rename")
        {
            // First, as whoever looks between the two would else find one container by both names. Podman does not say what
            // it was called before: it could be any.
            var old = told.Actor?.Attributes?.GetValueOrDefault("oldName")?.TrimStart('/');
            yield return new ContainerEvent(old, action);
        }
        yield return new ContainerEvent(name, action);
    }

    /// <summary>The next event, each a line of JSON; null at the end, or once nobody wants more.</summary>
    private async Task<DockerEvent?> ReadLineAsync(
        PipeReader reader,
        CancellationToken cancellationToken
    )
    {
        while (true)
        {
            ReadResult read;
            try
            {
                read = await reader.ReadAsync(cancellationToken);
            }
            catch (Exception exception) when (exception is IOException or HttpRequestException)
            {
                throw new HostException(
                    $"{socket.Name} stopped telling what happens: {exception.Message}",
                    exception
                );
            }
            if (read.IsCanceled)
            {
                return null;
            }
            if (read.Buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = read.Buffer.Slice(0, end);
                var told = Parse(line);
                reader.AdvanceTo(read.Buffer.GetPosition(1, end));
                if (told is not null)
                {
                    return told;
                }
                continue;
            }
            if (read.IsCompleted)
            {
                return null;
            }
            if (read.Buffer.Length > MostEventBytes)
            {
                throw new HostException(
                    $"{socket.Name} tells of an event in more than {MostEventBytes >> 20} MiB: that is none"
                );
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private DockerEvent? Parse(ReadOnlySequence<byte> line)
    {
        var json = new Utf8JsonReader(line);
        try
        {
            return line.IsEmpty || (line.Length == 1 && line.FirstSpan[0] == '\r')
                ? null
                : JsonSerializer.Deserialize(ref json, EngineJson.Default.DockerEvent);
        }
        catch (JsonException exception)
        {
            throw socket.NotUnderstood("GET /events", exception);
        }
    }
}

/// <summary>A container in the answer to <c>GET /containers/json</c>.</summary>
internal sealed record DockerListed
{
    public required string Id { get; init; }
    public IReadOnlyList<string>? Names { get; init; }
    public string? State { get; init; }
    public Dictionary<string, string?>? Labels { get; init; }
    public DockerHostConfig? HostConfig { get; init; }

    // A container that another one is linked to is listed by the names of both.
    [JsonIgnore]
    public string? Name =>
        Names
            ?.OfType<string>()
            .Select(name => name.TrimStart('/'))
            .FirstOrDefault(name => !name.Contains('/'));

    /// <summary>Whether it may have a process.</summary>
    [JsonIgnore]
    public bool MayRun =>
        State is not ("created" or "exited" or "dead" or "stopped" or "configured");
}

/// <summary>The answer to <c>GET /containers/NAME/json</c>.</summary>
internal sealed record DockerContainer
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required DockerState State { get; init; }
    public DockerConfig? Config { get; init; }
    public DockerHostConfig? HostConfig { get; init; }
}

/// <summary>How a container is; its process has the number 0 while there is none.</summary>
internal sealed record DockerState(int Pid);

/// <summary>What a container was made with.</summary>
internal sealed record DockerConfig(Dictionary<string, string?>? Labels);

/// <summary>What a container was made with, as far as the host is concerned.</summary>
internal sealed record DockerHostConfig(string? NetworkMode)
{
    private const string Sharing = "container:";

    /// <summary>The id of the container whose network it shares; null where it has one of its own.</summary>
    [JsonIgnore]
    public string? Partner =>
        NetworkMode is { } mode && mode.StartsWith(Sharing, StringComparison.Ordinal)
            ? mode[Sharing.Length..]
            : null;
}

/// <summary>One line of the answer to <c>GET /events</c>.</summary>
internal sealed record DockerEvent(string? Action, DockerActor? Actor);

/// <summary>Whom an event is about.</summary>
internal sealed record DockerActor(Dictionary<string, string?>? Attributes);

/// <summary>The answer to <c>GET /version</c>, as far as it is about the API.</summary>
internal sealed record DockerVersion(
    [property: JsonPropertyName("MinAPIVersion")] string? MinApiVersion
);

/// <summary>Why something was refused.</summary>
internal sealed record DockerError([property: JsonPropertyName("message")] string? Message);
