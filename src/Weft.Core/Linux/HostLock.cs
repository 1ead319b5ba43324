using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Weft.Core.Linux;

/// <summary>
/// Keeps two runs from changing one host's links at once. The lock is on an open file (flock(2)) that the programs
/// this process starts inherit: if this process is killed, the lock lasts until the last of them has ended, so that
/// nothing that a dead run began still goes on under the next one. The file holds how often the lock was taken, by which
/// somebody who takes it again knows whether anybody else had it meanwhile.
/// </summary>
internal static class HostLock
{
    private const string HostsOwn = "/run/weft.lock";
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits for the lock and takes it; it is given back when the handle is closed.</summary>
    /// <param name="progress">Told once if somebody else has it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="path">The file.</param>
    /// <param name="patience">How long to wait for it; for ever unless given.</param>
    /// <exception cref="HostException">Root's rights are missing, or somebody else has had it for too long.</exception>
    public static async Task<SafeFileHandle> TakeAsync(
        IProgress<string>? progress,
        CancellationToken cancellationToken,
        string path = HostsOwn,
        TimeSpan? patience = null
    )
    {
        var began = Stopwatch.GetTimestamp();
        for (var first = true; ; first = false)
        {
            try
            {
                if (TryTake(path) is { } handle)
                {
                    return handle;
                }
            }
            catch (UnauthorizedAccessException exception)
            {
                throw new HostException("changing a host takes root's rights: use sudo", exception);
            }
            if (first)
            {
                progress?.Report("another weft is changing this host: waiting for it");
            }
            if (Stopwatch.GetElapsedTime(began) > patience)
            {
                throw new HostException(
                    $"another weft has been changing this host for {patience.Value.TotalSeconds:0} s, and this one waits for it"
                );
            }
            await Task.Delay(Pause, cancellationToken);
        }
    }

    /// <summary>Takes the lock if possible; null if root's rights are missing, or another Weft has had it for too long.</summary>
    public static async Task<SafeFileHandle?> TryTakeAsync(
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await TakeAsync(progress: null, cancellationToken, patience: patience);
        }
        catch (HostException)
        {
            return null;
        }
    }

    /// <summary>The number of this turn: one more than that of the turn before it, whoever had that.</summary>
    /// <param name="held">The lock.</param>
    public static long TurnOf(SafeFileHandle held)
    {
        Span<byte> turn = stackalloc byte[sizeof(long)];
        return RandomAccess.Read(held, turn, 0) == turn.Length
            ? BinaryPrimitives.ReadInt64LittleEndian(turn)
            : 0;
    }

    private static SafeFileHandle? TryTake(string path)
    {
        var handle = FileLock.TryTake(path);
        if (handle is null)
        {
            return null;
        }
        try
        {
            if (Libc.SetDescriptorFlags(handle, Libc.SetFlags, 0) != 0)
            {
                throw new IOException(
                    $"{path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}"
                );
            }
            Span<byte> turn = stackalloc byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(turn, TurnOf(handle) + 1);
            RandomAccess.Write(handle, turn, 0);
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }
}
