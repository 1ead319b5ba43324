using System.Collections.Immutable;
using Weft.Core.Intents;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Planning;

namespace Weft.Core.Execution;

/// <summary>
/// Makes sure that strongSwan has what ovs-monitor-ipsec was told. That program follows the database, and never checks what
/// became of what it wrote and had loaded.
/// </summary>
internal static class IpsecMonitor
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    // The starter loads connections a moment after it is told to; on a slow machine it takes a second.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private const int Tries = 3;

    /// <summary>Waits until strongSwan has the connections of all peers; if that takes too long, has it read them again.</summary>
    /// <param name="host">The host. Whenever ovs-monitor-ipsec restarts, it restarts strongSwan too.</param>
    /// <param name="intent">What it must look like.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The peers whose connections are still missing; none if strongSwan does not answer, as then nobody knows.</returns>
    public static async Task<ImmutableArray<FailedPeer>> SettleAsync(
        LocalHost host,
        HostIntent intent,
        CancellationToken cancellationToken
    )
    {
        // What ovs-monitor-ipsec was told.
        var @switch = await host.ReadSwitchAsync();
        await FollowAsync(cancellationToken);
        var missing = await WaitAsync(host, intent, @switch, cancellationToken);
        if (!missing.IsEmpty)
        {
            // This has strongSwan read the keys again.
            await AskAsync("refresh", cancellationToken);
        }
        for (var round = 0; round < Tries && !missing.IsEmpty; round++)
        {
            // As `ipsec reload` does, this loads all connections anew. If ovs-monitor-ipsec is just writing the file, as it
            // does in every round, strongSwan finds it empty: hence another try.
            ProcessIdentity.OfPidFile(MonitorReader.StarterPidFile)?.Send(Libc.SigUsr1);
            missing = await WaitAsync(host, intent, @switch, cancellationToken);
        }
        return
        [
            .. missing.Select(connection => new FailedPeer(
                connection.Peer.Name,
                $"ovs-monitor-ipsec has not given strongSwan the connection of port {connection.Name}: "
                    + "see /var/log/openvswitch/ovs-monitor-ipsec.log, then `systemctl restart openvswitch-ipsec`",
                HasFormer: false
            )),
        ];
    }

    private static async Task<ImmutableArray<PeerConnection>> WaitAsync(
        LocalHost host,
        HostIntent intent,
        SwitchObservation @switch,
        CancellationToken cancellationToken
    )
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var seen = await host.StrongSwanAsync(cancellationToken) is { } client
                ? await StrongSwanReader.ReadNegotiatedAsync(client, cancellationToken)
                : StrongSwanReader.Absent(host.StrongSwanDenial);
            ImmutableArray<PeerConnection> missing =
            [
                .. PeerConnection
                    .AllOf(intent, seen)
                    .Where(connection => !connection.IsTakenOver(@switch)),
            ];
            if (missing.IsEmpty || TimeProvider.System.GetElapsedTime(started) > Patience)
            {
                return seen.Problem is null ? missing : [];
            }
            await Task.Delay(Pause, cancellationToken);
        }
    }

    /// <summary>
    /// Waits until ovs-monitor-ipsec has done all that the database asks for. It answers one question in each round, before it
    /// looks at the database: when it answers the second, the round of the first is over.
    /// </summary>
    private static async Task FollowAsync(CancellationToken cancellationToken)
    {
        await AskAsync("version", cancellationToken);
        await AskAsync("version", cancellationToken);
    }

    private static async Task AskAsync(string command, CancellationToken cancellationToken) =>
        await Tool.RunAsync(
            ["ovs-appctl", "--timeout=10", "--target=ovs-monitor-ipsec", command],
            cancellationToken: cancellationToken
        );
}
