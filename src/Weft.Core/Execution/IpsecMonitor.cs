using System.Collections.Immutable;
using Weft.Core.Intents;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Vici;

namespace Weft.Core.Execution;

/// <summary>
/// Sees to it that strongSwan has what ovs-monitor-ipsec was told. That one follows the database, and never looks again
/// at what became of what it wrote down and had loaded.
/// </summary>
internal static class IpsecMonitor
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    // ovs-monitor-ipsec starts half a dozen programs for a change: a second, and several where a process costs much.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Waits until strongSwan has the connections of all peers, and has it read them again where that takes too long.</summary>
    /// <param name="client">strongSwan's daemon.</param>
    /// <param name="intent">What this host must look like.</param>
    /// <param name="switch">What ovs-monitor-ipsec was told.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The peers whose connections it still has not.</returns>
    public static async Task<ImmutableArray<FailedPeer>> SettleAsync(
        ViciClient client,
        HostIntent intent,
        SwitchObservation @switch,
        CancellationToken cancellationToken
    )
    {
        var missing = await WaitAsync(client, intent, @switch, cancellationToken);
        if (!missing.IsEmpty)
        {
            await HaveReadAgainAsync(cancellationToken);
            missing = await WaitAsync(client, intent, @switch, cancellationToken);
        }
        // Connections come before keys, and what is outdated ends after both: it answers when it has done all of it.
        await AskAsync("version", cancellationToken);
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
        ViciClient client,
        HostIntent intent,
        SwitchObservation @switch,
        CancellationToken cancellationToken
    )
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var seen = await StrongSwanReader.ReadAsync(client, cancellationToken);
            ImmutableArray<PeerConnection> missing =
            [
                .. PeerConnection
                    .AllOf(intent, seen)
                    .Where(connection => !connection.IsTakenOver(@switch)),
            ];
            if (missing.IsEmpty || TimeProvider.System.GetElapsedTime(started) > Patience)
            {
                return missing;
            }
            await Task.Delay(Pause, cancellationToken);
        }
    }

    /// <summary>
    /// What somebody took from the daemon or the files comes back: ovs-monitor-ipsec writes its files after any question,
    /// has keys read when told to, and the starter loads all connections anew at the signal that <c>ipsec reload</c> sends.
    /// </summary>
    private static async Task HaveReadAgainAsync(CancellationToken cancellationToken)
    {
        await AskAsync("version", cancellationToken);
        await AskAsync("refresh", cancellationToken);
        ProcessIdentity.OfPidFile(MonitorReader.StarterPidFile)?.Send(Libc.SigUsr1);
    }

    private static async Task AskAsync(string command, CancellationToken cancellationToken) =>
        await Tool.RunAsync(
            ["ovs-appctl", "--timeout=10", "--target=ovs-monitor-ipsec", command],
            cancellationToken: cancellationToken
        );
}
