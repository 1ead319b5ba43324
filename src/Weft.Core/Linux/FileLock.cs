using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Weft.Core.Linux;

/// <summary>A lock on an open file (flock(2)). It lasts until every process that took or inherited it has closed the file.</summary>
internal static class FileLock
{
    /// <summary>Takes the lock on a file that is root's alone, and is made if it is not there; null while somebody else has it.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">Rights are missing.</exception>
    public static SafeFileHandle? TryTake(string path)
    {
        try
        {
            // On Linux, sharing with nobody is an exclusive flock.
            var handle = File.OpenHandle(
                path,
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                FileShare.None
            );
            try
            {
                // Whoever may read a file may lock it.
                File.SetUnixFileMode(handle, UnixFileMode.UserRead | UnixFileMode.UserWrite);
                return handle;
            }
            catch
            {
                handle.Dispose();
                throw;
            }
        }
        catch (IOException exception) when (exception.HResult == Libc.WouldBlock)
        {
            return null;
        }
    }

    /// <summary>Opens a file to read it if somebody has the lock on it; null if nobody has, or it cannot be opened.</summary>
    public static SafeFileHandle? OpenTaken(string path)
    {
        var handle = new SafeFileHandle(Libc.Open(path, Libc.OpenToRead), ownsHandle: true);
        // Shared, so that two who look at the same moment do not take each other for the owner.
        if (
            !handle.IsInvalid
            && Libc.Lock(handle, Libc.ShareOrFail) != 0
            && Marshal.GetLastPInvokeError() == Libc.WouldBlock
        )
        {
            return handle;
        }
        handle.Dispose();
        return null;
    }
}
