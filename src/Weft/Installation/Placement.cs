using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Weft.Core.Linux;

namespace Weft.Installation;

/// <summary>
/// Puts files into a host's file system and remembers which it put, so that these can be removed again and no others.
/// </summary>
/// <param name="root">The directory that is, or will be, the host's root.</param>
internal sealed class Placement(string root)
{
    /// <summary>Where the list of what was put is kept, one path a line.</summary>
    public const string Record = "/var/lib/weft/installed";

    /// <summary>What was put and not removed since: what the list names, and what says so itself, should that be lost.</summary>
    public IReadOnlyList<string> Placed =>
        [
            .. Listed.Union(
                HostFiles.Marked.Where(path => HostFiles.IsMarked(At(path))),
                StringComparer.Ordinal
            ),
        ];

    private string[] Listed => File.Exists(At(Record)) ? File.ReadAllLines(At(Record)) : [];

    /// <summary>Where a path of the host's is.</summary>
    public string At(string path) => root == "/" ? path : root.TrimEnd('/') + path;

    /// <summary>
    /// Puts a file in place, in one step for all who look; one that is the same already is left alone. Where an administrator
    /// has a link for a file of theirs, what it leads to is replaced, and the link stays.
    /// </summary>
    /// <returns>What came of it.</returns>
    public Placing Put(HostFile file)
    {
        var target = file.Stays ? FollowedFrom(At(file.Path)) : At(file.Path);
        var isLink = target != At(file.Path);
        var isThere = File.Exists(target);
        // Behind a link it is somebody's file, in a checkout for instance, and as readable as they have made it.
        var mode = isLink && isThere ? File.GetUnixFileMode(target) : file.Mode;
        // First the list: what is put by a run that is killed can be removed too.
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

    /// <summary>What a link leads to, inside the root; the path itself where it is none.</summary>
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

    /// <summary>Has what a file or directory holds on the disk: a power cut after this takes nothing of it away.</summary>
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

/// <summary>What came of putting a file in place.</summary>
internal enum Placing
{
    /// <summary>It was not there.</summary>
    New,

    /// <summary>Another was there.</summary>
    Replaced,

    /// <summary>It was there already.</summary>
    Same,
}
