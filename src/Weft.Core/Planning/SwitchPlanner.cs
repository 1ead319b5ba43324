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
    Func<PortIntent, bool> isAwaited
)
{
    private readonly ImmutableDictionary<string, PortRow> ports = observation.Switch.Ports;

    public List<Change> Changes { get; } = [];
    public List<string> Conflicts { get; } = [];

    /// <summary>The ports that the plan makes, or makes anew.</summary>
    public HashSet<string> Made { get; } = new(StringComparer.Ordinal);

    public void Plan()
    {
        var bridge = intent.Switch is { } wanted ? PlanBridge(wanted) : null;
        var kept = new HashSet<string>(StringComparer.Ordinal);
        if (intent.Switch is { } @switch)
        {
            foreach (var port in @switch.Ports.Where(port => !isAwaited(port)))
            {
                kept.Add(port.Name);
                PlanPort(@switch.Name, bridge, port);
            }
        }
        foreach (
            var stale in observation.Switch.Bridges.Values.OrderBy(
                row => row.Name,
                StringComparer.Ordinal
            )
        )
        {
            if (ownership.Owns(stale) && stale.Name != intent.Switch?.Name)
            {
                RemoveBridge(stale);
            }
        }
        foreach (var port in ports.Values.OrderBy(row => row.Name, StringComparer.Ordinal))
        {
            if (ownership.Owns(port) && !kept.Contains(port.Name) && !IsInRemovedBridge(port))
            {
                Changes.Add(new RemovePort(port));
            }
        }
    }

    private BridgeRow? PlanBridge(SwitchIntent wanted)
    {
        if (!observation.Switch.Bridges.TryGetValue(wanted.Name, out var bridge))
        {
            if (ConflictsWithPort(wanted.Ports[0]) || ConflictsWithLink(wanted.Name))
            {
                return null;
            }
            Made.Add(wanted.Name);
            Changes.Add(new AddBridge(wanted, intent.Overlay));
            return null;
        }
        if (!ownership.Owns(bridge))
        {
            Conflicts.Add(
                $"bridge '{bridge.Name}' is in Open vSwitch already, {Ownership.Describe(bridge.Mark)}: "
                    + $"choose another name for `switch`, or remove it with `ovs-vsctl del-br {bridge.Name}`"
            );
            return bridge;
        }
        var columns = new Columns("Bridge", bridge.Uuid);
        columns.Compare(
            "datapath_type",
            bridge.DatapathType,
            wanted.DatapathType,
            $"datapath {Datapath(bridge.DatapathType)} → {Datapath(wanted.DatapathType)}"
        );
        columns.Compare(
            "fail_mode",
            Optional(bridge.FailMode),
            Datum.Empty,
            $"fail mode {bridge.FailMode} → standalone"
        );
        Set("switch", bridge.Name, columns);
        return bridge;
    }

    private void PlanPort(string bridgeName, BridgeRow? bridge, PortIntent port)
    {
        var isLocal = port.Name == bridgeName;
        if (bridge is null && isLocal || ConflictsWithPort(port))
        {
            return;
        }
        ports.TryGetValue(port.Name, out var row);
        if (row is null || row.Bridge != bridgeName || row.Interfaces is not [var @interface])
        {
            if (row is not null)
            {
                Changes.Add(new RemovePort(row));
            }
            else if (port.Type == "internal" && ConflictsWithLink(port.Name))
            {
                return;
            }
            else if (ConflictsWithTunnel(port))
            {
                return;
            }
            Made.Add(port.Name);
            Changes.Add(new AddPort(bridgeName, port, intent.Overlay));
            return;
        }
        SetPort(port, row, @interface);
    }

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
        columns.Compare(
            "vlan_mode",
            Optional(row.VlanMode),
            Datum.Empty,
            "no VLAN mode of its own"
        );
        columns.Compare(
            "protected",
            row.Protected,
            port.Protected,
            port.Protected ? "protected" : "not protected"
        );
        columns.CompareMark(row.ExternalIds, intent.Overlay);
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
        columns.Compare(
            "options",
            @interface.Options,
            port.Options,
            "options " + string.Join(", ", port.Options.Select(pair => $"{pair.Key}={pair.Value}"))
        );
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
        columns.CompareMark(@interface.ExternalIds, intent.Overlay);
        Set("port", port.Name, columns);
    }

    private void Set(string what, string name, Columns columns)
    {
        if (columns.Changes.Count > 0)
        {
            Changes.Add(
                new SetColumns(what, name, string.Join(", ", columns.Words), [.. columns.Changes])
            );
        }
    }

    private void RemoveBridge(BridgeRow bridge)
    {
        var inside = ports.Values.Where(port => port.Bridge == bridge.Name).ToList();
        var foreign = inside
            .Where(port => !ownership.Owns(port) && port.Name != bridge.Name)
            .Select(port => port.Name)
            .Order(StringComparer.Ordinal)
            .ToList();
        if (foreign.Count > 0)
        {
            Conflicts.Add(
                $"switch '{bridge.Name}' is to go, but its port{(foreign.Count == 1 ? "" : "s")} "
                    + $"{string.Join(", ", foreign)} Weft did not make: remove {(foreign.Count == 1 ? "it" : "them")} first"
            );
            return;
        }
        Changes.Add(new RemoveBridge(bridge, inside.Count));
    }

    private bool IsInRemovedBridge(PortRow port) =>
        Changes.OfType<RemoveBridge>().Any(change => change.Bridge.Name == port.Bridge);

    private bool ConflictsWithPort(PortIntent port)
    {
        if (!ports.TryGetValue(port.Name, out var row) || ownership.Owns(row))
        {
            return false;
        }
        // The local port of a bridge of ours is ours even where somebody took its mark away.
        if (
            row.Mark is null
            && row.Bridge == intent.Switch!.Name
            && observation.Switch.Bridges.TryGetValue(row.Bridge, out var bridge)
            && ownership.Owns(bridge)
            && port.Name == row.Bridge
        )
        {
            return false;
        }
        var remedy = port.Peer is null
            ? "change the name in the file"
            : "give this overlay a `key` of its own under `tunnels`";
        Conflicts.Add(
            $"port '{port.Name}' is in bridge '{row.Bridge}' already, {Ownership.Describe(row.Mark)}: "
                + $"remove it with `ovs-vsctl del-port {port.Name}`, or {remedy}"
        );
        return true;
    }

    private bool ConflictsWithLink(string name)
    {
        if (!observation.Links.ContainsKey(name))
        {
            return false;
        }
        Conflicts.Add(
            $"link '{name}' is there already, which Weft did not make: rename it or change the name in the file"
        );
        return true;
    }

    /// <summary>Open vSwitch takes one tunnel of a kind to one address only, and says "File exists" of the second.</summary>
    private bool ConflictsWithTunnel(PortIntent port)
    {
        if (port.Peer is null)
        {
            return false;
        }
        var same = ports.Values.FirstOrDefault(row =>
            !ownership.Owns(row)
            && row.Interfaces.Any(other =>
                other.Type == port.Type
                && Same(other, "remote_ip")
                && Same(other, "key")
                && Same(other, "dst_port")
            )
        );
        if (same is null)
        {
            return false;
        }
        Conflicts.Add(
            $"port '{same.Name}' in bridge '{same.Bridge}' is a {port.Type} tunnel to {port.Options["remote_ip"]} already, "
                + $"{Ownership.Describe(same.Mark)}: remove it with `ovs-vsctl del-port {same.Name}`, "
                + "or give this overlay a `key` of its own under `tunnels`"
        );
        return true;

        bool Same(InterfaceRow other, string option) =>
            other.Options.GetValueOrDefault(option, "")
            == port.Options.GetValueOrDefault(option, "");
    }

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

        public void Compare(string column, Datum seen, Datum wanted, string words)
        {
            if (seen != wanted)
            {
                Changes.Add(new ColumnChange(table, row, column, seen, wanted));
                Words.Add(words);
            }
        }

        public void CompareMark(ImmutableSortedDictionary<string, string> seen, string overlay)
        {
            if (seen.GetValueOrDefault(OwnershipMark.Key) != overlay)
            {
                Compare(
                    "external_ids",
                    seen,
                    seen.SetItem(OwnershipMark.Key, overlay),
                    "mark as Weft's"
                );
            }
        }
    }
}
