using System.Net.Sockets;
using System.Text.Json;

namespace Weft.Agent;

/// <summary>Asks the agent of this host.</summary>
internal static class AgentClient
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Whether an agent listens. If one was killed a moment ago, a program that it was about to start may keep the socket until
    /// it runs: then a connection ends by itself, unlike one to an agent.
    /// </summary>
    public static async Task<bool> IsThereAsync(string socket, CancellationToken cancellationToken)
    {
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        soon.CancelAfter(Moment);
        try
        {
            using var connection = await ConnectAsync(socket, soon.Token);
            return await connection.ReceiveAsync(new byte[1], soon.Token) > 0;
        }
        catch (SocketException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return true;
        }
    }

    /// <summary>How the agent and the host stand; null where no agent answers.</summary>
    public static async Task<AgentDocument?> StatusAsync(
        string socket,
        CancellationToken cancellationToken
    )
    {
        if (!File.Exists(socket))
        {
            return null;
        }
        using var client = new HttpClient(
            new SocketsHttpHandler
            {
                ConnectCallback = async (_, token) =>
                    new NetworkStream(await ConnectAsync(socket, token), ownsSocket: true),
            }
        )
        {
            Timeout = Patience,
        };
        try
        {
            await using var answer = await client.GetStreamAsync(
                new Uri("http://agent/v1/status"),
                cancellationToken
            );
            return await JsonSerializer.DeserializeAsync(
                answer,
                AgentJsonContext.Default.AgentDocument,
                cancellationToken
            );
        }
        catch (Exception exception)
            when (exception is HttpRequestException or JsonException or IOException
                || exception is TaskCanceledException && !cancellationToken.IsCancellationRequested
            )
        {
            return null;
        }
    }

    private static async Task<Socket> ConnectAsync(string path, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
