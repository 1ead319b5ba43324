using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>How the kernel writes IPsec policies in netlink messages (linux/xfrm.h): to read what there is, and to change it.</summary>
internal static class XfrmMessage
{
    // linux/xfrm.h.
    private const ushort Template = 5;
    private const ushort Mark = 21;
    private const ushort InterfaceId = 31;
    private const byte Block = 1;

    // A struct xfrm_userpolicy_info: after the selector come limits, lifetimes and uses of 32 bytes each.
    private const int SelectorBytes = 56;
    private const int LimitsBytes = 32;
    private const int PriorityAt = 152;
    private const int DirectionAt = 160;
    private const int ActionAt = 161;
    private const int PolicyBytes = 168;

    // A struct xfrm_userpolicy_id.
    private const int DirectionOfIdAt = 60;
    private const int IdBytes = 64;

    private const int TemplateBytes = 64;

    /// <summary>Reads a struct xfrm_userpolicy_info and its attributes; null for the policy of a single socket.</summary>
    public static XfrmPolicy? ReadPolicy(ReadOnlySpan<byte> message)
    {
        var (priority, direction, action) = (
            MemoryMarshal.Read<uint>(message[PriorityAt..]),
            message[DirectionAt],
            message[ActionAt]
        );
        if (direction > (int)XfrmDirection.Forward || ReadSelector(message) is not { } selector)
        {
            return null;
        }
        var policy = new XfrmPolicy
        {
            Direction = (XfrmDirection)direction,
            Selector = selector,
            Priority = priority,
            Blocks = action != 0,
        };
        Netlink.ForEachAttribute(
            message[PolicyBytes..],
            (kind, value) =>
            {
                switch (kind)
                {
                    case Template when Demanded(value) is { } requestId:
                        policy = policy with { Encrypts = true, RequestId = requestId };
                        break;
                    case Mark when MemoryMarshal.Read<uint>(value[4..]) != 0:
                    case InterfaceId when MemoryMarshal.Read<uint>(value) != 0:
                        policy = policy with { IsPartial = true };
                        break;
                }
            }
        );
        return policy;
    }

    /// <summary>Writes a struct xfrm_userpolicy_info: the selector, no limits, counters, and the action.</summary>
    public static byte[] OfPolicy(XfrmPolicy policy)
    {
        var bytes = new byte[PolicyBytes];
        WriteSelector(bytes, policy.Selector);
        // No limits on bytes and packets (XFRM_INF), as ip(8) sets by default.
        bytes.AsSpan(SelectorBytes, LimitsBytes).Fill(byte.MaxValue);
        MemoryMarshal.Write(bytes.AsSpan(PriorityAt), policy.Priority);
        bytes[DirectionAt] = (byte)policy.Direction;
        bytes[ActionAt] = policy.Blocks ? Block : (byte)0;
        return bytes;
    }

    /// <summary>Writes a struct xfrm_userpolicy_id: the selector, an index that is left zero, and the direction.</summary>
    public static byte[] IdOfPolicy(XfrmPolicy policy)
    {
        var bytes = new byte[IdBytes];
        WriteSelector(bytes, policy.Selector);
        bytes[DirectionOfIdAt] = (byte)policy.Direction;
        return bytes;
    }

    /// <summary>Writes a struct xfrm_selector.</summary>
    private static void WriteSelector(Span<byte> bytes, XfrmSelector selector)
    {
        var (from, to) = (selector.Source, selector.Destination);
        to.BaseAddress.TryWriteBytes(bytes, out _);
        from.BaseAddress.TryWriteBytes(bytes[16..], out _);
        WritePort(bytes[32..], selector.DestinationPort);
        WritePort(bytes[36..], selector.SourcePort);
        MemoryMarshal.Write(bytes[40..], Family(to.BaseAddress));
        bytes[42] = (byte)to.PrefixLength;
        bytes[43] = (byte)from.PrefixLength;
        bytes[44] = selector.Protocol;
    }

    /// <summary>Writes a port and its mask.</summary>
    private static void WritePort(Span<byte> bytes, ushort? port)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, port ?? 0);
        BinaryPrimitives.WriteUInt16BigEndian(
            bytes[2..],
            port is null ? (ushort)0 : ushort.MaxValue
        );
    }

    // AF_INET and AF_INET6 of the kernel.
    private static ushort Family(IPAddress address) =>
        address.AddressFamily is AddressFamily.InterNetworkV6 ? (ushort)10 : (ushort)2;

    /// <summary>Reads a struct xfrm_selector.</summary>
    private static XfrmSelector? ReadSelector(ReadOnlySpan<byte> bytes)
    {
        var addressBytes = AddressBytes(bytes[40..]);
        if (addressBytes == 0)
        {
            return null;
        }
        var (toMask, fromMask) = (Port(bytes[34..]), Port(bytes[38..]));
        var odd =
            ((ulong)MemoryMarshal.Read<uint>(bytes[48..]) << 32)
            ^ MemoryMarshal.Read<uint>(bytes[52..])
            ^ (toMask is 0 or ushort.MaxValue ? 0UL : toMask)
            ^ (fromMask is 0 or ushort.MaxValue ? 0UL : (ulong)fromMask << 16);
        return new XfrmSelector(
            Network(bytes.Slice(16, addressBytes), bytes[43]),
            Network(bytes[..addressBytes], bytes[42]),
            bytes[44],
            fromMask == 0 ? null : Port(bytes[36..]),
            toMask == 0 ? null : Port(bytes[32..]),
            odd
        );
    }

    /// <summary>The request ID of the first template (struct xfrm_user_tmpl) that is not optional; null if all are.</summary>
    private static uint? Demanded(ReadOnlySpan<byte> templates)
    {
        const int RequestId = 44;
        const int Optional = 50;
        for (var at = 0; at + TemplateBytes <= templates.Length; at += TemplateBytes)
        {
            if (templates[at + Optional] == 0)
            {
                return MemoryMarshal.Read<uint>(templates[(at + RequestId)..]);
            }
        }
        return null;
    }

    /// <summary>How long addresses of a family are; 0 for one that is neither IPv4 nor IPv6.</summary>
    public static int AddressBytes(ReadOnlySpan<byte> family) =>
        MemoryMarshal.Read<ushort>(family) switch
        {
            2 => 4,
            10 => 16,
            _ => 0,
        };

    private static IPNetwork Network(ReadOnlySpan<byte> address, int prefixLength)
    {
        // The kernel looks at the bits of the prefix only and keeps whatever it was given behind them.
        Span<byte> masked = stackalloc byte[address.Length];
        for (var i = 0; i < address.Length; i++)
        {
            var bits = Math.Clamp(prefixLength - 8 * i, 0, 8);
            masked[i] = (byte)(address[i] & (0xff00 >> bits));
        }
        return new IPNetwork(new IPAddress(masked), Math.Min(prefixLength, 8 * address.Length));
    }

    private static ushort Port(ReadOnlySpan<byte> bytes) =>
        BinaryPrimitives.ReadUInt16BigEndian(bytes);
}
