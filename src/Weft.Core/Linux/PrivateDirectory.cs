using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Weft.Core.Linux;

/// <summary>
/// A directory of secrets that this process alone changes as long as it has this open: the directory itself is
/// locked (flock(2)). Its files are made with rights for their owner only, and none is ever seen half written.
/// </summary>
internal sealed class PrivateDirectory : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OthersWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
    private const UnixFileMode OthersSee =
        UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherExecute;
    private const UnixFileMode OthersAny = OthersWrite | OthersSee;

    // More than any certificate, key or bundle has; a wrong path must not fill the memory.
    private const int LargestFile = 1 << 20;

    private readonly string path;
    private readonly SafeFileHandle handle;

    private PrivateDirectory(string path, SafeFileHandle handle)
    {
        this.path = path;
        this.handle = handle;
    }

    /// <summary>Makes the directory, mode 0700, if it is not there; one that is there keeps its mode.</summary>
    /// <exception cref="HostException">It cannot be made.</exception>
    public static void Make(string path)
    {
        if (Directory.Exists(path))
        {
            return;
        }
        try
        {
            if (Path.GetDirectoryName(path) is { Length: > 0 } parent)
            {
                // Whatever the umask: who can write here can put another directory in place of this one.
                Directory.CreateDirectory(parent, OwnerOnly | OthersSee | UnixFileMode.UserExecute);
            }
            Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(path, exception);
        }
    }

    /// <summary>Opens and locks it.</summary>
    /// <exception cref="HostException">It cannot be opened, others may write to it, or another process has it.</exception>
    public static PrivateDirectory Open(string path)
    {
        var opened = new SafeFileHandle(Libc.Open(path, Libc.OpenToRead), ownsHandle: true);
        if (opened.IsInvalid)
        {
            throw new HostException(
                $"{path} cannot be opened: {LastError()}: run weft as root, or name another directory"
            );
        }
        try
        {
            if (
                File.GetUnixFileMode(opened) is var mode
                && (mode & OthersWrite) != UnixFileMode.None
            )
            {
                throw new HostException(
                    $"{path} can be written by others (mode {Octal(mode)}), who could put their own certificates there: chmod go-w {path}"
                );
            }
            if (Libc.Lock(opened, Libc.LockOrFail) != 0)
            {
                throw new HostException(
                    Marshal.GetLastPInvokeError() == Libc.WouldBlock
                        ? $"another weft is changing {path} right now: try again when it has ended"
                        : $"{path} cannot be locked: {LastError()}"
                );
            }
        }
        catch
        {
            opened.Dispose();
            throw;
        }
        return new PrivateDirectory(path, opened);
    }

    /// <summary>Writes a file that is not there yet, mode 0600 from the first byte; it is on the disk afterwards.</summary>
    /// <exception cref="HostException">It cannot be written.</exception>
    public void Write(string name, string text)
    {
        var file = Path.Combine(path, name);
        try
        {
            using var stream = new FileStream(
                file,
                new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    UnixCreateMode = OwnerOnly,
                }
            );
            stream.Write(Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
            if (Libc.Synchronize(handle) != 0)
            {
                throw new IOException(LastError());
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(file, exception);
        }
    }

    /// <summary>Gives a file another's name, atomically and durably (rename(2)).</summary>
    /// <exception cref="HostException">It cannot be done.</exception>
    public void Rename(string name, string newName)
    {
        var file = Path.Combine(path, newName);
        try
        {
            File.Move(Path.Combine(path, name), file, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(file, exception);
        }
        if (Libc.Synchronize(handle) != 0)
        {
            throw new HostException(
                $"{file} may be lost if the power fails now: {LastError()}: check the disk"
            );
        }
    }

    /// <summary>Removes a file; one that is not there is no error.</summary>
    /// <exception cref="HostException">It cannot be removed.</exception>
    public void Remove(string name)
    {
        var file = Path.Combine(path, name);
        try
        {
            File.Delete(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(file, exception);
        }
    }

    /// <summary>Reads a text that is no secret; null if there is no such file.</summary>
    /// <exception cref="HostException">It cannot be read, or is larger than 1 MiB.</exception>
    public static string? ReadText(string file) => Read(file, secret: false);

    /// <summary>Reads a secret; null if there is no such file.</summary>
    /// <exception cref="HostException">It cannot be read, is larger than 1 MiB, or others may read it.</exception>
    public static string? ReadSecret(string file) => Read(file, secret: true);

    /// <inheritdoc/>
    public void Dispose() => handle.Dispose();

    private static string? Read(string file, bool secret)
    {
        try
        {
            using var opened = File.OpenHandle(file);
            if (
                secret
                && File.GetUnixFileMode(opened) is var mode
                && (mode & OthersAny) != UnixFileMode.None
            )
            {
                throw new HostException(
                    $"{file} holds a key that others can read (mode {Octal(mode)}): chmod 600 {file}, and if anybody may have read it, replace the key"
                );
            }
            if (RandomAccess.GetLength(opened) > LargestFile)
            {
                throw new HostException(
                    $"{file} is larger than any certificate or key: is it the right file?"
                );
            }
            using var reader = new StreamReader(new FileStream(opened, FileAccess.Read));
            return reader.ReadToEnd();
        }
        catch (Exception exception)
            when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new HostException(
                Directory.Exists(file)
                    ? $"{file} is a directory, not a file"
                    : $"{file} cannot be read: permission denied: run weft as root",
                exception
            );
        }
        catch (NotSupportedException exception)
        {
            throw new HostException($"{file} is a pipe or a device, not a file", exception);
        }
        catch (IOException exception)
        {
            throw new HostException($"{file} cannot be read: {exception.Message}", exception);
        }
    }

    private static HostException Unwritable(string file, Exception exception) =>
        new(
            exception is UnauthorizedAccessException
                ? $"{file} cannot be written: permission denied: run weft as root, or name another directory"
                : $"{file} cannot be written: {exception.Message}",
            exception
        );

    private static string Octal(UnixFileMode mode) =>
        $"0{Convert.ToString((int)mode & 0xFFF, toBase: 8)}";

    private static string LastError() =>
        Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
}
