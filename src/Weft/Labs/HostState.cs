namespace Weft.Labs;

/// <summary>The state of a lab's host.</summary>
/// <param name="Host">The host.</param>
/// <param name="DatabasePid">The PID of ovsdb-server inside the host; null where it does not run.</param>
/// <param name="SwitchPid">The PID of ovs-vswitchd inside the host; null where it does not run.</param>
/// <param name="Containers">The names of the containers on it.</param>
internal sealed record HostState(
    LabHost Host,
    int? DatabasePid,
    int? SwitchPid,
    IReadOnlyList<string> Containers
)
{
    private const string Look = """
        for daemon in ovsdb-server ovs-vswitchd; do
          pid=$(cat /run/openvswitch/$daemon.pid 2>/dev/null) && [ -d "/proc/$pid" ] || pid=
          echo "$pid"
        done
        ls /run/netns
        """;

    /// <summary>Whether all that should run does.</summary>
    public bool IsWell => DatabasePid is not null && SwitchPid is not null;

    /// <summary>Looks into the host.</summary>
    public static async Task<HostState> OfAsync(LabHost host, CancellationToken cancellationToken)
    {
        if (!host.IsAlive)
        {
            return new HostState(host, null, null, []);
        }
        var seen = await host.RunAsync(["sh", "-c", Look], cancellationToken: cancellationToken);
        return seen.Output.Split('\n') switch
        {
            [var database, var @switch, .. var containers] => new HostState(
                host,
                int.TryParse(database, out var databasePid) ? databasePid : null,
                int.TryParse(@switch, out var switchPid) ? switchPid : null,
                [
                    .. host.Containers.Select(container => container.Name),
                    .. containers.Where(container => container.Length > 0),
                ]
            ),
            _ => new HostState(host, null, null, []),
        };
    }
}
