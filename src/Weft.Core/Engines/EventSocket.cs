using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;

namespace Weft.Core.Engines;

/// <summary>The messages of a WebSocket (RFC 6455) over an engine's unix socket.</summary>
internal sealed class EventSocket : IAsyncDisposable
{
    private const int MostBytes = 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly EngineSocket engine;
    private readonly NoticingStream stream;
    private readonly WebSocket messages;
    private byte[] buffer = new byte[16 * 1024];
    private Task<ReadOnlyMemory<byte>?>? first;

    private EventSocket(EngineSocket engine, NoticingStream stream)
    {
        this.engine = engine;
        this.stream = stream;
        messages = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions());
    }

    /// <summary>Asks for the messages.</summary>
    /// <exception cref="HostException">Nobody listens, or there are none.</exception>
    public static async Task<EventSocket> OpenAsync(
        EngineSocket engine,
        string path,
        CancellationToken cancellationToken
    )
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path)
        {
            Version = HttpVersion.Version11,
        };
        request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        request.Headers.TryAddWithoutValidation("Upgrade", "websocket");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
        request.Headers.TryAddWithoutValidation(
            "Sec-WebSocket-Key",
            Convert.ToBase64String(RandomNumberGenerator.GetBytes(16))
        );
        return new EventSocket(
            engine,
            new NoticingStream(
                await engine.OpenAsync(
                    request,
                    HttpStatusCode.SwitchingProtocols,
                    cancellationToken
                )
            )
        );
    }

    /// <summary>
    /// Waits until the engine reports events: it accepts the WebSocket before it does, and then sends a ping
    /// (lxd/events/connections.go). One that sends none is given a moment.
    /// </summary>
    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        first = ReceiveAsync(cancellationToken);
        await Task.WhenAny(stream.Noticed, first, Task.Delay(Patience, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>The next message, good until the next one is read; null at the end.</summary>
    /// <exception cref="HostException">The engine stopped sending, or sends no such messages.</exception>
    public Task<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellationToken)
    {
        var message = first ?? ReceiveAsync(cancellationToken);
        first = null;
        return message;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        messages.Dispose();
        return stream.DisposeAsync();
    }

    private async Task<ReadOnlyMemory<byte>?> ReceiveAsync(CancellationToken cancellationToken)
    {
        var length = 0;
        try
        {
            while (true)
            {
                var part = await messages.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
                if (part.MessageType is WebSocketMessageType.Close)
                {
                    return null;
                }
                length += part.Count;
                if (part.EndOfMessage)
                {
                    return buffer.AsMemory(0, length);
                }
                if (length == MostBytes)
                {
                    throw new HostException(
                        $"{engine.Name} tells of an event in more than {MostBytes >> 20} MiB: that is none"
                    );
                }
                if (length == buffer.Length)
                {
                    Array.Resize(ref buffer, Math.Min(2 * length, MostBytes));
                }
            }
        }
        catch (WebSocketException exception)
            when (exception.WebSocketErrorCode is WebSocketError.ConnectionClosedPrematurely)
        {
            // A daemon that ends does not close the WebSocket.
            return null;
        }
        catch (Exception exception) when (exception is WebSocketException or IOException)
        {
            throw new HostException(
                $"{engine.Name} stopped telling what happens: {exception.Message}",
                exception
            );
        }
    }

    /// <summary>A stream that says when something has been read from it for the first time.</summary>
    private sealed class NoticingStream(Stream inner) : Stream
    {
        private readonly TaskCompletionSource noticed = new(
            TaskCreationOptions.RunContinuationsAsynchronously
        );

        public Task Noticed => noticed.Task;

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer,
            CancellationToken cancellationToken = default
        )
        {
            var count = await inner.ReadAsync(buffer, cancellationToken);
            if (count > 0)
            {
                noticed.TrySetResult();
            }
            return count;
        }

        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer,
            CancellationToken cancellationToken = default
        ) => inner.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) =>
            inner.FlushAsync(cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) =>
            throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) =>
            throw new NotSupportedException();

        public override void Flush() => inner.Flush();

        public override long Seek(long offset, SeekOrigin origin) =>
            throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override async ValueTask DisposeAsync()
        {
            await inner.DisposeAsync();
            await base.DisposeAsync();
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}
