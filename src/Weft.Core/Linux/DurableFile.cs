using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Weft.Core.Linux;

/// <summary>A file that is the old one or the new one at every moment, also when the power fails.</summary>
internal static class DurableFile
{
    private const UnixFileMode ReadByAll =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.GroupRead
        | UnixFileMode.OtherRead;

    /// <summary>What is in a file; null where there is none.</summary>
    /// <exception cref="HostException">It cannot be read.</exception>
    public static byte[]? Read(string path)
    {
        try
        {
            // Usually there is none, and an exception would take longer than reading one.
            using var opened = new SafeFileHandle(
                Libc.Open(path, Libc.OpenToRead),
                ownsHandle: true
            );
            return opened.IsInvalid && Marshal.GetLastPInvokeError() == Libc.NoSuchFile
                ? null
                : File.ReadAllBytes(path);
        }
        catch (Exception exception)
            when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HostException(
                exception is UnauthorizedAccessException
                    ? $"{path} cannot be read: permission denied: run weft as root"
                    : $"{path} cannot be read: {exception.Message}",
                exception
            );
        }
    }

    /// <summary>
    /// Writes a file that others may read unless told otherwise, and makes its directory if that is not there. The bytes are on
    /// the disk before the file gets its name (rename(2)), and the name is when this returns. Two calls at once would remove
    /// each other's draft: the caller keeps them apart.
    /// </summary>
    /// <exception cref="IOException">It cannot be written; the old one stands.</exception>
    /// <exception cref="UnauthorizedAccessException">Rights are missing; the old one stands.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> bytes, UnixFileMode mode = ReadByAll)
    {
        var directory = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(directory);
        Draft.Sweep(path);
        var next = Draft.PathFor(path);
        var stream = new FileStream(
            next,
            new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }
        );
        try
        {
            using (stream)
            {
                stream.Write(bytes);
                stream.Flush(flushToDisk: true);
            }
            // Whatever the umask.
            File.SetUnixFileMode(next, mode);
            File.Move(next, path, overwrite: true);
        }
        catch
        {
            // A half-written file must not keep a disk full.
            File.Delete(next);
            throw;
        }
        using var opened = new SafeFileHandle(
            Libc.Open(directory, Libc.OpenToRead),
            ownsHandle: true
        );
        if (opened.IsInvalid || Libc.Synchronize(opened) != 0)
        {
            throw new IOException(
                $"{path} may be lost if the power fails now: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}"
            );
        }
    }
}
