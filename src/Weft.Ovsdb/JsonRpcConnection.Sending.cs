using System.Text.Json;

namespace Weft.Ovsdb;

/// <content>Sending: requests that come while a write is under way leave together with the next.</content>
internal sealed partial class JsonRpcConnection
{
    private PooledBuffer _unsent = new();
    private PooledBuffer _beingSent = new();
    private bool _isFlushing;
    private TaskCompletionSource? _flushed;

    private int UnsentBytes
    {
        get
        {
            lock (_gate)
            {
                return _unsent.Length;
            }
        }
    }

    private Task WaitUntilFlushedAsync()
    {
        lock (_gate)
        {
            if (!_isFlushing)
            {
                return Task.CompletedTask;
            }

            _flushed ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            return _flushed.Task;
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

    private void Send(PooledBuffer message)
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
                if (_isFlushing)
                {
                    return;
                }

                _isFlushing = true;

                // A lone request leaves at once, on this thread. When others are under way the caller is
                // pipelining: let the pool send, so that what it adds meanwhile shares one write.
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
                await _stream.WriteAsync(_beingSent.Written, _closing.Token);
                _beingSent.Clear();
            }
        }
        catch (Exception e)
            when (e is IOException or ObjectDisposedException or OperationCanceledException)
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

    /// <summary>Takes what is to be sent next; or, in the same instant, ends the flushing because there is nothing.</summary>
    private bool TakeUnsent()
    {
        TaskCompletionSource? flushed;
        lock (_gate)
        {
            if (_unsent.Length > 0 && _reason is null)
            {
                (_unsent, _beingSent) = (_beingSent, _unsent);
                return true;
            }

            _isFlushing = false;
            (flushed, _flushed) = (_flushed, null);
        }

        flushed?.TrySetResult();
        return false;
    }
}
