using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>The version of a daemon and its system (strongSwan, vici/README.md, version).</summary>
/// <param name="Daemon">The daemon's name, such as <c>charon</c>.</param>
/// <param name="Version">The version of strongSwan, such as <c>5.9.8</c>.</param>
/// <param name="System">The operating system.</param>
/// <param name="Release">The release of the operating system.</param>
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

/// <summary>The load of a daemon (strongSwan, vici/README.md, stats).</summary>
/// <param name="Since">When it started, in its own format and time zone.</param>
/// <param name="Threads">The number of its worker threads.</param>
/// <param name="IdleThreads">The number of idle worker threads. If there are none, it answers nobody.</param>
/// <param name="QueuedJobs">The number of jobs waiting for a thread.</param>
/// <param name="ScheduledJobs">The number of jobs scheduled for later.</param>
/// <param name="IkeSas">The number of IKE SAs.</param>
/// <param name="HalfOpenIkeSas">The number of IKE SAs being negotiated.</param>
/// <param name="Plugins">The loaded plugins.</param>
/// <param name="Message">The daemon's whole message.</param>
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
