using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Weft.Ovsdb.Tests;

/// <summary>A server that says what a test wants it to say, for what a real one cannot be brought to do.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("weft-ovsdb-").FullName;
    private readonly Socket _listener = new(
        AddressFamily.Unix,
        SocketType.Stream,
        ProtocolType.Unspecified
    );
    private readonly CancellationTokenSource _ending = new();
    private readonly Func<Peer, Request, Task> _answer;
    private readonly Latest<int> _connections = new(0);
    private readonly Task _serving;

    public FakeServer(Func<Peer, Request, Task> answer)
    {
        _answer = answer;
        _listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(_directory, "db.sock")));
        _listener.Listen();
        _serving = ServeAsync();
    }

    public string Remote => $"unix:{Path.Combine(_directory, "db.sock")}";

    /// <summary>How many connections there were.</summary>
    public int Connections => _connections.Value;

    /// <summary>All methods that were called, in order.</summary>
    public Latest<IReadOnlyList<string>> Methods { get; } = new([]);

    public Task WaitForConnectionsAsync(int count) =>
        _connections
            .WaitAsync(n => n >= count, TestContext.Current.CancellationToken)
            .WaitAsync(OvsdbServer.Patience);

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Dispose();
        await _serving;
        _ending.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task ServeAsync()
    {
        var peers = new List<Task>();
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptAsync(_ending.Token);
                _connections.Set(_connections.Value + 1);
                peers.Add(ServeAsync(socket));
            }
        }
        catch (Exception e)
            when (e is OperationCanceledException or SocketException or ObjectDisposedException) { }

        await Task.WhenAll(peers);
    }

    private async Task ServeAsync(Socket socket)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        using var splitter = new MessageSplitter(64 * 1024 * 1024);
        var peer = new Peer(stream);
        try
        {
            int count;
            while ((count = await stream.ReadAsync(splitter.GetSpace(), _ending.Token)) > 0)
            {
                splitter.Advance(count);
                while (splitter.TryRead(out var message))
                {
                    using var document = JsonDocument.Parse(message);
                    var root = document.RootElement.Clone();
                    var hasMethod = root.TryGetProperty("method", out var method);
                    var request = new Request(
                        hasMethod ? method.GetString()! : "",
                        root.TryGetProperty("params", out var parameters) ? parameters : default,
                        root.GetProperty("id"),
                        root
                    );
                    Methods.Set([.. Methods.Value, request.Method]);
                    await _answer(peer, request);
                }
            }
        }
        catch (Exception e)
            when (e is OperationCanceledException or IOException or ObjectDisposedException) { }
    }

    // A reply of the client has no method.
    internal sealed record Request(
        string Method,
        JsonElement Params,
        JsonElement Id,
        JsonElement Whole
    );

    internal sealed class Peer(Stream stream)
    {
        public Task SendAsync(string json) =>
            stream.WriteAsync(Encoding.UTF8.GetBytes(json)).AsTask();

        public Task ReplyAsync(Request request, string result) =>
            SendAsync($$"""{"id":{{request.Id.GetRawText()}},"result":{{result}},"error":null}""");

        public Task RefuseAsync(Request request, string error) =>
            SendAsync($$"""{"id":{{request.Id.GetRawText()}},"result":null,"error":{{error}}}""");

        public void Hang() => stream.Dispose();
    }
}
