using System.Globalization;

namespace Weft.Core.Linux;

/// <summary>
/// One process for as long as the machine runs: a number is used again once its process is gone, but not with
/// the same start time.
/// </summary>
/// <param name="Pid">The process number.</param>
/// <param name="Started">When it started, in clock ticks after boot (proc(5), field 22 of <c>stat</c>).</param>
internal readonly record struct ProcessIdentity(int Pid, long Started)
{
    /// <summary>Whether the process still runs; one that has ended but was not yet waited for does not.</summary>
    public bool IsAlive =>
        Read(Pid) is { } now && now.Identity == this && now.State is not ('Z' or 'X');

    /// <summary>The process that has this number now, or null where none has.</summary>
    public static ProcessIdentity? Of(int pid) => Read(pid)?.Identity;

    /// <summary>The process whose number a file holds, as daemons leave it; null where there is no such file or process.</summary>
    public static ProcessIdentity? OfPidFile(string path)
    {
        try
        {
            return
                File.Exists(path)
                && int.TryParse(
                    File.ReadAllText(path),
                    NumberStyles.AllowTrailingWhite,
                    null,
                    out var pid
                )
                ? Of(pid)
                : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Reads a line of <c>/proc/PID/stat</c>.</summary>
    /// <exception cref="FormatException">The line is not of that form.</exception>
    public static ProcessIdentity Parse(string stat) => ParseStat(stat).Identity;

    /// <summary>The processes that this one has started and that still run.</summary>
    public IEnumerable<ProcessIdentity> Children()
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (
                int.TryParse(Path.GetFileName(directory), NumberStyles.None, null, out var pid)
                && Read(pid) is { } child
                && child.Parent == Pid
            )
            {
                yield return child.Identity;
            }
        }
    }

    /// <summary>Sends a signal to this very process, never to one that got its number later.</summary>
    /// <returns>Whether there was such a process.</returns>
    public bool Send(int signal)
    {
        // The descriptor pins the process; only then is it worth looking which one it is.
        var pidfd = Libc.PidfdOpen(Pid);
        if (pidfd < 0)
        {
            return false;
        }
        try
        {
            return Of(Pid) == this && Libc.PidfdSendSignal(pidfd, signal) == 0;
        }
        finally
        {
            _ = Libc.Close(pidfd);
        }
    }

    private static (ProcessIdentity Identity, char State, int Parent)? Read(int pid)
    {
        try
        {
            return ParseStat(File.ReadAllText($"/proc/{pid}/stat"));
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static (ProcessIdentity Identity, char State, int Parent) ParseStat(string stat)
    {
        // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
        var open = stat.IndexOf('(', StringComparison.Ordinal);
        var close = stat.LastIndexOf(')');
        if (open < 0 || close < 0)
        {
            throw new FormatException($"not a line of /proc/PID/stat: '{stat}'");
        }
        var rest = stat[(close + 2)..].Split(' ');
        return (
            new ProcessIdentity(int.Parse(stat.AsSpan(0, open)), long.Parse(rest[19])),
            rest[0][0],
            int.Parse(rest[1])
        );
    }
}
