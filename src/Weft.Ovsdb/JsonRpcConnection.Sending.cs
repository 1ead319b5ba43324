using System.Text.Json;

namespace Weft.Ovsdb;

/// <content>Sending: messages queued during a write are sent together in the next one.</content>
internal sealed partial class JsonRpcConnection
{
    private PooledBuffer _unsent = new();
    private PooledBuffer _beingSent = new();
    private bool _isFlushing;
    private int _unsentReplyBytes;
    private TaskCompletionSource? _taken;

    /// <summary>
    /// Waits while too many replies are unsent. The client's own requests do not count: a server flooded with requests may read
    /// on only after its replies are read, so reading must not wait until the requests are sent.
    /// </summary>
    private Task WaitForRepliesAsync()
    {
        lock (_gate)
        {
            if (_unsentReplyBytes <= MaxUnsentReplyBytes || !_isFlushing)
            {
                return Task.CompletedTask;
            }

            _taken ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            return _taken.Task;
        }
    }

    private static PooledBuffer WriteMessage(
        long? id,
        string method,
        Action<Utf8JsonWriter> writeParameters
    )
    {
        var buffer = new PooledBuffer();
        try
        {
            using var writer = new Utf8JsonWriter(buffer, Json.WriterOptions);
            writer.WriteStartObject();
            writer.WriteString("method"u8, method);
            writer.WriteStartArray("params"u8);
            writeParameters(writer);
            writer.WriteEndArray();
            if (id is { } number)
            {
                writer.WriteNumber("id"u8, number);
            }
            else
            {
                writer.WriteNull("id"u8);
            }

            writer.WriteEndObject();
            writer.Flush();
            Json.CheckNoNul(buffer.Written.Span, method);
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    private static PooledBuffer WriteReply(JsonElement id, JsonElement result, string? error = null)
    {
        var buffer = new PooledBuffer();
        using var writer = new Utf8JsonWriter(buffer, Json.WriterOptions);
        writer.WriteStartObject();
        writer.WritePropertyName("id"u8);
        id.WriteTo(writer);
        writer.WritePropertyName("result"u8);
        if (result.ValueKind == JsonValueKind.Undefined)
        {
            writer.WriteNullValue();
        }
        else
        {
            result.WriteTo(writer);
        }

        writer.WriteString("error"u8, error);
        writer.WriteEndObject();
        writer.Flush();
        return buffer;
    }

    private void Send(PooledBuffer message, bool isReply = false)
    {
        using (message)
        {
            lock (_gate)
            {
                if (_reason is not null)
                {
                    return;
                }

                _unsent.Append(message.Written.Span);
                _unsentReplyBytes += isReply ? message.Length : 0;
                if (_isFlushing)
                {
                    return;
                }

                _isFlushing = true;

                // A lone request is sent at once, on this thread. If others are pending, the caller is pipelining:
                // then the thread pool sends, so that what the caller adds meanwhile shares one write.
                if (_pending.Count > 1)
                {
                    _ = Task.Run(FlushAsync);
                    return;
                }
            }
        }

        _ = FlushAsync();
    }

    private async Task FlushAsync()
    {
        try
        {
            while (TakeUnsent())
            {
                await _stream.WriteAsync(_beingSent.Written, _closing.Token).ConfigureAwait(false);
                _beingSent.Clear();
            }
        }
#pragma warning disable CA1031 // Any failure to write must end the connection, or requests would wait for ever.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Close(
                new OvsdbConnectionException(
                    $"writing to {Remote} failed: {e.Message}",
                    Remote,
                    cause: e
                )
            );
            TakeUnsent();
        }
    }

    /// <summary>Takes what to send next. If there is nothing, ends the flushing under the same lock.</summary>
    private bool TakeUnsent()
    {
        TaskCompletionSource? taken;
        bool isMore;
        lock (_gate)
        {
            isMore = _unsent.Length > 0 && _reason is null;
            if (isMore)
            {
                (_unsent, _beingSent) = (_beingSent, _unsent);
            }

            _isFlushing = isMore;
            _unsentReplyBytes = 0;
            (taken, _taken) = (_taken, null);
        }

        taken?.TrySetResult();
        return isMore;
    }
}
