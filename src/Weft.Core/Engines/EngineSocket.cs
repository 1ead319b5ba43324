using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>
/// Asks an engine by HTTP over the unix socket that it listens at. Connections are kept for the next request; no answer is
/// waited for without end, and none larger than <see cref="MostBytes"/> is read. An engine that did not answer in time gets
/// less time for a while, until it answers: whoever asks it asks others as well.
/// </summary>
internal sealed class EngineSocket : IDisposable
{
    /// <summary>The most that an answer may have: room for some ten thousand containers.</summary>
    public const int MostBytes = 64 * 1024 * 1024;

    /// <summary>How long an answer is waited for: whoever asks keeps others waiting, and looks again before long.</summary>
    public static readonly TimeSpan DefaultPatience = TimeSpan.FromSeconds(10);

    /// <summary>How much longer a change of what runs may take an engine.</summary>
    public static readonly TimeSpan ForChange = TimeSpan.FromSeconds(20);

    // For how long an engine that did not answer gets less time, and how much.
    private static readonly TimeSpan Doubt = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LittlePatience = TimeSpan.FromSeconds(2);

    // Made when it is needed: most hosts have one engine of the five.
    private readonly Lazy<HttpClient> http;
    private readonly Engine engine;
    private readonly ImmutableArray<string> paths;
    private readonly Func<string, bool> isOthers;
    private readonly TimeSpan patience;
    private readonly TimeProvider clock;

    // By the clock, when it began not to answer; 0 while it answers.
    private long silentSince;

    /// <summary>Connects to nobody yet.</summary>
    /// <param name="engine">Whose sockets they are.</param>
    /// <param name="paths">Where it may listen: the first socket at which somebody does is the one.</param>
    /// <param name="patience">How long an answer is waited for; null for <see cref="DefaultPatience"/>.</param>
    /// <param name="clock">The clock by which a silent engine gets its full time again; null for the system's.</param>
    /// <param name="isOthers">Whether what is at a path is another engine's; null where nothing is.</param>
    public EngineSocket(
        Engine engine,
        ImmutableArray<string> paths,
        TimeSpan? patience = null,
        TimeProvider? clock = null,
        Func<string, bool>? isOthers = null
    )
    {
        this.clock = clock ?? TimeProvider.System;
        this.engine = engine;
        this.paths = paths;
        this.isOthers = isOthers ?? (_ => false);
        this.patience = patience ?? DefaultPatience;
        http = new(() =>
            new HttpClient(
                new SocketsHttpHandler
                {
                    ConnectCallback = async (_, token) => await ConnectAsync(token),
                    UseProxy = false,
                    UseCookies = false,
                    AllowAutoRedirect = false,
                    ActivityHeadersPropagator = null,
                }
            )
            {
                BaseAddress = new Uri("http://localhost"),
                Timeout = Timeout.InfiniteTimeSpan,
                MaxResponseContentBufferSize = MostBytes,
            }
        );
    }

    /// <summary>The engine's name, as in messages.</summary>
    public string Name => engine.Word;

    /// <summary>Asks, and waits for the whole answer; null where nobody listens.</summary>
    /// <param name="request">What to ask; it is disposed of.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="longer">What the engine itself may take for the answer, besides.</param>
    /// <exception cref="HostException">Somebody listens and does not answer, or breaks HTTP.</exception>
    public async Task<EngineAnswer?> AskAsync(
        HttpRequestMessage request,
        CancellationToken cancellationToken,
        TimeSpan longer = default
    )
    {
        using (request)
        {
            using var response = await SendAsync(
                request,
                HttpCompletionOption.ResponseContentRead,
                longer,
                cancellationToken
            );
            return response is null
                ? null
                : new EngineAnswer(
                    this,
                    Words(request),
                    response.StatusCode,
                    // All of it has been read already.
                    await response.Content.ReadAsByteArrayAsync(CancellationToken.None),
                    // Unparsed: the engines leave out the quotation marks that HTTP demands.
                    response.Headers.NonValidated.TryGetValues("ETag", out var tag)
                        ? tag.ToString()
                        : null
                );
        }
    }

    /// <summary>Finds out whether the engine answers at all: if not, it gets less time for a while.</summary>
    /// <param name="path">What it always has an answer to.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task KnockAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await AskAsync(new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);
        }
        catch (HostException)
        {
            // Whoever next asks it for something is told.
        }
    }

    /// <summary>Asks for an answer without end, and waits for its beginning.</summary>
    /// <param name="request">What to ask; it is disposed of.</param>
    /// <param name="expected">The status of such an answer.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What follows.</returns>
    /// <exception cref="HostException">Nobody listens, or there is no such answer.</exception>
    public async Task<Stream> OpenAsync(
        HttpRequestMessage request,
        HttpStatusCode expected,
        CancellationToken cancellationToken
    )
    {
        using (request)
        {
            var response =
                await SendAsync(
                    request,
                    HttpCompletionOption.ResponseHeadersRead,
                    TimeSpan.Zero,
                    cancellationToken
                ) ?? throw NotThere();
            if (response.StatusCode != expected)
            {
                response.Dispose();
                throw new HostException(
                    $"{Name} answered {Words(request)} with status {(int)response.StatusCode} instead of telling what happens"
                );
            }
            return await response.Content.ReadAsStreamAsync(cancellationToken);
        }
    }

    /// <summary>Says that nobody listens, and what to do. Podman needs no daemon: its containers may run all the same.</summary>
    public string Absence =>
        engine is Engine.Podman
            ? $"{Name} cannot be asked on this host: nobody listens at {string.Join(" or ", paths)}; `systemctl enable --now podman.socket` has it listen"
            : $"{Name} does not run on this host: nobody listens at {string.Join(" or ", paths)}";

    /// <summary>That nobody listens, where somebody has to.</summary>
    public HostException NotThere() => new(Absence);

    /// <summary>Says that an answer is not what its engine's documentation promises.</summary>
    public HostException NotUnderstood(string request, Exception reason) =>
        new($"{Name}'s answer to {request} cannot be understood: {reason.Message}", reason);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (http.IsValueCreated)
        {
            http.Value.Dispose();
        }
    }

    private bool IsDoubted =>
        Volatile.Read(ref silentSince) is var since
        && since != 0
        && clock.GetElapsedTime(since) < Doubt;

    private async Task<HttpResponseMessage?> SendAsync(
        HttpRequestMessage request,
        HttpCompletionOption completion,
        TimeSpan longer,
        CancellationToken cancellationToken
    )
    {
        // Looked for first: an exception for each engine that is not there would cost more than the rest of a round.
        if (!paths.Any(path => File.Exists(path) && !isOthers(path)))
        {
            return null;
        }
        var most = (IsDoubted && LittlePatience < patience ? LittlePatience : patience) + longer;
        using var timer = new CancellationTokenSource(most, clock);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken,
            timer.Token
        );
        try
        {
            var response = await http.Value.SendAsync(request, completion, deadline.Token);
            Volatile.Write(ref silentSince, 0);
            return response;
        }
        catch (OperationCanceledException exception)
            when (!cancellationToken.IsCancellationRequested)
        {
            if (!IsDoubted)
            {
                Volatile.Write(ref silentSince, clock.GetTimestamp());
            }
            throw new HostException(
                $"{Name} did not answer {Words(request)} within {most.TotalSeconds:0.#} s: look at how its daemon is",
                exception
            );
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            return Refusal(exception) switch
            {
                SocketError.AddressNotAvailable or SocketError.ConnectionRefused => null,
                SocketError.AccessDenied => throw new HostException(
                    $"{Name} may not be asked at {string.Join(" or ", paths)}: permission denied; this needs root",
                    exception
                ),
                _ => throw new HostException(
                    $"{Name} does not answer {Words(request)} at {string.Join(" or ", paths)}: {exception.GetBaseException().Message}",
                    exception
                ),
            };
        }
    }

    private async Task<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        SocketException? refusal = null;
        foreach (var path in paths)
        {
            var socket = new Socket(
                AddressFamily.Unix,
                SocketType.Stream,
                ProtocolType.Unspecified
            );
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException exception)
            {
                socket.Dispose();
                // A socket that may not be used says more than one that is not there.
                if (
                    refusal is null
                    || exception.SocketErrorCode
                        is not (SocketError.AddressNotAvailable or SocketError.ConnectionRefused)
                )
                {
                    refusal = exception;
                }
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
        throw refusal!;
    }

    /// <summary>Why no connection was made; null where one was.</summary>
    private static SocketError? Refusal(Exception exception) =>
        exception
            is HttpRequestException
            {
                HttpRequestError: HttpRequestError.ConnectionError,
                InnerException: SocketException socket,
            }
            ? socket.SocketErrorCode
            : null;

    private static string Words(HttpRequestMessage request) =>
        $"{request.Method} {(request.RequestUri is { IsAbsoluteUri: true } whole ? whole.AbsolutePath : request.RequestUri!.OriginalString.Split('?')[0])}";
}

/// <summary>What an engine answered.</summary>
/// <param name="From">Who answered.</param>
/// <param name="Request">What it was asked, for messages.</param>
/// <param name="Status">The status of HTTP.</param>
/// <param name="Body">The JSON.</param>
/// <param name="Tag">The version by which a later change names what it is based on (RFC 9110, section 8.8.3).</param>
internal sealed record EngineAnswer(
    EngineSocket From,
    string Request,
    HttpStatusCode Status,
    byte[] Body,
    string? Tag
)
{
    /// <summary>Whether the engine did what it was asked.</summary>
    public bool IsGood => (int)Status is >= 200 and < 300;

    /// <summary>What it said.</summary>
    /// <exception cref="HostException">It is no such thing.</exception>
    public T Read<T>(JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(Body, type)
                ?? throw new JsonException("there is nothing in it");
        }
        catch (JsonException exception)
        {
            throw From.NotUnderstood(Request, exception);
        }
    }

    /// <summary>Why the engine refused, as it says itself; null if that is no JSON of this type.</summary>
    public T? Reason<T>(JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(Body, type);
        }
        catch (JsonException)
        {
            return default;
        }
    }

    /// <summary>That the engine refused, in its own words.</summary>
    public HostException Refused(string? words) =>
        new(
            $"{From.Name} refused {Request}: {(string.IsNullOrWhiteSpace(words) ? $"status {(int)Status}" : words.Trim())}"
        );
}
