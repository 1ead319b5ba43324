using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Engines;

/// <summary>Listens where an engine would, below a root directory of its own, and answers as a test says.</summary>
internal sealed class FakeEngine : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly Socket listener;
    private readonly Func<string, Answer> answers;
    private readonly Task serving;
    private readonly ConcurrentBag<Task> connections = [];

    private FakeEngine(Engine engine, Func<string, Answer> answers)
    {
        this.answers = answers;
        var path = PathOf(Root, engine);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        serving = ServeAsync();
    }

    /// <summary>The root directory of the host that it stands for.</summary>
    public string Root { get; } = Directory.CreateTempSubdirectory("weft-engine-").FullName;

    /// <summary>The requests so far: method and path, and the body.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Answers each request by what the test makes of its first line.</summary>
    public static FakeEngine Of(Engine engine, Func<string, Answer> answers) =>
        new(engine, answers);

    /// <summary>Where an engine listens below a root.</summary>
    public static string PathOf(string root, Engine engine) =>
        engine switch
        {
            Engine.Docker => $"{root}/run/docker.sock",
            Engine.Podman => $"{root}/run/podman/podman.sock",
            Engine.Lxd => $"{root}/var/lib/lxd/unix.socket",
            _ => $"{root}/var/lib/incus/unix.socket",
        };

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await serving;
        await Task.WhenAll(connections);
        Directory.Delete(Root, recursive: true);
        stop.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                connections.Add(AnswerAsync(await listener.AcceptAsync(stop.Token)));
            }
        }
        catch (Exception exception)
            when (exception
                    is OperationCanceledException
                        or SocketException
                        or ObjectDisposedException
            )
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(Socket connection)
    {
        try
        {
            using var _ = connection;
            await using var stream = new NetworkStream(connection);
            var buffer = new byte[64 * 1024];
            while (await stream.ReadAsync(buffer, stop.Token) is > 0 and var count)
            {
                var request = Encoding.UTF8.GetString(buffer, 0, count);
                Requests.Enqueue(request);
                var answer = answers(request.Split('\r')[0]);
                foreach (var part in answer.Parts)
                {
                    await stream.WriteAsync(part, stop.Token);
                }
                if (answer.Hangs)
                {
                    await Task.Delay(Timeout.Infinite, stop.Token);
                }
                if (answer.Ends)
                {
                    // Whoever closes before all is read takes back what was sent last.
                    connection.Shutdown(SocketShutdown.Send);
                    while (await stream.ReadAsync(buffer, stop.Token) > 0) { }
                    return;
                }
            }
        }
        catch (Exception exception)
            when (exception is OperationCanceledException or IOException or SocketException)
        {
            // Who asked has gone, or the test is over.
        }
    }
}

/// <summary>What is sent back, and what happens then.</summary>
internal sealed record Answer(IEnumerable<byte[]> Parts, bool Hangs = false, bool Ends = false)
{
    /// <summary>A whole answer of HTTP.</summary>
    public static Answer Json(string body, int status = 200) =>
        new([
            Encoding.UTF8.GetBytes(
                $"HTTP/1.1 {status} As It Is\r\nETag: 0a1b\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"
            ),
        ]);

    /// <summary>These very bytes, and the end.</summary>
    public static Answer Raw(string text) => new([Encoding.Latin1.GetBytes(text)], Ends: true);

    /// <summary>Nothing, for ever.</summary>
    public static Answer Nothing { get; } = new([], Hangs: true);
}
