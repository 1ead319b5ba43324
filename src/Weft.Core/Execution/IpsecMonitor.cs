using System.Collections.Immutable;
using Weft.Core.Intents;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Planning;

namespace Weft.Core.Execution;

/// <summary>
/// Sees to it that strongSwan has what ovs-monitor-ipsec was told. That one follows the database, and never looks again
/// at what became of what it wrote down and had loaded.
/// </summary>
internal static class IpsecMonitor
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    // The starter loads connections a moment after it is told to; on a slow machine it takes a second.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private const int Tries = 3;

    /// <summary>Waits until strongSwan has the connections of all peers, and has it read them again where that takes too long.</summary>
    /// <param name="host">The host, whose strongSwan ovs-monitor-ipsec has started anew where it was itself.</param>
    /// <param name="intent">What it must look like.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The peers whose connections it still has not; none where it does not answer, and nobody knows.</returns>
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
            // It has the keys read again.
            await AskAsync("refresh", cancellationToken);
        }
        for (var round = 0; round < Tries && !missing.IsEmpty; round++)
        {
            // As `ipsec reload` does: all connections are loaded anew. Where ovs-monitor-ipsec was just writing the file
            // again, which it does in every round, there was nothing in it: once more.
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
    /// Waits until ovs-monitor-ipsec has done all that the database asks for. It answers one question in a round, before
    /// it looks at the database: the second answer comes after the round that the first was in.
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
