using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>
/// Plans the guard: for each peer two policies in the kernel, one out and one in, that block the tunnel's packets. They are
/// added before the tunnel's port and removed after it. Where an IKE daemon has negotiated keys, its own policies have smaller
/// priority numbers and win; elsewhere nothing passes.
/// </summary>
/// <remarks>
/// The guard's selectors are wider than any daemon's: from anywhere to the peer, and from the peer to anywhere. The kernel
/// holds one policy per selector, whatever the priorities. Observed in a network namespace with the daemon's own <c>src ME/32
/// dst PEER/32 proto gre</c> as the guard: adding the daemon's policy fails ("File exists"), the update that charon then tries
/// replaces the guard, and once the daemon removes its policy nothing is left and GRE leaves in the clear. With the wider
/// selectors both policies stand, the smaller number wins whichever is narrower, and when the daemon's policy goes the guard
/// blocks again.
/// </remarks>
internal sealed class GuardPlanner(
    HostIntent intent,
    HostObservation observation,
    Ownership ownership
)
{
    // RFC 7296 section 2.
    private const ushort IkePort = 500;
    private const ushort IkeNatPort = 4500;

    private readonly ImmutableArray<XfrmPolicy> policies =
    [
        .. observation.Guard.Policies.Where(policy => !policy.IsPartial),
    ];

    /// <summary>What is put up before all else.</summary>
    public List<Change> Additions { get; } = [];

    /// <summary>What is taken away after all else.</summary>
    public List<Change> Removals { get; } = [];

    public List<Conflict> Conflicts { get; } = [];

    public List<string> Notices { get; } = [];

    public void Plan()
    {
        var wanted = new HashSet<Guard>();
        foreach (var peer in intent.Ipsec?.Peers ?? [])
        {
            var guard = new Guard(peer.Address, peer.Traffic);
            wanted.Add(guard);
            PutUp(guard, peer.Name);
        }
        ConflictWithHost();
        var left = policies
            .Where(IsOurs)
            .Select(GuardOf)
            .OfType<Guard>()
            .Where(guard => !wanted.Contains(guard))
            .Distinct();
        foreach (var guard in left)
        {
            TakeAway(guard);
        }
    }

    private void PutUp(Guard guard, string peer)
    {
        var lines = ImmutableArray.CreateBuilder<LinkCommand>();
        var directions = new List<string>();
        var action = ChangeAction.Add;
        foreach (var policy in guard.Policies)
        {
            ConflictWithPassage(guard, policy.Direction, peer);
            var there = policies.FirstOrDefault(other => IsInPlaceOf(other, policy));
            if (there is null || IsOurs(there) && !there.Blocks)
            {
                action = there is null ? action : ChangeAction.Set;
                directions.Add(Word(policy.Direction));
                lines.Add(
                    LinkCommand.OfPolicy(
                        Stage.First,
                        there is null ? ChangeAction.Add : ChangeAction.Set,
                        policy
                    )
                );
            }
            else if (!IsOurs(there))
            {
                Conflicts.Add(
                    new(
                        guard.Name,
                        $"an IPsec policy of priority {there.Priority} that Weft did not make is where the guard of {peer} must stand, "
                            + $"and the kernel keeps one only: remove what made it, or the policy with `ip xfrm policy delete {there}`"
                    )
                );
            }
        }
        if (lines.Count > 0)
        {
            var isOverdue = HasTunnel(guard, _ => true);
            var alarm = isOverdue
                ? " (MISSING beside its tunnel: packets may cross in plaintext)"
                : "";
            Additions.Add(
                new GuardChange(
                    action,
                    guard.Name,
                    $"block {guard.Traffic} that is not encrypted, {string.Join(" and ", directions.Order())}{alarm}",
                    isOverdue,
                    lines.ToImmutable()
                )
            );
        }
    }

    private void TakeAway(Guard guard)
    {
        // A policy has no room for an overlay's name: one guard serves every tunnel of its kind to the peer, whoever owns it.
        if (HasTunnel(guard, port => !ownership.Owns(port)))
        {
            if (HasOwnTunnel(guard))
            {
                Notices.Add(
                    $"the guard of {guard.Name} stays, for a tunnel to it that is not of overlay '{intent.Overlay}', and blocks this overlay's too: give this one `ipsec`, or remove the other"
                );
            }
            return;
        }
        var there = guard.Policies.Where(policy =>
            policies.Any(other => IsInPlaceOf(other, policy) && IsOurs(other))
        );
        Removals.Add(
            new GuardChange(
                ChangeAction.Remove,
                guard.Name,
                $"{guard.Traffic}, {string.Join(" and ", there.Select(policy => Word(policy.Direction)).Order())}",
                IsOverdue: false,
                [
                    .. there.Select(policy =>
                        LinkCommand.OfPolicy(Stage.Last, ChangeAction.Remove, policy)
                    ),
                ]
            )
        );
    }

    /// <summary>Refuses encryption on a host that is not capable of it: without the guard no tunnel may come up.</summary>
    private void ConflictWithHost()
    {
        if (intent is not { Ipsec: not null, Switch: { } @switch })
        {
            return;
        }
        if (@switch.Userspace)
        {
            Conflicts.Add(
                new(
                    @switch.Name,
                    $"the overlay has `ipsec`, and switch '{@switch.Name}' would use the userspace datapath, whose packets never pass the kernel's IPsec, "
                        + "so that nothing would be encrypted: give the host a kernel with the module openvswitch (`modprobe openvswitch`), or take `ipsec` out of the file"
                )
            );
        }
        if (observation.Guard.Problem is { } problem)
        {
            Conflicts.Add(
                new(@switch.Name, $"the overlay has `ipsec`, and no guard can be put up: {problem}")
            );
        }
    }

    /// <summary>
    /// Refuses a policy with a smaller number that lets the tunnel's packets pass as they are: it makes the guard useless.
    /// </summary>
    private void ConflictWithPassage(Guard guard, XfrmDirection direction, string peer)
    {
        var passage = policies.FirstOrDefault(policy =>
            policy is { Blocks: false, Encrypts: false }
            && policy.Direction == direction
            && policy.Priority <= OwnershipMark.GuardPriority
            && !IsOurs(policy)
            && !guard.Policies.Any(own => IsInPlaceOf(policy, own))
            && Selects(policy.Selector, direction, guard)
        );
        if (passage is not null)
        {
            Conflicts.Add(
                new(
                    guard.Name,
                    $"an IPsec policy of priority {passage.Priority} that Weft did not make lets {guard.Traffic} of {peer} pass in plaintext, before the guard: "
                        + $"remove what made it (strongSwan's plugin bypass-lan does), or the policy with `ip xfrm policy delete {passage}`"
                )
            );
        }
    }

    private bool Selects(XfrmSelector selector, XfrmDirection direction, Guard guard)
    {
        var (here, there) =
            direction is XfrmDirection.Out
                ? (selector.Source, selector.Destination)
                : (selector.Destination, selector.Source);
        return there.Contains(guard.Peer)
            && here.Contains(intent.Ipsec!.LocalAddress)
            && (selector.Protocol == 0 || selector.Protocol == guard.Traffic.Protocol)
            && (selector.DestinationPort is null || selector.DestinationPort == guard.Traffic.Port)
            // An IKE daemon lets its own packets pass (strongSwan with port_bypass) from these ports, from which no tunnel
            // sends.
            && selector.SourcePort is not (IkePort or IkeNatPort);
    }

    private bool HasOwnTunnel(Guard guard) =>
        (intent.Switch?.Ports ?? []).Any(port => IsTunnel(port.Type, port.Options, guard));

    private bool HasTunnel(Guard guard, Func<PortRow, bool> counts) =>
        observation.Switch.Ports.Values.Any(port =>
            counts(port) && port.Interfaces.Any(row => IsTunnel(row.Type, row.Options, guard))
        );

    /// <summary>Whether an interface's packets are those that the guard blocks.</summary>
    private static bool IsTunnel(
        string type,
        ImmutableSortedDictionary<string, string> options,
        Guard guard
    ) =>
        IPAddress.TryParse(options.GetValueOrDefault("remote_ip"), out var remote)
        && remote.Equals(guard.Peer)
        && TrafficOf(type, options.GetValueOrDefault("dst_port")) == guard.Traffic;

    private static TunnelTraffic? TrafficOf(string type, string? port)
    {
        ushort? chosen = ushort.TryParse(port, out var number) ? number : null;
        return type switch
        {
            "gre" or "erspan" or "ip6gre" or "ip6erspan" => TunnelTraffic.Of(TunnelType.Gre, null),
            "vxlan" => TunnelTraffic.Of(TunnelType.Vxlan, chosen),
            "geneve" => TunnelTraffic.Of(TunnelType.Geneve, chosen),
            _ => null,
        };
    }

    private static bool IsOurs(XfrmPolicy policy) => policy.Priority == OwnershipMark.GuardPriority;

    /// <summary>Whether the two are one to the kernel, which holds a single policy per direction and selector.</summary>
    private static bool IsInPlaceOf(XfrmPolicy one, XfrmPolicy other) =>
        one.Direction == other.Direction && one.Selector == other.Selector;

    private static string Word(XfrmDirection direction) =>
        direction is XfrmDirection.Out ? "out" : "in";

    /// <summary>The guard that a policy is half of; null if it is of none.</summary>
    private static Guard? GuardOf(XfrmPolicy policy)
    {
        var selector = policy.Selector;
        var peer = policy.Direction is XfrmDirection.Out ? selector.Destination : selector.Source;
        var guard = new Guard(
            peer.BaseAddress,
            new TunnelTraffic(selector.Protocol, selector.DestinationPort)
        );
        return guard.Policies.Any(own => IsInPlaceOf(own, policy)) ? guard : null;
    }

    /// <summary>The guard of one peer, which keeps tunnel packets to and from it from crossing in the clear.</summary>
    private readonly record struct Guard(IPAddress Peer, TunnelTraffic Traffic)
    {
        public string Name => Peer.ToString();

        public ImmutableArray<XfrmPolicy> Policies
        {
            get
            {
                var isIpv6 = Peer.AddressFamily is AddressFamily.InterNetworkV6;
                var peer = new IPNetwork(Peer, isIpv6 ? 128 : 32);
                var anywhere = new IPNetwork(isIpv6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
                return
                [
                    Block(XfrmDirection.Out, anywhere, peer),
                    Block(XfrmDirection.In, peer, anywhere),
                ];
            }
        }

        private XfrmPolicy Block(XfrmDirection direction, IPNetwork from, IPNetwork to) =>
            new()
            {
                Direction = direction,
                Selector = new XfrmSelector(
                    from,
                    to,
                    Traffic.Protocol,
                    DestinationPort: Traffic.Port
                ),
                Priority = OwnershipMark.GuardPriority,
                Blocks = true,
            };
    }
}
