using System.Collections.Immutable;
using System.Net;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Health;
using Weft.Reachability;

namespace Weft.Tracing;

/// <summary>What a host found out about a path, besides its own state.</summary>
internal sealed record HalfSeen
{
    /// <summary>The host's MAC and neighbour tables.</summary>
    public required Whereabouts Whereabouts { get; init; }

    /// <summary>The host's firewall; null where it was not read.</summary>
    public Firewall? Firewall { get; init; }

    /// <summary>How its firewall treats bridged packets; null where it was not read.</summary>
    public BridgeFirewall? Bridging { get; init; }

    /// <summary>Who else has the near end's address.</summary>
    public IReadOnlyList<Finding> Doubles { get; init; } = [];

    /// <summary>What was found about the other host on the underlay.</summary>
    public IReadOnlyList<Finding> Underlay { get; init; } = [];

    /// <summary>The peers with which negotiation failed, and why.</summary>
    public IReadOnlyDictionary<string, string> Down { get; init; } =
        new Dictionary<string, string>(0, StringComparer.Ordinal);

    /// <summary>The index of the link by which packets for the other end leave; null where there is no route.</summary>
    public int? Route { get; init; }

    /// <summary>What the switch does with a packet for the other end; null where it could not be asked.</summary>
    public PacketTrace? Out { get; init; }

    /// <summary>What the switch does with a packet from the other end.</summary>
    public PacketTrace? In { get; init; }

    /// <summary>What became of the packets that were sent.</summary>
    public ImmutableArray<ProbeResult> Answers { get; init; } = [];
}

/// <summary>The hops of a path on one host, from the end that lives there to the wire. Pure.</summary>
/// <param name="overlay">The overlay.</param>
/// <param name="intent">What the host must look like.</param>
/// <param name="seen">What it looks like.</param>
/// <param name="pair">The end on this host, and the other.</param>
/// <param name="size">The largest packet in bytes.</param>
/// <param name="found">What else was found out.</param>
internal sealed class HalfHops(
    Overlay overlay,
    HostIntent intent,
    HostObservation seen,
    TracePair pair,
    int size,
    HalfSeen found
)
{
    private readonly Standing standing = new(seen, Planner.Plan(intent, seen));
    private readonly HostPlaces places = new(intent);
    private readonly WhereaboutsJudge judge = new(found.Whereabouts, overlay, intent, seen);
    private readonly SwitchIntent @switch = intent.Switch!;

    private readonly BridgeLinkIntent? bridge = intent
        .Links.OfType<BridgeLinkIntent>()
        .FirstOrDefault(link => link.Network == pair.Network);

    /// <summary>Returns all hops.</summary>
    public IEnumerable<TraceHop> All()
    {
        yield return Both(Home());
        foreach (var other in found.Doubles.Where(other => other.Verdict is not Verdict.Well))
        {
            yield return Both(other);
        }
        yield return Out(Route());
        if (judge.JudgeNeighbour(pair.From, pair.To) is { } neighbour)
        {
            yield return Out(neighbour);
        }
        if (Place is not null)
        {
            yield return Both(
                Of(
                    "veth",
                    Place.HostEnd,
                    Place.Bridge is null
                        ? $"up, port of {@switch.Name} with VLAN {Vlan}"
                        : $"up, in bridge {Place.Bridge}",
                    Place.HostEnd
                )
            );
        }
        if (bridge is not null && Place is not { Bridge: null })
        {
            foreach (var hop in OnBridge(bridge))
            {
                yield return hop;
            }
            if (StaysOnBridge)
            {
                yield break;
            }
            yield return Both(Uplink(bridge));
        }
        foreach (var hop in OnSwitch())
        {
            yield return hop;
        }
        foreach (var hop in pair.IsOnOneHost ? [] : ToWire())
        {
            yield return hop;
        }
    }

    private AttachmentIntent? Place => places.AttachmentOf(pair.From);

    private int Vlan => overlay.Networks.First(network => network.Name == pair.Network).Vlan;

    private bool StaysOnBridge =>
        pair.IsOnOneHost
        && bridge is not null
        && (pair.To.Container is null || places.AttachmentOf(pair.To) is { Bridge: not null });

    /// <summary>The end on this host, and its interface.</summary>
    private Finding Home()
    {
        var mtu = intent.Mtu!.Bytes;
        var why = Place is null ? null : Planner.WhyNotReady(Place.Key, seen);
        var home = Place is null
            ? Of("network", pair.Network, $"{pair.From.Name} at {pair.FromAddress}", pair.Network)
            : Of(
                "container",
                Place.Container,
                $"{Place.Interface} with {string.Join(", ", Place.Addresses)}, MTU {Place.Mtu}",
                Place.InterfaceName,
                Place.DeviceName
            );
        return why is not null
                ? home with
                {
                    Verdict = Verdict.Wrong,
                    Words = $"{pair.From.Name} {why}",
                }
            : home.Verdict is Verdict.Well && size > mtu
                ? home with
                {
                    Verdict = Verdict.Wrong,
                    Words =
                        $"packets of {size} bytes are larger than its MTU of {mtu}, and cross in pieces or not at all: `weft plan` shows how the MTU comes about",
                }
            : home;
    }

    private Finding Route()
    {
        const string What = "route";
        var link = Place is null
            ? seen.Links.GetValueOrDefault(pair.Network)
            : seen.Inside.GetValueOrDefault(Place.Key)?.GetValueOrDefault(Place.Interface);
        if (link is null)
        {
            return new Finding(What, Verdict.Doubtful, $"to {pair.ToAddress}: no interface");
        }
        if (found.Route == link.Index)
        {
            return new Finding(What, Verdict.Well, $"to {pair.ToAddress} by {link.Name}");
        }
        var isStanding = Home().Verdict is Verdict.Well;
        return new Finding(
            What,
            isStanding ? Verdict.Wrong : Verdict.Doubtful,
            found.Route is null
                ? $"there is none to {pair.ToAddress}, though {link.Name} has an address beside it: `ip route get {pair.ToAddress}` there"
                : $"packets for {pair.ToAddress} leave by another interface than {link.Name}: `ip route get {pair.ToAddress}` there says which, and another route has to go"
        );
    }

    private IEnumerable<TraceHop> OnBridge(BridgeLinkIntent link)
    {
        var ports = new[]
        {
            Place?.HostEnd,
            StaysOnBridge ? places.AttachmentOf(pair.To)?.HostEnd : places.UplinkOf(link)?.Peer,
        };
        var open = Whereabouts
            .JudgePorts(link, intent, seen, [.. ports.OfType<string>()])
            .OrderByDescending(port => port.Verdict)
            .ToList();
        var itself = Of(
            "bridge",
            link.Name,
            open.Count > 0 ? string.Join(", ", open.Select(port => port.Words)) : "there, and up",
            link.Name
        );
        yield return Both(
            itself.Verdict is not Verdict.Wrong && open is [{ Verdict: not Verdict.Well } shut, ..]
                ? shut
                : itself
        );
        foreach (var dropped in found.Bridging?.Judge(link, overlay) ?? [])
        {
            yield return Both(dropped);
        }
        if (judge.JudgeBridge(pair.To) is { } towards)
        {
            yield return Out(towards);
        }
        if (judge.JudgeBridge(pair.From) is { } own)
        {
            yield return In(own);
        }
    }

    private Finding Uplink(BridgeLinkIntent link)
    {
        var uplink = places.UplinkOf(link);
        return uplink is null
            ? Of("uplink", link.Name, $"port of {@switch.Name} with VLAN {Vlan}", link.Name)
            : Of(
                "uplink",
                uplink.Name,
                $"{uplink.Peer} in {link.Name}, {uplink.Name} port of {@switch.Name} with VLAN {Vlan}",
                uplink.Peer,
                uplink.Name
            );
    }

    private IEnumerable<TraceHop> OnSwitch()
    {
        var state = Of(
            "switch",
            @switch.Name,
            (seen.Switch.Version is { Length: > 0 } version ? $"Open vSwitch {version}, " : "")
                + $"{@switch.Datapath} datapath",
            @switch.Name
        );
        yield return Both(state);
        var isExplained =
            state.Verdict is not Verdict.Well
            || (bridge is null ? Home() : Uplink(bridge)).Verdict is not Verdict.Well
            || !pair.IsOnOneHost && Tunnel().Verdict is not Verdict.Well;
        yield return Out(
            Forwards(
                pair.To,
                found.Out,
                pair.IsOnOneHost
                    ? null
                    : (pair.To.Host, IPAddress.Parse(TunnelPort.Options["remote_ip"])),
                isExplained
            )
        );
        yield return In(Forwards(pair.From, found.In, null, isExplained));
    }

    /// <summary>What the switch does with a packet for somebody, according to its MAC table and its flow rules.</summary>
    private Finding Forwards(
        Resident towards,
        PacketTrace? trace,
        (string, IPAddress)? tunnel,
        bool isExplained
    )
    {
        var learned = judge.JudgeSwitch(towards);
        var judged =
            trace?.Judge(@switch.Name, tunnel, isExplained || learned?.Verdict is Verdict.Wrong)
            ?? new Finding(
                $"switch {@switch.Name}",
                Verdict.Doubtful,
                $"has no port to ask about packets for {towards.Name}"
            );
        return learned is { Verdict: not Verdict.Well } && learned.Verdict >= judged.Verdict
            ? learned
            : judged with
            {
                Words =
                    judged.Verdict is Verdict.Well && learned is not null
                        ? $"{judged.Words}; {learned.Words}"
                        : judged.Words,
            };
    }

    private PortIntent TunnelPort => @switch.Ports.First(port => port.Peer == pair.To.Host);

    private Finding Tunnel() =>
        Of(
            "tunnel",
            pair.To.Host,
            $"{TunnelPort.Type} {TunnelPort.Options["local_ip"]} → {TunnelPort.Options["remote_ip"]}, port {TunnelPort.Name}, protected",
            TunnelPort.Name
        );

    private IEnumerable<TraceHop> ToWire()
    {
        yield return Both(Tunnel());
        var faults = Planner.UnderlayFaults(intent, seen).ToList();
        foreach (var fault in faults)
        {
            yield return Both(new Finding("underlay", Verdict.Wrong, fault));
        }
        // If the host's own link is at fault, that nothing can be sent only follows from it.
        foreach (var answer in found.Underlay.Where(one => faults.Count == 0 || one.Beyond))
        {
            // A host that answers neither on the underlay nor through the tunnel is out of reach.
            yield return Both(
                answer is { Verdict: Verdict.Doubtful, Beyond: true }
                && found.Answers.Any(one => one.Outcome is not Outcome.Reached)
                    ? answer with
                    {
                        Verdict = Verdict.Wrong,
                    }
                    : answer
            );
        }
        if (found.Firewall is { } firewall)
        {
            foreach (
                var dropped in UnderlayFirewall.Judge(
                    firewall,
                    overlay,
                    intent,
                    seen,
                    pair.To.Host,
                    answers: found.Answers.Any(one => one.Outcome is Outcome.Reached)
                )
            )
            {
                yield return Both(dropped);
            }
        }
        var status = HostStatus
            .Of(intent, seen)
            .Items.Where(item => item.Name == pair.To.Host)
            .ToList();
        foreach (var item in status.Where(item => item.Kind == "guard"))
        {
            yield return Both(Finding.Of(item));
        }
        foreach (var item in status.Where(item => item.Kind == "encryption"))
        {
            yield return Both(Doctor.Judge(item, found.Down) with { Beyond = KnowsOwnPart });
        }
    }

    /// <summary>
    /// Whether this host has all that it needs to negotiate, so that the cause of a failure may be found on the other.
    /// </summary>
    private bool KnowsOwnPart =>
        seen.StrongSwan.Problem is null
        && seen.Credentials?.Problem is null
        && seen.Certificate?.Fault is null
        && PeerConnection
            .AllOf(intent, seen.StrongSwan)
            .Where(connection => connection.Peer.Name == pair.To.Host)
            .All(connection => !connection.Children.IsEmpty);

    private Finding Of(string kind, string name, string intended, params string[] parts) =>
        Finding.Of(standing.Of(kind, name, intended, parts));

    private TraceHop Both(Finding finding) => TraceHop.Of(intent.Host, Way.Both, finding);

    private TraceHop Out(Finding finding) => TraceHop.Of(intent.Host, Way.Out, finding);

    private TraceHop In(Finding finding) => TraceHop.Of(intent.Host, Way.In, finding);
}
