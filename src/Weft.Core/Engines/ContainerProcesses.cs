namespace Weft.Core.Engines;

/// <summary>Reads from <c>/proc</c> about the processes that an engine names for containers.</summary>
/// <param name="root">The root directory of the host that they run on; none for this one.</param>
internal sealed class ContainerProcesses(string root)
{
    // This process is not in the /proc of another host, whose first process stands for it.
    private readonly string own = root.Length == 0 ? "/proc/self/ns/net" : $"{root}/proc/1/ns/net";

    /// <summary>The process's network namespace; null where the process has ended already.</summary>
    public ProcessNetwork? NetworkOf(int pid)
    {
        var path = $"{root}/proc/{pid}/ns/net";
        return Identity(path) is { } identity
            ? new ProcessNetwork(path, identity, IsHostsOwn: identity == Identity(own))
            : null;
    }

    /// <summary>
    /// Whether a namespace's file still is what it was when an engine named it: the number of a process that has ended may be
    /// another's, whose namespace may even be the host's own.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="id">What told the namespace from all others; null for one that has a name.</param>
    public static bool IsStill(string path, string? id) => id is null || Identity(path) == id;

    /// <summary>Identifies a namespace among all, such as <c>net:[4026531840]</c> (namespaces(7)).</summary>
    private static string? Identity(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>The network namespace of a process.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Id">What tells it from all others: <c>net:[4026531840]</c>.</param>
/// <param name="IsHostsOwn">Whether it is the host's own.</param>
internal readonly record struct ProcessNetwork(string Path, string Id, bool IsHostsOwn);
