using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>What a daemon is, and what it runs on (strongSwan, vici/README.md, version).</summary>
/// <param name="Daemon">The daemon, as <c>charon</c>.</param>
/// <param name="Version">The version of strongSwan, as <c>5.9.8</c>.</param>
/// <param name="System">The operating system.</param>
/// <param name="Release">Its release.</param>
/// <param name="Machine">The hardware.</param>
public sealed record DaemonVersion(
    string Daemon,
    string Version,
    string System,
    string Release,
    string Machine
)
{
    internal static DaemonVersion FromMessage(ViciMessage message) =>
        new(
            message.Required("daemon"),
            message.Required("version"),
            message.Required("sysname"),
            message.Required("release"),
            message.Required("machine")
        );
}

/// <summary>How loaded a daemon is (strongSwan, vici/README.md, stats).</summary>
/// <param name="Since">When it started, in its own words and time zone.</param>
/// <param name="Threads">How many threads it has for its jobs.</param>
/// <param name="IdleThreads">How many of these have nothing to do. With none left it answers nobody.</param>
/// <param name="QueuedJobs">How many jobs wait for a thread.</param>
/// <param name="ScheduledJobs">How many jobs are to be done later.</param>
/// <param name="IkeSas">How many IKE SAs there are.</param>
/// <param name="HalfOpenIkeSas">How many of these are being negotiated.</param>
/// <param name="Plugins">The plugins that are loaded.</param>
/// <param name="Message">All that the daemon said.</param>
public sealed record DaemonStatistics(
    string Since,
    long Threads,
    long IdleThreads,
    long QueuedJobs,
    long ScheduledJobs,
    long IkeSas,
    long HalfOpenIkeSas,
    ImmutableArray<string> Plugins,
    ViciMessage Message
)
{
    internal static DaemonStatistics FromMessage(ViciMessage message)
    {
        var workers = message.RequiredSection("workers");
        var queues = message.RequiredSection("queues");
        var associations = message.RequiredSection("ikesas");
        var queued = 0L;
        foreach (var priority in (ReadOnlySpan<string>)["critical", "high", "medium", "low"])
        {
            queued += queues.Number(priority) ?? 0;
        }

        return new(
            message.RequiredSection("uptime").Required("since"),
            workers.RequiredNumber("total"),
            workers.RequiredNumber("idle"),
            queued,
            message.RequiredNumber("scheduled"),
            associations.RequiredNumber("total"),
            associations.RequiredNumber("half-open"),
            message.Texts("plugins"),
            message
        );
    }
}
