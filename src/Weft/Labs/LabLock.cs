using System.Diagnostics;
using System.Net.Sockets;

namespace Weft.Labs;

/// <summary>
/// Keeps two commands from making or removing one lab at the same time. The lock is the name of an abstract socket (unix(7)),
/// which goes with the process that holds it and leaves no file.
/// </summary>
internal sealed class LabLock : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Socket held;

    private LabLock(Socket socket) => held = socket;

    /// <summary>Waits until no other command makes or removes the lab.</summary>
    /// <exception cref="LabException">Another command takes too long.</exception>
    public static async Task<LabLock> TakeAsync(
        string lab,
        Action<string>? progress,
        CancellationToken cancellationToken
    )
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var socket = new Socket(
                AddressFamily.Unix,
                SocketType.Stream,
                ProtocolType.Unspecified
            );
            try
            {
                socket.Bind(new UnixDomainSocketEndPoint($"\0weft-lab/{lab}"));
                return new LabLock(socket);
            }
            catch (SocketException exception)
                when (exception.SocketErrorCode is SocketError.AddressAlreadyInUse)
            {
                socket.Dispose();
            }
            if (Stopwatch.GetElapsedTime(started) > Patience)
            {
                throw new LabException(
                    $"another weft command is still making or removing lab '{lab}': end it first, then try again"
                );
            }
            progress?.Invoke("waiting for another weft command that is at work on this lab");
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }
    }

    /// <summary>Lets the next command in.</summary>
    public void Dispose() => held.Dispose();
}
