using System.Buffers.Binary;
using System.Collections.Immutable;
using System.ComponentModel;
using System.Net;
using System.Runtime.InteropServices;
using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>
/// Reads the kernel's IPsec policies and associations by a netlink socket (linux/xfrm.h, netlink(7)). <c>ip xfrm policy</c>
/// prints no JSON (iproute2 6.1), and its text depends on /etc/protocols; the socket's structures are stable. As it takes no
/// process, every observation includes them, and finds a guard that nobody needs any more.
/// </summary>
internal static class GuardReader
{
    // linux/xfrm.h.
    private const ushort GetAssociation = 0x12;
    private const ushort GetPolicy = 0x15;

    /// <summary>The policies of the calling thread's network namespace. A failure to read them is part of the result.</summary>
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
                    if (XfrmMessage.ReadPolicy(message) is { } policy)
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

    /// <summary>Reads a struct xfrm_usersa_info: a selector of 56 bytes, an xfrm_id, the other address, lifetimes, statistics.</summary>
    private static XfrmState? ParseState(ReadOnlySpan<byte> message)
    {
        var bytes = XfrmMessage.AddressBytes(message[212..]);
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
}
