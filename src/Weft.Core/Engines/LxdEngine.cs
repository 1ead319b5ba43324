using System.Collections.Immutable;
using System.Net;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>
/// LXD, and Incus by the same API (LXD's rest-api.md, version 1.0). Only containers of the project <c>default</c> are
/// looked at, of a cluster only those on this member, and no virtual machines: those have no network namespace.
/// </summary>
public sealed class LxdEngine : IContainerEngine
{
    private const string Instances = "/1.0/instances";
    private const string Prefix = "instance-";
    private const int MostTries = 100;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan OperationPatience = TimeSpan.FromSeconds(60);

    // What changes which containers there are, what they are called, what they are given, or their namespaces.
    private static readonly string[] Actions =
    [
        "created",
        "started",
        "stopped",
        "shutdown",
        "restarted",
        "paused",
        "resumed",
        "renamed",
        "updated",
        "restored",
        "deleted",
    ];

    private readonly EngineSocket socket;
    private readonly ImmutableArray<string> containers;
    private readonly LxcMonitor monitor;
    private readonly ContainerProcesses processes;

    /// <summary>The door to LXD or Incus; nothing is asked yet.</summary>
    /// <param name="engine">Which of the two.</param>
    /// <param name="root">The root directory of the host that it runs on: none for this one, else such as <c>/proc/PID/root</c>.</param>
    /// <exception cref="ArgumentOutOfRangeException">Another engine.</exception>
    public LxdEngine(Engine engine, string root = "")
    {
        Engine = engine;
        string[] directories = engine switch
        {
            Engine.Lxd => ["/var/lib/lxd", "/var/snap/lxd/common/lxd"],
            Engine.Incus => ["/var/lib/incus", "/run/incus"],
            _ => throw new ArgumentOutOfRangeException(nameof(engine), engine, null),
        };
        socket = new EngineSocket(
            engine,
            [.. directories.Select(directory => $"{root}{directory}/unix.socket")]
        );
        containers = [.. directories.Select(directory => $"{directory}/containers")];
        monitor = new LxcMonitor(root);
        processes = new ContainerProcesses(root);
    }

    /// <inheritdoc/>
    public Engine Engine { get; }

    /// <inheritdoc/>
    public string Absence => socket.Absence;

    /// <inheritdoc/>
    public Task KnockAsync(CancellationToken cancellationToken) =>
        socket.KnockAsync("/1.0", cancellationToken);

    /// <inheritdoc/>
    public async Task<ImmutableArray<ContainerSighting>?> ListAsync(
        CancellationToken cancellationToken
    )
    {
        if (await GetAsync($"{Instances}?recursion=1", cancellationToken) is not { } answer)
        {
            return null;
        }
        var found = ImmutableArray.CreateBuilder<ContainerSighting>();
        foreach (
            var one in await HereAsync(
                Read(answer, EngineJson.Default.LxdInstancesAnswer).OfType<LxdInstance>(),
                cancellationToken
            )
        )
        {
            found.Add(await SeeAsync(one, cancellationToken));
        }
        return found.DrainToImmutable();
    }

    /// <inheritdoc/>
    public async Task<ContainerSighting?> FindAsync(
        string name,
        CancellationToken cancellationToken
    )
    {
        var answer = await GetAsync(PathOf(name), cancellationToken) ?? throw socket.NotThere();
        // What cannot be a name is a bad request.
        if (answer.Status is HttpStatusCode.NotFound or HttpStatusCode.BadRequest)
        {
            return null;
        }
        var one = Read(answer, EngineJson.Default.LxdInstanceAnswer);
        return one.Name == name && await HereAsync([one], cancellationToken) is [var here]
            ? await SeeAsync(here, cancellationToken)
            : null;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ContainerEvent> WatchAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await using var events = await EventSocket.OpenAsync(
            socket,
            "/1.0/events?type=lifecycle",
            cancellationToken
        );
        await events.BeginAsync(cancellationToken);
        yield return new ContainerEvent(null, "watching");
        while (await events.ReadAsync(cancellationToken) is { } message)
        {
            foreach (var one in Events(Parse(message)))
            {
                yield return one;
            }
        }
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Changing a NIC takes it from a running container and adds it again. Neither engine can remove a single device: all of
    /// the container's configuration is written back as it was read, unless somebody has changed it meanwhile.
    /// </remarks>
    public async Task SetNicAsync(
        string name,
        string device,
        NicDevice? nic,
        CancellationToken cancellationToken
    )
    {
        Dictionary<string, string?>? former = null;
        for (var tries = 1; ; tries++)
        {
            var answer = await GetAsync(PathOf(name), cancellationToken) ?? throw socket.NotThere();
            if (answer.Status is HttpStatusCode.NotFound && nic is null)
            {
                return;
            }
            var one = Read(answer, EngineJson.Default.LxdInstanceAnswer);
            var there = one.ExpandedDevices?.GetValueOrDefault(device);
            if (nic is null && there is null)
            {
                return;
            }
            RefuseForeign(one, device, nic?.Mark, adopts: nic is { IsAdopted: true });
            // Whoever asks for what is there already wants it plugged in again.
            var replugs = former is null && nic is { IsAdopted: false } && one.Has(device, nic);
            var request =
                nic is null || replugs
                    ? Request(HttpMethod.Put, name, one.Without(device), answer.Tag)
                : nic is { IsAdopted: true, Mark: { } overlay }
                    ? Request(HttpMethod.Patch, name, one.Adopting(device, overlay), answer.Tag)
                : Request(HttpMethod.Patch, name, one.With(device, nic, former), answer.Tag);
            var changed =
                await socket.AskAsync(request, cancellationToken, EngineSocket.ForChange)
                ?? throw socket.NotThere();
            if (await RefusalAsync(changed, cancellationToken) is not { } refusal)
            {
                if (!replugs)
                {
                    return;
                }
                former = one.Devices![device];
                continue;
            }
            if (tries >= MostTries || !IsInTheWay(one, changed, refusal))
            {
                throw changed.Refused(refusal);
            }
            await Task.Delay(Pause, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Refuses to touch what is somebody else's.</summary>
    private void RefuseForeign(LxdInstance one, string device, string? mark, bool adopts)
    {
        if (one.ExpandedDevices?.GetValueOrDefault(device) is not { } there)
        {
            return;
        }
        var owner = LxdDevice.Mark(device, there, one.Config);
        var isOwn = one.Devices?.ContainsKey(device) == true;
        if (isOwn && (owner is null ? adopts : mark is null || mark == owner))
        {
            return;
        }
        var whose =
            !isOwn ? "by a profile"
            : owner is null ? "that is not Weft's"
            : $"of the overlay '{owner}'";
        throw new HostException(
            $"{socket.Name} container {one.Name} has a device '{device}' already, {whose}: rename or remove it"
        );
    }

    /// <summary>
    /// Whether somebody else has changed the container meanwhile, or the engine is busy with it, such as starting it. A
    /// container that does not run may be one in the making, which is to be started next: the engine would refuse that during a
    /// change, so nothing is tried again then.
    /// </summary>
    private static bool IsInTheWay(LxdInstance one, EngineAnswer answer, string refusal) =>
        answer.Status is HttpStatusCode.PreconditionFailed
        // Another's change, for which this one had to wait, has ended.
        || refusal.Contains("has now succeeded", StringComparison.Ordinal)
        || one.MayRun
            && (
                refusal.Contains(
                    "Failed to create instance update operation",
                    StringComparison.Ordinal
                ) || refusal.Contains("is busy running", StringComparison.Ordinal)
            );

    /// <summary>Waits for what the engine does in the background, and says why it was not done; null if it was.</summary>
    private async Task<string?> RefusalAsync(
        EngineAnswer answer,
        CancellationToken cancellationToken
    )
    {
        if (!answer.IsGood)
        {
            return answer.Reason(EngineJson.Default.LxdError)?.Error ?? "";
        }
        if (answer.Status is not HttpStatusCode.Accepted)
        {
            return null;
        }
        var operation = Read(answer, EngineJson.Default.LxdOperationAnswer);
        var waited =
            await socket.AskAsync(
                new HttpRequestMessage(
                    HttpMethod.Get,
                    $"/1.0/operations/{Uri.EscapeDataString(operation.Id)}/wait?timeout={OperationPatience.TotalSeconds:0}"
                ),
                cancellationToken,
                OperationPatience
            ) ?? throw socket.NotThere();
        // One that has succeeded may be gone by the time that it is waited for.
        if (waited.Status is HttpStatusCode.NotFound)
        {
            return null;
        }
        var outcome = Read(waited, EngineJson.Default.LxdOperationAnswer);
        return outcome.StatusCode == LxdOperation.Success ? null
            : outcome.Error is { Length: > 0 } words ? words
            : $"not done after {OperationPatience.TotalSeconds:0} s ({outcome.Status})";
    }

    /// <summary>
    /// The containers on this member of a cluster, as every member lists all. One on another member is that host's to care for,
    /// and its process would be taken for one of this host.
    /// </summary>
    private async Task<IReadOnlyList<LxdInstance>> HereAsync(
        IEnumerable<LxdInstance> all,
        CancellationToken cancellationToken
    )
    {
        LxdInstance[] known =
        [
            .. all.Where(one => one.IsContainer).OrderBy(one => one.Name, StringComparer.Ordinal),
        ];
        if (known.Length > 0 && known.All(one => one.Member is null))
        {
            return known;
        }
        // Asked each time: members are renamed, and their containers with them.
        var (member, isClustered) = Read(
            await GetAsync("/1.0", cancellationToken) ?? throw socket.NotThere(),
            EngineJson.Default.LxdServerAnswer
        ).Environment;
        if (
            isClustered
            && !known.Any(one => one.Member == member)
            // After `lxc cluster rename` the engine calls itself by its former name, and lists no container, until it is
            // restarted.
            && await GetAsync(
                $"/1.0/cluster/members/{Uri.EscapeDataString(member)}",
                cancellationToken
            )
                is { Status: HttpStatusCode.NotFound }
        )
        {
            throw new HostException(
                $"{socket.Name} calls itself '{member}', and its cluster has no member of that name: it was renamed, and knows so only once it is started anew: restart {socket.Name}"
            );
        }
        return [.. known.Where(one => one.Member is null || one.Member == member)];
    }

    private async Task<ContainerSighting> SeeAsync(
        LxdInstance one,
        CancellationToken cancellationToken
    )
    {
        var (process, silence) = one.MayRun
            ? await FirstProcessAsync(one.Name, cancellationToken)
            : (0, null);
        var network = process > 0 ? processes.NetworkOf(process) : null;
        return new ContainerSighting
        {
            Key = new ContainerKey(Engine, one.Name),
            Id = one.Uuid,
            Namespace = network?.Path,
            NamespaceId = network?.Id,
            SharesHostNetwork = network is { IsHostsOwn: true },
            Labels = one.Labels,
            Nics = one.Nics,
            ProfileInterfaces = one.ProfileInterfaces,
            OtherDevices = one.OtherDevices,
            Silence = silence,
        };
    }

    private async Task<(int Process, string? Silence)> FirstProcessAsync(
        string name,
        CancellationToken cancellationToken
    )
    {
        foreach (var directory in containers)
        {
            if (monitor.FirstProcess(directory, name) is { } process)
            {
                return (process, null);
            }
        }
        // It has ended meanwhile, or liblxc names its socket by other rules.
        return await GetAsync($"{PathOf(name)}/state", cancellationToken) switch
        {
            null or { Status: HttpStatusCode.NotFound } => (0, null),
            // Incus says so of one that is just ending. It says more of the others, and of this one a little later.
            { Status: HttpStatusCode.InternalServerError } refused => (0, Refusal(refused).Message),
            { } answer => (Read(answer, EngineJson.Default.LxdStateAnswer).Pid, null),
        };
    }

    private Task<EngineAnswer?> GetAsync(string path, CancellationToken cancellationToken) =>
        socket.AskAsync(new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);

    private static HttpRequestMessage Request(
        HttpMethod method,
        string name,
        LxdChange change,
        string? tag
    )
    {
        var request = new HttpRequestMessage(method, PathOf(name))
        {
            Content = JsonContent.Create(change, EngineJson.Default.LxdChange),
        };
        if (tag is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", tag);
        }
        return request;
    }

    /// <summary>A URL drops path segments of nothing but dots; neither engine has such names.</summary>
    private static string PathOf(string name) =>
        $"{Instances}/{Uri.EscapeDataString(name.Trim('.').Length == 0 ? "-" : name)}";

    private static T Read<T>(EngineAnswer answer, JsonTypeInfo<LxdAnswer<T>> type)
        where T : class =>
        Good(answer).Read(type).Metadata
        ?? throw answer.From.NotUnderstood(
            answer.Request,
            new JsonException("there is nothing in it")
        );

    private static EngineAnswer Good(EngineAnswer answer) =>
        answer.IsGood ? answer : throw Refusal(answer);

    private static HostException Refusal(EngineAnswer answer) =>
        answer.Refused(answer.Reason(EngineJson.Default.LxdError)?.Error);

    private LxdEvent Parse(ReadOnlyMemory<byte> message)
    {
        try
        {
            return JsonSerializer.Deserialize(message.Span, EngineJson.Default.LxdEvent)
                ?? throw new JsonException("there is nothing in it");
        }
        catch (JsonException exception)
        {
            throw socket.NotUnderstood("GET /1.0/events", exception);
        }
    }

    private static IEnumerable<ContainerEvent> Events(LxdEvent told)
    {
        if (
            told.Metadata is not { Action: { } action, Source: { } source }
            || !action.StartsWith(Prefix, StringComparison.Ordinal)
            || !Actions.Contains(action[Prefix.Length..])
            || !source.StartsWith($"{Instances}/", StringComparison.Ordinal)
        )
        {
            yield break;
        }
        var word = action[Prefix.Length..];
        var name = source[(Instances.Length + 1)..].Split('?', '/')[0];
        if (word == "renamed")
        {
            // First, as whoever looks between the two would else find one container by both names.
            yield return new ContainerEvent(told.Metadata.Context?.OldName, word);
        }
        yield return new ContainerEvent(Uri.UnescapeDataString(name), word);
    }
}
