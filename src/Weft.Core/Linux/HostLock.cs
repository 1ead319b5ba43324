using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Weft.Core.Linux;

/// <summary>
/// Keeps two runs from changing one host's links at once. The lock is on an open file (flock(2)) that the programs
/// this process starts inherit: if this process is killed, the lock lasts until the last of them has ended, so that
/// nothing that a dead run began still goes on under the next one.
/// </summary>
internal static class HostLock
{
    private const string Path = "/run/weft.lock";
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits for the lock and takes it; it is given back when the handle is closed.</summary>
    /// <param name="waiting">Called once if somebody else has it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="UnauthorizedAccessException">Root's rights are missing.</exception>
    public static async Task<SafeFileHandle> TakeAsync(
        Action waiting,
        CancellationToken cancellationToken
    )
    {
        for (var first = true; ; first = false)
        {
            if (TryTake() is { } handle)
            {
                return handle;
            }
            if (first)
            {
                waiting();
            }
            await Task.Delay(Pause, cancellationToken);
        }
    }

    private static SafeFileHandle? TryTake()
    {
        try
        {
            // To share with nobody is, on Linux, an exclusive flock.
            var handle = File.OpenHandle(
                Path,
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                FileShare.None
            );
            if (Libc.SetDescriptorFlags(handle, Libc.SetFlags, 0) != 0)
            {
                throw new IOException(
                    $"{Path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}"
                );
            }
            return handle;
        }
        catch (IOException exception) when (exception.HResult == Libc.WouldBlock)
        {
            return null;
        }
    }
}
