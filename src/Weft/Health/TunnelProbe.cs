using System.Collections.Immutable;
using System.Globalization;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Reachability;

namespace Weft.Health;

/// <summary>Sends packets through the tunnels, from an address that this host or one of its containers has in a network to one on each other host.</summary>
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
    /// <param name="probes">The packets, of two sizes between every two that are asked and asking; who sends them must be there.</param>
    /// <param name="patience">How long to wait for answers.</param>
    /// <param name="before">What the host looks like.</param>
    /// <param name="observe">Reads the host again.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>What became of them, and what that means for each host.</returns>
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
        var results = await new Prober(
            endpoint => SightingOf(endpoint, before)?.Namespace,
            clock
        ).RunAsync(probes, patience, cancellationToken);
        if (results.IsEmpty)
        {
            return ([], []);
        }
        var after = await observe(cancellationToken);
        return (
            results,
            [
                .. results
                    .GroupBy(result => result.To.Host)
                    .Select(pair =>
                        Judge(
                            pair.MinBy(result => result.Size)!,
                            pair.MaxBy(result => result.Size)!,
                            TrafficTo(pair.Key),
                            Crossed(before, after, pair.Key)
                        ) with
                        {
                            Beyond = true,
                        }
                    ),
            ]
        );
    }

    /// <summary>What it means.</summary>
    /// <param name="small">What became of a small packet.</param>
    /// <param name="large">What became of one of the overlay's whole MTU.</param>
    /// <param name="traffic">What the tunnel's packets are.</param>
    /// <param name="crossed">What crossed encrypted meanwhile; null for a tunnel that is not encrypted.</param>
    internal static Finding Judge(
        ProbeResult small,
        ProbeResult large,
        TunnelTraffic traffic,
        EncryptedBytes? crossed
    )
    {
        var what = WhatOf(small.To.Host);
        var whom = small.To.Container is { } container
            ? $"container '{container}' at {small.To.Address}"
            : $"{small.To.Host} at {small.To.Address}";
        if (small.Outcome is Outcome.NoAddress or Outcome.NotRunning)
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
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{whom} answers, also packets of {large.Size} bytes"
                )
            );
        }
        if (small.Outcome is Outcome.Reached)
        {
            return new Finding(
                what,
                Verdict.Wrong,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{whom} answers small packets, and none of {large.Size} bytes: the path carries less than the file says. Give the host with the narrow link its `mtu`, and apply on every host"
                )
            );
        }
        // Whether a container runs on another host is not known here.
        var verdict = small.To.Container is null ? Verdict.Wrong : Verdict.Doubtful;
        return new Finding(
            what,
            verdict,
            crossed switch
            {
                null =>
                    $"{whom} does not answer: the overlay is not applied there, or something on the way filters {Protocol(traffic)}",
                { Out: > 0, In: 0 } =>
                    $"{whom} does not answer: encrypted packets go out, and none come in. Let {(crossed.InUdp ? "UDP port 4500" : "IP protocol 50 (ESP)")} pass between the two, and {Protocol(traffic)} past the firewall there, which sees it decrypted; `weft doctor` there may say more",
                { Out: 0 } =>
                    $"{whom} does not answer, and nothing went out encrypted: run `weft status`",
                _ =>
                    $"{whom} does not answer, though encrypted packets go out and come in: run `weft doctor` there",
            }
        );
    }

    /// <summary>What a finding calls the way through a tunnel.</summary>
    /// <param name="peer">The host at its other end.</param>
    public static string WhatOf(string peer) => $"through tunnel {peer}";

    /// <summary>Whether who is to send is there.</summary>
    public bool CanAsk(Endpoint from, HostObservation seen) =>
        from.Container is null || SightingOf(from, seen) is { IsReady: true };

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
        // One that has taken another's place meanwhile began at nothing.
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

    private static string Protocol(TunnelTraffic traffic) =>
        traffic.Port is { } port
            ? string.Create(CultureInfo.InvariantCulture, $"UDP port {port}")
            : "IP protocol 47 (GRE)";
}

/// <summary>What crossed to another host and back, encrypted.</summary>
/// <param name="Out">The bytes that went out.</param>
/// <param name="In">The bytes that came in.</param>
/// <param name="InUdp">Whether ESP travels inside UDP (RFC 3948).</param>
internal sealed record EncryptedBytes(long Out, long In, bool InUdp);
