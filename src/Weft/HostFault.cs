using System.ComponentModel;
using Weft.Core;
using Weft.Ovsdb;
using Weft.Vici;

namespace Weft;

/// <summary>
/// What may go wrong with a host and its daemons whatever this program does: it is reported in words, as no fault of the
/// program's.
/// </summary>
internal static class HostFault
{
    /// <summary>Whether an exception is of that kind.</summary>
    public static bool Is(Exception exception) =>
        exception
            is HostException
                or OvsdbException
                or ViciException
                or IOException
                // From the kernel's calls; socket exceptions derive from it.
                or Win32Exception
                or UnauthorizedAccessException;
}
