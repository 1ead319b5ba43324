using System.Collections.Immutable;
using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>Plans links and addresses: container bridges, uplinks, containers' interfaces and internal ports' addresses.</summary>
internal sealed class LinkPlanner(
    HostIntent intent,
    HostObservation observation,
    Ownership ownership
)
{
    private const int LinkLocalPrefix = 64;

    private readonly HashSet<string> wanted = new(StringComparer.Ordinal);
    private readonly HashSet<string> replaced = new(StringComparer.Ordinal);

    // The links that the switch is to make for internal ports, whose names must be free by then.
    private readonly HashSet<string> ofSwitch =
    [
        .. (intent.Switch?.Ports ?? [])
            .Where(port => port.Type == "internal")
            .Select(port => port.Name),
    ];

    // A link-local address of the kernel's would let containers reach the host past all addresses of the file.
    private readonly string silently = observation.HasIpv6 ? "addrgenmode none " : "";

    public List<Change> Changes { get; } = [];
    public List<Conflict> Conflicts { get; } = [];

    /// <summary>The host's ends of the attachments whose containers are there.</summary>
    public HashSet<string> PresentHostEnds { get; } = new(StringComparer.Ordinal);

    public void Plan()
    {
        foreach (var link in intent.Links)
        {
            wanted.Add(link.Name);
            switch (link)
            {
                case BridgeLinkIntent bridge:
                    PlanBridge(bridge);
                    break;
                case VethIntent veth:
                    wanted.Add(veth.Peer);
                    PlanUplink(veth);
                    break;
            }
        }
        foreach (var attachment in intent.Attachments)
        {
            if (observation.Namespaces.TryGetValue(attachment.Container, out var inside))
            {
                wanted.Add(attachment.HostEnd);
                PresentHostEnds.Add(attachment.HostEnd);
                PlanAttachment(attachment, inside);
            }
        }
        RemoveWhatLeft();
    }

    /// <summary>Plans what internal ports carry; <paramref name="isMade"/> tells of a port that the plan itself makes anew.</summary>
    public void PlanInternalLinks(Func<string, bool> isMade)
    {
        foreach (var port in intent.Switch?.Ports ?? [])
        {
            if (port.Type == "internal")
            {
                PlanInternalLink(
                    port,
                    intent.InternalLinks.FirstOrDefault(link => link.Name == port.Name),
                    isMade(port.Name)
                );
            }
        }
    }

    private void PlanInternalLink(PortIntent port, InternalLinkIntent? carried, bool isMade)
    {
        var name = port.Name;
        observation.Links.TryGetValue(name, out var actual);
        var isOfSwitch = actual is not null && ownership.IsOfSwitch(actual);
        if (isOfSwitch && !isMade)
        {
            // What the switch is yet to be asked for it does by itself.
            var asked = observation
                .Switch.Ports.GetValueOrDefault(name)
                ?.Interfaces.FirstOrDefault();
            SetIfNeeded(
                "internal link",
                name,
                [
                    .. carried is null
                        ? []
                        : Addresses(name, carried.Addresses, actual!.Addresses, null),
                    port.Mac is { } mac && asked?.Mac == mac.ToString()
                        ? Address(name, mac, actual!, null)
                        : null,
                    port.MtuRequest is { } mtu && asked?.MtuRequest == mtu
                        ? Mtu(name, mtu, actual!, null)
                        : null,
                    carried is null ? null : Up(name, actual!, null),
                ]
            );
        }
        else if (carried is not null && (actual is null || ownership.Owns(actual)))
        {
            // The switch may find that it can keep the link, with what it carries.
            var verb = isOfSwitch ? "replace" : "add";
            Add(
                ChangeAction.Add,
                "address",
                name,
                string.Join(", ", carried.Addresses),
                [
                    .. carried.Addresses.Select(address => SetAddress(verb, address, name, null)),
                    After($"link set dev {name} up"),
                ]
            );
        }
    }

    private void PlanBridge(BridgeLinkIntent bridge)
    {
        var name = bridge.Name;
        // The link-local address that IPv6 needs is given, not left to the kernel: it gives one only as a link comes up.
        var addresses = bridge.HasIpv6Address
            ? bridge.Addresses.Add(new(bridge.Mac.ToLinkLocal(), LinkLocalPrefix))
            : bridge.Addresses;
        var stage = StageToMake(name);
        if (Existing(name, "bridge") is not { } actual)
        {
            if (ConflictsWithForeign(name))
            {
                return;
            }
            Add(
                ChangeAction.Add,
                "bridge",
                name,
                bridge.Purpose
                    + (
                        bridge.Stp
                            ? $", spanning tree with forward delay {bridge.ForwardDelay} s"
                            : ""
                    )
                    + (bridge.Addresses.IsEmpty ? "" : $", {string.Join(", ", bridge.Addresses)}"),
                [
                    .. Replace(name),
                    Line(
                        stage,
                        null,
                        $"link add name {name} address {bridge.Mac} type bridge "
                            + $"stp_state {(bridge.Stp ? 1 : 0)} forward_delay {bridge.ForwardDelay * 100}"
                    ),
                    Line(
                        stage,
                        null,
                        // An MTU that a bridge is made with does not stay: it follows the ports that come and go.
                        $"link set dev {name} alias {ownership.Alias} mtu {bridge.Mtu} {silently}up"
                    ),
                    .. AddAddresses(name, addresses, null),
                ]
            );
            return;
        }
        var attributes = new List<string>();
        var words = new List<string>();
        if (actual.Stp != bridge.Stp)
        {
            attributes.Add($"stp_state {(bridge.Stp ? 1 : 0)}");
            words.Add($"spanning tree {(bridge.Stp ? "on" : "off")}");
        }
        if (actual.ForwardDelay != bridge.ForwardDelay * 100)
        {
            attributes.Add($"forward_delay {bridge.ForwardDelay * 100}");
            words.Add(
                $"forward delay {actual.ForwardDelay / 100.0:0.##} → {bridge.ForwardDelay} s"
            );
        }
        SetIfNeeded(
            "bridge",
            name,
            [
                attributes.Count == 0
                    ? null
                    : new Step(
                        string.Join(", ", words),
                        Before($"link set dev {name} type bridge {string.Join(' ', attributes)}")
                    ),
                .. OnHost(name, bridge.Mac, bridge.Mtu, addresses, actual),
            ]
        );
    }

    private void PlanUplink(VethIntent veth)
    {
        var stage = StageToMake(veth.Name, veth.Peer);
        var atSwitch = Existing(veth.Name, "veth");
        var atBridge = Existing(veth.Peer, "veth");
        if (atSwitch is null || atBridge is null || atSwitch.Peer != veth.Peer)
        {
            if (ConflictsWithForeign(veth.Name) | ConflictsWithForeign(veth.Peer))
            {
                return;
            }
            Add(
                ChangeAction.Add,
                "veth",
                veth.Name,
                veth.Purpose,
                [
                    .. Replace(veth.Name),
                    .. Replace(veth.Peer),
                    Line(
                        stage,
                        null,
                        $"link add name {veth.Name} address {veth.Mac} mtu {veth.Mtu} type veth "
                            + $"peer name {veth.Peer} address {veth.PeerMac} mtu {veth.Mtu}"
                    ),
                    Line(
                        stage,
                        null,
                        $"link set dev {veth.Name} alias {ownership.Alias} {silently}up"
                    ),
                    Line(
                        Later(stage, StageToEnslave(veth.Peer, veth.Bridge)),
                        null,
                        $"link set dev {veth.Peer} alias {ownership.Alias} {silently}master {veth.Bridge} up"
                    ),
                ]
            );
        }
        else
        {
            SetIfNeeded(
                "veth",
                veth.Name,
                [
                    Master(veth.Name, null, atSwitch),
                    .. OnHost(veth.Name, veth.Mac, veth.Mtu, [], atSwitch),
                ]
            );
            SetIfNeeded(
                "veth",
                veth.Peer,
                [
                    Master(veth.Peer, veth.Bridge, atBridge),
                    .. OnHost(veth.Peer, veth.PeerMac, veth.Mtu, [], atBridge),
                ]
            );
        }
        PlanChecksums(
            stage,
            null,
            veth.Peer,
            inSoftware: veth.ChecksumAtPeer,
            replaced.Contains(veth.Peer) ? null : atBridge
        );
    }

    private void PlanAttachment(
        AttachmentIntent attachment,
        ImmutableDictionary<string, Link> inside
    )
    {
        var (hostEnd, name, container) = (
            attachment.HostEnd,
            attachment.Interface,
            attachment.Container
        );
        var outer = Existing(hostEnd, "veth");
        inside.TryGetValue(name, out var inner);
        var intact =
            outer is not null
            && inner is not null
            && outer.PeerIndex == inner.Index
            && inner.PeerIndex == outer.Index;
        if (!intact)
        {
            if (ConflictsWithForeign(hostEnd))
            {
                return;
            }
            if (inner is not null && !IsOurs(inner, attachment))
            {
                Conflicts.Add(
                    new(
                        $"{name} in {container}",
                        $"container '{container}' has an interface '{name}' already, which Weft did not make: "
                            + "give the attachment another `interface`, or remove that interface"
                    )
                );
                return;
            }
            var stage = StageToMake(hostEnd);
            var master = attachment.Bridge is null ? "" : $"master {attachment.Bridge} ";
            var masterStage = attachment.Bridge is null
                ? stage
                : Later(stage, StageToEnslave(hostEnd, attachment.Bridge));
            Add(
                ChangeAction.Add,
                "interface",
                $"{name} in {container}",
                $"{attachment.Network} {string.Join(", ", attachment.Addresses)}",
                [
                    .. Replace(hostEnd),
                    .. ReplaceInside(inner, container),
                    Line(
                        stage,
                        null,
                        $"link add name {hostEnd} address {attachment.HostEndMac} mtu {attachment.Mtu} type veth "
                            + $"peer name {name} netns {container} address {attachment.Mac} mtu {attachment.Mtu}"
                    ),
                    Line(
                        masterStage,
                        null,
                        $"link set dev {hostEnd} alias {ownership.Alias} {silently}{master}up"
                    ),
                    .. AddAddresses(name, attachment.Addresses, container),
                    After($"link set dev {name} alias {ownership.Alias} up", container),
                ]
            );
        }
        else
        {
            SetIfNeeded(
                "veth",
                hostEnd,
                [
                    Master(hostEnd, attachment.Bridge, outer!),
                    .. OnHost(hostEnd, attachment.HostEndMac, attachment.Mtu, [], outer!),
                ]
            );
            SetIfNeeded(
                "interface",
                $"{name} in {container}",
                [
                    .. Common(name, attachment.Mac, attachment.Mtu, inner!, container),
                    .. Addresses(name, attachment.Addresses, inner!.Addresses, container),
                    Up(name, inner!, container),
                ]
            );
        }
        PlanChecksums(
            Stage.AfterSwitch,
            container,
            name,
            inSoftware: attachment.ChecksumAtContainer,
            intact ? inner : null
        );
    }

    /// <summary>Whether what has an attachment's name inside a container is Weft's: as <see cref="Ownership.Owns(Link)"/> tells it on the host.</summary>
    private bool IsOurs(Link inner, AttachmentIntent attachment) =>
        inner.Alias == ownership.Alias || inner.Alias is null && inner.Mac == attachment.Mac;

    /// <summary>Plans who completes checksums; a link that is made, not <paramref name="actual"/> yet, leaves them undone.</summary>
    private void PlanChecksums(
        Stage stage,
        string? container,
        string name,
        bool inSoftware,
        Link? actual
    )
    {
        if ((actual?.LeavesChecksumsUndone ?? true) == inSoftware)
        {
            Changes.Add(new ChecksumChange(stage, container, name, LeavesUndone: !inSoftware));
        }
    }

    private void RemoveWhatLeft()
    {
        var gone = new HashSet<string>(StringComparer.Ordinal);
        foreach (var link in observation.Links.Values.OrderBy(link => link.Index))
        {
            if (!ownership.Owns(link) || wanted.Contains(link.Name) || replaced.Contains(link.Name))
            {
                continue;
            }
            if (HasForeignPorts(link))
            {
                continue;
            }
            // A pair goes with one end; a link of the switch's own goes with its port.
            if (
                link.Kind is not ("bridge" or "veth")
                || link.Peer is { } peer && gone.Contains(peer)
            )
            {
                continue;
            }
            gone.Add(link.Name);
            var isInTheWay =
                ofSwitch.Contains(link.Name) || link.Peer is { } other && ofSwitch.Contains(other);
            Add(
                ChangeAction.Remove,
                link.Kind,
                link.Name,
                "",
                [
                    Line(
                        isInTheWay ? Stage.BeforeSwitch : Stage.Last,
                        null,
                        $"link del dev {link.Name}"
                    ),
                ]
            );
        }
    }

    /// <summary>Whether a bridge that is to go has ports that are not Weft's, which stands in the way.</summary>
    private bool HasForeignPorts(Link bridge)
    {
        if (bridge.Kind != "bridge")
        {
            return false;
        }
        var foreign = observation
            .Links.Values.Where(port => port.Master == bridge.Name && !ownership.Owns(port))
            .Select(port => port.Name)
            .Order(StringComparer.Ordinal)
            .ToList();
        if (foreign.Count == 0)
        {
            return false;
        }
        Conflicts.Add(
            new(
                bridge.Name,
                $"bridge '{bridge.Name}' is to go, but {string.Join(", ", foreign)} in it "
                    + $"{(foreign.Count == 1 ? "is" : "are")} not Weft's: detach {(foreign.Count == 1 ? "it" : "them")} from the bridge first"
            )
        );
        return true;
    }

    private Link? Existing(string name, string kind) =>
        observation.Links.TryGetValue(name, out var link)
        && ownership.Owns(link)
        && link.Kind == kind
            ? link
            : null;

    private bool ConflictsWithForeign(string name)
    {
        if (observation.Links.TryGetValue(name, out var link) && !ownership.Owns(link))
        {
            Conflicts.Add(Conflict.WithLink(link));
            return true;
        }
        return ConflictsWithPort(name);
    }

    /// <summary>Open vSwitch takes whatever gets the name of a port of its.</summary>
    private bool ConflictsWithPort(string name)
    {
        if (!observation.Switch.Ports.TryGetValue(name, out var port) || ownership.Owns(port))
        {
            return false;
        }
        Conflicts.Add(Conflict.WithPort(port));
        return true;
    }

    /// <summary>
    /// When links can be made: a name that an internal port of ours has is free once the switch has let go of it.
    /// </summary>
    private Stage StageToMake(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (observation.Links.TryGetValue(name, out var link) && ownership.IsOfSwitch(link))
            {
                return Stage.AfterSwitch;
            }
        }
        return Stage.BeforeSwitch;
    }

    /// <summary>When a link can go into a bridge: the kernel moves none that the switch has as a port, or takes as one by its name.</summary>
    private Stage StageToEnslave(string name, string bridge) =>
        observation.Switch.Ports.ContainsKey(name) ? Stage.AfterSwitch : StageToMake(bridge);

    private static Stage Later(Stage one, Stage other) => one > other ? one : other;

    /// <summary>Removes a link of ours that has the name but is not what it should be.</summary>
    private IEnumerable<LinkCommand> Replace(string name)
    {
        if (
            observation.Links.TryGetValue(name, out var link)
            && ownership.Owns(link)
            && !ownership.IsOfSwitch(link)
            && !HasForeignPorts(link)
            && replaced.Add(name)
        )
        {
            if (link.Peer is { } peer)
            {
                replaced.Add(peer);
            }
            yield return Before($"link del dev {name}");
        }
    }

    private IEnumerable<LinkCommand> ReplaceInside(Link? inner, string container)
    {
        if (inner is null)
        {
            yield break;
        }
        var hostEnd = observation.Links.Values.FirstOrDefault(link =>
            link.Index == inner.PeerIndex
        );
        // The pair goes with the end inside, unless its other end was deleted a line ago.
        if (hostEnd is null || replaced.Add(hostEnd.Name))
        {
            yield return Before($"link del dev {inner.Name}", container);
        }
    }

    /// <summary>A link on the host itself, which has the addresses that it is given and no other.</summary>
    private IEnumerable<Step?> OnHost(
        string name,
        MacAddress mac,
        int mtu,
        ImmutableArray<InterfaceAddress> addresses,
        Link actual
    ) =>
        [
            .. Common(name, mac, mtu, actual, null),
            actual.LinkLocal.All(addresses.Contains)
                ? null
                : new Step(
                    "no link-local address of the kernel's",
                    After($"link set dev {name} addrgenmode none")
                ),
            .. Addresses(name, addresses, [.. actual.Addresses, .. actual.LinkLocal], null),
            Up(name, actual, null, silently),
        ];

    private IEnumerable<Step?> Common(
        string name,
        MacAddress mac,
        int mtu,
        Link actual,
        string? container
    ) =>
        [
            actual.Alias == ownership.Alias
                ? null
                : new Step(
                    "mark as Weft's",
                    Before($"link set dev {name} alias {ownership.Alias}", container)
                ),
            Address(name, mac, actual, container),
            Mtu(name, mtu, actual, container),
        ];

    private static Step? Address(string name, MacAddress mac, Link actual, string? container) =>
        actual.Mac == mac
            ? null
            : new Step(
                $"address {actual.Mac} → {mac}",
                Before($"link set dev {name} address {mac}", container)
            );

    /// <summary>An MTU shrinks before anything else and grows after it: no packet is ever too large for the next link.</summary>
    private static Step? Mtu(string name, int mtu, Link actual, string? container) =>
        actual.Mtu == mtu
            ? null
            : new Step(
                $"MTU {actual.Mtu} → {mtu}",
                Line(
                    mtu < actual.Mtu ? Stage.BeforeSwitch : Stage.AfterSwitch,
                    container,
                    $"link set dev {name} mtu {mtu}"
                )
            );

    private Step? Master(string name, string? bridge, Link actual)
    {
        if (actual.Master == bridge || bridge is null && actual.Master is "ovs-system")
        {
            return null;
        }
        if (ConflictsWithPort(name))
        {
            return null;
        }
        if (bridge is null)
        {
            return new Step($"out of {actual.Master}", Before($"link set dev {name} nomaster"));
        }
        return new Step(
            $"into {bridge}",
            Line(StageToEnslave(name, bridge), null, $"link set dev {name} master {bridge}")
        );
    }

    private static Step? Up(string name, Link actual, string? container, string how = "") =>
        actual.Up ? null : new Step("up", After($"link set dev {name} {how}up", container));

    private static IEnumerable<Step?> Addresses(
        string name,
        ImmutableArray<InterfaceAddress> desired,
        ImmutableArray<InterfaceAddress> actual,
        string? container
    )
    {
        var surplus = actual.Where(address => !desired.Contains(address)).ToList();
        // The kernel lists a subnet's first IPv4 address before the further ones, which it deletes together with
        // it (ip-sysctl: promote_secondaries): so from the last to the first.
        var removals = surplus
            .AsEnumerable()
            .Reverse()
            .Select(address => new Step(
                $"remove {address}",
                Line(Stage.AfterSwitch, container, $"addr del {address} dev {name}")
            ))
            .ToList();
        // For the same reason the old address goes first where the new one is of its subnet, and so it does where
        // the new one differs in its prefix length only, which IPv6 does not take beside it.
        var bound = desired
            .Where(address =>
                surplus.Exists(old =>
                    address.SharesSubnetWith(old) || address.Address.Equals(old.Address)
                )
            )
            .ToList();
        var additions = desired
            .Where(address => bound.Contains(address) || !actual.Contains(address))
            .Select(address => new Step(
                actual.Contains(address) ? $"keep {address}" : $"add {address}",
                SetAddress(bound.Count > 0 ? "replace" : "add", address, name, container)
            ));
        return bound.Count > 0 ? [.. removals, .. additions] : [.. additions, .. removals];
    }

    private static ImmutableArray<LinkCommand> AddAddresses(
        string name,
        ImmutableArray<InterfaceAddress> addresses,
        string? container
    ) => [.. addresses.Select(address => SetAddress("add", address, name, container))];

    /// <summary>Uniqueness over all hosts is the file's law, so duplicate address detection would only delay (RFC 4862 section 5.4).</summary>
    private static LinkCommand SetAddress(
        string verb,
        InterfaceAddress address,
        string name,
        string? container
    ) =>
        Line(
            Stage.AfterSwitch,
            container,
            $"addr {verb} {address} dev {name}"
                + (address.Address.AddressFamily is AddressFamily.InterNetworkV6 ? " nodad" : "")
        );

    private void SetIfNeeded(string what, string name, IEnumerable<Step?> steps)
    {
        var needed = steps.OfType<Step>().ToList();
        if (needed.Count > 0)
        {
            Add(
                ChangeAction.Set,
                what,
                name,
                string.Join(", ", needed.Select(step => step.Words)),
                [.. needed.SelectMany(step => step.Lines)]
            );
        }
    }

    private void Add(
        ChangeAction action,
        string what,
        string name,
        string detail,
        ImmutableArray<LinkCommand> lines
    ) => Changes.Add(new LinkChange(action, what, name, detail, lines));

    private static LinkCommand Before(string line, string? container = null) =>
        new(Stage.BeforeSwitch, container, line);

    private static LinkCommand After(string line, string? container = null) =>
        new(Stage.AfterSwitch, container, line);

    private static LinkCommand Line(Stage stage, string? container, string line) =>
        new(stage, container, line);

    private sealed record Step(string Words, ImmutableArray<LinkCommand> Lines)
    {
        public Step(string words, LinkCommand line)
            : this(words, [line]) { }
    }
}
