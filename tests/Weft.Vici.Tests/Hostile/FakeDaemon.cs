using System.Buffers.Binary;
using System.Net.Sockets;

namespace Weft.Vici.Tests.Hostile;

/// <summary>A daemon on a unix socket that does to each connection whatever a test tells it to.</summary>
internal sealed class FakeDaemon : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-vici-").FullName;
    private readonly Socket _listener = new(
        AddressFamily.Unix,
        SocketType.Stream,
        ProtocolType.Unspecified
    );
    private readonly Task _serving;

    /// <summary>Listens; <paramref name="session"/> says what to do with the one connection, which is closed when it returns.</summary>
    public FakeDaemon(Func<Session, Task> session)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen();
        // What hangs without a deadline of its own ends with the daemon.
        _stop.CancelAfter(2 * Hang);
        _serving = ServeAsync(session);
    }

    /// <summary>After this long a call is said to hang.</summary>
    public static TimeSpan Hang => TimeSpan.FromSeconds(60);

    public string Path => System.IO.Path.Combine(_folder, "s");

    public Task<ViciClient> ConnectAsync(TimeSpan? patience = null) =>
        ViciClient.ConnectAsync(Path, patience, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _serving;
        _stop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task ServeAsync(Func<Session, Task> session)
    {
        try
        {
            var socket = await _listener.AcceptAsync(_stop.Token);
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            await session(new(stream, _stop.Token));
        }
        catch (Exception e)
            when (e
                    is IOException
                        or OperationCanceledException
                        or ObjectDisposedException
                        or SocketException
            )
        {
            // The client had enough of it, or the test is over.
        }
    }
}

/// <summary>A request of the client: the type of its packet, the name in it, and the message after that.</summary>
internal sealed record Request(byte Type, string Name, ViciMessage Message);

/// <summary>The one connection of a <see cref="FakeDaemon"/>: requests read one by one, anything at all written.</summary>
internal sealed class Session(NetworkStream stream, CancellationToken stop)
{
    public CancellationToken Stop => stop;

    /// <summary>How many bytes the client has sent that were not read yet.</summary>
    public int Available => stream.Socket.Available;

    /// <summary>The next request of the client, or null when it closed the connection.</summary>
    public async Task<Request?> ReadAsync()
    {
        var header = new byte[4];
        if (await stream.ReadAtLeastAsync(header, 4, throwOnEndOfStream: false, stop) < 4)
        {
            return null;
        }

        var bytes = new byte[BinaryPrimitives.ReadInt32BigEndian(header)];
        await stream.ReadExactlyAsync(bytes, stop);
        return new(
            bytes[0],
            System.Text.Encoding.ASCII.GetString(bytes, 2, bytes[1]),
            ViciMessage.Decode(bytes.AsMemory(2 + bytes[1]))
        );
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes) => stream.WriteAsync(bytes, stop);

    public async Task WriteByteByByteAsync(byte[] bytes)
    {
        foreach (var one in bytes)
        {
            await WriteAsync(new[] { one });
        }
    }

    /// <summary>Reads whatever comes until the client closes the connection.</summary>
    public async Task DrainAsync()
    {
        var buffer = new byte[65536];
        while (await stream.ReadAsync(buffer, stop) > 0) { }
    }

    /// <summary>Says that nothing more comes, and reads until the client closes the connection too.</summary>
    public async Task HangUpAsync()
    {
        stream.Socket.Shutdown(SocketShutdown.Send);
        await DrainAsync();
    }
}
