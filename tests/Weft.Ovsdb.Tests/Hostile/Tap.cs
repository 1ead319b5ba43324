using System.Net.Sockets;
using System.Text.Json;

namespace Weft.Ovsdb.Tests.Hostile;

/// <summary>
/// Stands between a client and a server, hears everything, can play an older server by refusing methods, and can cut
/// the line.
/// </summary>
internal sealed class Tap : IAsyncDisposable
{
    private readonly string _server;
    private readonly HashSet<string> _refused;
    private readonly List<(bool ToClient, JsonElement Message)> _heard = [];
    private readonly HostileServer _front;
    private CancellationTokenSource _line = new();

    /// <summary>Listens, and connects whoever comes to the server's socket.</summary>
    public Tap(string serverPath, params IEnumerable<string> refusedMethods)
    {
        _server = serverPath;
        _refused = [.. refusedMethods];
        _front = new(ServeAsync);
    }

    public string Remote => _front.Remote;

    public int Connections => _front.Connections;

    /// <summary>What went to the client so far, or to the server.</summary>
    public IReadOnlyList<JsonElement> Heard(bool toClient)
    {
        lock (_heard)
        {
            return [.. _heard.Where(h => h.ToClient == toClient).Select(h => h.Message)];
        }
    }

    /// <summary>Cuts every connection there is.</summary>
    public void Cut()
    {
        var old = Interlocked.Exchange(ref _line, new());
        old.Cancel();
    }

    public async ValueTask DisposeAsync()
    {
        Cut();
        await _front.DisposeAsync();
        _line.Dispose();
    }

    private async Task ServeAsync(HostileSession client)
    {
        using var line = CancellationTokenSource.CreateLinkedTokenSource(_line.Token, client.Stop);
        using var socket = new Socket(
            AddressFamily.Unix,
            SocketType.Stream,
            ProtocolType.Unspecified
        );
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_server), line.Token);
        }
        catch (SocketException)
        {
            return;
        }
        await using var upstream = new NetworkStream(socket);
        // The two directions write to the client: replies of the server, and refusals in its name.
        using var writing = new SemaphoreSlim(1);
        var up = UpAsync(client, upstream, writing, line.Token);
        var down = DownAsync(client, upstream, writing, line.Token);
        await Task.WhenAny(up, down);
        await line.CancelAsync();
        await Task.WhenAll(up, down);
    }

    private async Task UpAsync(
        HostileSession client,
        NetworkStream upstream,
        SemaphoreSlim writing,
        CancellationToken line
    )
    {
        while (await client.ReadAsync(line) is { } message)
        {
            Hear(false, message);
            if (
                message.TryGetProperty("method", out var method)
                && method.ValueKind == JsonValueKind.String
                && _refused.Contains(method.GetString()!)
            )
            {
                await writing.WaitAsync(line);
                await client.WriteAsync(
                    $$"""{"id":{{message.GetProperty("id").GetRawText()}},"result":null,"error":"unknown method"}"""
                );
                writing.Release();
                continue;
            }
            await upstream.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(message), line);
        }
    }

    private async Task DownAsync(
        HostileSession client,
        NetworkStream upstream,
        SemaphoreSlim writing,
        CancellationToken line
    )
    {
        var buffer = new byte[65536];
        var splitter = new JsonSplitter();
        while (await upstream.ReadAsync(buffer, line) is var read and > 0)
        {
            foreach (var message in splitter.Add(buffer.AsMemory(0, read)))
            {
                Hear(true, JsonDocument.Parse(message).RootElement);
                await writing.WaitAsync(line);
                await client.WriteAsync(message);
                writing.Release();
            }
        }
    }

    private void Hear(bool toClient, JsonElement message)
    {
        lock (_heard)
        {
            _heard.Add((toClient, message));
        }
    }
}
