using System.Collections.Immutable;
using Weft.Core;
using Weft.Core.Engines;
using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Health;

/// <summary>
/// Where a host believes everybody to be: what its bridges and its switch have learned, and who its neighbours are. It comes and
/// goes by itself, so it is no part of what a plan is made of.
/// </summary>
/// <param name="Bridges">What its bridges have learned.</param>
/// <param name="Switch">What its switch has learned.</param>
/// <param name="Neighbours">Its own neighbours.</param>
/// <param name="Inside">The neighbours of each of its containers.</param>
/// <param name="Rules">The switch's rules that are not the one it begins with.</param>
internal sealed record Whereabouts(
    ImmutableArray<BridgeEntry> Bridges,
    ImmutableArray<SwitchEntry> Switch,
    ImmutableArray<Neighbour> Neighbours,
    ImmutableDictionary<ContainerKey, ImmutableArray<Neighbour>> Inside,
    ImmutableArray<string> Rules
)
{
    private const int MostRules = 5;

    /// <summary>Reads them.</summary>
    /// <exception cref="HostException">The kernel does not say.</exception>
    public static async Task<Whereabouts> ReadAsync(
        HostIntent intent,
        HostObservation seen,
        CancellationToken cancellationToken
    ) =>
        new(
            NeighbourReader.ReadBridges(),
            SwitchEntry.Parse(
                (
                    await SwitchControl.AskAsync(
                        ["fdb/show", intent.Switch!.Name],
                        cancellationToken
                    )
                ).Output
            ),
            NeighbourReader.Read(),
            intent
                .Attachments.Select(place => place.Key)
                .Distinct()
                .Where(key => seen.Containers.GetValueOrDefault(key) is { IsReady: true })
                .ToImmutableDictionary(
                    key => key,
                    key => NeighbourReader.Read(seen.Containers[key].Namespace)
                ),
            RulesIn(
                (
                    await SwitchControl.AskAsync(
                        ["bridge/dump-flows", intent.Switch.Name],
                        cancellationToken
                    )
                ).Output
            )
        );

    /// <summary>The rules of what <c>ovs-appctl bridge/dump-flows</c> writes, but for the one that a switch begins with and what it has for itself.</summary>
    internal static ImmutableArray<string> RulesIn(string flows) =>
        [
            .. flows
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                // Table 254 is its own (ofproto-provider.h, TBL_INTERNAL).
                .Where(flow => !flow.Contains("table_id=254", StringComparison.Ordinal))
                .Select(flow =>
                    flow.IndexOf("priority=", StringComparison.Ordinal) is >= 0 and var at
                        ? flow[at..].Trim()
                        : ""
                )
                .Where(rule => rule.Length > 0 && rule != "priority=0,actions=NORMAL"),
        ];

    /// <summary>What it means that the switch has rules that Weft did not make.</summary>
    public Finding? JudgeRules(string @switch) =>
        Rules.IsEmpty
            ? null
            : new Finding(
                $"switch {@switch}",
                Verdict.Doubtful,
                $"has rules that Weft did not make, which may drop packets or send them elsewhere: {string.Join("; ", Rules.Take(MostRules))}. Look at `ovs-ofctl dump-flows {@switch}`"
            );

    /// <summary>What is wrong of all that a host believes of those that it knows.</summary>
    public IReadOnlyList<Finding> Judge(Overlay overlay, HostIntent intent, HostObservation seen)
    {
        var known = Resident.AllOf(overlay, intent);
        var judged = known
            .SelectMany(one =>
                known
                    .Where(other => other.Network == one.Network && other.Host == intent.Host)
                    .Select(other => JudgeNeighbour(other, one, intent, seen))
                    .Prepend(JudgeSwitch(one, overlay, intent, seen))
                    .Prepend(JudgeBridge(one, intent, seen))
            )
            .Append(JudgeRules(intent.Switch!.Name))
            .OfType<Finding>()
            .Concat(
                intent
                    .Links.OfType<BridgeLinkIntent>()
                    .SelectMany(bridge => JudgePorts(bridge, intent, seen))
            )
            .Where(finding => finding.Verdict is not Verdict.Well)
            .ToList();
        return judged.Count > 0
            ? judged
            :
            [
                new Finding(
                    "forwarding",
                    Verdict.Well,
                    "ports are open, and bridges, switch and neighbours know everybody where the file has them"
                ),
            ];
    }

    /// <summary>Whether a container bridge looks for somebody where it must; null where it has no such bridge, or knows nothing.</summary>
    public Finding? JudgeBridge(Resident resident, HostIntent intent, HostObservation seen)
    {
        var bridge = intent
            .Links.OfType<BridgeLinkIntent>()
            .FirstOrDefault(link => link.Network == resident.Network);
        if (bridge is null || resident.PlaceOn(intent).BridgePort is not { } expected)
        {
            return null;
        }
        var names = seen
            .Links.Values.Where(link => link.Name == bridge.Name || link.Master == bridge.Name)
            .ToDictionary(link => link.Index, link => link.Name);
        return
            Bridges.FirstOrDefault(entry =>
                entry.Mac == resident.Mac && names.ContainsKey(entry.Link)
            )
                is { } found
            ? Judge(
                $"bridge {bridge.Name}",
                resident,
                names[found.Link],
                expected,
                found.IsStatic,
                $"bridge fdb del {resident.Mac} dev {names[found.Link]} master"
            )
            : null;
    }

    /// <summary>Whether the switch looks for somebody where it must; null where it knows nothing.</summary>
    public Finding? JudgeSwitch(
        Resident resident,
        Overlay overlay,
        HostIntent intent,
        HostObservation seen
    )
    {
        var @switch = intent.Switch!.Name;
        var vlan = overlay.Networks.First(network => network.Name == resident.Network).Vlan;
        if (
            resident.PlaceOn(intent).SwitchPort is not { } expected
            || Switch.FirstOrDefault(entry => entry.Mac == resident.Mac && entry.Vlan == vlan)
                is not { } found
        )
        {
            return null;
        }
        var port =
            seen.Switch.Ports.Values.FirstOrDefault(port =>
                port.Bridge == @switch && port.Interfaces.Any(row => row.OpenFlowPort == found.Port)
            )?.Name
            ?? @switch;
        return Judge(
            $"switch {@switch}",
            resident,
            port,
            expected,
            found.IsStatic,
            $"ovs-appctl fdb/del {@switch} {vlan} {resident.Mac}"
        );
    }

    /// <summary>Whether somebody on this host takes another for who it is; null where the two have not met.</summary>
    public Finding? JudgeNeighbour(
        Resident here,
        Resident other,
        HostIntent intent,
        HostObservation seen
    )
    {
        if (here == other || LinkOf(here, intent, seen) is not { } link)
        {
            return null;
        }
        var place = here.AttachmentOn(intent);
        var table = place is null ? Neighbours : Inside.GetValueOrDefault(place.Key, []);
        var met = table
            .Where(neighbour =>
                neighbour.Link == link.Index && other.Addresses.Contains(neighbour.Address)
            )
            .ToList();
        var inside = place is null ? "" : " inside the container";
        return met.Find(neighbour => neighbour.Mac is { } mac && mac != other.Mac) is { } wrong
                ? new Finding(
                    $"neighbours of {here.Name}",
                    wrong.IsPermanent ? Verdict.Wrong : Verdict.Doubtful,
                    wrong.IsPermanent
                        ? $"somebody has set {wrong.Address} of {other.Name} to be at {wrong.Mac}, and it is at {other.Mac}: `ip neigh del {wrong.Address} dev {link.Name}`{inside}"
                        : $"{wrong.Mac} has answered for {wrong.Address} of {other.Name}, which is at {other.Mac}: two may have that address, which `weft doctor` on {other.Host} tells"
                )
                {
                    Beyond = !wrong.IsPermanent,
                }
            : met.Find(neighbour => neighbour.Mac is null) is { } silent
                ? new Finding(
                    $"neighbours of {here.Name}",
                    Verdict.Well,
                    $"nobody has answered for {silent.Address} lately"
                )
            : met.Count > 0
                ? new Finding(
                    $"neighbours of {here.Name}",
                    Verdict.Well,
                    $"{other.Mac} has {string.Join(", ", met.Select(neighbour => neighbour.Address))}"
                )
            : null;
    }

    /// <summary>Whether a container bridge's own ports are open.</summary>
    /// <param name="bridge">The bridge.</param>
    /// <param name="intent">What the host must look like.</param>
    /// <param name="seen">What it looks like.</param>
    /// <param name="which">The ports; if not given: all that are the overlay's.</param>
    public static IEnumerable<Finding> JudgePorts(
        BridgeLinkIntent bridge,
        HostIntent intent,
        HostObservation seen,
        params IReadOnlyCollection<string> which
    )
    {
        var own = intent
            .Links.OfType<VethIntent>()
            .Where(veth => veth.Bridge == bridge.Name)
            .Select(veth => veth.Peer)
            .Concat(
                intent
                    .Attachments.Where(place => place.Bridge == bridge.Name)
                    .Select(place => place.HostEnd)
            );
        foreach (var name in which.Count > 0 ? own.Intersect(which) : own)
        {
            if (seen.Links.GetValueOrDefault(name) is { PortState: { } state } port)
            {
                yield return new Finding(
                    $"bridge {bridge.Name}",
                    state switch
                    {
                        BridgePortState.Forwarding => Verdict.Well,
                        // A link that is down is told of as such.
                        BridgePortState.Disabled when !(port.Up && port.HasCarrier) =>
                            Verdict.Doubtful,
                        BridgePortState.Listening or BridgePortState.Learning when bridge.Stp =>
                            Verdict.Doubtful,
                        _ => Verdict.Wrong,
                    },
                    state switch
                    {
                        BridgePortState.Forwarding => $"port {name} is open",
                        BridgePortState.Disabled when !(port.Up && port.HasCarrier) =>
                            $"port {name} is closed: its link is down, or its other end is",
                        BridgePortState.Listening or BridgePortState.Learning when bridge.Stp =>
                            $"port {name} is {Word(state)}: the spanning tree opens it within {2 * bridge.ForwardDelay} s",
                        BridgePortState.Blocking when bridge.Stp =>
                            $"the spanning tree keeps port {name} closed (blocking): there is another way between the bridge and the switch. Find it with `bridge link show`, and take it away",
                        _ =>
                            $"somebody has set port {name} to {Word(state)}, and no spanning tree opens it: `bridge link set dev {name} state 3`",
                    }
                );
            }
        }
    }

    private static string Word(BridgePortState state) => state.ToString().ToLowerInvariant();

    private static Link? LinkOf(Resident here, HostIntent intent, HostObservation seen) =>
        here.AttachmentOn(intent) is { } place
            ? seen.Inside.GetValueOrDefault(place.Key)?.GetValueOrDefault(place.Interface)
            : seen.Links.GetValueOrDefault(here.Network);

    // What was learned is learned anew from the next frame: it may be of the time before somebody moved.
    private static Finding Judge(
        string what,
        Resident resident,
        string found,
        string expected,
        bool isStatic,
        string remedy
    ) =>
        found == expected
            ? new Finding(
                what,
                Verdict.Well,
                $"{resident.Mac} of {resident.Name} is behind {found}"
            )
        : isStatic
            ? new Finding(
                what,
                Verdict.Wrong,
                $"somebody has set {resident.Mac} of {resident.Name} to be behind {found}, and it is behind {expected}: `{remedy}`"
            )
        : new Finding(
            what,
            Verdict.Doubtful,
            $"{resident.Mac} of {resident.Name} was last heard behind {found}, and it is behind {expected}: two have that Ethernet address, or there is a loop"
        );
}
