using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Weft.Ovsdb.Tests.Hostile;

/// <summary>A server on a unix socket that does to each connection whatever a test tells it to.</summary>
internal sealed class HostileServer : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-hostile-").FullName;
    private readonly Socket _listener = new(
        AddressFamily.Unix,
        SocketType.Stream,
        ProtocolType.Unspecified
    );
    private readonly List<Task> _sessions = [];
    private readonly Task _accepting;
    private int _connections;

    /// <summary>Listens; <paramref name="session"/> says what to do with a connection, which is closed when it returns.</summary>
    public HostileServer(Func<HostileSession, Task> session)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen(64);
        _accepting = AcceptAsync(session);
    }

    public string Path => System.IO.Path.Combine(_folder, "s");

    /// <summary>The remote as OVSDB writes it.</summary>
    public string Remote => $"unix:{Path}";

    /// <summary>How many connections came in so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        Task[] sessions;
        lock (_sessions)
        {
            sessions = [.. _sessions];
        }
        await Task.WhenAll(sessions);
        _stop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task AcceptAsync(Func<HostileSession, Task> session)
    {
        while (true)
        {
            try
            {
                var socket = await _listener.AcceptAsync(_stop.Token);
                Interlocked.Increment(ref _connections);
                lock (_sessions)
                {
                    _sessions.Add(Task.Run(() => RunAsync(session, socket)));
                }
            }
            catch (Exception e)
                when (e is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
        }
    }

    private async Task RunAsync(Func<HostileSession, Task> session, Socket socket)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        var mine = new HostileSession(stream, Connections - 1, _stop.Token);
        try
        {
            await session(mine);
        }
        catch (Exception e)
            when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client had enough of it, or the test is over.
        }
    }
}

/// <summary>One connection of a <see cref="HostileServer"/>: requests read one by one, anything at all written.</summary>
internal sealed class HostileSession(NetworkStream stream, int number, CancellationToken stop)
{
    private readonly byte[] _buffer = new byte[65536];
    private readonly JsonSplitter _splitter = new();
    private readonly Queue<byte[]> _messages = new();

    /// <summary>Which connection this is, counted from 0.</summary>
    public int Number => number;

    public CancellationToken Stop => stop;

    /// <summary>The next whole message of the client, or null when it closed the connection.</summary>
    public async Task<JsonElement?> ReadAsync(CancellationToken cancellation = default)
    {
        while (_messages.Count == 0)
        {
            var read = await stream.ReadAsync(
                _buffer,
                cancellation.CanBeCanceled ? cancellation : stop
            );
            if (read == 0)
            {
                return null;
            }
            foreach (var message in _splitter.Add(_buffer.AsMemory(0, read)))
            {
                _messages.Enqueue(message);
            }
        }
        return JsonDocument.Parse(_messages.Dequeue()).RootElement;
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes) => stream.WriteAsync(bytes, stop);

    public ValueTask WriteAsync(string text) => WriteAsync(Encoding.UTF8.GetBytes(text));

    public ValueTask ReplyAsync(JsonElement request, string result) =>
        WriteAsync(Reply(request, result));

    public static string Reply(JsonElement request, string result) =>
        $$"""{"id":{{request.GetProperty("id").GetRawText()}},"result":{{result}},"error":null}""";

    /// <summary>Reads whatever comes until the client closes the connection.</summary>
    public async Task DrainAsync()
    {
        while (await stream.ReadAsync(_buffer, stop) > 0) { }
    }

    /// <summary>Reads what comes for as long as a client may need to take in what was sent; then the connection is closed.</summary>
    public async Task DrainBrieflyAsync()
    {
        using var briefly = CancellationTokenSource.CreateLinkedTokenSource(stop);
        briefly.CancelAfter(TimeSpan.FromMilliseconds(20));
        try
        {
            while (await stream.ReadAsync(_buffer, briefly.Token) > 0) { }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            // Long enough.
        }
    }
}
