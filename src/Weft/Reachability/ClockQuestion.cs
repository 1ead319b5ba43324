using System.Net;
using System.Net.Sockets;

namespace Weft.Reachability;

/// <summary>
/// Asks another machine for the time with ICMP (RFC 792, Timestamp), which Linux answers unless a firewall drops it. ICMPv6 has
/// no such message.
/// </summary>
internal static class ClockQuestion
{
    private const int LargestPacket = 128;
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>Asks up to three times.</summary>
    /// <param name="source">The address to ask from.</param>
    /// <param name="destination">The machine to ask.</param>
    /// <param name="pause">How long to wait for each answer.</param>
    /// <param name="clock">This machine's clock.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>
    /// How far the other's clock is ahead, at most half a day either way, since the message has the time of day only. Null if it
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
                // No answer in time: ask again.
            }
        }
        return null;
    }

    /// <summary>The shortest difference between two times of day, across midnight if that is shorter.</summary>
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
                // It is taken to have answered halfway between request and reply.
                return Nearest(asked + clock.GetElapsedTime(sent) / 2, theirs);
            }
        }
    }
}
