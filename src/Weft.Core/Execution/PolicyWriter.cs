using System.Buffers.Binary;
using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Planning;

namespace Weft.Core.Execution;

/// <summary>
/// Gives the kernel IPsec policies and takes them away, by a netlink socket (linux/xfrm.h, netlink(7)), in the calling thread's
/// network namespace. Before the guard stands nothing else may begin, and a program that is started for it takes longer than
/// all of the policies.
/// </summary>
internal static class PolicyWriter
{
    // linux/xfrm.h.
    private const ushort New = 0x13;
    private const ushort Delete = 0x14;
    private const ushort Update = 0x19;
    private const byte Block = 1;

    // linux/netlink.h: one that is there already is an error.
    private const ushort CreateOnly = 0x600;

    private const int SelectorBytes = 56;
    private const int PolicyBytes = 168;
    private const int IdBytes = 64;
    private const int LimitsBytes = 32;

    /// <summary>Carries the commands out in order. What was to go and is gone is as it should be.</summary>
    /// <param name="commands">All have a <see cref="LinkCommand.Policy"/>.</param>
    /// <exception cref="LinkBatchException">The kernel refused one; those before it have been carried out.</exception>
    public static void Write(IReadOnlyList<LinkCommand> commands)
    {
        try
        {
            using var socket = Netlink.Open(Netlink.XfrmProtocol);
            foreach (var command in commands)
            {
                Write(socket, command);
            }
        }
        catch (Win32Exception exception)
        {
            throw Failure(commands[0], exception);
        }
    }

    private static void Write(SafeHandle socket, LinkCommand command)
    {
        var (action, policy) = command.Policy!.Value;
        try
        {
            switch (action)
            {
                case ChangeAction.Add:
                    Netlink.Tell(socket, New, Whole(policy), CreateOnly);
                    break;
                case ChangeAction.Set:
                    Netlink.Tell(socket, Update, Whole(policy));
                    break;
                default:
                    Netlink.Tell(socket, Delete, Id(policy));
                    break;
            }
        }
        catch (Win32Exception exception)
            when (action is ChangeAction.Remove && exception.NativeErrorCode == Libc.NoSuchFile)
        {
            // Somebody else was faster.
        }
        catch (Win32Exception exception)
        {
            throw Failure(command, exception);
        }
    }

    private static LinkBatchException Failure(LinkCommand command, Win32Exception exception) =>
        new($"`{command}` failed: {exception.Message}", command, exception);

    /// <summary>A struct xfrm_userpolicy_info: the selector, limits that are none, counters, and what is to be done.</summary>
    internal static byte[] Whole(XfrmPolicy policy)
    {
        var bytes = new byte[PolicyBytes];
        WriteSelector(bytes, policy.Selector);
        // So many bytes and packets before it ends: ip(8) says the same by default (XFRM_INF).
        bytes.AsSpan(SelectorBytes, LimitsBytes).Fill(byte.MaxValue);
        MemoryMarshal.Write(bytes.AsSpan(152), policy.Priority);
        bytes[160] = (byte)policy.Direction;
        bytes[161] = policy.Blocks ? Block : (byte)0;
        return bytes;
    }

    /// <summary>A struct xfrm_userpolicy_id: the selector, and the direction behind a number that is not asked by.</summary>
    private static byte[] Id(XfrmPolicy policy)
    {
        var bytes = new byte[IdBytes];
        WriteSelector(bytes, policy.Selector);
        bytes[60] = (byte)policy.Direction;
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
}
