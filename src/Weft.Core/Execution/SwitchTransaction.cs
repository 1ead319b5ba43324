using System.Collections.Immutable;
using System.Text;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Ovsdb;

namespace Weft.Core.Execution;

/// <summary>
/// Turns all switch changes of a plan into the operations of one transaction. Whatever the plan rests on is
/// guarded by a <c>wait</c> (RFC 7047 section 5.2.6) with no patience: if somebody else changed it since it was
/// seen, nothing at all is carried out.
/// </summary>
public static class SwitchTransaction
{
    /// <summary>Builds the operations.</summary>
    /// <param name="changes">The changes.</param>
    /// <param name="seen">The observation that they were planned on.</param>
    /// <param name="comment">What the database's log shall say of it.</param>
    public static ImmutableArray<Operation> Build(
        IEnumerable<SwitchChange> changes,
        SwitchObservation seen,
        string comment
    )
    {
        var draft = new Draft(seen);
        foreach (var change in changes)
        {
            draft.Add(change);
        }
        return draft.Finish(comment);
    }

    private sealed class Draft(SwitchObservation seen)
    {
        private readonly List<Operation> guards = [];
        private readonly List<Operation> operations = [];
        private readonly Dictionary<string, List<Atom>> added = new(StringComparer.Ordinal);
        private readonly Dictionary<string, List<Guid>> removed = new(StringComparer.Ordinal);
        private readonly List<(AddBridge Bridge, string Row)> newBridges = [];
        private readonly List<Guid> removedBridges = [];
        private int names;

        public void Add(SwitchChange change)
        {
            switch (change)
            {
                case AddBridge bridge:
                    newBridges.Add((bridge, NewName("bridge")));
                    InsertPort(bridge.Name, bridge.Switch.Ports[0], bridge.Overlay);
                    break;
                case AddPort port:
                    InsertPort(port.Bridge, port.Port, port.Overlay);
                    break;
                case SetColumns columns:
                    foreach (
                        var row in columns.Columns.GroupBy(column => (column.Table, column.Row))
                    )
                    {
                        SetRow(row.Key.Table, row.Key.Row, [.. row]);
                    }
                    break;
                case RemovePort { Port: var port }:
                    Guard("Port", port.Uuid, new Row { ["external_ids"] = port.ExternalIds });
                    In(removed, port.Bridge).Add(port.Uuid);
                    break;
                case RemoveBridge { Bridge: var bridge }:
                    Guard("Bridge", bridge.Uuid, new Row { ["ports"] = Datum.Set(bridge.Ports) });
                    removedBridges.Add(bridge.Uuid);
                    break;
                default:
                    throw new ArgumentException(
                        $"a transaction cannot make the change '{change.Command}'",
                        nameof(change)
                    );
            }
        }

        public ImmutableArray<Operation> Finish(string comment)
        {
            foreach (var (bridge, row) in newBridges)
            {
                operations.Add(
                    new Insert(
                        "Bridge",
                        new Row
                        {
                            ["name"] = bridge.Name,
                            ["datapath_type"] = bridge.Switch.DatapathType,
                            ["ports"] = Datum.Set(In(added, bridge.Name)),
                            ["other_config"] = bridge.Switch.Settings,
                            ["external_ids"] = bridge.Switch.Marks(bridge.Overlay),
                        }
                    )
                    {
                        UuidName = row,
                    }
                );
                added.Remove(bridge.Name);
            }
            foreach (var bridge in added.Keys.Union(removed.Keys))
            {
                var row = seen.Bridges[bridge];
                Guard("Bridge", row.Uuid, new Row { ["external_ids"] = row.ExternalIds });
            }
            foreach (var (bridge, rows) in added)
            {
                operations.Add(OnBridge(bridge, Mutator.Insert, Datum.Set(rows)));
            }
            foreach (var (bridge, rows) in removed)
            {
                operations.Add(OnBridge(bridge, Mutator.Delete, Datum.Set(rows)));
            }
            operations.Add(
                new Mutate(
                    "Open_vSwitch",
                    [Condition.UuidIs(seen.Root)],
                    [
                        .. newBridges.Count == 0
                            ? []
                            : (Mutation[])
                                [
                                    new(
                                        "bridges",
                                        Mutator.Insert,
                                        Datum.Set(
                                            newBridges.Select(bridge => Atom.NamedUuid(bridge.Row))
                                        )
                                    ),
                                ],
                        .. removedBridges.Count == 0
                            ? []
                            : (Mutation[])
                                [new("bridges", Mutator.Delete, Datum.Set(removedBridges))],
                        new("next_cfg", Mutator.Add, 1),
                    ]
                )
            );
            return [.. guards, .. operations, new Comment(comment), SwitchReader.SelectNextConfig];
        }

        private void InsertPort(string bridge, PortIntent port, string overlay)
        {
            var portRow = NewName("port");
            var interfaceRow = NewName("interface");
            operations.Add(
                new Insert(
                    "Interface",
                    new Row
                    {
                        ["name"] = port.Name,
                        ["type"] = port.Type,
                        ["options"] = WithKey(port.Options, port.Key),
                        ["mtu_request"] = port.MtuRequest is { } mtu ? mtu : Datum.Empty,
                        ["mac"] = port.Mac is { } mac ? mac.ToString() : Datum.Empty,
                        ["external_ids"] = Mark(overlay),
                    }
                )
                {
                    UuidName = interfaceRow,
                }
            );
            operations.Add(
                new Insert(
                    "Port",
                    new Row
                    {
                        ["name"] = port.Name,
                        ["interfaces"] = Atom.NamedUuid(interfaceRow),
                        ["tag"] = port.Tag is { } tag ? tag : Datum.Empty,
                        ["protected"] = port.Protected,
                        ["external_ids"] = Mark(overlay),
                    }
                )
                {
                    UuidName = portRow,
                }
            );
            In(added, bridge).Add(Atom.NamedUuid(portRow));
        }

        private void SetRow(string table, Guid uuid, ColumnChange[] columns)
        {
            Guard(
                table,
                uuid,
                new Row(
                    columns.Select(column =>
                        KeyValuePair.Create(column.Column, WithKey(column.Seen, column.SeenKey))
                    )
                )
            );
            var after = new Row(
                columns.Select(column =>
                    KeyValuePair.Create(column.Column, WithKey(column.Wanted, column.WantedKey))
                )
            );
            operations.Add(new Update(table, [Condition.UuidIs(uuid)], after));
        }

        private void Guard(string table, Guid uuid, Row row) =>
            guards.Add(
                new Wait(table, [Condition.UuidIs(uuid)], [.. row.Keys], WaitUntil.Equal, [row])
                {
                    Timeout = TimeSpan.Zero,
                }
            );

        private Mutate OnBridge(string bridge, Mutator mutator, Datum ports) =>
            new(
                "Bridge",
                [Condition.UuidIs(seen.Bridges[bridge].Uuid)],
                [new("ports", mutator, ports)]
            );

        private string NewName(string role) => $"{role}{names++}";

        /// <summary>Reveals a key: an operation contains it as the database will.</summary>
        private static Datum WithKey(Datum options, Secret? key) =>
            key is null
                ? options
                : options.StringMap.SetItem(
                    MonitorOptions.Key,
                    Encoding.UTF8.GetString(key.Reveal())
                );

        private static Datum Mark(string overlay) => Datum.Map((OwnershipMark.Key, overlay));

        private static List<T> In<T>(Dictionary<string, List<T>> lists, string key)
        {
            if (!lists.TryGetValue(key, out var list))
            {
                lists[key] = list = [];
            }
            return list;
        }
    }
}
