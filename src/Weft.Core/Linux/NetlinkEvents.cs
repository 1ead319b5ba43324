using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Weft.Core.Linux;

/// <summary>Receives what the kernel reports by itself to those who joined a group (netlink(7)).</summary>
internal sealed class NetlinkEvents
{
    // sys/socket.h and linux/netlink.h.
    private const int ListenAllNamespaces = 8;
    private const int SolSocket = 1;
    private const int ReceiveBufferForce = 33;
    private const int Peek = 0x2;
    private const int DoNotWait = 0x40;

    // Thousands of events: starting many containers makes dozens each, and the agent may be at work meanwhile.
    private const int KernelBufferBytes = 4 * 1024 * 1024;
    private const int BufferBytes = 64 * 1024;
    private const int ThreadStackBytes = 256 * 1024;

    private readonly SafeFileHandle socket;
    private readonly Take take;
    private readonly Lock reading = new();
    private readonly byte[] buffer = new byte[BufferBytes];

    private NetlinkEvents(SafeFileHandle socket, Take take)
    {
        this.socket = socket;
        this.take = take;
    }

    /// <summary>Is given what has been received.</summary>
    /// <param name="space">The number of the network namespace that it is from; null for the one of the socket.</param>
    /// <param name="messages">The messages; none where the kernel had more to tell than it could keep.</param>
    public delegate void Take(int? space, NetlinkMessages messages);

    /// <summary>Listens until this process ends.</summary>
    /// <param name="name">What the listening thread is called.</param>
    /// <param name="protocol">Which of the kernel's parts.</param>
    /// <param name="groups">The groups, a bit each.</param>
    /// <param name="everywhere">Whether to listen in every network namespace that this one has a number for.</param>
    /// <param name="take">Is called on a thread that does nothing else, or by <see cref="Drain"/>; never twice at once.</param>
    /// <exception cref="Win32Exception">The kernel has no such part.</exception>
    public static NetlinkEvents Listen(
        string name,
        int protocol,
        uint groups,
        bool everywhere,
        Take take
    )
    {
        var events = new NetlinkEvents(Open(protocol, groups, everywhere), take);
        new Thread(events.Run, ThreadStackBytes) { IsBackground = true, Name = name }.Start();
        return events;
    }

    /// <summary>
    /// Passes on all that the kernel has reported so far. It reports a change before it tells whoever asked for it that it is
    /// done, so this covers all changes that somebody has waited for.
    /// </summary>
    public void Drain()
    {
        lock (reading)
        {
            while (TryReceive()) { }
        }
    }

    /// <summary>Waits until there is something, and leaves it to be received by whoever comes first.</summary>
    private unsafe void Run()
    {
        while (true)
        {
            var header = new Libc.MessageHeader();
            if (
                Libc.ReceiveMessage(socket, &header, Peek) < 0
                && Marshal.GetLastPInvokeError() is var error and not Libc.Interrupted
            )
            {
                if (error != Libc.NoBufferSpace)
                {
                    return;
                }
                lock (reading)
                {
                    take(null, new NetlinkMessages([]));
                }
            }
            Drain();
        }
    }

    private static unsafe SafeFileHandle Open(int protocol, uint groups, bool everywhere)
    {
        var opened = Netlink.Open(protocol);
        // struct sockaddr_nl: the family, two bytes of nothing, an address that the kernel picks, the groups.
        var address = stackalloc uint[] { 16, 0, groups };
        Netlink.Check(Libc.Bind(opened, address, 12));
        if (everywhere)
        {
            int yes = 1;
            Netlink.Check(
                Libc.SetSocketOption(
                    opened,
                    Netlink.SolNetlink,
                    ListenAllNamespaces,
                    &yes,
                    sizeof(int)
                )
            );
        }
        int size = KernelBufferBytes;
        // Without the right to that, the default size has to do.
        _ = Libc.SetSocketOption(opened, SolSocket, ReceiveBufferForce, &size, sizeof(int));
        return opened;
    }

    private unsafe bool TryReceive()
    {
        const int ControlBytes = 64;
        var control = stackalloc byte[ControlBytes];
        fixed (byte* bytes = buffer)
        {
            var vector = new Libc.IoVector { Base = (nint)bytes, Length = BufferBytes };
            var header = new Libc.MessageHeader
            {
                Vectors = (nint)(&vector),
                VectorCount = 1,
                Control = (nint)control,
                ControlLength = ControlBytes,
            };
            var received = Libc.ReceiveMessage(socket, &header, DoNotWait);
            if (received >= 0)
            {
                take(
                    NamespaceIn(new(control, (int)header.ControlLength)),
                    new NetlinkMessages(buffer.AsSpan(0, (int)received))
                );
                return true;
            }
            switch (Marshal.GetLastPInvokeError())
            {
                case Libc.NoBufferSpace:
                    take(null, new NetlinkMessages([]));
                    return true;
                case Libc.Interrupted:
                    return true;
                default:
                    return false;
            }
        }
    }

    /// <summary>The number of the namespace that a message is from, in a struct cmsghdr: length, level, kind, number.</summary>
    private static int? NamespaceIn(ReadOnlySpan<byte> control) =>
        control.Length >= 20
        && MemoryMarshal.Read<int>(control[8..]) == Netlink.SolNetlink
        && MemoryMarshal.Read<int>(control[12..]) == ListenAllNamespaces
            ? MemoryMarshal.Read<int>(control[16..])
            : null;
}
