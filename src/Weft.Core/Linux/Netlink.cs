using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Weft.Core.Linux;

/// <summary>
/// Asks the kernel by netlink sockets (netlink(7)): an answer takes microseconds where a program that prints it takes
/// milliseconds, and the structures are stable.
/// </summary>
internal static class Netlink
{
    /// <summary>Links and addresses (rtnetlink(7)).</summary>
    public const int RouteProtocol = 0;

    /// <summary>IPsec policies and associations (linux/xfrm.h).</summary>
    public const int XfrmProtocol = 6;

    /// <summary>The level of a netlink socket's options (sys/socket.h).</summary>
    public const int SolNetlink = 270;

    /// <summary>The bytes of struct nlmsghdr.</summary>
    public const int HeaderBytes = 16;

    // linux/netlink.h.
    private const ushort Error = 2;
    private const ushort Done = 3;
    private const ushort Request = 0x1;
    private const ushort RequestAnswered = 0x5;
    private const ushort RequestDump = 0x301;
    private const ushort DumpInterrupted = 0x10;

    // linux/netlink.h.
    private const int StrictCheck = 12;

    // NLA_F_NESTED and NLA_F_NET_BYTEORDER.
    private const ushort AttributeKind = 0x3FFF;

    // More than the kernel puts into one part of a dump (NLMSG_GOODSIZE or 32 KiB, af_netlink.c), and little enough for a stack.
    private const int BufferBytes = 64 * 1024;

    private const int MostAttempts = 10;

    // MSG_TRUNC: the length is that of the whole message, even if some of it was cut off.
    private const int WholeLength = 0x20;

    /// <summary>Is given the kind and the body of one message.</summary>
    public delegate void Take(ushort kind, ReadOnlySpan<byte> body);

    /// <summary>Is given the kind and the value of one attribute.</summary>
    public delegate void TakeAttribute(ushort kind, ReadOnlySpan<byte> value);

    /// <summary>
    /// Has the kernel list all of a kind, again if they change meanwhile. If they change each time, the last list has to do:
    /// whoever changes theirs without a pause, as root in a container may, holds up nobody.
    /// </summary>
    /// <param name="protocol">Which of the kernel's parts.</param>
    /// <param name="asked">The kind of message that asks.</param>
    /// <param name="question">Its body.</param>
    /// <param name="begin">Called each time that the list begins.</param>
    /// <param name="take">Called with each message of the list.</param>
    /// <param name="isStrict">Whether the kernel is to list only what the question names (NETLINK_GET_STRICT_CHK), where it can do that.</param>
    /// <exception cref="Win32Exception">The kernel has no such part, or refused.</exception>
    public static void Dump(
        int protocol,
        ushort asked,
        ReadOnlySpan<byte> question,
        Action begin,
        Take take,
        bool isStrict = false
    )
    {
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            begin();
            if (TryDump(protocol, asked, question, take, isStrict))
            {
                return;
            }
        }
    }

    /// <summary>Asks the kernel a question that has one answer.</summary>
    /// <param name="protocol">Which of the kernel's parts.</param>
    /// <param name="asked">The kind of message that asks.</param>
    /// <param name="question">Its body.</param>
    /// <param name="take">Called with the answer.</param>
    /// <exception cref="Win32Exception">The kernel has no such part, or the answer is an error.</exception>
    [SkipLocalsInit]
    public static void Ask(int protocol, ushort asked, ReadOnlySpan<byte> question, Take take)
    {
        using var socket = Open(protocol);
        Send(socket, asked, Request, question);
        Span<byte> buffer = stackalloc byte[BufferBytes];
        var received = (int)Check(Libc.Receive(socket, buffer, BufferBytes, 0));
        foreach (var message in new NetlinkMessages(buffer[..received]))
        {
            if (message.Kind == Error)
            {
                throw new Win32Exception(-MemoryMarshal.Read<int>(message.Body));
            }
            take(message.Kind, message.Body);
        }
    }

    /// <summary>Has the kernel change something, and waits until it says that it has.</summary>
    /// <param name="socket">An open socket.</param>
    /// <param name="kind">The kind of message.</param>
    /// <param name="body">Its body.</param>
    /// <param name="flags">Its further flags.</param>
    /// <exception cref="Win32Exception">The kernel refused.</exception>
    [SkipLocalsInit]
    public static void Tell(
        SafeHandle socket,
        ushort kind,
        ReadOnlySpan<byte> body,
        ushort flags = 0
    )
    {
        Send(socket, kind, (ushort)(RequestAnswered | flags), body);
        Span<byte> buffer = stackalloc byte[BufferBytes];
        var received = (int)Check(Libc.Receive(socket, buffer, BufferBytes, 0));
        foreach (var message in new NetlinkMessages(buffer[..received]))
        {
            if (message.Kind == Error && MemoryMarshal.Read<int>(message.Body) is < 0 and var code)
            {
                throw new Win32Exception(-code);
            }
        }
    }

    /// <summary>Goes through the attributes behind a message's structure, or inside another attribute.</summary>
    public static void ForEachAttribute(ReadOnlySpan<byte> attributes, TakeAttribute take)
    {
        while (attributes.Length >= 4)
        {
            var length = MemoryMarshal.Read<ushort>(attributes);
            var kind = MemoryMarshal.Read<ushort>(attributes[2..]) & AttributeKind;
            take((ushort)kind, attributes[4..length]);
            attributes = attributes[Math.Min(Align(length), attributes.Length)..];
        }
    }

    /// <summary>Opens a socket in the calling thread's network namespace.</summary>
    /// <exception cref="Win32Exception">The kernel has no such part.</exception>
    public static SafeFileHandle Open(int protocol)
    {
        const int FamilyNetlink = 16;
        const int Raw = 3;
        const int CloseOnExecute = 0x80000;
        var socket = Check(Libc.Socket(FamilyNetlink, Raw | CloseOnExecute, protocol));
        return new SafeFileHandle(socket, ownsHandle: true);
    }

    /// <summary>Passes on what a call of the C library returned.</summary>
    /// <exception cref="Win32Exception">It was an error.</exception>
    public static nint Check(nint result) =>
        result >= 0 ? result : throw new Win32Exception(Marshal.GetLastPInvokeError());

    // The kernel says how much of the buffer it has written: to clear it first would touch all of its pages.
    [SkipLocalsInit]
    private static unsafe bool TryDump(
        int protocol,
        ushort asked,
        ReadOnlySpan<byte> question,
        Take take,
        bool isStrict
    )
    {
        using var socket = Open(protocol);
        if (isStrict)
        {
            var yes = 1;
            _ = Libc.SetSocketOption(socket, SolNetlink, StrictCheck, &yes, sizeof(int));
        }
        Send(socket, asked, RequestDump, question);
        Span<byte> buffer = stackalloc byte[BufferBytes];
        var isWhole = true;
        while (true)
        {
            var received = (int)Check(Libc.Receive(socket, buffer, BufferBytes, WholeLength));
            if (received > BufferBytes)
            {
                throw new Win32Exception(Libc.MessageTooLong);
            }
            foreach (var message in new NetlinkMessages(buffer[..received]))
            {
                isWhole &= (message.Flags & DumpInterrupted) == 0;
                switch (message.Kind)
                {
                    case Done:
                        return isWhole;
                    case Error:
                        throw new Win32Exception(-MemoryMarshal.Read<int>(message.Body));
                    default:
                        take(message.Kind, message.Body);
                        break;
                }
            }
        }
    }

    private static void Send(
        SafeHandle socket,
        ushort asked,
        ushort flags,
        ReadOnlySpan<byte> question
    )
    {
        var request = new byte[HeaderBytes + question.Length];
        MemoryMarshal.Write(request, (uint)request.Length);
        MemoryMarshal.Write(request.AsSpan(4), asked);
        MemoryMarshal.Write(request.AsSpan(6), flags);
        question.CopyTo(request.AsSpan(HeaderBytes));
        Check(Libc.Send(socket, request, (nuint)request.Length, 0));
    }

    /// <summary>Rounds a length up to whole words (NLMSG_ALIGN).</summary>
    public static int Align(int length) => (length + 3) & ~3;
}

/// <summary>One message of the kernel.</summary>
/// <param name="kind">Its type.</param>
/// <param name="flags">Its flags.</param>
/// <param name="body">What follows its header.</param>
internal readonly ref struct NetlinkMessage(ushort kind, ushort flags, ReadOnlySpan<byte> body)
{
    public ushort Kind { get; } = kind;

    public ushort Flags { get; } = flags;

    public ReadOnlySpan<byte> Body { get; } = body;
}

/// <summary>Goes through the messages of what was received.</summary>
/// <param name="received">What was received.</param>
internal ref struct NetlinkMessages(ReadOnlySpan<byte> received)
{
    private ReadOnlySpan<byte> rest = received;

    public NetlinkMessage Current { get; private set; }

    public readonly NetlinkMessages GetEnumerator() => this;

    public bool MoveNext()
    {
        if (rest.Length < Netlink.HeaderBytes)
        {
            return false;
        }
        var length = (int)MemoryMarshal.Read<uint>(rest);
        Current = new NetlinkMessage(
            MemoryMarshal.Read<ushort>(rest[4..]),
            MemoryMarshal.Read<ushort>(rest[6..]),
            rest[Netlink.HeaderBytes..length]
        );
        rest = rest[Math.Min(Netlink.Align(length), rest.Length)..];
        return true;
    }
}
