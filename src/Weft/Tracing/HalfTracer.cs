using Weft.Commands;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Health;
using Weft.Reachability;

namespace Weft.Tracing;

/// <summary>Traces one host's half of the path between an end that lives there and another.</summary>
/// <param name="session">The host.</param>
/// <param name="sizes">The sizes in bytes of the IP packets that are sent.</param>
/// <param name="patience">How long to wait for answers.</param>
/// <param name="clock">The clock.</param>
internal sealed class HalfTracer(
    HostSession session,
    IReadOnlyCollection<int> sizes,
    TimeSpan patience,
    TimeProvider clock
)
{
    /// <summary>Traces the half.</summary>
    /// <param name="pair">The end on this host, and the other.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<TraceHalf> TraceAsync(TracePair pair, CancellationToken cancellationToken)
    {
        var seen = await session.ObserveAsync(cancellationToken);
        var intent = session.Intend(seen);
        if (!SwitchDaemon.Runs)
        {
            return TraceHalf.Of(session.Host, pair.From.Name, SwitchDaemon.NotRunning);
        }
        var doubles = AddressProbe.AskAsync(intent, seen, pair.FromAddress, cancellationToken);
        var underlay = AskUnderlayAsync(intent, seen, pair, cancellationToken);
        var down = await NegotiateAsync(intent, pair, cancellationToken);
        var (answers, told) = await SendAsync(intent, seen, pair, cancellationToken);
        var firewall = await Firewall.ReadAsync(cancellationToken);
        var found = new HalfSeen
        {
            Doubles = await doubles,
            Underlay = await underlay,
            Down = down,
            Answers = [.. answers],
            // Read last: bridges and switch have learned from the packets above.
            Whereabouts = await Whereabouts.ReadAsync(intent, seen, cancellationToken),
            Firewall = firewall,
            Bridging = BridgeFirewall.Of(firewall),
            Route = RouteOf(intent, seen, pair),
            Out = await AskSwitchAsync(intent, seen, pair, isLeaving: true, cancellationToken),
            In = await AskSwitchAsync(intent, seen, pair, isLeaving: false, cancellationToken),
        };
        seen = await session.ObserveAsync(cancellationToken);
        return new TraceHalf(
            session.Host,
            pair.From.Name,
            [.. new HalfHops(session.Overlay, intent, seen, pair, sizes.Max(), found).All()],
            found.Answers,
            told is null ? null : TraceHop.Of(session.Host, Way.Out, told)
        );
    }

    private async Task<IReadOnlyList<Finding>> AskUnderlayAsync(
        HostIntent intent,
        HostObservation seen,
        TracePair pair,
        CancellationToken cancellationToken
    ) =>
        pair.IsOnOneHost
            ? []
            :
            [
                .. (
                    await new UnderlayProbe(intent, seen, certificate: null, clock).AskAsync(
                        session.Overlay.Hosts.Where(host => host.Name == pair.To.Host),
                        cancellationToken
                    )
                ).Where(finding => finding.What.StartsWith("underlay", StringComparison.Ordinal)),
            ];

    private async Task<Dictionary<string, string>> NegotiateAsync(
        HostIntent intent,
        TracePair pair,
        CancellationToken cancellationToken
    ) =>
        intent.Ipsec is not { } ipsec || pair.IsOnOneHost
            ? []
            : (
                await session.EstablishAsync(
                    intent with
                    {
                        Ipsec = ipsec with
                        {
                            Peers = [.. ipsec.Peers.Where(peer => peer.Name == pair.To.Host)],
                        },
                    },
                    Doctor.NegotiationPatience,
                    cancellationToken
                )
            ).ToDictionary(peer => peer.Peer, peer => peer.Why, StringComparer.Ordinal);

    private async Task<(IReadOnlyList<ProbeResult>, Finding?)> SendAsync(
        HostIntent intent,
        HostObservation seen,
        TracePair pair,
        CancellationToken cancellationToken
    )
    {
        var probe = new TunnelProbe(session.Overlay, intent, clock);
        if (!probe.CanAsk(pair.Source, seen))
        {
            return ([], null);
        }
        var (results, findings) = await probe.SendAsync(
            sizes.Select(size => new Probe(pair.Network, pair.Source, pair.Destination, size)),
            patience,
            seen,
            session.ObserveAsync,
            cancellationToken
        );
        return (
            results,
            pair.IsOnOneHost
                ? OnOneHost(pair, results)
                // The user names the other end, so it is expected to answer: a doubt is an error here.
                : findings
                    .Select(finding =>
                        finding.Verdict is Verdict.Doubtful
                            ? finding with
                            {
                                Verdict = Verdict.Wrong,
                            }
                            : finding
                    )
                    .FirstOrDefault()
        );
    }

    private static Finding OnOneHost(TracePair pair, IReadOnlyList<ProbeResult> results)
    {
        var lost = results
            .Where(result => result.Outcome is not Outcome.Reached)
            .Select(result => result.Size)
            .ToList();
        var all = string.Join(" and ", results.Select(result => result.Size).Order());
        return new Finding(
            $"packets to {pair.To.Name}",
            lost.Count == 0 ? Verdict.Well : Verdict.Wrong,
            lost.Count == 0
                ? $"answered, of {all} bytes"
                : $"{pair.To.Name} does not answer packets of {string.Join(" and ", lost.Order())} bytes at {pair.ToAddress}"
        )
        {
            Beyond = true,
        };
    }

    private static int? RouteOf(HostIntent intent, HostObservation seen, TracePair pair)
    {
        try
        {
            return new HostPlaces(intent).AttachmentOf(pair.From) is not { } place
                    ? RouteReader.Find(pair.ToAddress)?.Link
                : seen.Containers.GetValueOrDefault(place.Key) is { IsReady: true } container
                    ? RouteReader.Find(pair.ToAddress, path: container.Namespace)?.Link
                : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static async Task<PacketTrace?> AskSwitchAsync(
        HostIntent intent,
        HostObservation seen,
        TracePair pair,
        bool isLeaving,
        CancellationToken cancellationToken
    )
    {
        var (entry, from, to) = isLeaving
            ? (pair.From, (pair.From.Mac, pair.FromAddress), (pair.To.Mac, pair.ToAddress))
            : (pair.To, (pair.To.Mac, pair.ToAddress), (pair.From.Mac, pair.FromAddress));
        var name = new HostPlaces(intent).Expect(entry).SwitchPort;
        var isTunnel = entry.Host != intent.Host;
        return
            name is not null
            && seen.Switch.Ports.GetValueOrDefault(name) is { } row
            && row.Interfaces is [{ OpenFlowPort: { } port and >= 0 }, ..]
            ? await PacketTrace.AskAsync(
                row.Bridge,
                port,
                isTunnel
                    ? intent.Switch!.Ports.First(one => one.Name == LocalPort(intent, pair)).Tag
                    : null,
                from,
                to,
                cancellationToken
            )
            : null;
    }

    private static string? LocalPort(HostIntent intent, TracePair pair) =>
        new HostPlaces(intent).Expect(pair.From).SwitchPort;
}
