using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Weft.Vici;

/// <summary>
/// One connection: packets in both directions over a stream (strongSwan, vici/README.md, Transport protocol and Packet layer). It
/// lives until <see cref="Closed"/> completes and is never revived.
/// </summary>
/// <remarks>
/// Replies carry no number, so only one request is pending at a time, and the others wait for their turn. A canceled request
/// keeps its turn until its reply comes. Everything from the daemon is read at once, whether or not somebody waits for it;
/// otherwise the daemon's memory would fill up.
/// </remarks>
internal sealed class ViciConnection : IAsyncDisposable
{
    // The read buffer: large enough to get several streamed packets, or a packet and its length, in one read.
    private const int BytesAhead = 16 * 1024;

    private readonly Stream _stream;
    private readonly BufferedStream _incoming;
    private readonly string _path;
    private readonly TimeSpan? _patience;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, ImmutableArray<Action<ViciEvent>>> _handlers = new(
        StringComparer.Ordinal
    );

    // The streamed events for which this connection is registered. Used only by whoever has the turn.
    private readonly HashSet<string> _streams = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource<ViciException> _closed = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private readonly Task _reading;
    private Awaited? _awaited;
    private ViciException? _reason;
    private long _heard;

    private ViciConnection(Stream stream, string path, TimeSpan? patience)
    {
        _stream = stream;
        _incoming = new BufferedStream(stream, BytesAhead);
        _path = path;
        _patience = patience;
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>Completes with the reason when the connection ends; never fails.</summary>
    public Task<ViciException> Closed => _closed.Task;

    public static async Task<ViciConnection> OpenAsync(
        string path,
        TimeSpan? patience,
        CancellationToken cancellationToken
    )
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket
                .ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken)
                .ConfigureAwait(false);
            return new(new NetworkStream(socket, ownsSocket: true), path, patience);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            socket.Dispose();
            throw new ViciConnectionException($"{path}: {Explain(e)}", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends a request when it has its turn, and returns the reply.</summary>
    /// <param name="command">The command.</param>
    /// <param name="message">Its arguments.</param>
    /// <param name="stream">The event that the command streams, to register for; null for none.</param>
    /// <param name="handler">Called with each such event, on the reading thread.</param>
    /// <param name="takes">How long the daemon may be silent in addition to the connection's patience; null for no limit.</param>
    /// <param name="cancellationToken">Cancels the request. If it was already sent, it is carried out all the same.</param>
    public async Task<ViciMessage> CallAsync(
        string command,
        ViciMessage message,
        string? stream,
        Action<ViciEvent> handler,
        TimeSpan? takes,
        CancellationToken cancellationToken
    )
    {
        return await TakeTurnAsync(
                async () =>
                {
                    if (stream is null)
                    {
                        return await RequestAsync(command, message, takes).ConfigureAwait(false);
                    }

                    // The daemon streams only to the connection that sent the command: one registration serves all later ones.
                    if (!_streams.Contains(stream))
                    {
                        await RegisterAsync(stream, Ignore).ConfigureAwait(false);
                        _streams.Add(stream);
                    }
                    Add(stream, handler);
                    try
                    {
                        return await RequestAsync(command, message, takes).ConfigureAwait(false);
                    }
                    finally
                    {
                        Forget(stream, handler);
                    }
                },
                cancellationToken
            )
            .ConfigureAwait(false);
    }

    /// <summary>Registers for events: for all of them or for none.</summary>
    public Task SubscribeAsync(
        IReadOnlyList<string> events,
        Action<ViciEvent> handler,
        CancellationToken cancellationToken
    ) =>
        TakeTurnAsync(
            async () =>
            {
                for (var i = 0; i < events.Count; i++)
                {
                    try
                    {
                        await RegisterAsync(events[i], handler).ConfigureAwait(false);
                    }
                    catch (ViciException)
                    {
                        for (var j = 0; j < i; j++)
                        {
                            await UnregisterAsync(events[j], handler).ConfigureAwait(false);
                        }

                        throw;
                    }
                }

                return true;
            },
            cancellationToken
        );

    /// <summary>Unregisters the events of <see cref="SubscribeAsync"/>; those not registered are skipped.</summary>
    public Task UnsubscribeAsync(IReadOnlyList<string> events, Action<ViciEvent> handler) =>
        TakeTurnAsync(
            async () =>
            {
                foreach (var name in events)
                {
                    await UnregisterAsync(name, handler).ConfigureAwait(false);
                }

                return true;
            },
            CancellationToken.None
        );

    /// <summary>Ends the connection; the first reason counts.</summary>
    public void Close(ViciException reason)
    {
        Awaited? awaited;
        lock (_gate)
        {
            if (_reason is not null)
            {
                return;
            }

            Volatile.Write(ref _reason, reason);
            (awaited, _awaited) = (_awaited, null);
        }

        _stream.Dispose();
        awaited?.Reply.TrySetException(Lost(awaited.Name, reason));
        _closed.TrySetResult(reason);
    }

    public async ValueTask DisposeAsync()
    {
        Close(new ViciConnectionException("the client was disposed of"));
        await _reading.ConfigureAwait(false);
    }

    // The turn lasts until what was sent is answered, even if nobody waits for the answer any more.
    private async Task<T> TakeTurnAsync<T>(Func<Task<T>> act, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        var acting = ActAsync();
        try
        {
            return await acting.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _ = acting.ContinueWith(
                static task => task.Exception,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted,
                TaskScheduler.Default
            );
            throw;
        }

        async Task<T> ActAsync()
        {
            try
            {
                return await act().ConfigureAwait(false);
            }
            finally
            {
                _turn.Release();
            }
        }
    }

    // The packet is written only when the request has its turn: one that is canceled earlier leaves no secrets in memory.
    private async Task<ViciMessage> RequestAsync(
        string command,
        ViciMessage message,
        TimeSpan? takes
    )
    {
        var request = Packet.Write(PacketType.CommandRequest, command, message);
        var reply = await ExchangeAsync(command, isCommand: true, request, takes)
            .ConfigureAwait(false);
        return reply.Type == PacketType.CommandResponse
            ? reply.Message
            : throw new ViciCommandException(command, "it does not know this command");
    }

    // charon sends events twice to a client registered twice: only the first handler registers, only the last unregisters.
    private async Task RegisterAsync(string name, Action<ViciEvent> handler)
    {
        if (!Add(name, handler))
        {
            return;
        }

        try
        {
            var packet = Packet.Write(PacketType.EventRegister, name);
            var reply = await ExchangeAsync(name, isCommand: false, packet, TimeSpan.Zero)
                .ConfigureAwait(false);
            if (reply.Type == PacketType.EventUnknown)
            {
                throw new ViciCommandException(name, "it does not know this event");
            }
        }
        catch
        {
            Forget(name, handler);
            throw;
        }
    }

    // A failure is not reported: it means that the connection has ended, and the registration with it.
    private async Task UnregisterAsync(string name, Action<ViciEvent> handler)
    {
        if (!Forget(name, handler))
        {
            return;
        }

        try
        {
            var packet = Packet.Write(PacketType.EventUnregister, name);
            await ExchangeAsync(name, isCommand: false, packet, TimeSpan.Zero)
                .ConfigureAwait(false);
        }
        catch (ViciException) { }
    }

    /// <summary>Adds a handler; returns whether it is the first for the event.</summary>
    private bool Add(string name, Action<ViciEvent> handler)
    {
        lock (_gate)
        {
            var isFirst = !_handlers.TryGetValue(name, out var handlers);
            _handlers[name] = isFirst ? [handler] : handlers.Add(handler);
            return isFirst;
        }
    }

    private static void Ignore(ViciEvent told) { }

    /// <summary>Removes a handler; returns whether it was registered and the last one for the event.</summary>
    private bool Forget(string name, Action<ViciEvent> handler)
    {
        lock (_gate)
        {
            if (!_handlers.TryGetValue(name, out var handlers) || !handlers.Contains(handler))
            {
                return false;
            }

            var rest = handlers.Remove(handler);
            if (rest.IsEmpty)
            {
                _handlers.Remove(name);
            }
            else
            {
                _handlers[name] = rest;
            }

            return rest.IsEmpty;
        }
    }

    /// <summary>Sends a packet, wipes it, and waits for the answer, all within the patience.</summary>
    private async Task<Packet> ExchangeAsync(
        string name,
        bool isCommand,
        byte[] packet,
        TimeSpan? takes
    )
    {
        return await AnsweredAsync(SendAsync(), _patience + takes).ConfigureAwait(false);

        async Task<Packet> SendAsync()
        {
            var awaited = new Awaited(name, isCommand);
            try
            {
                lock (_gate)
                {
                    if (_reason is not null)
                    {
                        throw new ViciConnectionException(
                            $"The connection to {_path} ended before '{name}' was sent: {_reason.Message}",
                            _reason
                        );
                    }

                    _awaited = awaited;
                }

                await _stream.WriteAsync(packet).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                Close(new ViciConnectionException($"writing to {_path} failed: {e.Message}", e));
            }
            finally
            {
                CryptographicOperations.ZeroMemory(packet);
            }

            return await awaited.Reply.Task.ConfigureAwait(false);
        }
    }

    /// <summary>Waits for the answer; ends the connection if the daemon is silent for too long.</summary>
    private async Task<Packet> AnsweredAsync(Task<Packet> answer, TimeSpan? limit)
    {
        var sent = Stopwatch.GetTimestamp();
        for (var left = limit; left > TimeSpan.Zero; )
        {
            try
            {
                return await answer.WaitAsync(left.Value).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // Anything that the daemon sends, such as streamed events, counts as a sign of life.
                left = limit - Stopwatch.GetElapsedTime(Math.Max(sent, Volatile.Read(ref _heard)));
            }
        }

        if (limit is { } patience)
        {
            Close(
                new ViciConnectionException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"charon was silent for {patience.TotalSeconds:0.#} s"
                    )
                )
            );
        }

        return await answer.ConfigureAwait(false);
    }

    private async Task ReadAsync()
    {
        var header = new byte[4];
        try
        {
            while (
                await _incoming
                    .ReadAtLeastAsync(header, 4, throwOnEndOfStream: false)
                    .ConfigureAwait(false)
                    is var read
            )
            {
                if (read < 4)
                {
                    Close(
                        new ViciConnectionException(
                            read == 0
                                ? $"charon closed {_path}"
                                : $"charon closed {_path} in the middle of a packet"
                        )
                    );
                    return;
                }

                var length = BinaryPrimitives.ReadUInt32BigEndian(header);
                if (length > Packet.MaxLength)
                {
                    throw new ViciProtocolException(
                        $"a packet of {length} bytes is announced, and at most {Packet.MaxLength} are allowed"
                    );
                }

                var bytes = new byte[length];
                await _incoming.ReadExactlyAsync(bytes).ConfigureAwait(false);
                Volatile.Write(ref _heard, Stopwatch.GetTimestamp());
                Take(Packet.Read(bytes));
            }
        }
        catch (ViciProtocolException e)
        {
            Close(new ViciProtocolException($"{_path} breaks the protocol: {e.Message}", e));
        }
        catch (EndOfStreamException e)
        {
            Close(
                new ViciConnectionException($"charon closed {_path} in the middle of a packet", e)
            );
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Close(new ViciConnectionException($"reading from {_path} failed: {e.Message}", e));
        }
#pragma warning disable CA1031 // Any failure to read must end the connection, or requests would wait for ever.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Close(
                new ViciProtocolException($"a packet from {_path} cannot be read: {e.Message}", e)
            );
        }
    }

    private void Take(Packet packet)
    {
        if (packet.Type == PacketType.Event)
        {
            ImmutableArray<Action<ViciEvent>> handlers;
            lock (_gate)
            {
                // An event may still arrive just after it was unregistered.
                if (!_handlers.TryGetValue(packet.Name, out handlers))
                {
                    return;
                }
            }

            var told = new ViciEvent(packet.Name, packet.Message) { Weight = packet.Weight };
            foreach (var handler in handlers)
            {
                handler(told);
            }

            return;
        }

        Awaited? awaited;
        lock (_gate)
        {
            (awaited, _awaited) = (_awaited, null);
        }

        var isCommand = packet.Type is PacketType.CommandResponse or PacketType.CommandUnknown;
        if (awaited?.IsCommand != isCommand)
        {
            var breach = new ViciProtocolException(
                awaited is null
                    ? $"an answer of type {(byte)packet.Type} came, and nothing had been asked"
                    : $"an answer of type {(byte)packet.Type} to '{awaited.Name}' came, which cannot be one"
            );
            awaited?.Reply.TrySetException(Lost(awaited.Name, breach));
            throw breach;
        }

        awaited.Reply.TrySetResult(packet);
    }

    private ViciException Lost(string name, ViciException reason) =>
        reason is ViciProtocolException
            ? new ViciProtocolException(
                $"The connection to {_path} was given up while '{name}' was under way: {reason.Message}",
                reason
            )
            : new ViciConnectionException(
                $"The connection to {_path} was lost while '{name}' was under way: {reason.Message}. "
                    + "Whether charon carried it out is unknown: read back before trying again",
                reason,
                outcomeUnknown: true
            );

    private static string Explain(Exception e) =>
        e is not SocketException socket
            ? e.Message
            : socket.SocketErrorCode switch
            {
                SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported =>
                    "there is no such socket; is charon running, and its vici plugin loaded (Debian: strongswan-swanctl)?",
                SocketError.ConnectionRefused =>
                    "nobody listens; a charon that was killed left the socket behind",
                SocketError.AccessDenied => "access is denied; this needs root",
                _ => socket.Message,
            };

    private sealed record Awaited(string Name, bool IsCommand)
    {
        public TaskCompletionSource<Packet> Reply { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
