using System.Buffers.Binary;

namespace Weft.Reachability;

/// <summary>The checksum of IP, ICMP and ICMPv6 (RFC 1071).</summary>
internal static class InternetChecksum
{
    /// <summary>The checksum of bytes in which its own place is zero.</summary>
    public static ushort Of(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (; bytes.Length >= 2; bytes = bytes[2..])
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
        }
        if (!bytes.IsEmpty)
        {
            sum += (uint)bytes[0] << 8;
        }
        while (sum > ushort.MaxValue)
        {
            sum = (sum & ushort.MaxValue) + (sum >> 16);
        }
        return (ushort)~sum;
    }
}
