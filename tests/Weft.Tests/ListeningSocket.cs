using System.Net.Sockets;
using System.Text;

namespace Weft.Tests;

/// <summary>Hears, in place of one of systemd's services, the datagrams that are sent to it.</summary>
internal sealed class ListeningSocket : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("weft-test-").FullName;
    private readonly Socket socket = new(
        AddressFamily.Unix,
        SocketType.Dgram,
        ProtocolType.Unspecified
    );

    public ListeningSocket() => socket.Bind(new UnixDomainSocketEndPoint(Path));

    /// <summary>Where it listens.</summary>
    public string Path => System.IO.Path.Combine(directory, "socket");

    /// <summary>How many bytes wait to be heard.</summary>
    public int Available => socket.Available;

    /// <summary>The next datagram, as soon as it is there.</summary>
    public async Task<string> HearAsync()
    {
        var buffer = new byte[1024];
        var length = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
        return Encoding.UTF8.GetString(buffer, 0, length);
    }

    /// <summary>Hears no more, though its file is still there.</summary>
    public void Close() => socket.Dispose();

    public void Dispose()
    {
        Close();
        Directory.Delete(directory, recursive: true);
    }
}
