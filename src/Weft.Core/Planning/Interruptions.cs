using System.Collections.Immutable;
using System.Net;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>
/// What a plan interrupts even if all goes well: changes that all hosts would have to make at once, and make one after the
/// other.
/// </summary>
internal static class Interruptions
{
    public static IEnumerable<string> Of(
        HostIntent intent,
        HostObservation observation,
        ImmutableArray<Change> changes
    ) =>
        [
            .. Tunnels(intent, observation),
            .. Relaying(intent, observation),
            .. Encryption(intent, observation, changes),
            .. Tags(intent, observation),
            .. Mtu(intent, observation),
            .. Addresses(changes),
        ];

    /// <summary>The MTU that the overlay has on a host now, in bytes; null where it is not there yet.</summary>
    public static int? FormerMtu(HostIntent intent, HostObservation observation) =>
        intent.Switch is { } @switch
        && observation.Switch.Ports.GetValueOrDefault(@switch.Name)
            is { Interfaces: [var own], Mark: var mark }
        && mark == intent.Overlay
            ? own.MtuRequest
            : null;

    private static IEnumerable<string> Tunnels(HostIntent intent, HostObservation observation)
    {
        // By remote address, as a tunnel's name may change with its kind.
        var standing = observation
            .Switch.Ports.Values.Where(row =>
                row.Mark == intent.Overlay && row.Interfaces.Length == 1
            )
            .ToLookup(row => TunnelIdentity.RemoteOf(row.Interfaces[0].Options));
        return (
            from port in intent.Switch?.Ports ?? []
            where port.Peer is not null
            from row in standing[TunnelIdentity.RemoteOf(port.Options)]
            let there = row.Interfaces[0]
            select (
                port.Peer,
                Before: Kind(there.Type, there.Options),
                After: Kind(port.Type, port.Options)
            )
        )
            .Where(tunnel => tunnel.Before != tunnel.After)
            .GroupBy(tunnel => (tunnel.Before, tunnel.After), tunnel => tunnel.Peer)
            .Select(alike =>
                $"{alike.Key.Before} becomes {alike.Key.After}: nothing crosses to {string.Join(", ", alike)} until the same is done there"
            );
    }

    /// <summary>
    /// Tunnels that were set up by hand as a star or a tree, whose hub forwards what the other hosts send each other.
    /// </summary>
    private static IEnumerable<string> Relaying(HostIntent intent, HostObservation observation)
    {
        string[] relayed =
        [
            .. from port in intent.Switch?.Ports ?? []
            where port is { Peer: not null, Protected: true }
            let row = observation.Switch.Ports.GetValueOrDefault(port.Name)
            where row is { Protected: false, Mark: null }
            select port.Peer,
        ];
        return relayed.Length < 2
            ? []
            :
            [
                $"nothing is passed on between {string.Join(", ", relayed)} any more: they reach one another by tunnels of their own, so apply on each of them first",
            ];
    }

    private static IEnumerable<string> Encryption(
        HostIntent intent,
        HostObservation observation,
        ImmutableArray<Change> changes
    )
    {
        var guards = changes.OfType<GuardChange>().ToList();
        // Where keys are agreed on already, a new guard stops nothing, as the daemon's policies win.
        var encrypted = PeerConnection
            .AllOf(intent, observation.StrongSwan)
            .Where(connection => connection.IsUp)
            .ToLookup(connection => connection.Name, connection => connection.Peer.Name);
        string[] begins =
        [
            .. Peers(guards.Where(guard => guard.Action is ChangeAction.Add && guard.IsOverdue))
                .Except(encrypted.SelectMany(names => names)),
        ];
        // ovs-monitor-ipsec ends what is negotiated before it negotiates anew.
        string[] anew =
        [
            .. changes
                .OfType<SetColumns>()
                .Where(change => change.Columns.Any(column => column.Column == "options"))
                .SelectMany(change => encrypted[change.Name]),
        ];
        string[] ends = [.. Peers(guards.Where(guard => guard.Action is ChangeAction.Remove))];
        if (begins.Length > 0)
        {
            yield return $"nothing crosses in plaintext any more to {string.Join(", ", begins)}: nothing crosses at all until it is encrypted there too";
        }
        if (anew.Length > 0)
        {
            yield return $"keys are agreed on anew with {string.Join(", ", anew)}: nothing crosses until that is done";
        }
        if (ends.Length > 0)
        {
            yield return $"what crosses to {string.Join(", ", ends)} is encrypted no more: nothing crosses until the same is done there";
        }

        IEnumerable<string> Peers(IEnumerable<GuardChange> changed) =>
            from guard in changed
            from port in intent.Switch?.Ports ?? []
            where port.Peer is not null && port.Options["remote_ip"] == guard.Name
            select port.Peer;
    }

    private static IEnumerable<string> Tags(HostIntent intent, HostObservation observation) =>
        (
            from port in intent.Switch?.Ports ?? []
            let row = observation.Switch.Ports.GetValueOrDefault(port.Name)
            where row is not null && row.Mark == intent.Overlay && row.Bridge == intent.Switch!.Name
            where port.Tag is not null && row.Tag is not null && row.Tag != port.Tag
            select (Before: row.Tag, After: port.Tag, port.Purpose)
        )
            .GroupBy(port => (port.Before, port.After), port => port.Purpose)
            .Select(alike =>
                $"VLAN {alike.Key.Before} → {alike.Key.After} ({string.Join(", ", alike)}): cut off from other hosts until they have VLAN {alike.Key.After} there too"
            );

    private static IEnumerable<string> Mtu(HostIntent intent, HostObservation observation) =>
        FormerMtu(intent, observation) is { } before
        && intent.Mtu is { Bytes: var after }
        && before != after
            ?
            [
                $"MTU {before} → {after}: until all hosts have it, packets of more than {int.Min(before, after)} bytes are lost between those that have it and those that do not",
            ]
            : [];

    private static IEnumerable<string> Addresses(IEnumerable<Change> changes)
    {
        var lines = changes
            .OfType<LinkChange>()
            .Where(change => change.Action is ChangeAction.Set)
            .SelectMany(change => change.Lines)
            .Select(line => (line.Namespace, Words: line.Line.Split(' ')))
            .Where(line => line.Words is ["addr", _, _, ..])
            .ToList();
        var stay = lines
            .Where(line => line.Words[1] != "del")
            .Select(line => (line.Namespace, AddressOf(line.Words[2])))
            .ToHashSet();
        string[] go =
        [
            .. lines
                .Where(line => line.Words[1] == "del")
                .Select(line => (line.Namespace, Address: AddressOf(line.Words[2])))
                // The kernel assigns link-local addresses by itself, and no peer is known to use them.
                .Where(line => !stay.Contains(line) && !line.Address.IsIPv6LinkLocal)
                .Select(line => $"{line.Address}"),
        ];
        return go.Length == 0
            ? []
            :
            [
                $"{string.Join(", ", go)} {(go.Length == 1 ? "goes" : "go")}: what is connected there is cut off",
            ];
    }

    private static IPAddress AddressOf(string prefix) => IPAddress.Parse(prefix.Split('/')[0]);

    private static string Kind(string type, IReadOnlyDictionary<string, string> options) =>
        $"{type}{(options.GetValueOrDefault("key") is { } key ? $" with key {key}" : "")}{(options.GetValueOrDefault("dst_port") is { } port ? $" on port {port}" : "")}";
}
