using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Weft.Core.Linux;

namespace Weft.Installation;

/// <summary>
/// Puts files into a host's file system and records them, so that exactly these can be removed again.
/// </summary>
/// <param name="root">The directory that is, or will become, the host's root.</param>
internal sealed class Placement(string root)
{
    /// <summary>The path of the record of what was put in place, one path per line.</summary>
    public const string Record = "/var/lib/weft/installed";

    /// <summary>What is in place: the files in the record and, in case it was lost, those whose first line says so.</summary>
    public IReadOnlyList<string> Placed =>
        [
            .. Listed.Union(
                HostFiles.Marked.Where(path => HostFiles.IsMarked(At(path))),
                StringComparer.Ordinal
            ),
        ];

    private string[] Listed => File.Exists(At(Record)) ? File.ReadAllLines(At(Record)) : [];

    /// <summary>The path here of a path on the host.</summary>
    public string At(string path) => root == "/" ? path : root.TrimEnd('/') + path;

    /// <summary>
    /// Puts a file in place atomically; leaves it alone if it is the same already. If an administrator has made their file a
    /// link, its target is replaced, and the link stays.
    /// </summary>
    /// <returns>What was done.</returns>
    public Placing Put(HostFile file)
    {
        var target = file.Stays ? FollowedFrom(At(file.Path)) : At(file.Path);
        var isLink = target != At(file.Path);
        var isThere = File.Exists(target);
        // The target of a link is somebody's own file, in a checkout for instance, and keeps its permissions.
        var mode = isLink && isThere ? File.GetUnixFileMode(target) : file.Mode;
        // Record first, so that what a killed run has put in place can be removed too.
        if (!file.Stays && !Listed.Contains(file.Path, StringComparer.Ordinal))
        {
            Remember([.. Placed, file.Path]);
        }
        if (
            isThere
            && File.ReadAllBytes(target).AsSpan().SequenceEqual(file.Content.Span)
            && File.GetUnixFileMode(target) == mode
        )
        {
            return Placing.Same;
        }
        DurableFile.Replace(target, file.Content.Span, mode);
        return isThere ? Placing.Replaced : Placing.New;
    }

    /// <summary>Removes a file that was put.</summary>
    /// <returns>Whether it was there.</returns>
    public bool Remove(string path)
    {
        var isThere = File.Exists(At(path));
        File.Delete(At(path));
        var directory = Path.GetDirectoryName(At(path))!;
        if (
            directory.EndsWith(".service.d", StringComparison.Ordinal)
            && Directory.Exists(directory)
            && !Directory.EnumerateFileSystemEntries(directory).Any()
        )
        {
            Directory.Delete(directory);
        }
        Remember([.. Listed.Where(listed => listed != path)]);
        return isThere;
    }

    /// <summary>The target of a link inside the root; the path itself if it is no link.</summary>
    private string FollowedFrom(string path) =>
        new FileInfo(path).LinkTarget is not null
        && File.ResolveLinkTarget(path, returnFinalTarget: true) is { FullName: var target }
        && target.StartsWith($"{root.TrimEnd('/')}/", StringComparison.Ordinal)
            ? target
            : path;

    private void Remember(string[] paths)
    {
        if (paths.Length == 0)
        {
            if (File.Exists(At(Record)))
            {
                File.Delete(At(Record));
            }
            return;
        }
        DurableFile.Replace(
            At(Record),
            Encoding.UTF8.GetBytes(
                string.Concat(paths.Distinct(StringComparer.Ordinal).Select(path => $"{path}\n"))
            ),
            UnixFileMode.UserRead | UnixFileMode.UserWrite
        );
    }

    /// <summary>Flushes a file or directory to disk, so that it survives a power cut (fsync(2)).</summary>
    public static void Keep(string path)
    {
        using var handle = new SafeFileHandle(Libc.Open(path, Libc.OpenToRead), ownsHandle: true);
        if (handle.IsInvalid || Libc.Synchronize(handle) != 0)
        {
            throw new IOException(
                $"{path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}"
            );
        }
    }
}

/// <summary>What putting a file in place has changed.</summary>
internal enum Placing
{
    /// <summary>It was not there.</summary>
    New,

    /// <summary>It replaced another.</summary>
    Replaced,

    /// <summary>It was there already.</summary>
    Same,
}
