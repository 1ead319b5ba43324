using System.Buffers.Binary;
using System.Collections.Immutable;
using System.ComponentModel;
using System.Net;
using System.Runtime.InteropServices;
using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>
/// Reads the kernel's IPsec policies and associations by a netlink socket (linux/xfrm.h, netlink(7)). <c>ip xfrm policy</c> prints no
/// JSON (iproute2 6.1), and its text depends on /etc/protocols; the socket's structures are the kernel's promise. Asking
/// takes no process, so that every observation can have them: a guard that nobody needs any more is found too.
/// </summary>
internal static class GuardReader
{
    // linux/xfrm.h.
    private const ushort GetAssociation = 0x12;
    private const ushort GetPolicy = 0x15;
    private const ushort Template = 5;
    private const ushort Mark = 21;
    private const ushort InterfaceId = 31;

    private const int PolicyBytes = 168;
    private const int TemplateBytes = 64;

    /// <summary>The policies of the calling thread's network namespace. It never fails: that it cannot read is an observation too.</summary>
    public static GuardObservation Read()
    {
        try
        {
            var policies = ImmutableArray.CreateBuilder<XfrmPolicy>();
            Netlink.Dump(
                Netlink.XfrmProtocol,
                GetPolicy,
                [],
                policies.Clear,
                (_, message) =>
                {
                    if (Parse(message) is { } policy)
                    {
                        policies.Add(policy);
                    }
                }
            );
            return new GuardObservation(policies.ToImmutable());
        }
        catch (Win32Exception exception)
        {
            var problem =
                exception.NativeErrorCode is Libc.UnknownProtocol or Libc.UnknownFamily
                    ? "this kernel has no XFRM, which IPsec is made of: load it with `modprobe -a xfrm_user esp4 esp6`, or boot a kernel that has these modules"
                : exception.NativeErrorCode == Libc.NotPermitted
                    ? "reading the kernel's IPsec policies takes root's rights: use sudo"
                : $"the kernel's IPsec policies cannot be read: {exception.Message}";
            return new GuardObservation([], problem);
        }
    }

    /// <summary>The kernel's associations; null where they cannot be read.</summary>
    public static ImmutableArray<XfrmState>? ReadStates()
    {
        try
        {
            var states = ImmutableArray.CreateBuilder<XfrmState>();
            Netlink.Dump(
                Netlink.XfrmProtocol,
                GetAssociation,
                [],
                states.Clear,
                (_, message) =>
                {
                    if (ParseState(message) is { } state)
                    {
                        states.Add(state);
                    }
                }
            );
            return states.ToImmutable();
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    /// <summary>Reads a struct xfrm_userpolicy_info and its attributes; null for the policy of a single socket.</summary>
    internal static XfrmPolicy? Parse(ReadOnlySpan<byte> message)
    {
        // After the selector's 56 bytes come lifetimes of 64 and 32.
        var (priority, direction, action) = (
            MemoryMarshal.Read<uint>(message[152..]),
            message[160],
            message[161]
        );
        if (direction > (int)XfrmDirection.Forward || ParseSelector(message) is not { } selector)
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

    /// <summary>Reads a struct xfrm_usersa_info: a selector of 56 bytes, an xfrm_id, the other address, lifetimes, statistics.</summary>
    private static XfrmState? ParseState(ReadOnlySpan<byte> message)
    {
        var bytes = AddressBytes(message[212..]);
        return bytes == 0
            ? null
            : new XfrmState(
                new IPAddress(message.Slice(80, bytes)),
                new IPAddress(message.Slice(56, bytes)),
                message[76],
                BinaryPrimitives.ReadUInt32BigEndian(message[72..]),
                MemoryMarshal.Read<uint>(message[208..])
            );
    }

    /// <summary>Reads a struct xfrm_selector.</summary>
    private static XfrmSelector? ParseSelector(ReadOnlySpan<byte> bytes)
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

    /// <summary>The number that the first of the templates (struct xfrm_user_tmpl) that is not optional demands; null if all are.</summary>
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
    private static int AddressBytes(ReadOnlySpan<byte> family) =>
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
