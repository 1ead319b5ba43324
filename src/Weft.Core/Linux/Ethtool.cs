using System.Runtime.InteropServices;
using System.Text;

namespace Weft.Core.Linux;

/// <summary>The one thing of ethtool(8) that Weft needs, by the ioctl that ethtool itself uses (netdevice(7), SIOCETHTOOL).</summary>
internal static class Ethtool
{
    private const nuint SiocEthtool = 0x8946;
    private const uint GetTxChecksum = 0x16;
    private const uint SetTxChecksum = 0x17;

    // IFNAMSIZ of linux/if.h, without the zero at the end.
    private const int MaxNameBytes = 15;

    /// <summary>
    /// Whether packets that leave by the link may still lack their checksums; null if no such link is here, or it does not say.
    /// </summary>
    /// <param name="link">The link's name.</param>
    /// <param name="socket">Any socket of the network namespace that the link is in.</param>
    public static bool? LeavesChecksumsUndone(string link, SafeHandle socket)
    {
        var request = new Value { Command = GetTxChecksum };
        return Call(link, socket, ref request) == 0 ? request.Data != 0 : null;
    }

    /// <summary>
    /// Sets whether packets that leave by the link may still lack their checksums; if not, the kernel completes them.
    /// </summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public static void LeaveChecksumsUndone(string link, bool undone)
    {
        var request = new Value { Command = SetTxChecksum, Data = undone ? 1u : 0u };
        using var socket = Netlink.Open(Netlink.RouteProtocol);
        if (Call(link, socket, ref request) is var error and not 0)
        {
            throw new IOException(
                $"ethtool -K {link} tx {(undone ? "on" : "off")}: {Marshal.GetPInvokeErrorMessage(error)}"
            );
        }
    }

    private static unsafe int Call(string link, SafeHandle socket, ref Value request)
    {
        if (Encoding.UTF8.GetByteCount(link) > MaxNameBytes)
        {
            // The name that the kernel has consists of other bytes than this text.
            return Libc.NoSuchDevice;
        }
        fixed (Value* value = &request)
        {
            var interfaceRequest = new InterfaceRequest { Data = (nint)value };
            Encoding.UTF8.GetBytes(link, new Span<byte>(interfaceRequest.Name, MaxNameBytes));
            return Libc.Control(socket, SiocEthtool, ref interfaceRequest) == 0
                ? 0
                : Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>struct ethtool_value.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Value
    {
        public uint Command;
        public uint Data;
    }

    /// <summary>struct ifreq: a name of 16 bytes, then a union of at most 24.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    internal unsafe struct InterfaceRequest
    {
        public fixed byte Name[16];
        public nint Data;
    }
}
