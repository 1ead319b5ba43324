using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>What has moved: the links of the host itself, or of a network namespace that it knows by a number.</summary>
/// <param name="Namespace">
/// The number, as <see cref="Link.PeerNamespace"/> has it of a veth pair into that namespace; null for the host itself.
/// </param>
/// <param name="IsOverrun">Whether the kernel had more to tell than it could keep: anything may have moved.</param>
public readonly record struct LinkEvent(int? Namespace, bool IsOverrun);

/// <summary>
/// Tells when links or addresses change, on the host and inside the network namespaces that it has a link into, and routes there
/// (rtnetlink(7), netlink(7) NETLINK_LISTEN_ALL_NSID).
/// </summary>
public static class LinkWatch
{
    // sys/socket.h, linux/netlink.h and linux/rtnetlink.h.
    private const int SolNetlink = 270;
    private const int ListenAllNamespaces = 8;
    private const uint LinksAddressesRoutes = 0x1 | 0x10 | 0x100 | 0x40 | 0x400;
    private const ushort NewRoute = 24;
    private const ushort RouteGone = 25;
    private const int SolSocket = 1;
    private const int ReceiveBufferForce = 33;
    private const int NoBufferSpace = 105;
    private const int Interrupted = 4;
    private const byte BridgeFamily = 7;

    // Thousands of events: starting many containers makes dozens each, and the agent may be at work meanwhile.
    private const int KernelBufferBytes = 4 * 1024 * 1024;
    private const int BufferBytes = 64 * 1024;
    private const int ThreadStackBytes = 256 * 1024;

    /// <summary>Watches until this process ends.</summary>
    /// <param name="changed">Is told, on a thread that does nothing else.</param>
    /// <exception cref="HostException">The kernel does not tell.</exception>
    public static void Start(Action<LinkEvent> changed)
    {
        SafeFileHandle socket;
        try
        {
            socket = Open();
        }
        catch (Win32Exception exception)
        {
            throw new HostException(
                $"the kernel does not tell of changes to links: {exception.Message}",
                exception
            );
        }
        new Thread(() => Run(socket, changed), ThreadStackBytes)
        {
            IsBackground = true,
            Name = "links",
        }.Start();
    }

    private static unsafe SafeFileHandle Open()
    {
        var socket = Netlink.Open(Netlink.RouteProtocol);
        // struct sockaddr_nl: the family, two bytes of nothing, an address that the kernel picks, the groups.
        var address = stackalloc uint[] { 16, 0, LinksAddressesRoutes };
        Netlink.Check(Libc.Bind(socket, address, 12));
        int yes = 1;
        Netlink.Check(
            Libc.SetSocketOption(socket, SolNetlink, ListenAllNamespaces, &yes, sizeof(int))
        );
        int size = KernelBufferBytes;
        // Without the right to it the usual size has to do.
        _ = Libc.SetSocketOption(socket, SolSocket, ReceiveBufferForce, &size, sizeof(int));
        return socket;
    }

    private static unsafe void Run(SafeFileHandle socket, Action<LinkEvent> changed)
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
                if (received < 0)
                {
                    if (Marshal.GetLastPInvokeError() is NoBufferSpace)
                    {
                        changed(new LinkEvent(null, IsOverrun: true));
                    }
                    else if (Marshal.GetLastPInvokeError() is not Interrupted)
                    {
                        return;
                    }
                    continue;
                }
                var space = NamespaceIn(new(control, (int)header.ControlLength));
                var isNews = false;
                foreach (var message in new NetlinkMessages(buffer.AsSpan(0, (int)received)))
                {
                    // What a bridge tells of its ports' states is no change of a link, and the host's own routes are not Weft's business.
                    isNews |= message.Kind is NewRoute or RouteGone
                        ? space is not null
                        : message.Body[0] != BridgeFamily;
                }
                if (isNews)
                {
                    changed(new LinkEvent(space, IsOverrun: false));
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
