using System.Collections.Immutable;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>Intent beside observation: how each thing that the overlay wants of a host stands.</summary>
/// <param name="Items">The things, grouped by kind: switch, tunnels, guard, certificate, encryption, networks, containers.</param>
/// <param name="Drift">What differs from the intent, as the changes that would mend it.</param>
/// <param name="Conflicts">What stands in the way of mending.</param>
/// <param name="Notices">What the administrator should know.</param>
/// <param name="Foreign">Ports of the switch that are not the overlay's; they are left alone.</param>
/// <param name="Blocked">What the guard has kept from crossing in plaintext; null where the tunnels are not encrypted, or nothing is counted.</param>
public sealed record HostStatus(
    ImmutableArray<StatusItem> Items,
    ImmutableArray<Change> Drift,
    ImmutableArray<Conflict> Conflicts,
    ImmutableArray<string> Notices,
    ImmutableArray<string> Foreign,
    BlockedPackets? Blocked
)
{
    /// <summary>Whether everything is as intended; a container that is not there yet does no harm.</summary>
    public bool IsHealthy =>
        Drift.IsEmpty && Conflicts.IsEmpty && Items.All(item => item.State is not ItemState.Error);

    /// <summary>Puts intent and observation side by side. Pure.</summary>
    /// <param name="intent">What the host must look like.</param>
    /// <param name="observation">What it looks like.</param>
    /// <param name="plan">What it differs in, where that is known.</param>
    public static HostStatus Of(HostIntent intent, HostObservation observation, Plan? plan = null)
    {
        plan ??= Planner.Plan(intent, observation);
        var ownership = new Ownership(intent, observation.Switch);
        var certificate = intent.Ipsec is { Credentials: CertificateFiles }
            ? observation.Certificate
            : null;
        var builder = new Builder(observation, plan, certificate);
        var ports = intent.Switch?.Ports ?? [];
        return new HostStatus(
            [
                .. intent.Switch is { } @switch ? [builder.Switch(@switch)] : (StatusItem[])[],
                .. ports.Where(port => port.Peer is not null).Select(builder.Tunnel),
                .. (intent.Ipsec?.Peers ?? []).Select(builder.Guard),
                .. certificate is null ? [] : (StatusItem[])[builder.Certificate(intent.Host)],
                .. PeerConnection
                    .AllOf(intent, observation.StrongSwan)
                    .Select(connection => builder.Encryption(intent.Ipsec!.Manager, connection)),
                .. intent
                    .Links.OfType<BridgeLinkIntent>()
                    .Select(bridge => builder.Bridge(intent, bridge)),
                .. intent.InternalLinks.Select(builder.InternalLink),
                .. intent.Attachments.Select(builder.Attachment),
            ],
            plan.Changes,
            plan.Conflicts,
            [
                .. plan.Notices,
                .. certificate is { IsDue: true, Fault: null }
                    ?
                    [
                        $"the certificate of {intent.Host} {certificate.Words}: renew it with `weft pki renew` and copy it here",
                    ]
                    : (string[])[],
            ],
            [
                .. observation
                    .Switch.Ports.Values.Where(port =>
                        port.Bridge == intent.Switch?.Name && !ownership.Owns(port)
                    )
                    .Select(port => port.Name)
                    .Order(StringComparer.Ordinal),
            ],
            intent.Ipsec is null ? null : observation.Blocked
        );
    }

    /// <summary>How long ago the newest installed association with each peer was negotiated, by the peer's name. Pure.</summary>
    public static ImmutableDictionary<string, TimeSpan> AssociationAges(
        HostIntent intent,
        HostObservation observation
    ) =>
        PeerConnection
            .AllOf(intent, observation.StrongSwan)
            .SelectMany(connection =>
                connection
                    .Associations.SelectMany(ike => ike.Children)
                    .Where(child => child is { IsInstalled: true, Age: not null })
                    .Select(child => (connection.Peer.Name, Age: child.Age!.Value))
            )
            .GroupBy(pair => pair.Name)
            .ToImmutableDictionary(
                peer => peer.Key,
                peer => peer.Min(pair => pair.Age),
                StringComparer.Ordinal
            );

    private sealed class Builder(
        HostObservation observation,
        Plan plan,
        CertificateStanding? certificate
    )
    {
        private readonly Standing standing = new(observation, plan);

        private readonly ILookup<string, Change> changes = plan.Changes.ToLookup(change =>
            change.Name
        );

        public StatusItem Switch(SwitchIntent intent) =>
            CarriedOut(
                Item(
                    "switch",
                    intent.Name,
                    $"{intent.Datapath} datapath, MTU {intent.Ports[0].MtuRequest}",
                    [intent.Name]
                )
            );

        public StatusItem Tunnel(PortIntent port) =>
            CarriedOut(
                Item(
                    "tunnel",
                    port.Peer!,
                    $"{port.Type} {port.Options["local_ip"]} → {port.Options["remote_ip"]}, port {port.Name}",
                    [port.Name]
                )
            );

        // Without ovs-vswitchd nothing applies what the database holds, which then says nothing of what exists.
        private StatusItem CarriedOut(StatusItem item) =>
            observation.SwitchProblem is null
                ? item
                : item with
                {
                    State = ItemState.Error,
                    Detail = "ovs-vswitchd does not run",
                };

        public StatusItem Guard(IpsecPeer peer)
        {
            var address = peer.Address.ToString();
            var intended = $"{peer.Traffic} to and from {address} only if encrypted";
            var conflicts = plan
                .Conflicts.Where(conflict => conflict.Name == address)
                .Select(conflict => conflict.Message)
                .ToList();
            var missing = changes[address]
                .OfType<GuardChange>()
                .Where(change => change.Action is not ChangeAction.Remove)
                .Select(change =>
                    change.IsOverdue ? "MISSING: packets may cross in plaintext" : "not there"
                );
            string[] wrong = [.. missing, .. conflicts];
            return wrong.Length == 0
                ? new StatusItem("guard", peer.Name, intended, ItemState.Ok, null)
                : new StatusItem(
                    "guard",
                    peer.Name,
                    intended,
                    ItemState.Missing,
                    string.Join("; ", wrong)
                )
                {
                    IsBlocked = conflicts.Count > 0,
                };
        }

        /// <summary>
        /// An expired certificate is an error while everything still works: what was negotiated with it lasts, but nothing can
        /// be negotiated again.
        /// </summary>
        public StatusItem Certificate(string host) =>
            new(
                "certificate",
                host,
                certificate!.Words,
                certificate.Fault is null ? ItemState.Ok : ItemState.Error,
                certificate.Fault
            );

        /// <summary>How encryption with a peer stands: it is up only if every child of the connection protects packets.</summary>
        public StatusItem Encryption(IpsecManager manager, PeerConnection connection)
        {
            var peer = connection.Peer;
            var ikes = connection.Associations.ToList();
            var children = ikes.Where(ike => ike.IsEstablished)
                .SelectMany(ike => ike.Children)
                .Where(child => child.IsInstalled)
                .ToList();
            if (connection.IsUp)
            {
                return changes[connection.Name].Any()
                    ? new StatusItem(
                        "encryption",
                        peer.Name,
                        Words(children),
                        ItemState.Differs,
                        "encrypted as agreed on before something changed: `weft apply` agrees on it anew"
                    )
                    : new StatusItem("encryption", peer.Name, Words(children), ItemState.Ok, null);
            }
            return new StatusItem(
                "encryption",
                peer.Name,
                manager is IpsecManager.StrongSwan ? "ESP by strongSwan" : $"ESP by {manager.Word}",
                ItemState.Error,
                $"{(observation.StrongSwan.IsLeftFor(peer.Address) ? "encrypted by what was agreed on last, and nothing will follow it" : "DOWN, nothing crosses")}: "
                    + WhyDown(connection, ikes, children.Count > 0)
            );
        }

        /// <summary>
        /// Says why nothing is negotiated, as far as is known without trying. A refused negotiation leaves next to no trace but
        /// what its initiator has recorded. That record is told, with its time, after what can be seen now, and only if it
        /// concerns the connection as it is loaded now and no change of that is due.
        /// </summary>
        private string WhyDown(PeerConnection connection, List<IkeAssociation> ikes, bool isHalf)
        {
            const string Try = "`weft apply` tries again and says what is wrong";
            var tried = changes[connection.Name].Any()
                ? null
                : observation
                    .FailedNegotiations.FirstOrDefault(one =>
                        one.Peer == connection.Peer.Name && one.Loaded == connection.Loaded
                    )
                    ?.ToString();
            return observation.StrongSwan.Problem
                ?? observation.Credentials?.Problem
                ?? certificate?.Fault
                ?? (
                    connection.Children.IsEmpty
                        ? "strongSwan does not know the connection: `weft apply` loads it"
                    : ikes.SelectMany(ike => ike.Children).Any(child => child.IsLost)
                        ? "the kernel has lost the keys that strongSwan believes it has (`ip xfrm state flush` does that): `weft apply` negotiates new ones"
                    : isHalf ? $"half of it is negotiated; {tried ?? Try}"
                    : ikes.Exists(ike => ike.IsEstablished)
                        ? $"the hosts know each other and have agreed on nothing; {tried ?? Try}"
                    : ikes.Exists(ike => ike.IsAnswered) ? $"being negotiated; {Try}"
                    : ikes.Count > 0
                        ? $"{connection.Peer.Name} was asked at {connection.Peer.Address} and has not answered: is it up, with the overlay applied, and do UDP ports 500 and 4500 pass between the two?"
                    : observation.StrongSwan.Awaited.Contains(connection.Peer.Address)
                        ? $"packets have waited for keys, and the hosts did not agree on any: {tried ?? $"a key, a certificate or the overlay differs; {Try}"}"
                    : tried
                        ?? $"nothing is negotiated, and no packet has asked for it lately; {Try}"
                );
        }

        private static string Words(List<ChildAssociation> children)
        {
            // Of two that do the same, the newer one is used.
            var newest = children.MinBy(child => child.Age ?? TimeSpan.MaxValue)!;
            return $"ESP{(newest.InUdp ? " in UDP" : "")} {newest.Cipher}, {Duration(newest.Age)} old, next key in {Duration(newest.RekeyIn)}, "
                + $"{children.Sum(child => child.BytesIn)} bytes in, {children.Sum(child => child.BytesOut)} out";
        }

        private static string Duration(TimeSpan? time) =>
            time switch
            {
                null => "?",
                { TotalMinutes: < 2 } brief => $"{brief.TotalSeconds:0} s",
                { TotalHours: < 2 } middle => $"{middle.TotalMinutes:0} min",
                { } whole => $"{whole.TotalHours:0} h",
            };

        public StatusItem Bridge(HostIntent intent, BridgeLinkIntent bridge)
        {
            var uplink = intent
                .Links.OfType<VethIntent>()
                .FirstOrDefault(veth => veth.Bridge == bridge.Name);
            var port = intent.Switch!.Ports.First(port =>
                port.Name == (uplink?.Name ?? bridge.Name)
            );
            return Item(
                "network",
                bridge.Network,
                $"VLAN {port.Tag}, bridge, uplink {(uplink is null ? "direct" : uplink.Name)}"
                    + string.Concat(bridge.Addresses.Select(address => $", {address}")),
                [bridge.Name, port.Name, .. uplink is null ? [] : (string[])[uplink.Peer]]
            );
        }

        public StatusItem InternalLink(InternalLinkIntent link) =>
            Item("network", link.Name, string.Join(", ", link.Addresses), [link.Name]);

        public StatusItem Attachment(AttachmentIntent attachment)
        {
            var intended = $"{attachment.Interface} in {attachment.Network}: {attachment.Carries}";
            var why = Planner.WhyNotReady(attachment.Key, observation);
            return why is null
                ? Item(
                    "container",
                    attachment.Container,
                    intended,
                    [attachment.InterfaceName, attachment.DeviceName, attachment.HostEnd]
                )
                : new StatusItem(
                    "container",
                    attachment.Container,
                    intended,
                    ItemState.Waiting,
                    why
                );
        }

        private StatusItem Item(string kind, string name, string intended, string[] parts) =>
            standing.Of(kind, name, intended, parts);
    }
}

/// <summary>How one thing stands.</summary>
/// <param name="Kind"><c>switch</c>, <c>tunnel</c>, <c>guard</c>, <c>certificate</c>, <c>encryption</c>, <c>network</c> or <c>container</c>.</param>
/// <param name="Name">The thing's name in the overlay file; of a certificate, the host's; of a tunnel, guard or encryption, the other host's.</param>
/// <param name="Intended">What it must be, in words.</param>
/// <param name="State">How it stands.</param>
/// <param name="Detail">What is wrong; null if nothing is.</param>
public sealed record StatusItem(
    string Kind,
    string Name,
    string Intended,
    ItemState State,
    string? Detail
)
{
    /// <summary>Whether a conflict, which the detail names, prevents `weft apply` from putting it right.</summary>
    public bool IsBlocked { get; init; }
}

/// <summary>How a thing stands.</summary>
public enum ItemState
{
    /// <summary>As intended.</summary>
    Ok,

    /// <summary>Not there, or not wholly.</summary>
    Missing,

    /// <summary>There, but not as intended.</summary>
    Differs,

    /// <summary>As intended on this host, and it does not work.</summary>
    Error,

    /// <summary>Nothing can be done until the container is there.</summary>
    Waiting,
}
