using System.Net.Sockets;
using System.Text;

namespace Weft.Agent;

/// <summary>Tells the service manager how the service stands (sd_notify(3)); does nothing if none started it.</summary>
/// <param name="variable">Reads what it has left in the environment.</param>
/// <param name="clock">The time since boot, as the service manager reckons it.</param>
internal sealed class ServiceManager(Func<string, string?> variable, TimeProvider clock)
{
    private readonly string? socket = variable("NOTIFY_SOCKET");

    /// <summary>The one that has started this process, if any has.</summary>
    public ServiceManager()
        : this(Environment.GetEnvironmentVariable, TimeProvider.System) { }

    /// <summary>
    /// How often to notify the watchdog: half of the time that it allows (sd_watchdog_enabled(3)); null if there is none.
    /// </summary>
    public TimeSpan? WatchdogInterval { get; } =
        long.TryParse(variable("WATCHDOG_USEC"), out var microseconds)
            ? TimeSpan.FromMicroseconds(microseconds / 2.0)
            : null;

    /// <summary>
    /// Tells the watchdog regularly that the agent is not stuck, as long as rounds end; null where there is no watchdog.
    /// </summary>
    /// <param name="sinceLast">How long ago a round ended.</param>
    /// <param name="longest">How long there may be none.</param>
    public Timer? StartWatchdog(Func<TimeSpan> sinceLast, TimeSpan longest) =>
        WatchdogInterval is { } interval
            ? new Timer(
                _ =>
                {
                    if (sinceLast() < longest + interval)
                    {
                        Alive();
                    }
                },
                null,
                TimeSpan.Zero,
                interval
            )
            : null;

    /// <summary>The service is at work.</summary>
    public void Ready() => Send("READY=1");

    /// <summary>The service reads its file anew; <see cref="Ready"/> says when it has.</summary>
    public void Reloading() =>
        Send(
            $"RELOADING=1\nMONOTONIC_USEC={clock.GetElapsedTime(0).Ticks / TimeSpan.TicksPerMicrosecond}"
        );

    /// <summary>The service ends.</summary>
    public void Stopping() => Send("STOPPING=1");

    /// <summary>How it stands, in one line.</summary>
    public void Status(string words) => Send($"STATUS={words.ReplaceLineEndings("; ")}");

    private void Alive() => Send("WATCHDOG=1");

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
