using System.Net.Sockets;
using System.Text;

namespace Weft.Agent;

/// <summary>Tells the service manager how the service stands (sd_notify(3)); nothing where none started it.</summary>
internal sealed class ServiceManager
{
    private readonly string? socket = Environment.GetEnvironmentVariable("NOTIFY_SOCKET");

    /// <summary>How often the watchdog wants to hear (sd_watchdog_enabled(3)), halved to be safe; null if it does not.</summary>
    public TimeSpan? WatchdogInterval { get; } =
        long.TryParse(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), out var microseconds)
            ? TimeSpan.FromMicroseconds(microseconds / 2.0)
            : null;

    /// <summary>The agent is at work.</summary>
    public void Ready() => Send("READY=1");

    /// <summary>The agent reads its file anew; <see cref="Ready"/> says when it has.</summary>
    public void Reloading() =>
        Send($"RELOADING=1\nMONOTONIC_USEC={MicrosecondsOf(TimeProvider.System)}");

    /// <summary>The agent ends.</summary>
    public void Stopping() => Send("STOPPING=1");

    /// <summary>The agent is not stuck.</summary>
    public void Alive() => Send("WATCHDOG=1");

    /// <summary>How it stands, in one line.</summary>
    public void Status(string words) => Send($"STATUS={words.ReplaceLineEndings("; ")}");

    /// <summary>How far a clock's timestamp is, in microseconds; one of nanoseconds times a million overflows after 154 minutes.</summary>
    internal static long MicrosecondsOf(TimeProvider clock) =>
        clock.GetElapsedTime(0).Ticks / TimeSpan.TicksPerMicrosecond;

    private void Send(string message)
    {
        if (string.IsNullOrEmpty(socket))
        {
            return;
        }
        try
        {
            using var sender = new Socket(
                AddressFamily.Unix,
                SocketType.Dgram,
                ProtocolType.Unspecified
            );
            sender.SendTo(
                Encoding.UTF8.GetBytes(message),
                new UnixDomainSocketEndPoint(socket[0] == '@' ? $"\0{socket[1..]}" : socket)
            );
        }
        catch (SocketException)
        {
            // A service manager that does not listen is no reason to stop.
        }
    }
}
