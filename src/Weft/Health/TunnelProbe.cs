using System.Collections.Immutable;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Reachability;

namespace Weft.Health;

/// <summary>
/// Sends packets through the tunnels: from an address of this host or one of its containers to one on each other host.
/// </summary>
internal sealed class TunnelProbe(Overlay overlay, HostIntent intent, TimeProvider clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly HostPlaces places = new(intent);

    /// <summary>Asks through every tunnel at the same time.</summary>
    /// <param name="before">What the host looks like.</param>
    /// <param name="observe">Reads the host again.</param>
    /// <param name="peers">The hosts to ask.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<ImmutableArray<Finding>> AskAsync(
        HostObservation before,
        Func<CancellationToken, Task<HostObservation>> observe,
        IReadOnlySet<string> peers,
        CancellationToken cancellationToken
    )
    {
        Probe[] probes =
        [
            .. ReachabilityPlan.OneToEach(
                overlay,
                intent.Host,
                peers,
                source => CanAsk(source, before),
                [ReachabilityPlan.SmallSize, intent.Mtu!.Bytes]
            ),
        ];
        return (await SendAsync(probes, Patience, before, observe, cancellationToken)).Findings;
    }

    /// <summary>Sends packets to other hosts.</summary>
    /// <param name="probes">The packets: two sizes for each pair of sender and receiver. The senders must be there.</param>
    /// <param name="patience">How long to wait for answers.</param>
    /// <param name="before">What the host looks like.</param>
    /// <param name="observe">Reads the host again.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>What became of each packet, and a finding for each host.</returns>
    public async Task<(
        ImmutableArray<ProbeResult> Results,
        ImmutableArray<Finding> Findings
    )> SendAsync(
        IEnumerable<Probe> probes,
        TimeSpan patience,
        HostObservation before,
        Func<CancellationToken, Task<HostObservation>> observe,
        CancellationToken cancellationToken
    )
    {
        var results = await RunAsync(probes, patience, before, cancellationToken);
        if (results.IsEmpty)
        {
            return ([], []);
        }
        var pairs = results
            .Where(result => result.To.Host != intent.Host)
            .GroupBy(result => result.To.Host)
            .Select(pair =>
                (
                    Host: pair.Key,
                    Small: pair.MinBy(result => result.Size)!,
                    Large: pair.MaxBy(result => result.Size)!
                )
            )
            .ToList();
        var others = (
            await RunAsync(
                pairs
                    .Where(pair =>
                        pair.Small is { To.Container: not null, Outcome: not Outcome.Reached }
                    )
                    .SelectMany(pair =>
                        ReachabilityPlan.ToOthersOn(
                            overlay,
                            intent.Host,
                            pair.Small.To,
                            source => CanAsk(source, before),
                            ReachabilityPlan.SmallSize
                        )
                    ),
                patience,
                before,
                cancellationToken
            )
        ).ToLookup(result => result.To.Host, StringComparer.Ordinal);
        var after = await observe(cancellationToken);
        return (
            results,
            [
                .. pairs.Select(pair =>
                    Judge(
                        pair.Small,
                        pair.Large,
                        TrafficTo(pair.Host),
                        Crossed(before, after, pair.Host),
                        [.. others[pair.Host]]
                    ) with
                    {
                        Beyond = true,
                    }
                ),
            ]
        );
    }

    /// <summary>Judges the results for one host.</summary>
    /// <param name="small">What became of a small packet.</param>
    /// <param name="large">What became of a packet as large as the overlay's MTU.</param>
    /// <param name="traffic">The protocol of the tunnel's packets.</param>
    /// <param name="crossed">What crossed encrypted in the meantime; null for a tunnel without encryption.</param>
    /// <param name="others">What became of packets to others on that host, sent where one of its containers was silent.</param>
    internal static Finding Judge(
        ProbeResult small,
        ProbeResult large,
        TunnelTraffic traffic,
        EncryptedBytes? crossed,
        ImmutableArray<ProbeResult> others
    )
    {
        var what = WhatOf(small.To.Host);
        var whom = Called(small.To);
        if (IsUnsent(small))
        {
            return new Finding(
                what,
                Verdict.Doubtful,
                $"nothing was sent: {small.From.Name} does not have {small.From.Address} here, which `weft apply` gives it"
            );
        }
        if (small.Outcome is Outcome.Reached && large.Outcome is Outcome.Reached)
        {
            return new Finding(
                what,
                Verdict.Well,
                $"{whom} answers, also packets of {large.Size} bytes"
            );
        }
        if (small.Outcome is Outcome.Reached)
        {
            return new Finding(
                what,
                Verdict.Wrong,
                $"{whom} answers small packets, and none of {large.Size} bytes: the path carries less than the file says. Give the host with the narrow link its `mtu`, and apply on every host"
            );
        }
        // This host does not know whether a container on another host runs.
        var isHost = small.To.Container is null;
        var status = $"`weft status` on {small.To.Host}";
        var verdict = isHost ? Verdict.Wrong : Verdict.Doubtful;
        if (others.FirstOrDefault(other => other.Outcome is Outcome.Reached) is { } other)
        {
            return new Finding(
                what,
                verdict,
                $"{whom} does not answer, though {Called(other.To)} does, through the same tunnel: it may not run there, as {status} says"
            );
        }
        var way = crossed switch
        {
            null =>
                $": the overlay is not applied there, or something on the way filters {Protocol(traffic)}",
            { Out: > 0, In: 0 } =>
                $": encrypted packets go out, and none come in. Let {(crossed.InUdp ? "UDP port 4500" : "IP protocol 50 (ESP)")} pass between the two, and {Protocol(traffic)} past the firewall there, which sees it decrypted; `weft doctor` there may say more",
            { Out: 0 } => ", and nothing went out encrypted: run `weft status`",
            _ => ", though encrypted packets go out and come in: run `weft doctor` there",
        };
        var silent = others.FirstOrDefault(other => !IsUnsent(other));
        return new Finding(
            what,
            verdict,
            isHost ? $"{whom} does not answer{way}"
                : silent is not null ? $"neither {whom} nor {Called(silent.To)} answers{way}"
                : $"{whom}, which may not run there ({status} says), does not answer{way}"
        );
    }

    /// <summary>The name of the findings about one tunnel.</summary>
    /// <param name="peer">The host at its other end.</param>
    public static string WhatOf(string peer) => $"through tunnel {peer}";

    /// <summary>Whether the sender is there.</summary>
    public bool CanAsk(Endpoint from, HostObservation seen) =>
        from.Container is null || SightingOf(from, seen) is { IsReady: true };

    private Task<ImmutableArray<ProbeResult>> RunAsync(
        IEnumerable<Probe> probes,
        TimeSpan patience,
        HostObservation seen,
        CancellationToken cancellationToken
    ) =>
        new Prober(endpoint => SightingOf(endpoint, seen)?.Namespace, clock).RunAsync(
            probes,
            patience,
            cancellationToken
        );

    private ContainerSighting? SightingOf(Endpoint endpoint, HostObservation seen) =>
        endpoint.Container is { } container && places.Of(container).FirstOrDefault() is { } place
            ? seen.Containers.GetValueOrDefault(place.Key)
            : null;

    private TunnelTraffic TrafficTo(string peer) =>
        intent.Ipsec?.Peers.First(one => one.Name == peer).Traffic
        ?? TunnelTraffic.Of(overlay.Tunnels.Type, overlay.Tunnels.Port);

    private EncryptedBytes? Crossed(HostObservation before, HostObservation after, string peer)
    {
        if (intent.Ipsec is null)
        {
            return null;
        }
        var (was, now) = (ChildrenOf(before), ChildrenOf(after));
        // An association that has replaced another in the meantime began to count at zero.
        return new EncryptedBytes(
            Math.Max(0, now.Sum(child => child.BytesOut) - was.Sum(child => child.BytesOut)),
            Math.Max(0, now.Sum(child => child.BytesIn) - was.Sum(child => child.BytesIn)),
            now.Exists(child => child.InUdp)
        );

        List<ChildAssociation> ChildrenOf(HostObservation seen) =>
            [
                .. PeerConnection
                    .AllOf(intent, seen.StrongSwan)
                    .Where(connection => connection.Peer.Name == peer)
                    .SelectMany(connection => connection.Associations)
                    .SelectMany(ike => ike.Children),
            ];
    }

    private static bool IsUnsent(ProbeResult result) =>
        result.Outcome is Outcome.NoAddress or Outcome.NotRunning;

    private static string Called(Endpoint one) =>
        one.Container is { } container
            ? $"container '{container}' at {one.Address}"
            : $"{one.Host} at {one.Address}";

    private static string Protocol(TunnelTraffic traffic) =>
        traffic.Port is { } port ? $"UDP port {port}" : "IP protocol 47 (GRE)";
}

/// <summary>The encrypted bytes exchanged with another host.</summary>
/// <param name="Out">The bytes that went out.</param>
/// <param name="In">The bytes that came in.</param>
/// <param name="InUdp">Whether ESP travels inside UDP (RFC 3948).</param>
internal sealed record EncryptedBytes(long Out, long In, bool InUdp);
