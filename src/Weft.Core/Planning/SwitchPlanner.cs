using System.Collections.Immutable;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Ovsdb;

namespace Weft.Core.Planning;

/// <summary>Plans the switch: its bridge and its ports.</summary>
internal sealed class SwitchPlanner(
    HostIntent intent,
    HostObservation observation,
    Ownership ownership,
    Func<PortIntent, bool> isAwaited,
    Func<string, bool> isRemade
)
{
    private readonly List<PortRow> ports =
    [
        .. observation.Switch.Ports.Values.OrderBy(port => port.Name, StringComparer.Ordinal),
    ];
    private readonly List<PortRow> foreignPorts =
    [
        .. observation
            .Switch.Ports.Values.Where(port => !ownership.Owns(port))
            .OrderBy(port => port.Name, StringComparer.Ordinal),
    ];
    private readonly HashSet<string> removedBridges = new(StringComparer.Ordinal);

    public List<Change> Changes { get; } = [];
    public List<Conflict> Conflicts { get; } = [];

    /// <summary>The ports whose links the switch makes, or makes anew.</summary>
    public HashSet<string> Made { get; } = new(StringComparer.Ordinal);

    public void Plan()
    {
        // A renamed switch hands over its ports' names, which are free once the old switch is gone.
        foreach (
            var bridge in observation.Switch.Bridges.Values.OrderBy(
                row => row.Name,
                StringComparer.Ordinal
            )
        )
        {
            if (bridge.Name != intent.Switch?.Name && ownership.Owns(bridge))
            {
                RemoveBridge(bridge);
            }
        }
        PlanCertificateSettings();
        var kept = new HashSet<string>(StringComparer.Ordinal);
        if (intent.Switch is { } wanted)
        {
            PlanBridge(wanted);
            kept.Add(wanted.Name);
            foreach (var port in wanted.Ports.Skip(1).Where(port => !isAwaited(port)))
            {
                kept.Add(port.Name);
                PlanPort(wanted.Name, port);
            }
        }
        Changes.AddRange(
            ports
                .Where(port =>
                    ownership.Owns(port)
                    && !kept.Contains(port.Name)
                    && !MayBeOfSilentEngine(port)
                    && !removedBridges.Contains(port.Bridge)
                )
                .Select(port => new RemovePort(port) { Reopens = IsMadeAgain(port) })
        );
    }

    /// <summary>
    /// Whether a tunnel is made again under another name, as when its host was renamed: Open vSwitch cannot make a second one
    /// of its kind before it has let go of the first, and does not try again by itself.
    /// </summary>
    private bool IsMadeAgain(PortRow port) =>
        Changes.OfType<AddPort>().Any(made => port.Interfaces.Any(row => IsTunnel(row, made.Port)));

    /// <summary>Whether a port may be that of a container whose engine does not answer just now.</summary>
    private bool MayBeOfSilentEngine(PortRow port) =>
        intent.Switch is not null
        && !observation.SilentEngines.IsEmpty
        && observation.Links.TryGetValue(port.Name, out var link)
        && link.PeerIndex is not null;

    /// <summary>
    /// Plans the certificate, which all tunnels that ovs-monitor-ipsec encrypts share, by settings of Open vSwitch as a whole.
    /// These are an overlay's while the row carries its mark.
    /// </summary>
    private void PlanCertificateSettings()
    {
        var (root, wanted) = (observation.Switch, intent.Switch?.CertificateSettings);
        var there = root
            .OtherConfig.Where(pair => MonitorOptions.CertificateSettings.Contains(pair.Key))
            .ToImmutableSortedDictionary();
        var isOurs = root.Mark == intent.Overlay;
        if (!isOurs && (wanted is null || there.SequenceEqual(wanted)))
        {
            return;
        }
        if (!isOurs && !there.IsEmpty)
        {
            Conflicts.Add(
                new(
                    "certificates",
                    $"Open vSwitch has the settings {string.Join(", ", there.Keys)} in other_config already, {Ownership.Describe(root.Mark)}, "
                        + $"and ovs-monitor-ipsec takes {(wanted!.IsEmpty ? "no key beside them" : "them for all tunnels")}: "
                        + $"remove them with `ovs-vsctl remove open_vswitch . other_config {string.Join(" -- remove open_vswitch . other_config ", there.Keys)}`, or make the manager strongswan"
                )
            );
            return;
        }
        wanted ??= ImmutableSortedDictionary<string, string>.Empty;
        var columns = new Columns("Open_vSwitch", root.Root);
        columns.Compare(
            "other_config",
            root.OtherConfig,
            root.OtherConfig.RemoveRange(MonitorOptions.CertificateSettings).SetItems(wanted),
            wanted.IsEmpty
                ? "no certificate"
                : string.Join(", ", wanted.Select(pair => $"{pair.Key}={pair.Value}"))
        );
        columns.Compare(
            "external_ids",
            root.ExternalIds,
            wanted.IsEmpty
                ? root.ExternalIds.Remove(OwnershipMark.Key)
                : root.ExternalIds.SetItem(OwnershipMark.Key, intent.Overlay),
            wanted.IsEmpty ? "not marked as Weft's" : "mark as Weft's"
        );
        Set("settings", "certificates", columns);
    }

    private void PlanBridge(SwitchIntent wanted)
    {
        if (!observation.Switch.Bridges.TryGetValue(wanted.Name, out var bridge))
        {
            if (ConflictsWithPort(wanted.Ports[0]) || ConflictsWithLink(wanted.Ports[0]))
            {
                return;
            }
            if (Find(wanted.Name) is { } astray)
            {
                Changes.Add(new RemovePort(astray));
            }
            Made.Add(wanted.Name);
            Changes.Add(new AddBridge(wanted, intent.Overlay));
            return;
        }
        if (!ownership.Owns(bridge))
        {
            Conflicts.Add(
                new(
                    bridge.Name,
                    $"bridge '{bridge.Name}' is in Open vSwitch already, {Ownership.Describe(bridge.Mark)}: "
                        + Ownership.Remedy(
                            bridge.Mark,
                            $"choose another name for `switch`, or remove it with `ovs-vsctl del-br {bridge.Name}`"
                        )
                )
            );
            return;
        }
        var columns = new Columns("Bridge", bridge.Uuid);
        if (bridge.IsUserspace != wanted.Userspace)
        {
            // Another datapath has links of its own.
            Made.UnionWith(
                wanted.Ports.Where(port => port.Type == "internal").Select(port => port.Name)
            );
            columns.Compare(
                "datapath_type",
                bridge.DatapathType,
                wanted.DatapathType,
                $"datapath {Datapath(bridge.DatapathType)} → {Datapath(wanted.DatapathType)}"
            );
        }
        // Unset means standalone too.
        if (bridge.FailMode is "secure")
        {
            if (wanted.IsAdopted)
            {
                Conflicts.Add(
                    new(
                        bridge.Name,
                        $"switch '{bridge.Name}' forwards only by rules of its own (fail_mode secure), which Open vSwitch throws away when it becomes a switch as the overlay's: "
                            + $"see whether you need them with `ovs-ofctl dump-flows {bridge.Name}`, then `ovs-vsctl del-fail-mode {bridge.Name}`"
                    )
                );
                return;
            }
            columns.Compare(
                "fail_mode",
                Optional(bridge.FailMode),
                Datum.Empty,
                "fail mode secure → standalone, without its OpenFlow rules"
            );
        }
        PlanSpanningTree(wanted, bridge, columns);
        Set("switch", bridge.Name, columns);
        PlanPort(wanted.Name, wanted.Ports[0]);
        if (wanted.IsAdopted)
        {
            Conflicts.AddRange(
                Loops
                    .Of(intent, observation, ownership)
                    .Select(loop => new Conflict(loop.Port, loop.WhereTakenOver))
            );
        }
    }

    /// <summary>
    /// Has the switch pass spanning tree frames on while a network uses them; if somebody else set that, it stays set.
    /// </summary>
    private void PlanSpanningTree(SwitchIntent wanted, BridgeRow bridge, Columns columns)
    {
        var (settings, marks) = (bridge.OtherConfig, bridge.ExternalIds);
        if (!wanted.PassesSpanningTree)
        {
            if (marks.ContainsKey(SwitchIntent.PassSpanningTreeMark))
            {
                settings = settings.Remove(SwitchIntent.PassSpanningTree);
                marks = marks.Remove(SwitchIntent.PassSpanningTreeMark);
            }
        }
        else if (
            settings.GetValueOrDefault(SwitchIntent.PassSpanningTree) != "true"
            // If somebody removed the switch's own mark, this one is gone too.
            || bridge.Mark is null && !wanted.IsAdopted
        )
        {
            settings = settings.SetItems(wanted.Settings);
            marks = marks.SetItems(wanted.Marks(intent.Overlay));
        }
        columns.Compare(
            "other_config",
            bridge.OtherConfig,
            settings,
            wanted.PassesSpanningTree
                ? "pass spanning tree frames on"
                : "pass no spanning tree frames on"
        );
        columns.Compare(
            "external_ids",
            bridge.ExternalIds,
            marks.SetItem(OwnershipMark.Key, intent.Overlay),
            // Other changes of these marks are described above.
            bridge.Mark == intent.Overlay
                ? null
                : "mark as Weft's"
        );
    }

    private void PlanPort(string bridge, PortIntent port)
    {
        if (ConflictsWithPort(port) || ConflictsWithLink(port))
        {
            return;
        }
        var row = Find(port.Name);
        var isThere = row is { Interfaces.Length: 1 } && row.Bridge == bridge;
        if (!(isThere && IsTunnel(row!.Interfaces[0], port)) && ConflictsWithTunnel(port))
        {
            return;
        }
        if (isThere && !HoldsLostLink(port))
        {
            SetPort(port, row!, row!.Interfaces[0]);
            return;
        }
        if (row is not null)
        {
            Changes.Add(new RemovePort(row) { Reopens = isThere });
        }
        Made.Add(port.Name);
        Changes.Add(new AddPort(bridge, port, intent.Overlay));
    }

    /// <summary>
    /// Whether a port's link is about to be made anew. The userspace datapath keeps its socket on the old link, and overlooks a
    /// new one of the same name if that comes before it has noticed the loss.
    /// </summary>
    private bool HoldsLostLink(PortIntent port) =>
        intent.Switch is { Userspace: true } && port.Type.Length == 0 && isRemade(port.Name);

    private void SetPort(PortIntent port, PortRow row, InterfaceRow @interface)
    {
        var columns = new Columns("Port", row.Uuid);
        columns.Compare(
            "tag",
            Optional(row.Tag),
            Optional(port.Tag),
            $"VLAN {row.Tag?.ToString() ?? "all"} → {port.Tag?.ToString() ?? "all"}"
        );
        columns.Compare("trunks", Datum.Set(row.Trunks), Datum.Empty, "no trunk VLANs");
        // A port with a tag is an access port whether it says so, as LXD does, or not (ovs-vswitchd.conf.db(5)).
        if (!(row.VlanMode is "access" && port.Tag is not null))
        {
            columns.Compare(
                "vlan_mode",
                Optional(row.VlanMode),
                Datum.Empty,
                "no VLAN mode of its own"
            );
        }
        columns.Compare(
            "protected",
            row.Protected,
            port.Protected,
            port.Protected ? "protected" : "not protected"
        );
        columns.CompareMark(row.ExternalIds, intent.Overlay, port.IsAdopted);
        columns = columns.Of("Interface", @interface.Uuid);
        if (@interface.Type != port.Type)
        {
            // An interface of another type is another interface: its link is made anew.
            Made.Add(port.Name);
        }
        columns.Compare(
            "type",
            @interface.Type,
            port.Type,
            $"type {Type(@interface.Type)} → {Type(port.Type)}"
        );
        columns.CompareOptions(@interface, port);
        columns.Compare(
            "mtu_request",
            Optional(@interface.MtuRequest),
            Optional(port.MtuRequest),
            $"MTU {@interface.MtuRequest?.ToString() ?? "unset"} → {port.MtuRequest?.ToString() ?? "unset"}"
        );
        columns.Compare(
            "mac",
            Optional(@interface.Mac),
            Optional(port.Mac?.ToString()),
            $"address {@interface.Mac ?? "unset"} → {port.Mac?.ToString() ?? "unset"}"
        );
        columns.CompareMark(@interface.ExternalIds, intent.Overlay, port.IsAdopted);
        Set("port", port.Name, columns);
    }

    private void Set(string what, string name, Columns columns)
    {
        if (columns.Changes.Count > 0)
        {
            Changes.Add(
                new SetColumns(
                    what,
                    name,
                    string.Join(", ", columns.Words.Distinct()),
                    [.. columns.Changes]
                )
            );
        }
    }

    private void RemoveBridge(BridgeRow bridge)
    {
        removedBridges.Add(bridge.Name);
        var foreign = foreignPorts
            .Where(port => port.Bridge == bridge.Name)
            .Select(port => port.Name)
            // An engine makes these anew with each start, without a mark; they go with their devices.
            .Except(observation.DeviceEndsOf(intent.Overlay))
            .ToList();
        if (foreign.Count == 0)
        {
            Changes.Add(new RemoveBridge(bridge, bridge.Ports.Length));
            return;
        }
        Conflicts.Add(
            new(
                bridge.Name,
                $"switch '{bridge.Name}' is to go, but its port{(foreign.Count == 1 ? "" : "s")} "
                    + $"{string.Join(", ", foreign)} Weft did not make: remove {(foreign.Count == 1 ? "it" : "them")} first"
            )
        );
    }

    private PortRow? Find(string name) =>
        observation.Switch.Ports.TryGetValue(name, out var row)
        && !removedBridges.Contains(row.Bridge)
            ? row
            : null;

    private bool ConflictsWithPort(PortIntent port)
    {
        if (
            Find(port.Name) is not { } row
            || ownership.Owns(row)
            || port.IsMadeByEngine && row.Mark is null && row.Bridge == intent.Switch!.Name
        )
        {
            return false;
        }
        Conflicts.Add(
            port.Peer is null
                ? Conflict.WithPort(row)
                : Conflict.WithPort(row, "give this overlay a `key` of its own under `tunnels`")
        );
        return true;
    }

    /// <summary>Refuses an internal port whose name another link has: the switch cannot make its link.</summary>
    private bool ConflictsWithLink(PortIntent port)
    {
        if (
            port.Type != "internal"
            || intent.Switch is { Userspace: true }
                && observation.Links.TryGetValue(port.Name, out var link)
                && IsLeftBehind(link)
            || ownership.ConflictOver(port.Name, observation.Links) is not { } conflict
        )
        {
            return false;
        }
        Conflicts.Add(conflict);
        return true;
    }

    /// <summary>
    /// Whether a link looks like one that a killed ovs-vswitchd left behind, as its taps outlive it: nobody uses it, and the
    /// next ovs-vswitchd takes it over.
    /// </summary>
    private static bool IsLeftBehind(Link link) =>
        link is { Kind: "tun", Up: false, Alias: null, Master: null }
        && link.Addresses.IsEmpty
        && link.Leased.IsEmpty;

    /// <summary>Refuses a second tunnel of a kind to one address, of which Open vSwitch says "File exists".</summary>
    private bool ConflictsWithTunnel(PortIntent port)
    {
        if (port.Peer is null || ForeignTunnelLike(port) is not { } same)
        {
            return false;
        }
        Conflicts.Add(
            new(
                port.Name,
                $"port '{same.Name}' in bridge '{same.Bridge}' is a {port.Type} tunnel to {port.Options["remote_ip"]} already, "
                    + $"{Ownership.Describe(same.Mark)}: remove it with `ovs-vsctl del-port {same.Name}`, "
                    + "or give this overlay a `key` of its own under `tunnels`"
            )
            {
                StandsAlone = true,
            }
        );
        return true;
    }

    private PortRow? ForeignTunnelLike(PortIntent port) =>
        foreignPorts.Find(row => row.Interfaces.Any(other => IsTunnel(other, port)));

    /// <summary>Whether an interface is the tunnel that a port is to be, as far as Open vSwitch tells tunnels apart.</summary>
    internal static bool IsTunnel(InterfaceRow row, PortIntent port) =>
        TunnelIdentity.Of(row.Type, row.Options) is { } there
        && there == TunnelIdentity.Of(port.Type, port.Options);

    private static string Datapath(string type) => type == "netdev" ? "userspace" : "kernel";

    private static string Type(string type) => type.Length == 0 ? "system" : type;

    private static Datum Optional(string? value) => value is null ? Datum.Empty : value;

    private static Datum Optional(int? value) => value is null ? Datum.Empty : value.Value;

    /// <summary>Collects the columns of one thing's rows that differ.</summary>
    private sealed class Columns(string table, Guid row)
    {
        public List<ColumnChange> Changes { get; private init; } = [];
        public List<string> Words { get; private init; } = [];

        /// <summary>Goes on with another row of the same thing.</summary>
        public Columns Of(string otherTable, Guid otherRow) =>
            new(otherTable, otherRow) { Changes = Changes, Words = Words };

        public void Compare(string column, Datum seen, Datum wanted, string? words)
        {
            if (seen == wanted)
            {
                return;
            }
            Changes.Add(new ColumnChange(table, row, column, seen, wanted));
            if (words is not null)
            {
                Words.Add(words);
            }
        }

        public void CompareOptions(InterfaceRow seen, PortIntent wanted)
        {
            var isSameKey = Equals(seen.Key, wanted.Key);
            if (isSameKey && (Datum)seen.Options == wanted.Options)
            {
                return;
            }
            Changes.Add(
                new ColumnChange(table, row, "options", seen.Options, wanted.Options)
                {
                    SeenKey = seen.Key,
                    WantedKey = wanted.Key,
                }
            );
            if ((Datum)seen.Options != wanted.Options)
            {
                Words.Add(
                    "options "
                        + string.Join(
                            ", ",
                            wanted.Options.Select(pair => $"{pair.Key}={pair.Value}")
                        )
                );
            }
            if (!isSameKey)
            {
                Words.Add(wanted.Key is null ? "no key" : $"key {wanted.Key}");
            }
        }

        public void CompareMark(
            ImmutableSortedDictionary<string, string> seen,
            string overlay,
            bool isAdopted
        )
        {
            var wanted = seen.SetItem(OwnershipMark.Key, overlay);
            if (isAdopted)
            {
                wanted = wanted.SetItem(OwnershipMark.AdoptedKey, OwnershipMark.AdoptedValue);
            }
            Compare("external_ids", seen, wanted, isAdopted ? "take over" : "mark as Weft's");
        }
    }
}
