using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>
/// A port in the overlay's switch that is not the overlay's and closes a loop: Weft's tunnels do not forward to each other, but
/// they do to any other port.
/// </summary>
/// <param name="Port">The port.</param>
/// <param name="Words">Why it is a loop.</param>
/// <param name="Fit">What makes the overlay take the port for its own.</param>
/// <param name="Cut">What takes the port away.</param>
internal sealed record Loops(string Port, string Words, string Fit, string Cut)
{
    /// <summary>The words with both remedies, for a switch that the overlay is to take over.</summary>
    public string WhereTakenOver => $"{Words}: {Fit}, or {Cut}";

    /// <summary>The same of a switch that is the overlay's.</summary>
    public string WhereOwn => $"{Words}: {Cut}";

    /// <summary>Finds them.</summary>
    public static IEnumerable<Loops> Of(
        HostIntent intent,
        HostObservation observation,
        Ownership ownership
    )
    {
        if (intent.Switch is not { } wanted)
        {
            yield break;
        }
        var strangers = observation
            .Switch.Ports.Values.Where(port => port.Bridge == wanted.Name && !ownership.Owns(port))
            .OrderBy(port => port.Name, StringComparer.Ordinal)
            .ToList();
        if (strangers.Count == 0)
        {
            yield break;
        }
        foreach (var port in wanted.Ports.Where(port => port.Peer is not null))
        {
            foreach (
                var other in strangers.Where(other =>
                    other.Interfaces.Any(row =>
                        TunnelIdentity.RemoteOf(row.Options)
                            == TunnelIdentity.RemoteOf(port.Options)
                        && !SwitchPlanner.IsTunnel(row, port)
                    )
                )
            )
            {
                yield return new Loops(
                    other.Name,
                    $"port '{other.Name}' in bridge '{other.Bridge}' is a tunnel to {port.Peer} too, of another kind or key than the overlay's: two ways to one host are a loop",
                    "put its `type`, `key` and `port` under `tunnels`",
                    $"remove it with `ovs-vsctl del-port {other.Name}`"
                );
            }
        }
        foreach (var bridge in intent.Links.OfType<BridgeLinkIntent>())
        {
            foreach (var other in strangers.Where(other => Ties(other, bridge, observation)))
            {
                yield return new Loops(
                    other.Name,
                    $"port '{other.Name}' ties bridge '{bridge.Name}' to '{other.Bridge}' otherwise than the file says, and two ways are a loop",
                    $"make its `vlan` {other.Tag?.ToString() ?? "none"} and its `uplink` {(other.Name == bridge.Name ? "direct" : "veth")}",
                    $"remove it with `ovs-vsctl del-port {other.Name}`"
                );
            }
        }
    }

    private static bool Ties(PortRow port, BridgeLinkIntent bridge, HostObservation observation) =>
        port.Name == bridge.Name
        || observation.Links.TryGetValue(port.Name, out var link)
            && link.Peer is { } peer
            && observation.Links[peer].Master == bridge.Name;
}
