using System.Collections.Immutable;
using System.Runtime.ExceptionServices;

namespace Weft.Vici;

/// <summary>
/// A client of strongSwan's charon over VICI, the Versatile IKE Configuration Interface (strongSwan,
/// src/libcharon/plugins/vici/README.md). It has one connection and ends with it; to reconnect, create another client.
/// </summary>
/// <remarks>
/// <para>All members may be used from any thread at the same time. The protocol answers one request after the other, so a request
/// waits for earlier ones; <see cref="InitiateAsync"/> and <see cref="TerminateAsync"/> take as long as the negotiation. Use a
/// separate client where that wait is unacceptable, and for subscriptions.</para>
/// <para>A request that is canceled after it was sent is carried out all the same. The next request is sent only after its reply
/// came, which is then dropped. The client waits for a stuck daemon without limit, unless <see cref="ConnectAsync"/> was given a
/// patience.</para>
/// </remarks>
public sealed partial class ViciClient : IAsyncDisposable
{
    /// <summary>The default socket of charon; strongswan.conf(5) can change it (<c>charon.plugins.vici.socket</c>).</summary>
    public const string DefaultPath = "/run/charon.vici";

    // The maximum that a command may stream, as its size in memory: enough for 8,000 IKE SAs with a child each.
    private const int MaxStreamWeight = 64 * 1024 * 1024;

    private readonly ViciConnection _connection;

    private ViciClient(ViciConnection connection) => _connection = connection;

    /// <summary>Completes with the reason when the connection ends; never fails.</summary>
    public Task<ViciException> Closed => _connection.Closed;

    /// <summary>Connects to a daemon.</summary>
    /// <param name="path">The Unix socket that the daemon listens on.</param>
    /// <param name="patience">
    /// How long the daemon may be silent during a request, in addition to the timeout of <see cref="InitiateAsync"/> and <see
    /// cref="TerminateAsync"/>, before the connection ends. Null for no limit.
    /// </param>
    /// <param name="cancellationToken">Cancels the attempt.</param>
    /// <returns>A connected client.</returns>
    /// <exception cref="ViciConnectionException">
    /// No connection could be made; the message says why, and what to look at.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public static async Task<ViciClient> ConnectAsync(
        string path = DefaultPath,
        TimeSpan? patience = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(path);
        return new(
            await ViciConnection.OpenAsync(path, patience, cancellationToken).ConfigureAwait(false)
        );
    }

    /// <summary>Sends a command and waits for the reply.</summary>
    /// <param name="command">The command's name, such as <c>load-conn</c>.</param>
    /// <param name="message">Its arguments; null for none.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The reply.</returns>
    /// <exception cref="ArgumentException">
    /// The command is not a valid name, or the packet would be larger than 512 KiB.
    /// </exception>
    /// <exception cref="ViciCommandException">
    /// The daemon refused the command (<c>success = no</c>), or does not know it.
    /// </exception>
    /// <exception cref="ViciConnectionException">The connection ended, before or during the request.</exception>
    /// <exception cref="ViciProtocolException">
    /// The daemon violated the protocol, or its reply lacks documented fields.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public async Task<ViciMessage> RequestAsync(
        string command,
        ViciMessage? message = null,
        CancellationToken cancellationToken = default
    ) =>
        Succeeded(
            command,
            await _connection
                .CallAsync(
                    command,
                    message ?? ViciMessage.Empty,
                    null,
                    static _ => { },
                    TimeSpan.Zero,
                    cancellationToken
                )
                .ConfigureAwait(false)
        );

    /// <summary>Sends a command that streams its results as events, and waits for all of them.</summary>
    /// <remarks>
    /// All results are returned at once, so that other commands can be sent while they are processed. If they take more than 64
    /// MiB of memory, the connection ends.
    /// </remarks>
    /// <param name="command">The command's name, such as <c>list-certs</c>.</param>
    /// <param name="eventName">The name of the events that it streams, such as <c>list-cert</c>.</param>
    /// <param name="message">Its arguments; null for none.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The messages of the events, in order.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<ImmutableArray<ViciMessage>> StreamAsync(
        string command,
        string eventName,
        ViciMessage? message = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentException.ThrowIfNullOrEmpty(eventName);
        ViciMessage.CheckName(eventName);
        var streamed = ImmutableArray.CreateBuilder<ViciMessage>();
        var weight = 0L;
        var reply = await _connection
            .CallAsync(
                command,
                message ?? ViciMessage.Empty,
                eventName,
                told =>
                {
                    lock (streamed)
                    {
                        weight += told.Weight + 64;
                        if (weight > MaxStreamWeight)
                        {
                            throw new ViciProtocolException(
                                $"'{command}' streams more than {MaxStreamWeight >> 20} MiB"
                            );
                        }

                        streamed.Add(told.Message);
                    }
                },
                TimeSpan.Zero,
                cancellationToken
            )
            .ConfigureAwait(false);
        Succeeded(command, reply);
        lock (streamed)
        {
            return streamed.ToImmutable();
        }
    }

    /// <summary>Subscribes to events. Once the task completes, no event is missed.</summary>
    /// <param name="events">Their names, such as those in <see cref="EventNames"/>; duplicates are ignored.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The subscription, to be read and disposed.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task<ViciSubscription> SubscribeAsync(
        IEnumerable<string> events,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(events);
        ImmutableArray<string> names = [.. events.Distinct(StringComparer.Ordinal)];
        foreach (var name in names)
        {
            ArgumentException.ThrowIfNullOrEmpty(name, nameof(events));
            ViciMessage.CheckName(name);
        }

        return ViciSubscription.BeginAsync(_connection, names, cancellationToken);
    }

    /// <summary>Ends the connection; pending requests fail.</summary>
    /// <returns>A task that completes when this is done.</returns>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private static ViciMessage Succeeded(
        string command,
        ViciMessage reply,
        ImmutableArray<ControlLog> log = default
    ) =>
        reply.Text("success") == "no"
            ? throw new ViciCommandException(
                command,
                reply.Text("errmsg") is { Length: > 0 } error ? error : "it does not say why",
                reply,
                log
            )
            : reply;

    /// <summary>Sends a command that logs while it runs; if it fails, the error includes the last lines.</summary>
    private async Task<ViciMessage> ControlAsync(
        string command,
        ViciMessage message,
        TimeSpan? timeout,
        Action<ControlLog>? log,
        CancellationToken cancellationToken
    )
    {
        const int Kept = 32;
        var lines = new Queue<ControlLog>(Kept);
        ExceptionDispatchInfo? failed = null;
        var reply = await _connection
            .CallAsync(
                command,
                message,
                "control-log",
                told =>
                {
                    var line = ControlLog.FromMessage(told.Message);
                    lock (lines)
                    {
                        if (lines.Count == Kept)
                        {
                            lines.Dequeue();
                        }

                        lines.Enqueue(line);
                    }

                    try
                    {
                        if (failed is null && !cancellationToken.IsCancellationRequested)
                        {
                            log?.Invoke(line);
                        }
                    }
#pragma warning disable CA1031 // The exception is the caller's, and is rethrown to it; the reading thread must continue.
                    catch (Exception e)
#pragma warning restore CA1031
                    {
                        failed = ExceptionDispatchInfo.Capture(e);
                    }
                },
                timeout,
                cancellationToken
            )
            .ConfigureAwait(false);
        failed?.Throw();
        lock (lines)
        {
            return Succeeded(command, reply, [.. lines]);
        }
    }
}
