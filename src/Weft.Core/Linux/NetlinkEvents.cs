using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Weft.Core.Linux;

/// <summary>What the kernel tells of by itself to those who joined a group (netlink(7)).</summary>
internal static class NetlinkEvents
{
    // sys/socket.h and linux/netlink.h.
    private const int SolNetlink = 270;
    private const int ListenAllNamespaces = 8;
    private const int SolSocket = 1;
    private const int ReceiveBufferForce = 33;
    private const int NoBufferSpace = 105;
    private const int Interrupted = 4;

    // Thousands of events: starting many containers makes dozens each, and the agent may be at work meanwhile.
    private const int KernelBufferBytes = 4 * 1024 * 1024;
    private const int BufferBytes = 64 * 1024;
    private const int ThreadStackBytes = 256 * 1024;

    /// <summary>Is given what has been received.</summary>
    /// <param name="space">The number of the network namespace that it is from; null for the one of the socket.</param>
    /// <param name="messages">The messages; none where the kernel had more to tell than it could keep.</param>
    public delegate void Take(int? space, NetlinkMessages messages);

    /// <summary>Listens until this process ends.</summary>
    /// <param name="name">What the listening thread is called.</param>
    /// <param name="protocol">Which of the kernel's parts.</param>
    /// <param name="groups">The groups, a bit each.</param>
    /// <param name="everywhere">Whether to listen in every network namespace that this one has a number for.</param>
    /// <param name="take">Is called on a thread that does nothing else.</param>
    /// <exception cref="Win32Exception">The kernel has no such part.</exception>
    public static void Listen(string name, int protocol, uint groups, bool everywhere, Take take)
    {
        var socket = Open(protocol, groups, everywhere);
        new Thread(() => Run(socket, take), ThreadStackBytes)
        {
            IsBackground = true,
            Name = name,
        }.Start();
    }

    private static unsafe SafeFileHandle Open(int protocol, uint groups, bool everywhere)
    {
        var socket = Netlink.Open(protocol);
        // struct sockaddr_nl: the family, two bytes of nothing, an address that the kernel picks, the groups.
        var address = stackalloc uint[] { 16, 0, groups };
        Netlink.Check(Libc.Bind(socket, address, 12));
        if (everywhere)
        {
            int yes = 1;
            Netlink.Check(
                Libc.SetSocketOption(socket, SolNetlink, ListenAllNamespaces, &yes, sizeof(int))
            );
        }
        int size = KernelBufferBytes;
        // Without the right to it the usual size has to do.
        _ = Libc.SetSocketOption(socket, SolSocket, ReceiveBufferForce, &size, sizeof(int));
        return socket;
    }

    private static unsafe void Run(SafeFileHandle socket, Take take)
    {
        const int ControlBytes = 64;
        var buffer = new byte[BufferBytes];
        var control = stackalloc byte[ControlBytes];
        fixed (byte* bytes = buffer)
        {
            var vector = new Libc.IoVector { Base = (nint)bytes, Length = BufferBytes };
            while (true)
            {
                var header = new Libc.MessageHeader
                {
                    Vectors = (nint)(&vector),
                    VectorCount = 1,
                    Control = (nint)control,
                    ControlLength = ControlBytes,
                };
                var received = Libc.ReceiveMessage(socket, &header, 0);
                if (received >= 0)
                {
                    take(
                        NamespaceIn(new(control, (int)header.ControlLength)),
                        new NetlinkMessages(buffer.AsSpan(0, (int)received))
                    );
                }
                else if (Marshal.GetLastPInvokeError() is NoBufferSpace)
                {
                    take(null, new NetlinkMessages([]));
                }
                else if (Marshal.GetLastPInvokeError() is not Interrupted)
                {
                    return;
                }
            }
        }
    }

    /// <summary>The number of the namespace that a message is from, in a struct cmsghdr: length, level, kind, number.</summary>
    private static int? NamespaceIn(ReadOnlySpan<byte> control) =>
        control.Length >= 20
        && MemoryMarshal.Read<int>(control[8..]) == SolNetlink
        && MemoryMarshal.Read<int>(control[12..]) == ListenAllNamespaces
            ? MemoryMarshal.Read<int>(control[16..])
            : null;
}
