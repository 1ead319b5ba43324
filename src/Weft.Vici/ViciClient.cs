using System.Collections.Immutable;
using System.Runtime.ExceptionServices;

namespace Weft.Vici;

/// <summary>
/// A client of strongSwan's charon over VICI, the Versatile IKE Configuration Interface (strongSwan,
/// src/libcharon/plugins/vici/README.md). It has one connection, and ends with it: who wants another makes another.
/// </summary>
/// <remarks>
/// <para>All members may be used from any thread at the same time. The protocol answers one request after the other, so
/// a request waits for those before it; <see cref="InitiateAsync"/> and <see cref="TerminateAsync"/> take as long as the
/// negotiation does. Who must not wait for that uses a client of its own, and so do those who only listen to events.</para>
/// <para>A request that is canceled while it is under way is carried out all the same. Its answer is dropped when it
/// comes, and only then the next request is sent. A daemon that is stuck is waited for without end, unless
/// <see cref="ConnectAsync"/> was given a patience.</para>
/// </remarks>
public sealed partial class ViciClient : IAsyncDisposable
{
    /// <summary>Where charon listens unless strongswan.conf(5) says otherwise (<c>charon.plugins.vici.socket</c>).</summary>
    public const string DefaultPath = "/run/charon.vici";

    // All that a command may stream before it is answered, by the weight of its messages: room for 8,000 IKE SAs with a child each.
    private const int MaxStreamWeight = 64 * 1024 * 1024;

    private readonly ViciConnection _connection;

    private ViciClient(ViciConnection connection) => _connection = connection;

    /// <summary>Completes with the reason when the connection ends; never fails.</summary>
    public Task<ViciException> Closed => _connection.Closed;

    /// <summary>Connects to a daemon.</summary>
    /// <param name="path">The unix socket it listens at.</param>
    /// <param name="patience">
    /// How long the daemon may be silent while something is asked of it, beyond the time that <see cref="InitiateAsync"/> and
    /// <see cref="TerminateAsync"/> are given: the connection ends then. Null for without end.
    /// </param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>A connected client.</returns>
    /// <exception cref="ViciConnectionException">There is no connection; the message says why, and what to look at.</exception>
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

    /// <summary>Sends a command and waits for the answer.</summary>
    /// <param name="command">The command's name, such as <c>load-conn</c>.</param>
    /// <param name="message">Its arguments; null for none.</param>
    /// <param name="cancellationToken">Gives up; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="ArgumentException">The command is no name, or the packet would be larger than 512 KiB.</exception>
    /// <exception cref="ViciCommandException">The daemon refused it (<c>success = no</c>), or does not know it.</exception>
    /// <exception cref="ViciConnectionException">The connection ended, before or meanwhile.</exception>
    /// <exception cref="ViciProtocolException">The daemon broke the protocol, or its answer lacks what is documented.</exception>
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

    /// <summary>Sends a command that streams its results as events, and waits until it has streamed all of them.</summary>
    /// <remarks>
    /// The whole comes at once, so that who goes through it may send other commands meanwhile. A daemon that streams more
    /// than 64 MiB, as they are in memory, is no longer listened to: the connection ends.
    /// </remarks>
    /// <param name="command">The command's name, such as <c>list-certs</c>.</param>
    /// <param name="eventName">The name of the events that it streams, such as <c>list-cert</c>.</param>
    /// <param name="message">Its arguments; null for none.</param>
    /// <param name="cancellationToken">Gives up; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>What the events say, in order.</returns>
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

    /// <summary>Subscribes to events. Once this is done no event is missed.</summary>
    /// <param name="events">Their names, such as those in <see cref="EventNames"/>; each once.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The subscription, to be read and to be disposed of.</returns>
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

    /// <summary>Ends the connection; what is under way fails.</summary>
    /// <returns>When it is done.</returns>
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

    /// <summary>Sends a command that logs while it runs; the last lines go into the error if it fails.</summary>
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
#pragma warning disable CA1031 // It is the caller's, who gets it back; the thread that reads must go on.
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
