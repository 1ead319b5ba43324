using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using System.Net;
using System.Text;

namespace Weft.Core.Addressing;

/// <summary>A 48-bit Ethernet address, printed in lower case with colons as the kernel prints it.</summary>
public readonly record struct MacAddress
{
    /// <summary>The number of bytes in an address.</summary>
    public const int Length = 6;

    private readonly ulong value;

    private MacAddress(ulong bits) => value = bits;

    /// <summary>Makes an address of its six bytes in the order in which they are sent.</summary>
    /// <exception cref="ArgumentException">They are not six.</exception>
    public MacAddress(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Length)
        {
            throw new ArgumentException("an Ethernet address has six bytes", nameof(bytes));
        }
        foreach (var octet in bytes)
        {
            value = value << 8 | octet;
        }
    }

    /// <summary>Whether the address names a group of stations (IEEE 802, the lowest bit of the first octet).</summary>
    public bool IsMulticast => (value & 0x0100_0000_0000) != 0;

    /// <summary>Whether all 48 bits are zero; the kernel refuses such an address.</summary>
    public bool IsZero => value == 0;

    /// <summary>
    /// Derives a stable, locally administered unicast address (IEEE 802c, prefix 02) from names. The same words always give the
    /// same address, so the neighbours' ARP entries for a container stay valid when it restarts.
    /// </summary>
    public static MacAddress Derive(params ReadOnlySpan<string> words)
    {
        // This hash protects nothing. A cryptographic one would load a library, which takes milliseconds.
        var hash = XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(string.Join('\0', words)));
        return new MacAddress(0x0200_0000_0000 | hash & 0xFF_FFFF_FFFF);
    }

    /// <summary>Reads six colon-separated pairs of hexadecimal digits.</summary>
    public static bool TryParse(string text, out MacAddress address)
    {
        address = default;
        var pairs = text.Split(':');
        if (pairs.Length != 6)
        {
            return false;
        }
        ulong bits = 0;
        foreach (var pair in pairs)
        {
            if (
                pair.Length != 2
                || !byte.TryParse(pair, NumberStyles.AllowHexSpecifier, null, out var octet)
            )
            {
                return false;
            }
            bits = bits << 8 | octet;
        }
        address = new MacAddress(bits);
        return true;
    }

    /// <summary>The six bytes, as they are on the wire.</summary>
    public byte[] GetBytes()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes[^Length..].ToArray();
    }

    /// <summary>The IPv6 link-local address that the kernel derives from it (RFC 4291 appendix A, modified EUI-64).</summary>
    public IPAddress ToLinkLocal()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, 0xFE80_0000_0000_0000);
        var identifier = (value >> 24 << 40) | (0xFF_FEUL << 24) | (value & 0xFF_FFFF);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], identifier ^ 0x0200_0000_0000_0000);
        return new IPAddress(bytes);
    }

    /// <summary>The address as <c>02:00:00:00:00:01</c>.</summary>
    public override string ToString() =>
        string.Create(
            17,
            value,
            static (text, bits) =>
            {
                for (var octet = 0; octet < 6; octet++)
                {
                    var octetValue = (byte)(bits >> (40 - 8 * octet));
                    octetValue.TryFormat(text[(octet * 3)..], out _, "x2");
                    if (octet < 5)
                    {
                        text[octet * 3 + 2] = ':';
                    }
                }
            }
        );
}
