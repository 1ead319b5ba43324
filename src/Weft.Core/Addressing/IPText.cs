using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Weft.Core.Addressing;

/// <summary>
/// Reads IP addresses and subnets strictly. The framework also accepts <c>10.8.2</c>, <c>0x0a.1.1.1</c>, <c>010.1.1.1</c>, zones
/// and brackets; here these are refused, with a hint at what was probably meant.
/// </summary>
public static class IPText
{
    private static readonly SearchValues<char> Ipv4Characters = SearchValues.Create(
        "0123456789abcdefABCDEFxX."
    );

    private static readonly SearchValues<char> Ipv6Characters = SearchValues.Create(
        "0123456789abcdefABCDEF:."
    );

    /// <summary>Reads an IPv4 address of four decimal numbers, or an IPv6 address (RFC 4291 section 2.2).</summary>
    /// <param name="text">The address alone, without a prefix length.</param>
    /// <param name="address">The address; never an IPv4-mapped IPv6 address.</param>
    /// <param name="wrong">What is wrong and what to do, as the rest of a sentence that begins with the text.</param>
    public static bool TryReadAddress(
        string text,
        [NotNullWhen(true)] out IPAddress? address,
        [NotNullWhen(false)] out string? wrong
    )
    {
        address = null;
        if (text.IndexOf('/') is var slash and >= 0)
        {
            if (TryReadAddress(text[..slash], out var alone, out wrong))
            {
                wrong = $"has a prefix length: write the address alone, {alone}";
            }
            return false;
        }
        return text.Contains(':')
            ? TryReadIpv6(text, out address, out wrong)
            : TryReadIpv4(text, out address, out wrong);
    }

    /// <summary>Reads a subnet in CIDR notation. Its host bits must be zero, and it must have room for two hosts.</summary>
    /// <param name="text">The subnet, such as <c>10.8.2.0/24</c>.</param>
    /// <param name="subnet">The subnet.</param>
    /// <param name="wrong">What is wrong and what to do, as the rest of a sentence that begins with the text.</param>
    public static bool TryReadSubnet(
        string text,
        out IPNetwork subnet,
        [NotNullWhen(false)] out string? wrong
    )
    {
        if (!TryReadNetwork(text, isSubnet: true, out subnet, out wrong))
        {
            return false;
        }
        var bits = Bits(subnet.BaseAddress);
        if (subnet.PrefixLength == bits)
        {
            subnet = default;
            wrong =
                $"holds one address, and a network is for two hosts at least: write a prefix length of at most {bits - 1}";
            return false;
        }
        return true;
    }

    /// <summary>
    /// Reads a range of addresses in CIDR notation whose host bits are zero, of any size from a single address to all of them.
    /// </summary>
    /// <param name="text">The addresses, such as <c>10.8.2.64/26</c> or <c>::/0</c>.</param>
    /// <param name="network">The range.</param>
    /// <param name="wrong">What is wrong and what to do, as the rest of a sentence that begins with the text.</param>
    public static bool TryReadNetwork(
        string text,
        out IPNetwork network,
        [NotNullWhen(false)] out string? wrong
    ) => TryReadNetwork(text, isSubnet: false, out network, out wrong);

    private static bool TryReadNetwork(
        string text,
        bool isSubnet,
        out IPNetwork network,
        [NotNullWhen(false)] out string? wrong
    )
    {
        network = default;
        var slash = text.IndexOf('/');
        var addressText = slash < 0 ? text : text[..slash];
        if (!TryReadAddress(addressText, out var address, out wrong))
        {
            wrong =
                slash < 0
                    ? "is not a subnet: write one such as 10.8.2.0/24 or fd00:8:2::/64"
                    : $"begins with what {wrong}";
            return false;
        }
        var bits = Bits(address);
        if (slash < 0)
        {
            wrong = $"has no prefix length: write {text}/{(bits == 32 ? 24 : 64)}, for example";
            return false;
        }
        var prefixText = text[(slash + 1)..];
        if (isSubnet && prefixText == "0")
        {
            wrong =
                "holds every address there is: write a prefix length that leaves the others some";
            return false;
        }
        if (!TryReadPrefix(prefixText, bits, out var prefix))
        {
            wrong = PrefixOfMask(prefixText) is { } meant
                ? $"has a netmask: write the prefix length, {addressText}/{meant}"
                : $"has no prefix length from {(isSubnet ? 1 : 0)} to {(isSubnet ? bits - 1 : bits)}: write {addressText}/{(bits == 32 ? 24 : 64)}, for example";
            return false;
        }
        var subnet = SubnetOf(address, prefix);
        if (!subnet.BaseAddress.Equals(address))
        {
            wrong = $"has host bits set: write {subnet}, the subnet that {address} is in";
            return false;
        }
        network = subnet;
        return true;
    }

    /// <summary>The subnet of a prefix length that holds an address.</summary>
    public static IPNetwork SubnetOf(IPAddress address, int prefix) =>
        new(
            FromNumber(ToNumber(address) & ~HostMask(Bits(address), prefix), address.AddressFamily),
            prefix
        );

    /// <summary>The first and the last address of a subnet or of a part of one.</summary>
    public static (UInt128 First, UInt128 Last) Ends(IPNetwork subnet)
    {
        var first = ToNumber(subnet.BaseAddress);
        return (first, first | HostMask(Bits(subnet.BaseAddress), subnet.PrefixLength));
    }

    /// <summary>
    /// The first and the last address of a subnet that hosts can use. A subnet of two addresses reserves none (RFC 3021, RFC
    /// 6164); IPv6 has no broadcast address.
    /// </summary>
    public static (UInt128 Lowest, UInt128 Highest) Hosts(IPNetwork subnet)
    {
        var bits = Bits(subnet.BaseAddress);
        var (first, last) = Ends(subnet);
        return subnet.PrefixLength >= bits - 1 ? (first, last)
            : bits == 32 ? (first + 1, last - 1)
            : (first + 1, last);
    }

    /// <summary>A mask of the bits outside the prefix.</summary>
    private static UInt128 HostMask(int bits, int prefix) =>
        bits == prefix ? 0 : (UInt128.MaxValue >> (128 - (bits - prefix)));

    /// <summary>The length in bits of an address of this family: 32 or 128.</summary>
    public static int Bits(IPAddress address) =>
        address.AddressFamily is AddressFamily.InterNetwork ? 32 : 128;

    /// <summary>What an address of this family is of: <c>IPv4</c> or <c>IPv6</c>.</summary>
    public static string VersionOf(AddressFamily family) =>
        family is AddressFamily.InterNetwork ? "IPv4" : "IPv6";

    /// <summary>The address as a number, most significant byte first.</summary>
    public static UInt128 ToNumber(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        address.TryWriteBytes(bytes[(16 - Bits(address) / 8)..], out _);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    /// <summary>The address of the given family with this number.</summary>
    public static IPAddress FromNumber(UInt128 number, AddressFamily family)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, number);
        return new IPAddress(family is AddressFamily.InterNetwork ? bytes[12..] : bytes);
    }

    private static bool TryReadIpv4(
        string text,
        [NotNullWhen(true)] out IPAddress? address,
        [NotNullWhen(false)] out string? wrong
    )
    {
        const string Form = "write four numbers from 0 to 255 with dots between, as in 192.0.2.1";
        address = null;
        var parts = text.Split('.');
        var digitsOnly = parts.All(part =>
            part.Length > 0 && !part.AsSpan().ContainsAnyExceptInRange('0', '9')
        );
        if (!digitsOnly && !text.AsSpan().ContainsAnyExcept(Ipv4Characters))
        {
            wrong = $"is not an IPv4 address: {Form}";
            return false;
        }
        if (!digitsOnly)
        {
            wrong = "is not an IP address: write one such as 192.0.2.1 or fd00::1";
            return false;
        }
        Span<byte> bytes = stackalloc byte[4];
        var number = 0;
        if (
            parts.Length != 4
            || !parts.All(part => byte.TryParse(part, NumberStyles.None, null, out _))
        )
        {
            wrong = $"is not an IPv4 address: {Form}";
            return false;
        }
        foreach (var part in parts)
        {
            bytes[number++] = byte.Parse(part, NumberStyles.None);
        }
        var read = new IPAddress(bytes);
        if (read.ToString() != text)
        {
            wrong = $"has a number with a leading zero, octal to some programs: write {read}";
            return false;
        }
        address = read;
        wrong = null;
        return true;
    }

    private static bool TryReadIpv6(
        string text,
        [NotNullWhen(true)] out IPAddress? address,
        [NotNullWhen(false)] out string? wrong
    )
    {
        address = null;
        if (text.Contains('%'))
        {
            wrong = "has a zone: write the address alone";
            return false;
        }
        if (
            text.AsSpan().ContainsAnyExcept(Ipv6Characters)
            || !IPAddress.TryParse(text, out var read)
            || read.AddressFamily is not AddressFamily.InterNetworkV6
        )
        {
            wrong = "is not an IPv6 address: write one such as fd00::1, without brackets or port";
            return false;
        }
        if (read.IsIPv4MappedToIPv6)
        {
            wrong = $"is an IPv4 address written as an IPv6 one: write {read.MapToIPv4()}";
            return false;
        }
        address = read;
        wrong = null;
        return true;
    }

    private static bool TryReadPrefix(string text, int bits, out int prefix) =>
        int.TryParse(text, NumberStyles.None, null, out prefix)
        && prefix <= bits
        && (text == "0" || text[0] != '0');

    /// <summary>The prefix length that a netmask such as 255.255.255.0 stands for.</summary>
    private static int? PrefixOfMask(string text)
    {
        if (!TryReadIpv4(text, out var mask, out _))
        {
            return null;
        }
        var zeros = (int)UInt128.TrailingZeroCount(ToNumber(mask));
        var ones = 32 - Math.Min(zeros, 32);
        var isMask = ToNumber(mask) == (UInt128)(uint.MaxValue & ~((1UL << (32 - ones)) - 1));
        return isMask && ones is > 0 and < 32 ? ones : null;
    }
}
