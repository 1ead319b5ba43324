using System.Diagnostics;

namespace Weft.Labs;

/// <summary>
/// The control group, in each of the machine's hierarchies, that contains everything of a host: engines make many groups below
/// it, and leave them behind when they are killed.
/// </summary>
internal static class ControlGroup
{
    private const string Root = "/sys/fs/cgroup";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Its name.</summary>
    public static string Of(LabRecord lab, string host) => $"weft-lab-{lab.Name}-{host}";

    /// <summary>Removes it, and all below it, once the processes in it have ended.</summary>
    /// <exception cref="LabException">There is still a process in it.</exception>
    public static async Task RemoveAsync(string name, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        // Version 2 has one hierarchy, at the root; version 1 has one in each directory there (cgroups(7)).
        foreach (var hierarchy in Directory.EnumerateDirectories(Root).Prepend(Root))
        {
            while (Remove(Path.Combine(hierarchy, name)) is { } busy)
            {
                if (Stopwatch.GetElapsedTime(started) > Patience)
                {
                    throw new LabException(
                        $"{busy} cannot be removed: see which processes {busy}/cgroup.procs has"
                    );
                }
                await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
            }
        }
    }

    /// <summary>Removes a directory and those below it. The files in them cannot be removed and go with them.</summary>
    /// <returns>The directory that is still in use; null if all is gone.</returns>
    private static string? Remove(string directory)
    {
        try
        {
            foreach (var below in Directory.EnumerateDirectories(directory))
            {
                if (Remove(below) is { } busy)
                {
                    return busy;
                }
            }
            Directory.Delete(directory);
            return null;
        }
        catch (DirectoryNotFoundException)
        {
            return null;
        }
        catch (IOException)
        {
            return directory;
        }
    }
}
