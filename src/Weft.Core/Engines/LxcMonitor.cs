using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Weft.Core.Linux;

namespace Weft.Core.Engines;

/// <summary>
/// Asks liblxc's own process, which LXD and Incus have beside each container, for the container's first process. Both
/// engines tell that too, but count and measure all that is in the container first, which takes some 50 ms.
/// </summary>
/// <remarks>
/// liblxc, src/lxc/commands.h: <c>LXC_CMD_GET_INIT_PID</c>, at an abstract unix socket that is named after the container
/// (commands_utils.c). It takes the same request of every version since 1.0.
/// </remarks>
/// <param name="root">The root directory of the host that the containers run on; none for this one.</param>
internal sealed class LxcMonitor(string root)
{
    private const int GetInitPid = 4;
    private const int LongestName = 107;
    private const int MilliSeconds = 500;

    // SOL_SOCKET and SO_PEERCRED of socket(7); struct ucred of unix(7): process, user, group.
    private const int SocketLevel = 1;
    private const int PeerCredentials = 17;
    private const int CredentialsBytes = 12;

    /// <summary>The number of the container's first process; null where nobody says.</summary>
    /// <param name="directory">Where the engine has its containers, such as <c>/var/lib/lxd/containers</c>.</param>
    /// <param name="name">The container.</param>
    public int? FirstProcess(string directory, string name)
    {
        var address = $"\0{directory}/{name}/command";
        if (address.Length > LongestName)
        {
            return null;
        }
        try
        {
            using var socket = MakeSocket();
            socket.SendTimeout = MilliSeconds;
            socket.ReceiveTimeout = MilliSeconds;
            socket.Connect(new UnixDomainSocketEndPoint(address));
            // Anybody may listen at an abstract socket.
            return IsRoots(socket) ? Ask(socket) : null;
        }
        catch (Exception exception)
            when (exception is SocketException or IOException or Win32Exception or ArgumentException
            )
        {
            return null;
        }
    }

    // An abstract socket is found only in the network namespace that it was made in.
    private Socket MakeSocket() =>
        root.Length == 0
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : NetworkNamespace.MakeSocket(
                $"{root}/proc/1/ns/net",
                AddressFamily.Unix,
                SocketType.Stream,
                ProtocolType.Unspecified
            );

    private static bool IsRoots(Socket socket)
    {
        Span<int> credentials = stackalloc int[CredentialsBytes / sizeof(int)];
        var bytes = MemoryMarshal.AsBytes(credentials);
        return socket.GetRawSocketOption(SocketLevel, PeerCredentials, bytes) == CredentialsBytes
            && credentials[1] == 0;
    }

    /// <summary>Request and response are two numbers and a pointer of liblxc's, in which the response carries the process.</summary>
    private static int? Ask(Socket socket)
    {
        Span<byte> message = stackalloc byte[2 * sizeof(int) + nint.Size];
        message.Clear();
        MemoryMarshal.Write(message, GetInitPid);
        socket.Send(message);
        for (var length = 0; length < message.Length; )
        {
            var count = socket.Receive(message[length..]);
            if (count == 0)
            {
                return null;
            }
            length += count;
        }
        return
            MemoryMarshal.Read<int>(message) == 0
            && MemoryMarshal.Read<int>(message[(2 * sizeof(int))..]) is > 0 and var process
            ? process
            : null;
    }
}
