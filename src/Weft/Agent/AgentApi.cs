using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using Weft.Commands;
using Weft.Core;
using Weft.Core.Linux;
using Weft.Ovsdb;
using Weft.Reachability;
using Weft.Rendering;

namespace Weft.Agent;

/// <summary>Where else than on its socket the agent listens: with TLS, and only to those whose certificate an authority vouches for.</summary>
/// <param name="EndPoint">The address and port.</param>
/// <param name="Certificate">The file of the agent's certificate (PEM), and of those between it and its authority.</param>
/// <param name="Key">The file of its key (PEM).</param>
/// <param name="Authority">The file of the authority (PEM) that vouches for clients.</param>
internal sealed record TlsListener(
    IPEndPoint EndPoint,
    string Certificate,
    string Key,
    string Authority
);

/// <summary>Where the agent listens.</summary>
/// <param name="Socket">The path of the unix socket.</param>
/// <param name="Tls">Where else, with TLS; null for nowhere.</param>
/// <param name="Page">Where it shows its page; null where it has none.</param>
internal sealed record Listeners(string Socket, TlsListener? Tls = null, PageListener? Page = null);

/// <summary>What the agent tells others, read-only: on a unix socket for root and the group <c>weft</c>; openapi.json describes it.</summary>
internal static class AgentApi
{
    /// <summary>Where the agent listens unless it is told otherwise.</summary>
    public const string DefaultSocket = "/run/weft/agent.sock";

    // sun_path of unix(7), which ends with a zero.
    private const int LongestSocket = 107;

    private const string Group = "weft";
    private const int Backlog = 512;

    // IPPROTO_IP and IP_FREEBIND of linux/in.h, IPPROTO_IPV6 and IPV6_FREEBIND of linux/in6.h.
    private static readonly (int Level, int Name) FreeBind = (0, 15);
    private static readonly (int Level, int Name) FreeBind6 = (41, 78);
    private static readonly string[] Asking = ["GET", "HEAD"];
    private const int MostConnections = 100;
    private const int MostOfOne = 20;

    private const UnixFileMode SocketMode =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupWrite;

    /// <summary>The path of the socket that was asked for.</summary>
    /// <exception cref="UsageException">No socket can be there.</exception>
    public static string SocketAt(string named)
    {
        var path = Path.GetFullPath(named);
        return Directory.Exists(path) || Path.EndsInDirectorySeparator(path)
                ? throw new UsageException(
                    $"--socket takes the path of a socket, and {path} is a directory"
                )
            : Encoding.UTF8.GetByteCount(path) > LongestSocket
                ? throw new UsageException(
                    $"--socket takes a path of at most {LongestSocket} bytes (unix(7)), and {path} has {Encoding.UTF8.GetByteCount(path)}"
                )
            : path;
    }

    /// <summary>Begins to listen.</summary>
    /// <param name="listeners">Where.</param>
    /// <param name="state">What the agent knows.</param>
    /// <param name="lookout">What it finds out for those who want to know.</param>
    /// <param name="log">Its log.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HostException">Another agent listens there already, the listener's files are wrong, or the socket is not to be had.</exception>
    public static async Task<IAsyncDisposable> StartAsync(
        Listeners listeners,
        AgentState state,
        Lookout lookout,
        Action<Severity, string> log,
        CancellationToken cancellationToken
    )
    {
        var (socket, tls, page) = listeners;
        await MakeWayAsync(socket, cancellationToken);
        // Empty, as an ordinary ASP.NET application reads settings from the working directory and watches all below it: for a
        // service that is the whole file system.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        var tlsAt = tls is null ? null : Take(tls.EndPoint, log);
        var pageAt = page?.EndPoint is { } loopback ? Take(loopback, log) : null;
        builder.WebHost.UseSockets(options =>
            options.CreateBoundListenSocket = place =>
                place == (object?)tls?.EndPoint ? tlsAt!
                : place == (object?)page?.EndPoint ? pageAt!
                : Bind(place)
        );
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            // Anybody with an account may open the page, and each listener costs something.
            options.Limits.MaxConcurrentConnections = MostConnections;
            options.ListenUnixSocket(socket);
            if (pageAt is not null)
            {
                options.Listen(page!.EndPoint!);
            }
            if (tls is null)
            {
                return;
            }
            // Faults of the files are reported even if the agent cannot listen there.
            var credentials = new TlsCredentials(tls, log);
            if (tlsAt is not null)
            {
                options.Listen(
                    tls.EndPoint,
                    endpoint =>
                    {
                        // Limits clients before they have authenticated.
                        var share = new FairShare(MostOfOne);
                        endpoint.Use(share.Limit);
                        endpoint.UseHttps(
                            new TlsHandshakeCallbackOptions
                            {
                                OnConnection = _ =>
                                    ValueTask.FromResult(credentials.ForConnection()),
                            }
                        );
                    }
                );
            }
        });
        var app = builder.Build();
        if (page is not null)
        {
            AgentPage.Serve(app);
        }
        var meters = Sdk.CreateMeterProviderBuilder()
            .AddMeter(AgentMeasures.MeterName)
            .AddView(
                "*",
                new ExplicitBucketHistogramConfiguration { Boundaries = AgentMeasures.Bounds }
            )
            .AddPrometheusExporter()
            .Build();
        app.UseOpenTelemetryPrometheusScrapingEndpoint(
            meters,
            predicate: null,
            path: "/metrics",
            configureBranchedPipeline: null,
            optionsName: null
        );
        app.Lifetime.ApplicationStopped.Register(meters.Dispose);
        Answer(
            "/v1/status",
            (RequestDelegate)(
                context =>
                    WriteAsync(
                        context,
                        AgentDocument.Of(state),
                        AgentJsonContext.Default.AgentDocument
                    )
            )
        );
        Answer(
            "/v1/overlay",
            (RequestDelegate)(
                context =>
                    WriteAsync(
                        context,
                        OverlayDocument.Of(state),
                        AgentJsonContext.Default.OverlayDocument
                    )
            )
        );
        Answer(
            "/v1/reachability",
            (RequestDelegate)(context => WriteReachabilityAsync(context, lookout))
        );
        app.MapGet("/v1/events", (RequestDelegate)(context => WriteEventsAsync(context, state)));
        app.MapGet(
            "/v1/traffic",
            (RequestDelegate)(context => WriteTrafficAsync(context, lookout))
        );
        Answer("/healthz", (RequestDelegate)(context => WriteTextAsync(context, 200, "ok")));
        Answer(
            "/readyz",
            (RequestDelegate)(
                context =>
                    state is { Last: not null, Problem: null }
                        ? WriteTextAsync(context, 200, "ok")
                        : WriteTextAsync(context, 503, state.Problem ?? "starting")
            )
        );
        Answer(
            "/openapi.json",
            (RequestDelegate)(
                context =>
                {
                    context.Response.ContentType = "application/json";
                    return context.Response.WriteAsync(Resource.Text("openapi.json"));
                }
            )
        );
        await app.StartAsync(cancellationToken);
        File.SetUnixFileMode(socket, SocketMode);
        UnixGroup.Give(socket, Group);
        return app;

        // HEAD is for clients that only want to know whether something is there.
        void Answer(string path, RequestDelegate answer) => app.MapMethods(path, Asking, answer);
    }

    /// <summary>
    /// Takes a place to listen at besides the socket; null if it is not to be had, which is logged: the host is kept all the
    /// same. Its address may come later (ip(7), IP_FREEBIND), as it may be one that the agent itself is about to set.
    /// </summary>
    private static Socket? Take(IPEndPoint place, Action<Severity, string> log)
    {
        Socket? socket = null;
        try
        {
            // A kernel without IPv6 has no such socket.
            socket = new Socket(place.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            var (level, name) =
                place.AddressFamily is AddressFamily.InterNetworkV6 ? FreeBind6 : FreeBind;
            socket.SetRawSocketOption(level, name, BitConverter.GetBytes(1));
            if (place.Address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }
            socket.Bind(place);
            socket.Listen(Backlog);
            return socket;
        }
        catch (SocketException exception)
        {
            socket?.Dispose();
            log(
                Severity.Error,
                $"{Refused(place, exception)}. The host is kept all the same; start the agent anew once that is put right"
            );
            return null;
        }
    }

    /// <summary>Takes the socket.</summary>
    /// <exception cref="HostException">It is not to be had.</exception>
    private static Socket Bind(EndPoint place)
    {
        try
        {
            return SocketTransportOptions.CreateDefaultBoundListenSocket(place);
        }
        catch (SocketException exception)
        {
            throw new HostException(Refused(place, exception), exception);
        }
    }

    // The service's unix socket is never refused; ports below ip_unprivileged_port_start are (ip(7)).
    private static string Refused(EndPoint place, SocketException exception) =>
        exception.SocketErrorCode is SocketError.AccessDenied && place is IPEndPoint
            ? $"the agent may not listen at {place}: a port below 1024 takes CAP_NET_BIND_SERVICE, which its service does not have: take one from 1024 on"
            : $"the agent cannot listen at {place}: {exception.Message}";

    /// <summary>Removes the socket of an agent that was killed. What is no socket is somebody's, and stays.</summary>
    private static async Task MakeWayAsync(string socket, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(socket)!);
        if (!File.Exists(socket))
        {
            return;
        }
        if (!Libc.IsSocket(socket))
        {
            throw new HostException(
                $"{socket} is there and is no socket: name another path with --socket, or move it away"
            );
        }
        if (await AgentClient.IsThereAsync(socket, cancellationToken))
        {
            throw new HostException(
                $"another agent runs on this host and listens at {socket}: `systemctl status weft-agent` tells of it"
            );
        }
        File.Delete(socket);
    }

    private static Task WriteTextAsync(HttpContext context, int code, string text)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(text + "\n");
    }

    private static Task WriteAsync<T>(HttpContext context, T document, JsonTypeInfo<T> type)
    {
        context.Response.ContentType = "application/json";
        return JsonSerializer.SerializeAsync(
            context.Response.Body,
            document,
            type,
            context.RequestAborted
        );
    }

    private static async Task WriteReachabilityAsync(HttpContext context, Lookout lookout)
    {
        try
        {
            await WriteAsync(
                context,
                await lookout.ReachabilityAsync(context.RequestAborted),
                AgentJsonContext.Default.ReachabilityDocument
            );
        }
        catch (HostException exception)
        {
            await WriteTextAsync(context, 503, exception.Message);
        }
        catch (OperationCanceledException)
        {
            // Whoever asked has gone, or the agent ends.
        }
    }

    /// <summary>Answers with what happens from now on.</summary>
    internal static async Task WriteEventsAsync(HttpContext context, AgentState state)
    {
        using var listener = state.Listen(
            context.Request.Headers["Last-Event-ID"] is [{ } heard]
                ? heard
                : context.Request.Query["after"]
        );
        await WriteStreamAsync(
            context,
            listener
                .ReadAsync(context.RequestAborted)
                .Select(happened =>
                    $"id: {happened.Id}\nevent: {happened.Event.Kind}\ndata: {JsonSerializer.Serialize(happened.Event, AgentJsonContext.Default.AgentEvent)}\n\n"
                )
        );
    }

    private static Task WriteTrafficAsync(HttpContext context, Lookout lookout) =>
        WriteStreamAsync(
            context,
            lookout
                .TrafficAsync(context.RequestAborted)
                .Select(traffic =>
                    $"data: {JsonSerializer.Serialize(traffic, AgentJsonContext.Default.TrafficDocument)}\n\n"
                )
        );

    /// <summary>Server-sent events (HTML, section 9.2), as they come. It begins with a comment, so that the client knows that it is heard.</summary>
    private static async Task WriteStreamAsync(HttpContext context, IAsyncEnumerable<string> events)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        try
        {
            await context.Response.WriteAsync(": listening\n\n", context.RequestAborted);
            await foreach (var text in events)
            {
                await context.Response.WriteAsync(text, context.RequestAborted);
            }
        }
        catch (Exception exception)
            when (exception
                    is OperationCanceledException
                        or OvsdbException
                        or ObjectDisposedException
            )
        {
            // Whoever listened has gone, or what it listened to: a browser comes again.
        }
    }
}

/// <summary>How the agent and its host stand. An agent that has run since before an upgrade sends what it knew of.</summary>
internal sealed record AgentDocument(
    string File,
    DateTimeOffset Started,
    DateTimeOffset LastRound,
    double LastRoundMilliseconds,
    long Rounds,
    long Changes,
    string? Problem = null,
    StatusDocument? Host = null,
    IReadOnlyList<string>? Refused = null,
    IReadOnlyList<RetryDocument>? Retries = null,
    string? Version = null
)
{
    /// <summary>What is wrong with the file as it is now; nothing where it is in force.</summary>
    public IReadOnlyList<string> Refused { get; } = Refused ?? [];

    /// <summary>What failed and is tried again.</summary>
    public IReadOnlyList<RetryDocument> Retries { get; } = Retries ?? [];

    /// <summary>What there is to say now.</summary>
    public static AgentDocument Of(AgentState state) =>
        new(
            state.File,
            state.Started,
            state.LastTime,
            state.Last?.Elapsed.TotalMilliseconds ?? 0,
            state.Rounds,
            state.Changes,
            state.Problem,
            state
                is {
                    Last: { Observation: { } observation, Intent: { } intent },
                    Status: { } status
                }
                ? StatusView.Document(intent, observation, status)
                : null,
            state.Refused,
            [
                .. state.Failures.Select(pair => new RetryDocument(
                    pair.Key,
                    pair.Value.Times,
                    pair.Value.Until,
                    pair.Value.Reason
                )),
            ],
            Self.Version
        );
}

/// <summary>Something that failed and is tried again.</summary>
internal sealed record RetryDocument(string Item, int Times, DateTimeOffset Until, string Reason);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    UseStringEnumConverter = true,
    Converters = [typeof(AddressConverter)]
)]
[JsonSerializable(typeof(AgentDocument))]
[JsonSerializable(typeof(AgentEvent))]
[JsonSerializable(typeof(AgentSeat))]
[JsonSerializable(typeof(OverlayDocument))]
[JsonSerializable(typeof(ReachabilityDocument))]
[JsonSerializable(typeof(TrafficDocument))]
internal sealed partial class AgentJsonContext : JsonSerializerContext;
