using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>Handles notifications from the server, called on the reading thread in the order of arrival.</summary>
internal delegate void NotificationHandler(string method, JsonElement parameters);

/// <summary>
/// One connection: JSON-RPC 1.0 in both directions over a stream (RFC 7047, section 4). It lives until <see cref="Closed"/>
/// completes and is never revived.
/// </summary>
/// <remarks>
/// Replies and notifications are decoded by the reading thread, one after the other. So a replica handles the reply to its
/// monitor request before the first update, and once a transaction is answered, the replica has its changes (ovsdb-server(7),
/// section 4.1.5).
/// </remarks>
internal sealed partial class JsonRpcConnection : IAsyncDisposable
{
    // A peer that sends echo requests but never reads must not make replies pile up: with more than this unsent, reading stops.
    private const int MaxUnsentReplyBytes = 1024 * 1024;

    // How long the server has to say what became of a canceled request.
    private static readonly TimeSpan CancelGrace = TimeSpan.FromSeconds(1);

    private readonly Stream _stream;
    private readonly TimeProvider _time;
    private readonly MessageSplitter _splitter;

    // Never disposed: the probe's timer may close the connection while its owner disposes it.
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource<OvsdbException> _closed = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private readonly Lock _gate = new();
    private readonly Dictionary<long, PendingCall> _pending = [];
    private readonly Dictionary<string, NotificationHandler> _monitors = new(
        StringComparer.Ordinal
    );
    private readonly Dictionary<string, NotificationHandler> _locks = new(StringComparer.Ordinal);
    private OvsdbException? _reason;
    private Task _reading = Task.CompletedTask;
    private long _lastId;

    public JsonRpcConnection(Stream stream, Remote remote, OvsdbClientOptions options)
    {
        _stream = stream;
        _time = options.TimeProvider;
        _splitter = new(options.MaxMessageBytes);
        _probeInterval = options.ProbeInterval;
        Remote = remote;
    }

    public Remote Remote { get; }

    /// <summary>Completes with the reason when the connection ends; never fails.</summary>
    public Task<OvsdbException> Closed => _closed.Task;

    public bool IsClosed => Volatile.Read(ref _reason) is not null;

    public void Start()
    {
        StartProbing();
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>Routes the notifications of a monitor. Call this before requesting the monitor.</summary>
    public void RouteMonitor(string id, NotificationHandler handler) =>
        Route(_monitors, id, handler);

    public void RouteLock(string id, NotificationHandler handler) => Route(_locks, id, handler);

    public void UnrouteMonitor(string id) => Unroute(_monitors, id);

    public void UnrouteLock(string id) => Unroute(_locks, id);

    /// <summary>Ends the connection; the first reason counts. Pending requests fail with their outcome unknown.</summary>
    public void Close(OvsdbException reason)
    {
        PendingCall[] pending;
        lock (_gate)
        {
            if (_reason is not null)
            {
                return;
            }

            Volatile.Write(ref _reason, reason);
            pending = [.. _pending.Values];
            _pending.Clear();
        }

        StopProbing();
        _closing.Cancel();
        _stream.Dispose();
        foreach (var call in pending)
        {
            call.Fail(
                new OvsdbConnectionException(
                    $"The connection to {Remote} was lost while '{call.Method}' was under way: {reason.Message}. "
                        + "Whether the server carried it out is unknown: read back before trying again",
                    Remote,
                    outcomeUnknown: true,
                    reason
                )
            );
        }

        _closed.TrySetResult(reason);
    }

    public async ValueTask DisposeAsync()
    {
        Close(new OvsdbConnectionException($"the client left {Remote}", Remote));
        await _reading.ConfigureAwait(false);
    }

    /// <summary>Sends a request and ignores the reply.</summary>
    public void Tell(string method, Action<Utf8JsonWriter> writeParameters) =>
        Send(WriteMessage(0, method, writeParameters));

    /// <summary>Sends a request; returns false if the connection has already ended.</summary>
    public bool TryCall<T>(
        string method,
        Action<Utf8JsonWriter> writeParameters,
        Func<JsonElement, T> decode,
        bool isTransaction,
        [NotNullWhen(true)] out Task<T>? reply,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        var call = new PendingCall<T>(Interlocked.Increment(ref _lastId), method, decode);
        var message = WriteMessage(call.Id, method, writeParameters);
        lock (_gate)
        {
            if (_reason is not null)
            {
                message.Dispose();
                reply = null;
                return false;
            }

            _pending.Add(call.Id, call);
        }

        Send(message);
        reply = cancellationToken.CanBeCanceled
            ? WaitAsync(call, isTransaction, cancellationToken)
            : call.Task;
        return true;
    }

    /// <summary>Like <see cref="TryCall"/>, but throws if the connection has already ended.</summary>
    public Task<T> CallAsync<T>(
        string method,
        Action<Utf8JsonWriter> writeParameters,
        Func<JsonElement, T> decode,
        CancellationToken cancellationToken
    ) =>
        TryCall(
            method,
            writeParameters,
            decode,
            isTransaction: false,
            out var reply,
            cancellationToken
        )
            ? reply
            : throw new OvsdbConnectionException(
                $"The connection to {Remote} ended before '{method}' was sent: {_reason!.Message}",
                Remote
            );

    /// <summary>
    /// Releases what the server keeps for this connection under a name, such as a lock. If that fails, the server releases it
    /// when the connection ends.
    /// </summary>
    public async Task GiveBackAsync(string method, string name)
    {
        try
        {
            await CallAsync(
                    method,
                    writer => writer.WriteStringValue(name),
                    static _ => true,
                    CancellationToken.None
                )
                .WaitAsync(CancelGrace, _time)
                .ConfigureAwait(false);
        }
        catch (Exception e) when (e is OvsdbException or TimeoutException)
        {
            // The server releases it when the connection ends.
        }
    }

    /// <summary>Creates the error for a reply or notification that violates the protocol.</summary>
    public OvsdbProtocolException Breach(string where, Exception cause) =>
        new($"{Remote} sent {where} that breaks the protocol: {cause.Message}", cause);

    private async Task<T> WaitAsync<T>(
        PendingCall<T> call,
        bool isTransaction,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await call.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException e)
        {
            var outcome = isTransaction
                ? await CancelAsync(call).ConfigureAwait(false)
                : "whether the server carried it out is unknown";

            // A result that arrived after all says more than the cancellation does.
            if (call.Task.IsCompleted && !IsCanceled(call.Task))
            {
                return await call.Task.ConfigureAwait(false);
            }

            lock (_gate)
            {
                _pending.Remove(call.Id);
            }

            throw new OperationCanceledException(
                $"'{call.Method}' on {Remote} was canceled; {outcome}",
                e,
                cancellationToken
            );
        }
    }

    /// <summary>Cancels a transaction on the server (RFC 7047, section 4.1.4), and says what became of it.</summary>
    /// <remarks>
    /// By the RFC, the server answers the request itself, with "canceled" or with the result. ovsdb-server answers a transaction
    /// that it has carried out, but silently drops one that still waits (<c>execute_cancel</c> in ovsdb/jsonrpc-server.c). The
    /// reply to an echo sent after the cancel shows that no answer will come.
    /// </remarks>
    private async Task<string> CancelAsync<T>(PendingCall<T> call)
    {
        if (call.Task.IsCompleted)
        {
            return "";
        }

        Send(WriteMessage(null, "cancel", writer => writer.WriteNumberValue(call.Id)));
        if (
            TryCall(
                "echo",
                static _ => { },
                static _ => true,
                false,
                out var echo,
                CancellationToken.None
            )
        )
        {
            try
            {
                await Task.WhenAny(call.Task, echo)
                    .WaitAsync(CancelGrace, _time)
                    .ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                return "the server does not say whether it was carried out";
            }
        }

        return call.Task.IsCompleted || echo is { IsCompletedSuccessfully: true }
            ? "nothing was carried out, unless a cluster was committing it already"
            : "whether the server carried it out is unknown";
    }

    private static bool IsCanceled(Task call) =>
        call.Exception?.InnerException is OvsdbRemoteException { Error: ErrorNames.Canceled };

    private async Task ReadAsync()
    {
        OvsdbException reason;
        try
        {
            while (true)
            {
                var count = await _stream
                    .ReadAsync(_splitter.GetSpace(), _closing.Token)
                    .ConfigureAwait(false);
                if (count == 0)
                {
                    reason = new OvsdbConnectionException(
                        _splitter.IsInMessage
                            ? $"{Remote} closed the connection in the middle of a message"
                            : $"{Remote} closed the connection",
                        Remote
                    );
                    break;
                }

                NoteLife();
                _splitter.Advance(count);
                while (_splitter.TryRead(out var message))
                {
                    Dispatch(message);
                    await WaitForRepliesAsync().ConfigureAwait(false);
                }
            }
        }
        catch (OvsdbProtocolException e)
        {
            reason = e.Message.StartsWith(Remote.ToString(), StringComparison.Ordinal)
                ? e
                : new($"{Remote} breaks the protocol: {e.Message}", e);
        }
        catch (Exception e)
            when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            reason = new OvsdbConnectionException(
                $"reading from {Remote} failed: {e.Message}",
                Remote,
                cause: e
            );
        }
#pragma warning disable CA1031 // Any failure to read must end the connection, or requests would wait for ever.
        catch (Exception e)
#pragma warning restore CA1031
        {
            reason = Breach("a message", e);
        }

        Close(reason);
        _splitter.Dispose();
    }

    private void Dispatch(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes, Json.ReaderOptions);
            JsonElement id = default,
                method = default,
                parameters = default,
                result = default,
                error = default;
            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (member.NameEquals("id"u8))
                {
                    id = member.Value;
                }
                else if (member.NameEquals("method"u8))
                {
                    method = member.Value;
                }
                else if (member.NameEquals("params"u8))
                {
                    parameters = member.Value;
                }
                else if (member.NameEquals("result"u8))
                {
                    result = member.Value;
                }
                else if (member.NameEquals("error"u8))
                {
                    error = member.Value;
                }
            }

            if (method.ValueKind == JsonValueKind.String)
            {
                OnRequest(Json.Text(method), parameters, id);
            }
            else if (
                result.ValueKind == JsonValueKind.Undefined
                && error.ValueKind == JsonValueKind.Undefined
            )
            {
                throw new OvsdbValueException(
                    "a request with \"method\" or a reply with \"result\" or \"error\"",
                    Json.Excerpt(document.RootElement)
                );
            }
            else
            {
                OnReply(id, result, error);
            }
        }
        catch (Exception e)
            when (e is JsonException or InvalidOperationException or OvsdbValueException)
        {
            throw Breach("a message", e);
        }
    }

    private void OnReply(JsonElement id, JsonElement result, JsonElement error)
    {
        PendingCall? call = null;
        if (id.ValueKind == JsonValueKind.Number && id.TryGetInt64(out var number))
        {
            lock (_gate)
            {
                _pending.Remove(number, out call);
            }
        }

        // Nobody waits for the replies to probes and to canceled requests.
        if (call is null)
        {
            return;
        }

        try
        {
            if (error.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined)
            {
                call.Complete(result);
            }
            else
            {
                call.Fail(
                    new OvsdbRemoteException(call.Method, Remote, ServerWords.FromJson(error))
                );
            }
        }
        catch (OvsdbException e) when (e is not OvsdbValueException)
        {
            call.Fail(e);
        }
#pragma warning disable CA1031 // The call is no longer pending, so nobody else would report the failure to its caller.
        catch (Exception e)
#pragma warning restore CA1031
        {
            call.Fail(Breach($"a reply to '{call.Method}'", e));
        }
    }

    private void OnRequest(string method, JsonElement parameters, JsonElement id)
    {
        if (id.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined))
        {
            Send(
                method == "echo"
                    ? WriteReply(id, parameters)
                    : WriteReply(id, default, ErrorNames.UnknownMethod),
                isReply: true
            );
            return;
        }

        var routes = method switch
        {
            "update" or "update2" or "update3" or "monitor_canceled" => _monitors,
            "locked" or "stolen" => _locks,
            _ => null,
        };
        if (routes is null)
        {
            return;
        }

        NotificationHandler? handler;
        var subject = Json.Array(parameters, "params");
        if (subject.GetArrayLength() == 0)
        {
            throw new OvsdbValueException($"params of '{method}'", "an empty array");
        }

        if (subject[0].ValueKind != JsonValueKind.String)
        {
            return;
        }

        var key = Json.Text(subject[0]);
        lock (_gate)
        {
            routes.TryGetValue(key, out handler);
        }

        handler?.Invoke(method, parameters);
    }

    private void Route(
        Dictionary<string, NotificationHandler> routes,
        string id,
        NotificationHandler handler
    )
    {
        lock (_gate)
        {
            routes[id] = handler;
        }
    }

    private void Unroute(Dictionary<string, NotificationHandler> routes, string id)
    {
        lock (_gate)
        {
            routes.Remove(id);
        }
    }

    private abstract class PendingCall(long id, string method)
    {
        public long Id { get; } = id;

        public string Method { get; } = method;

        public abstract void Complete(JsonElement result);

        public abstract void Fail(Exception reason);
    }

    private sealed class PendingCall<T>(long id, string method, Func<JsonElement, T> decode)
        : PendingCall(id, method)
    {
        private readonly TaskCompletionSource<T> _source = new(
            TaskCreationOptions.RunContinuationsAsynchronously
        );

        public Task<T> Task => _source.Task;

        public override void Complete(JsonElement result) => _source.TrySetResult(decode(result));

        public override void Fail(Exception reason) => _source.TrySetException(reason);
    }
}
