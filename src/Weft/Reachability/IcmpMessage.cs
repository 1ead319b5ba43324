using System.Buffers.Binary;

namespace Weft.Reachability;

/// <summary>Reads and writes the ICMP messages of <c>ping</c>: RFC 792 for IPv4, RFC 4443 for IPv6.</summary>
internal static class IcmpMessage
{
    /// <summary>The bytes of an echo message before its data.</summary>
    public const int EchoHeader = 8;

    private const int ErrorHeader = 8;
    private const int Ipv6Header = 40;

    /// <summary>Writes an echo request, whose data are a cookie followed by zeros.</summary>
    public static void WriteEcho(
        Span<byte> message,
        bool ipv6,
        ushort id,
        ushort sequence,
        long cookie
    )
    {
        message.Clear();
        message[0] = (byte)(ipv6 ? 128 : 8);
        BinaryPrimitives.WriteUInt16BigEndian(message[4..], id);
        BinaryPrimitives.WriteUInt16BigEndian(message[6..], sequence);
        BinaryPrimitives.WriteInt64BigEndian(message[EchoHeader..], cookie);
        if (!ipv6)
        {
            // For ICMPv6 the kernel computes the checksum (RFC 3542 section 3.1).
            BinaryPrimitives.WriteUInt16BigEndian(message[2..], InternetChecksum.Of(message));
        }
    }

    /// <summary>The bytes of a timestamp message (RFC 792).</summary>
    public const int TimestampBytes = 20;

    /// <summary>Writes an ICMPv4 timestamp request.</summary>
    /// <param name="message">The buffer, of <see cref="TimestampBytes"/>.</param>
    /// <param name="id">The identifier by which the answer is recognized.</param>
    /// <param name="sequence">The request's sequence number.</param>
    /// <param name="now">The time of day (UTC).</param>
    public static void WriteTimestamp(Span<byte> message, ushort id, ushort sequence, TimeSpan now)
    {
        message.Clear();
        message[0] = 13;
        BinaryPrimitives.WriteUInt16BigEndian(message[4..], id);
        BinaryPrimitives.WriteUInt16BigEndian(message[6..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(message[8..], (uint)now.TotalMilliseconds);
        BinaryPrimitives.WriteUInt16BigEndian(message[2..], InternetChecksum.Of(message));
    }

    /// <summary>Reads the answer to a timestamp request.</summary>
    /// <param name="packet">The packet with its IP header.</param>
    /// <param name="id">The request's identifier.</param>
    /// <param name="sequence">The request's sequence number.</param>
    /// <returns>
    /// The time of day (UTC) at which the other answered, by its clock; null for another message, or a clock that is not UTC.
    /// </returns>
    public static TimeSpan? ReadTimestamp(ReadOnlySpan<byte> packet, ushort id, ushort sequence)
    {
        // The highest bit marks a time that is not in milliseconds since midnight UT.
        const uint NotStandard = 0x8000_0000;
        return
            TrySkipIpv4Header(ref packet)
            && packet.Length >= TimestampBytes
            && packet[0] == 14
            && BinaryPrimitives.ReadUInt16BigEndian(packet[4..]) == id
            && BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) == sequence
            && BinaryPrimitives.ReadUInt32BigEndian(packet[16..]) is var time
            && (time & NotStandard) == 0
            ? TimeSpan.FromMilliseconds(time)
            : null;
    }

    /// <summary>Parses what a raw socket has received.</summary>
    /// <param name="packet">With the IP header for IPv4, without it for IPv6, as Linux delivers it.</param>
    /// <param name="ipv6">Whether it is ICMPv6.</param>
    /// <returns>What it says of one of our echo requests; null where it is about something else.</returns>
    public static IcmpNews? Read(ReadOnlySpan<byte> packet, bool ipv6)
    {
        if (!ipv6 && !TrySkipIpv4Header(ref packet) || packet.Length < EchoHeader)
        {
            return null;
        }
        var kind = packet[0];
        var code = packet[1];
        if (kind == (ipv6 ? 129 : 0))
        {
            return packet.Length < EchoHeader + sizeof(long)
                ? null
                : new IcmpNews(
                    Outcome.Reached,
                    BinaryPrimitives.ReadUInt16BigEndian(packet[4..]),
                    BinaryPrimitives.ReadUInt16BigEndian(packet[6..]),
                    BinaryPrimitives.ReadInt64BigEndian(packet[EchoHeader..])
                );
        }
        Outcome? outcome = (ipv6, kind, code) switch
        {
            (false, 3, 4) => Outcome.TooLong,
            (false, 3, _) => Outcome.Unreachable,
            (true, 2, _) => Outcome.TooLong,
            (true, 1, _) => Outcome.Unreachable,
            _ => null,
        };
        // An error quotes the packet that caused it, as much of it as fits.
        var quoted = packet[ErrorHeader..];
        if (ipv6 && quoted.Length >= Ipv6Header)
        {
            quoted = quoted[Ipv6Header..];
        }
        else if (ipv6 || !TrySkipIpv4Header(ref quoted))
        {
            return null;
        }
        if (outcome is not { } error || quoted.Length < EchoHeader || quoted[0] != (ipv6 ? 128 : 8))
        {
            return null;
        }
        return new IcmpNews(
            error,
            BinaryPrimitives.ReadUInt16BigEndian(quoted[4..]),
            BinaryPrimitives.ReadUInt16BigEndian(quoted[6..]),
            null
        );
    }

    private static bool TrySkipIpv4Header(ref ReadOnlySpan<byte> packet)
    {
        if (packet.IsEmpty || (packet[0] & 0x0f) * 4 is var length && length > packet.Length)
        {
            return false;
        }
        packet = packet[length..];
        return true;
    }
}

/// <summary>What a received ICMP message says of an echo request.</summary>
/// <param name="Outcome">What became of the request.</param>
/// <param name="Id">The request's identifier.</param>
/// <param name="Sequence">The request's sequence number.</param>
/// <param name="Cookie">The request's cookie; null where the message quotes too little of it.</param>
internal sealed record IcmpNews(Outcome Outcome, ushort Id, ushort Sequence, long? Cookie);
