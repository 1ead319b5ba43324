using System.Collections.Immutable;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Ovsdb;
using Row = System.Collections.Immutable.ImmutableSortedDictionary<string, Weft.Ovsdb.Datum>;

namespace Weft.Core.Tests.Planning.Model;

internal sealed partial class ModelHost
{
    private static readonly Guid Root = NewUuid(0);

    /// <summary>The columns that matter here, with their defaults, which also tell maps from sets.</summary>
    private static readonly ImmutableDictionary<string, Row> Defaults = new Dictionary<string, Row>
    {
        ["Open_vSwitch"] = Columns(
            ("bridges", Datum.Empty),
            ("next_cfg", 0),
            ("cur_cfg", 0),
            ("other_config", Datum.EmptyMap),
            ("external_ids", Datum.EmptyMap)
        ),
        ["Bridge"] = Columns(
            ("name", ""),
            ("ports", Datum.Empty),
            ("datapath_type", ""),
            ("fail_mode", Datum.Empty),
            ("stp_enable", false),
            ("rstp_enable", false),
            ("other_config", Datum.EmptyMap),
            ("external_ids", Datum.EmptyMap)
        ),
        ["Port"] = Columns(
            ("name", ""),
            ("interfaces", Datum.Empty),
            ("tag", Datum.Empty),
            ("trunks", Datum.Empty),
            ("vlan_mode", Datum.Empty),
            ("protected", false),
            ("external_ids", Datum.EmptyMap)
        ),
        ["Interface"] = Columns(
            ("name", ""),
            ("type", ""),
            ("options", Datum.EmptyMap),
            ("mtu_request", Datum.Empty),
            ("mac", Datum.Empty),
            ("external_ids", Datum.EmptyMap),
            ("ofport", Datum.Empty),
            ("error", Datum.Empty)
        ),
    }.ToImmutableDictionary();

    private ImmutableDictionary<string, ImmutableSortedDictionary<Guid, Row>> tables =
        Defaults.ToImmutableDictionary(
            table => table.Key,
            table =>
                table.Key == "Open_vSwitch"
                    ? ImmutableSortedDictionary<Guid, Row>.Empty.Add(Root, table.Value)
                    : ImmutableSortedDictionary<Guid, Row>.Empty
        );
    private int lastRow;
    private int lastPort;

    public ImmutableSortedDictionary<Guid, Row> this[string table] => tables[table];

    /// <summary>Carries out a transaction as ovsdb-server does, all of it or nothing, and then what ovs-vswitchd makes of it.</summary>
    public void Transact(IReadOnlyCollection<Operation> operations)
    {
        var before = tables;
        try
        {
            var named = operations
                .OfType<Insert>()
                .Where(insert => insert.UuidName is not null)
                .ToDictionary(insert => $"@{insert.UuidName}", _ => NewUuid(++lastRow));
            foreach (var operation in operations)
            {
                CarryOut(operation, named);
            }
            CollectGarbage();
            CheckIntegrity();
        }
        catch
        {
            tables = before;
            throw;
        }
        Reconfigure(enforce: true);
    }

    /// <summary>Sets one column of the whole of Open vSwitch, as somebody might by hand.</summary>
    public void SetRootByHand(string column, Datum value) =>
        SetByHand("Open_vSwitch", Root, column, value);

    /// <summary>Sets the keys of tunnels as another host has them.</summary>
    public void TakeTunnelKeysOf(ModelHost other)
    {
        foreach (var (uuid, row) in tables["Interface"])
        {
            var key = other
                .tables["Interface"]
                .Values.FirstOrDefault(one => one["name"] == row["name"])
                ?["options"].StringMap.GetValueOrDefault(MonitorOptions.Key);
            var options = row["options"].StringMap;
            if (key is not null && options.GetValueOrDefault(MonitorOptions.Key) != key)
            {
                SetByHand("Interface", uuid, "options", options.SetItem(MonitorOptions.Key, key));
            }
        }
    }

    /// <summary>Sets one column, as somebody might by hand.</summary>
    public void SetByHand(string table, Guid uuid, string column, Datum value)
    {
        Set(table, uuid, column, value);
        CollectGarbage();
        Reconfigure(enforce: true);
    }

    private void CarryOut(Operation operation, Dictionary<string, Guid> named)
    {
        switch (operation)
        {
            case Wait { Until: WaitUntil.Equal, Timeout: { Ticks: 0 } } wait:
                var seen = Only(wait.Table, wait.Where);
                if (
                    wait.Columns.Any(column =>
                        tables[wait.Table][seen][column] != wait.Rows.Single()[column]
                    )
                )
                {
                    throw new RefusedException($"timed out: {wait.Table} is not {wait.Rows[0]}");
                }
                break;
            case Insert { UuidName: { } name } insert:
                SetRow(
                    insert.Table,
                    named[$"@{name}"],
                    Defaults[insert.Table],
                    Resolved(insert.Row)
                );
                break;
            case Update update:
                var updated = Only(update.Table, update.Where);
                SetRow(update.Table, updated, tables[update.Table][updated], Resolved(update.Row));
                break;
            case Mutate mutate:
                var mutated = Only(mutate.Table, mutate.Where);
                foreach (var mutation in mutate.Mutations)
                {
                    var row = tables[mutate.Table][mutated];
                    var value = Mutated(
                        row[mutation.Column],
                        mutation.Mutator,
                        Resolve(mutation.Value)
                    );
                    SetRow(mutate.Table, mutated, row, [new(mutation.Column, value)]);
                }
                break;
            case Comment or Select:
                break;
            default:
                throw new InvalidOperationException($"the model does not know this: {operation}");
        }

        IEnumerable<KeyValuePair<string, Datum>> Resolved(
            IEnumerable<KeyValuePair<string, Datum>> columns
        ) => columns.Select(column => KeyValuePair.Create(column.Key, Resolve(column.Value)));

        Datum Resolve(Datum value) =>
            value.IsMap
                ? value
                : Datum.Set(
                    value.Atoms.Select(atom =>
                        atom.Kind is AtomKind.NamedUuid ? named[atom.ToString()] : atom
                    )
                );
    }

    private Guid Only(string table, ImmutableArray<Condition> where) =>
        where is [{ Column: "_uuid", Function: ConditionFunction.Equal, Value: var value }]
        && tables[table].ContainsKey(value.AsUuid())
            ? value.AsUuid()
            : throw new RefusedException($"no row of {table} meets {string.Join(", ", where)}");

    private static Datum Mutated(Datum old, Mutator mutator, Datum value) =>
        mutator switch
        {
            Mutator.Add => old.AsInteger() + value.AsInteger(),
            Mutator.Insert => Datum.Set(old.Atoms.Concat(value.Atoms)),
            Mutator.Delete => Datum.Set(old.Atoms.Except(value.Atoms)),
            _ => throw new InvalidOperationException($"the model does not know {mutator}"),
        };

    private void SetRow(
        string table,
        Guid uuid,
        Row row,
        IEnumerable<KeyValuePair<string, Datum>> columns
    )
    {
        foreach (var (column, value) in columns)
        {
            var (first, isOptional) = (Defaults[table][column], Defaults[table][column].IsEmpty);
            if (first.IsMap != value.IsMap || !isOptional && value.Count != 1)
            {
                throw new RefusedException($"syntax error: {table}.{column} cannot be {value}");
            }
            row = row.SetItem(column, value);
        }
        tables = tables.SetItem(table, tables[table].SetItem(uuid, row));
    }

    private void CollectGarbage()
    {
        Keep("Bridge", tables["Open_vSwitch"].Values.SelectMany(row => row["bridges"].Uuids));
        Keep("Port", tables["Bridge"].Values.SelectMany(row => row["ports"].Uuids));
        Keep("Interface", tables["Port"].Values.SelectMany(row => row["interfaces"].Uuids));

        void Keep(string table, IEnumerable<Guid> referenced) =>
            tables = tables.SetItem(
                table,
                referenced.ToImmutableSortedDictionary(
                    uuid => uuid,
                    uuid =>
                        tables[table].GetValueOrDefault(uuid)
                        ?? throw new RefusedException($"referential integrity violation: {table}")
                )
            );
    }

    private void CheckIntegrity()
    {
        foreach (var table in (string[])["Bridge", "Port", "Interface"])
        {
            var twice = tables[table]
                .Values.GroupBy(row => row["name"].AsString())
                .FirstOrDefault(rows => rows.Count() > 1);
            if (twice is not null)
            {
                throw new RefusedException(
                    $"constraint violation: two rows of {table} are called '{twice.Key}'"
                );
            }
        }
        if (tables["Port"].Values.Any(row => row["interfaces"].IsEmpty))
        {
            throw new RefusedException("constraint violation: a port without interfaces");
        }
    }

    /// <summary>
    /// What ovs-vswitchd does when rows or links have changed. It is told of both, but sets what interfaces ask
    /// for (<paramref name="enforce"/>) only as rows change, so that putting links right is left to the plan.
    /// </summary>
    private void Reconfigure(bool enforce)
    {
        var interfaces = (
            from bridge in tables["Bridge"].Values
            from port in bridge["ports"].Uuids
            from uuid in tables["Port"][port]["interfaces"].Uuids
            let row = tables["Interface"][uuid]
            select new Configured(
                uuid,
                row["name"].AsString(),
                row["type"].AsString(),
                row,
                (bridge["name"].AsString(), bridge["datapath_type"].AsString())
            )
        ).ToList();
        var byName = interfaces.ToDictionary(one => one.Name);
        foreach (var link in links.Values)
        {
            var one = link.Namespace is null ? byName.GetValueOrDefault(link.Name) : null;
            if (
                link.MadeBy is not null
                && !(one is { IsInternal: true } && one.Switch == link.MadeBy)
            )
            {
                Remove(link);
            }
            else if (link.Master == Datapath && one is not { Type: "", IsUserspace: false })
            {
                Put(link with { Master = null });
            }
        }
        var tunnels = new HashSet<string>(StringComparer.Ordinal);
        foreach (var one in interfaces)
        {
            var error = one switch
            {
                { IsInternal: true } => Attach(one, enforce),
                { Type: "" } => Attach(one),
                _ => tunnels.Add(one.TunnelKey) ? null : "File exists",
            };
            var old = one.Row["ofport"];
            Datum number =
                error is not null ? -1
                : old.IsEmpty || old == -1 ? ++lastPort
                : old;
            KeyValuePair<string, Datum>[] report =
            [
                new("error", error is null ? Datum.Empty : error),
                new("ofport", number),
            ];
            if (Array.Exists(report, column => one.Row[column.Key] != column.Value))
            {
                SetRow("Interface", one.Uuid, one.Row, report);
            }
        }
        var root = tables["Open_vSwitch"][Root];
        SetRow("Open_vSwitch", Root, root, [new("cur_cfg", root["next_cfg"])]);
    }

    /// <summary>Makes an internal port's link; gives the error, if there is one.</summary>
    private string? Attach(Configured port, bool enforce)
    {
        var link = links.GetValueOrDefault((null, port.Name));
        if (link is not null && link.MadeBy is null)
        {
            return $"could not add network device {port.Name} to ofproto (File exists)";
        }
        var isNew = link is null;
        link ??= Add(
            LinkNamed(null, port.Name) with
            {
                Kind = port.IsUserspace ? "tun" : "openvswitch",
                MadeBy = port.Switch,
            }
        );
        if (enforce || isNew)
        {
            var mac = port.Row["mac"].AsOptionalString();
            Put(
                link with
                {
                    Mtu = (int?)port.Row["mtu_request"].AsOptionalInteger() ?? link.Mtu,
                    Mac = mac is null ? LinkNamed(null, port.Name).Mac : Mac(mac),
                }
            );
        }
        return null;
    }

    /// <summary>Takes a link into the datapath; gives the error, if there is one.</summary>
    private string? Attach(Configured port)
    {
        var link = links.GetValueOrDefault((null, port.Name));
        if (link is null)
        {
            return $"could not open network device {port.Name} (No such device)";
        }
        if (port.IsUserspace)
        {
            return null;
        }
        if (link.Master is not (null or Datapath))
        {
            return $"could not add network device {port.Name} to ofproto (Device or resource busy)";
        }
        Put(link with { Master = Datapath });
        return null;
    }

    private SwitchObservation ObserveSwitch()
    {
        var root = tables["Open_vSwitch"][Root];
        var ports =
            from bridge in tables["Bridge"].Values
            from uuid in bridge["ports"].Uuids
            let row = tables["Port"][uuid]
            select new PortRow
            {
                Uuid = uuid,
                Name = row["name"].AsString(),
                Bridge = bridge["name"].AsString(),
                ExternalIds = row["external_ids"].StringMap,
                Tag = (int?)row["tag"].AsOptionalInteger(),
                Trunks = row["trunks"].Integers,
                VlanMode = row["vlan_mode"].AsOptionalString(),
                Protected = row["protected"].AsBoolean(),
                Interfaces = [.. row["interfaces"].Uuids.Select(ObserveInterface)],
            };
        return new SwitchObservation
        {
            Root = Root,
            OtherConfig = root["other_config"].StringMap,
            ExternalIds = root["external_ids"].StringMap,
            NextConfig = root["next_cfg"].AsInteger(),
            CurrentConfig = root["cur_cfg"].AsInteger(),
            Bridges = tables["Bridge"]
                .Select(pair => new BridgeRow
                {
                    Uuid = pair.Key,
                    Name = pair.Value["name"].AsString(),
                    ExternalIds = pair.Value["external_ids"].StringMap,
                    DatapathType = pair.Value["datapath_type"].AsString(),
                    FailMode = pair.Value["fail_mode"].AsOptionalString(),
                    SpansTree =
                        pair.Value["stp_enable"].AsBoolean()
                        || pair.Value["rstp_enable"].AsBoolean(),
                    OtherConfig = pair.Value["other_config"].StringMap,
                    Ports = pair.Value["ports"].Uuids,
                })
                .ToImmutableDictionary(bridge => bridge.Name),
            Ports = ports.ToImmutableDictionary(port => port.Name),
        };
    }

    private InterfaceRow ObserveInterface(Guid uuid)
    {
        var row = tables["Interface"][uuid];
        return new InterfaceRow
        {
            Uuid = uuid,
            Name = row["name"].AsString(),
            Type = row["type"].AsString(),
            Options = row["options"].StringMap.Remove(MonitorOptions.Key),
            Key = row["options"].StringMap.TryGetValue(MonitorOptions.Key, out var key)
                ? Secret.OfText(key)
                : null,
            MtuRequest = (int?)row["mtu_request"].AsOptionalInteger(),
            Mac = row["mac"].AsOptionalString(),
            ExternalIds = row["external_ids"].StringMap,
            Error = row["error"].AsOptionalString(),
            OpenFlowPort = row["ofport"].AsOptionalInteger(),
        };
    }

    private IEnumerable<string> DescribeSwitch() =>
        from table in (string[])["Open_vSwitch", "Bridge", "Port", "Interface"]
        from row in tables[table].Values
        let columns = row.Where(column =>
                column.Key
                    is not (
                        "ofport"
                        or "ports"
                        or "interfaces"
                        or "bridges"
                        or "next_cfg"
                        or "cur_cfg"
                    )
            )
            .Select(column => $"{column.Key}={column.Value}")
        let inside = (
            row.GetValueOrDefault("ports") ?? row.GetValueOrDefault("interfaces") ?? Datum.Empty
        )
            .Uuids.Select(uuid =>
                tables[table == "Bridge" ? "Port" : "Interface"][uuid]["name"].AsString()
            )
            .Order(StringComparer.Ordinal)
        select $"{table} {string.Join(' ', columns)} [{string.Join(' ', inside)}]";

    private static Row Columns(params (string Name, Datum Default)[] columns) =>
        columns.ToImmutableSortedDictionary(
            column => column.Name,
            column => column.Default,
            StringComparer.Ordinal
        );

    private static Guid NewUuid(int number) => Guid.ParseExact(number.ToString("x32"), "N");

    /// <summary>An interface with the switch that it is in.</summary>
    private sealed record Configured(
        Guid Uuid,
        string Name,
        string Type,
        Row Row,
        (string Bridge, string Datapath) Switch
    )
    {
        public bool IsInternal => Type == "internal";

        public bool IsUserspace => Switch.Datapath == "netdev";

        public string TunnelKey
        {
            get
            {
                var options = Row["options"].StringMap;
                return string.Join(
                    ' ',
                    ((string[])["remote_ip", "local_ip", "key", "dst_port"])
                        .Select(key => options.GetValueOrDefault(key))
                        .Prepend(Type)
                );
            }
        }
    }
}
