using System.Net.Sockets;

namespace Weft.Core.Linux;

/// <summary>
/// Explains why the kernel denies a connection to a daemon's socket: connecting takes the right to write to it (unix(7)).
/// </summary>
internal static class SocketAccess
{
    /// <summary>Whether a connection failed for want of rights.</summary>
    public static bool IsDenied(Exception? exception) =>
        exception is SocketException { SocketErrorCode: SocketError.AccessDenied }
        || exception is not null && IsDenied(exception.InnerException);

    /// <summary>The right that is missing, and what to do.</summary>
    /// <param name="doing">What needs the right.</param>
    /// <param name="socket">Where the daemon listens.</param>
    public static string Missing(string doing, string socket) =>
        Environment.IsPrivilegedProcess
            ? $"{doing} at {socket} is denied to this process: it is root's, and has no CAP_DAC_OVERRIDE for the socket of another user "
                + "(a service of Weft's has it unless a drop-in takes it: `systemctl cat weft weft-agent`), or a security module forbids it"
            : $"{doing} takes root's rights: use sudo";
}
