using System.Collections;
using System.Collections.Immutable;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Core.Planning;

// Steps that put an existing link right, one setting at a time.
internal sealed partial class LinkPlanner
{
    /// <summary>The steps for a link on the host itself, which has the addresses that it is given and no other.</summary>
    private Steps OnHost(
        string name,
        MacAddress mac,
        int mtu,
        ImmutableArray<InterfaceAddress> addresses,
        Link actual,
        bool isAdopted,
        bool forwards = false
    ) =>
        [
            .. Common(name, mac, mtu, actual, null, isAdopted),
            mtu < UnderlayCheck.LeastIpv6Mtu
            || actual.LinkLocal.IsEmpty
            || actual.LinkLocal.All(addresses.Contains)
                ? null
                : new Step(
                    "no link-local address of the kernel's",
                    After($"link set dev {name} addrgenmode none")
                ),
            .. Unswayed(name, mtu, addresses, actual, Stage.BeforeSwitch, isAdopted, forwards),
            .. Addresses(
                name,
                addresses,
                actual.Addresses.AddRange(actual.LinkLocal),
                actual.Floating,
                null,
                mtu
            ),
            Up(name, actual, null, Silently(mtu)),
        ];

    private Steps Common(
        string name,
        MacAddress mac,
        int mtu,
        Link actual,
        string? container,
        bool isAdopted = false
    ) =>
        [
            actual.Alias == ownership.Alias(isAdopted) ? null
            // Setting the address pins it: a bridge's address that nobody set changes with its ports.
            : isAdopted
                ? new Step(
                    "take over",
                    Before(
                        $"link set dev {name} alias {ownership.Alias(isAdopted)} address {mac}",
                        container
                    )
                )
            : new Step(
                "mark as Weft's",
                Before($"link set dev {name} alias {ownership.Alias()}", container)
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

    /// <summary>Shrinks an MTU before anything else and grows it after: no packet is ever too large for the next link.</summary>
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

    /// <summary>A port that moves to another bridge starts there with the kernel's own settings.</summary>
    private Step? BlockRoot(AttachmentIntent attachment, Link actual) =>
        attachment.Bridge is not { } bridge
        || attachment.BlocksRoot == (actual.BlocksRoot && actual.Master == bridge)
            ? null
            : new Step(
                attachment.BlocksRoot
                    ? "no root of the spanning tree behind it"
                    : "any root of the spanning tree behind it",
                BlockRoot(StageToEnslave(actual.Name, bridge), actual.Name, attachment.BlocksRoot)
            );

    private static LinkCommand BlockRoot(Stage stage, string name, bool isOn = true) =>
        Line(
            stage,
            null,
            $"link set dev {name} type bridge_slave root_block {(isOn ? "on" : "off")}"
        );

    /// <summary>
    /// Hardens a link that is there. Answers to what comes by a link that was taken over may leave by another: there, filtering
    /// and forwarding are up to whoever made it.
    /// </summary>
    private Steps Unswayed(
        string name,
        int mtu,
        ImmutableArray<InterfaceAddress> addresses,
        Link actual,
        Stage stage,
        bool isAdopted,
        bool forwards
    ) =>
        [
            // Loose (2) stays: systemd or the administrator may set it a moment after a link was made.
            actual.ReversePathFilter
                is 0
            && !isAdopted
                ? new Step("only senders that it leads to", FilterSenders(stage, name))
                : null,
            actual.Forwards is { } forwarding && forwarding != forwards && !isAdopted
                ? new Step(
                    forwards ? "what comes in forwarded" : "nothing forwarded",
                    Forward(stage, name, forwards)
                )
                : null,
            actual.TakesAdvertisements is true && SpeaksIpv6(mtu)
                ? new Step("no router advertisements", TakeNoAdvertisements(stage, name))
                : null,
            SpeaksIpv6(mtu) ? Ipv6(name, addresses, actual, stage, isAdopted) : null,
        ];

    /// <summary>
    /// Switches IPv6 on before the first address comes and off after the last is gone, as the kernel would remove them all.
    /// </summary>
    private static Step? Ipv6(
        string name,
        ImmutableArray<InterfaceAddress> addresses,
        Link actual,
        Stage stage,
        bool isAdopted
    ) =>
        (HasIpv6(addresses), actual.IsIpv6Off) switch
        {
            (true, true) => new Step("IPv6 on", SwitchIpv6(stage, name, isOn: true)),
            (false, false) when !isAdopted => new Step(
                "IPv6 off",
                SwitchIpv6(Stage.Last, name, isOn: false)
            ),
            _ => null,
        };

    private static Step? Up(string name, Link actual, string? container, string how = "") =>
        actual.Up ? null : new Step("down → up", After($"link set dev {name} {how}up", container));

    private static Steps Addresses(
        string name,
        ImmutableArray<InterfaceAddress> desired,
        ImmutableArray<InterfaceAddress> actual,
        ImmutableArray<InterfaceAddress> floating,
        string? container,
        int mtu
    )
    {
        if (mtu < UnderlayCheck.LeastIpv6Mtu)
        {
            // With an MTU too small for IPv6 the kernel itself removes all of its addresses.
            actual = actual.RemoveAll(IsIpv6);
        }
        if (AreSame(desired, actual))
        {
            return [];
        }
        var surplus = actual.Where(address => !desired.Contains(address)).ToList();
        // From the last to the first: the kernel lists a subnet's primary IPv4 address before the secondary ones, and deletes
        // them with it (ip-sysctl: promote_secondaries).
        var removals = surplus
            .AsEnumerable()
            .Reverse()
            .Select(address => new Step(
                $"remove {address}",
                Line(Stage.AfterSwitch, container, $"addr del {address} dev {name}")
            ))
            .ToList();
        // For the same reason an old address goes before a new one of its subnet comes, and so it does if the new one differs
        // only in prefix length, which IPv6 refuses beside the old. A floating address of the subnet goes with the old one, and
        // is not Weft's to remove: it is set again.
        var bound = desired
            .Concat(floating.Where(address => !IsIpv6(address)))
            .Where(address =>
                surplus.Exists(old =>
                    address.SharesSubnetWith(old) || address.Address.Equals(old.Address)
                )
            )
            .ToList();
        var additions = desired
            .Where(address => bound.Contains(address) || !actual.Contains(address))
            .Concat(floating.Where(bound.Contains))
            .Select(address => new Step(
                actual.Contains(address) || floating.Contains(address)
                    ? $"keep {address}"
                    : $"add {address}",
                SetAddress(bound.Count > 0 ? "replace" : "add", address, name, container)
            ));
        return bound.Count > 0 ? [.. removals, .. additions] : [.. additions, .. removals];
    }

    /// <summary>Whether two lists have the same addresses in any order; the kernel lists none twice, and no file gives one twice.</summary>
    private static bool AreSame(
        ImmutableArray<InterfaceAddress> one,
        ImmutableArray<InterfaceAddress> other
    )
    {
        if (one.Length != other.Length)
        {
            return false;
        }
        foreach (var address in one)
        {
            if (!other.Contains(address))
            {
                return false;
            }
        }
        return true;
    }

    private static ImmutableArray<LinkCommand> AddAddresses(
        string name,
        ImmutableArray<InterfaceAddress> addresses,
        string? container
    ) => [.. addresses.Select(address => SetAddress("add", address, name, container))];

    /// <summary>
    /// Skips duplicate address detection (RFC 4862 section 5.4): the file makes addresses unique over all hosts, so it would
    /// only delay.
    /// </summary>
    private static LinkCommand SetAddress(
        string verb,
        InterfaceAddress address,
        string name,
        string? container
    ) =>
        Line(
            Stage.AfterSwitch,
            container,
            $"addr {verb} {address} dev {name}" + (IsIpv6(address) ? " nodad" : "")
        );

    private void SetIfNeeded(string what, string name, Steps steps, string? space = null)
    {
        if (steps.AreNeeded)
        {
            Add(
                ChangeAction.Set,
                what,
                name,
                string.Join(", ", steps.Select(step => step.Words)),
                [.. steps.SelectMany(step => step.Lines)],
                space
            );
        }
    }

    private void Add(
        ChangeAction action,
        string what,
        string name,
        string detail,
        ImmutableArray<LinkCommand> lines,
        string? space = null
    ) => Changes.Add(new LinkChange(action, what, name, detail, lines) { Namespace = space });

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

    /// <summary>
    /// The steps that put one link right, in order. Nearly every link is right whenever it is looked at, and no list is made
    /// before a step is needed: a thousand right links cost next to nothing.
    /// </summary>
    private sealed class Steps : IEnumerable<Step>
    {
        private List<Step>? needed;

        public bool AreNeeded => needed is not null;

        /// <summary>Adds a step, if there is one.</summary>
        public void Add(Step? step)
        {
            if (step is not null)
            {
                (needed ??= []).Add(step);
            }
        }

        public IEnumerator<Step> GetEnumerator() =>
            (needed ?? Enumerable.Empty<Step>()).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
