using System.Collections.Immutable;
using Weft.Core;
using Weft.Core.Engines;
using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Health;

/// <summary>
/// Where a host believes everybody to be: the MAC tables of its bridges and its switch, and its neighbour tables. They change by
/// themselves, so they are not part of what a plan is made from.
/// </summary>
/// <param name="Bridges">The MAC tables of its bridges.</param>
/// <param name="Switch">The MAC table of its switch.</param>
/// <param name="Neighbours">Its own neighbour table.</param>
/// <param name="Inside">The neighbour table of each of its containers.</param>
/// <param name="Rules">The switch's flow rules other than the one it begins with.</param>
internal sealed record Whereabouts(
    ImmutableArray<BridgeEntry> Bridges,
    ImmutableArray<SwitchEntry> Switch,
    ImmutableArray<Neighbour> Neighbours,
    ImmutableDictionary<ContainerKey, ImmutableArray<Neighbour>> Inside,
    ImmutableArray<string> Rules
)
{
    private const int MostRules = 5;

    // From here on, rules are Open vSwitch's own, for reaching a controller; `ovs-ofctl dump-flows` hides them (in-band.c,
    // IBR_FROM_LOCAL_DHCP).
    private const int LeastHiddenPriority = 180000;

    /// <summary>Whether the switch still has a flow rule that forwards.</summary>
    public bool HasWayOn { get; init; } = true;

    /// <summary>Reads the tables.</summary>
    /// <exception cref="HostException">The kernel does not say.</exception>
    public static async Task<Whereabouts> ReadAsync(
        HostIntent intent,
        HostObservation seen,
        CancellationToken cancellationToken
    )
    {
        var flows = (
            await SwitchControl.AskAsync(
                ["bridge/dump-flows", intent.Switch!.Name],
                cancellationToken
            )
        ).Output;
        return new(
            NeighbourReader.ReadBridges(),
            SwitchEntry.Parse(
                (
                    await SwitchControl.AskAsync(
                        ["fdb/show", intent.Switch.Name],
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
            RulesIn(flows)
        )
        {
            HasWayOn = HasWayOnIn(flows),
        };
    }

    /// <summary>
    /// Whether the output of <c>ovs-appctl bridge/dump-flows</c> has a rule that forwards as an ordinary switch does. The
    /// switch's own rules are always in it; if they are not, the answer is unknown, and true.
    /// </summary>
    internal static bool HasWayOnIn(string flows) =>
        !flows.Contains("table_id=254", StringComparison.Ordinal)
        || flows.Contains("NORMAL", StringComparison.Ordinal);

    /// <summary>The command that restores the flow rule that a switch begins with (ovs-ofctl(8)).</summary>
    /// <param name="switch">The switch.</param>
    public static string BeginAgain(string @switch) =>
        $"`ovs-ofctl add-flow {@switch} priority=0,actions=NORMAL`";

    /// <summary>
    /// The rules in the output of <c>ovs-appctl bridge/dump-flows</c>, except the one that a switch begins with and Open
    /// vSwitch's own.
    /// </summary>
    internal static ImmutableArray<string> RulesIn(string flows) =>
        [
            .. flows
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                // Table 254 is Open vSwitch's own (ofproto-provider.h, TBL_INTERNAL).
                .Where(flow => !flow.Contains("table_id=254", StringComparison.Ordinal))
                .Select(flow =>
                    flow.IndexOf("priority=", StringComparison.Ordinal) is >= 0 and var at
                        ? flow[at..].Trim()
                        : ""
                )
                .Where(rule => rule.Length > 0 && rule != "priority=0,actions=NORMAL")
                .Where(rule => !IsHidden(rule)),
        ];

    private static bool IsHidden(string rule) =>
        int.TryParse(rule["priority=".Length..].Split(',', ' ')[0], out var priority)
        && priority >= LeastHiddenPriority;

    /// <summary>The finding for a switch without a rule to forward by; null if it has one.</summary>
    public Finding? JudgeWayOn(string @switch) =>
        HasWayOn
            ? null
            : new Finding(
                $"switch {@switch}",
                Verdict.Wrong,
                $"has lost the rule that it forwards by, and nothing crosses: {BeginAgain(@switch)}"
            );

    /// <summary>The finding for rules that Weft did not make; null if there are none.</summary>
    public Finding? JudgeRules(string @switch) =>
        Rules.IsEmpty
            ? null
            : new Finding(
                $"switch {@switch}",
                Verdict.Doubtful,
                $"has rules that Weft did not make, which may drop packets or send them elsewhere: {string.Join("; ", Rules.Take(MostRules))}. Look at `ovs-ofctl dump-flows {@switch}`"
            );

    /// <summary>Judges whether a container bridge's own ports forward.</summary>
    /// <param name="bridge">The bridge.</param>
    /// <param name="intent">What the host must look like.</param>
    /// <param name="seen">What it looks like.</param>
    /// <param name="which">The ports; if not given, all of the overlay's.</param>
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
                        // A link that is down is reported as such elsewhere.
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
                            $"port {name} is {Word(state)}: the spanning tree opens it within {2 * bridge.ForwardDelay} s"
                                + (
                                    port.BlocksRoot
                                        ? ", or not before the container stops leading a spanning tree of its own: switch that off there (`ip link set dev BRIDGE type bridge stp_state 0`)"
                                        : ""
                                ),
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
}
