using System.Net;
using System.Net.Sockets;

namespace Weft.Reachability;

/// <summary>
/// Asks another machine for the time by ICMP (RFC 792, Timestamp), which Linux answers unless a firewall keeps it from it.
/// There is none in ICMPv6.
/// </summary>
internal static class ClockQuestion
{
    private const int LargestPacket = 128;
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>Asks until an answer comes or the time is over.</summary>
    /// <param name="source">The address to ask from.</param>
    /// <param name="destination">Who should answer.</param>
    /// <param name="pause">How long to wait for each of three answers.</param>
    /// <param name="clock">This machine's clock.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>
    /// How much later it is by the other's clock, at most half a day either way: it tells the time of day only. Null if it
    /// does not answer.
    /// </returns>
    /// <exception cref="SocketException">Nothing can be sent from the address.</exception>
    public static async Task<TimeSpan?> AskAsync(
        IPAddress source,
        IPAddress destination,
        TimeSpan pause,
        TimeProvider clock,
        CancellationToken cancellationToken
    )
    {
        using var socket = new Socket(
            AddressFamily.InterNetwork,
            SocketType.Raw,
            ProtocolType.Icmp
        );
        socket.Bind(new IPEndPoint(source, 0));
        await socket.ConnectAsync(new IPEndPoint(destination, 0), cancellationToken);
        var id = (ushort)Random.Shared.Next();
        for (ushort number = 1; number <= 3; number++)
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(pause);
            try
            {
                return await AskOnceAsync(socket, id, number, clock, deadline.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // Asked again, while there is time.
            }
        }
        return null;
    }

    /// <summary>The nearest way from one time of day to another, over midnight if that is nearer.</summary>
    internal static TimeSpan Nearest(TimeSpan from, TimeSpan to)
    {
        var difference = to - from;
        return difference > Day / 2 ? difference - Day
            : difference < -Day / 2 ? difference + Day
            : difference;
    }

    private static async Task<TimeSpan> AskOnceAsync(
        Socket socket,
        ushort id,
        ushort number,
        TimeProvider clock,
        CancellationToken cancellationToken
    )
    {
        var message = new byte[IcmpMessage.TimestampBytes];
        var sent = clock.GetTimestamp();
        var asked = clock.GetUtcNow().TimeOfDay;
        IcmpMessage.WriteTimestamp(message, id, number, asked);
        await socket.SendAsync(message, cancellationToken);
        var packet = new byte[LargestPacket];
        while (true)
        {
            var length = await socket.ReceiveAsync(packet, cancellationToken);
            if (IcmpMessage.ReadTimestamp(packet.AsSpan(0, length), id, number) is { } theirs)
            {
                // It answered half way between.
                return Nearest(asked + clock.GetElapsedTime(sent) / 2, theirs);
            }
        }
    }
}
