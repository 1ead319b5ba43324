using System.Collections.Immutable;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>The tables of a replica: selects them from a schema, writes the monitor request, and applies updates.</summary>
internal sealed class ReplicaTables
{
    public static readonly ReplicaTables None = new([]);

    private readonly Dictionary<string, ReplicaTable> _tables;

    private ReplicaTables(Dictionary<string, ReplicaTable> tables) => _tables = tables;

    public ReplicaTable? this[string name] => _tables.GetValueOrDefault(name);

    public static ReplicaTables Select(MonitorSpec spec, DatabaseSchema schema, Remote remote)
    {
        var tables = new Dictionary<string, ReplicaTable>(StringComparer.Ordinal);
        var wanted = spec.Tables.IsDefault
            ? schema.Tables.Keys.Select(static name => new TableMonitor(name))
            : spec.Tables;
        foreach (var monitor in wanted)
        {
            if (!schema.Tables.TryGetValue(monitor.Table, out var table))
            {
                throw Unknown(
                    ErrorNames.UnknownTable,
                    $"no table named {monitor.Table} in {schema.Name}"
                );
            }

            foreach (var column in monitor.Columns.IsDefault ? [] : monitor.Columns)
            {
                if (!table.Columns.ContainsKey(column))
                {
                    throw Unknown(
                        ErrorNames.UnknownColumn,
                        $"no column named {column} in table {monitor.Table} of {schema.Name}"
                    );
                }
            }

            tables[monitor.Table] = new(
                table,
                monitor.Columns.IsDefault
                    ? [.. table.Columns.Keys]
                    : [.. monitor.Columns.Distinct()]
            );
        }

        return new(tables);

        OvsdbRemoteException Unknown(string error, string details) =>
            new("get_schema", remote, new(error, details));
    }

    /// <summary>Whether rows of the other tables can be kept as rows of these.</summary>
    public bool HaveColumnsOf(ReplicaTables other) =>
        _tables.Count == other._tables.Count
        && _tables.All(t => other[t.Key] is { } theirs && t.Value.HasColumnsOf(theirs));

    /// <summary>The tables without any rows.</summary>
    public ImmutableDictionary<string, ImmutableDictionary<Guid, Row>> Empty() =>
        Snapshot.Empty.Tables.AddRange(
            _tables.Keys.Select(static name =>
                KeyValuePair.Create(name, ImmutableDictionary<Guid, Row>.Empty)
            )
        );

    /// <summary>
    /// Writes <c>&lt;monitor-cond-requests&gt;</c>, which without conditions are valid <c>&lt;monitor-requests&gt;</c> too.
    /// </summary>
    public void WriteRequests(
        Utf8JsonWriter writer,
        ImmutableDictionary<string, ImmutableArray<Condition>> conditions
    )
    {
        writer.WriteStartObject();
        foreach (var (name, table) in _tables)
        {
            writer.WriteStartArray(name);
            writer.WriteStartObject();
            writer.WriteStartArray("columns"u8);
            foreach (var column in table.Columns)
            {
                writer.WriteStringValue(column);
            }

            writer.WriteEndArray();
            if (conditions.TryGetValue(name, out var where) && !where.IsDefaultOrEmpty)
            {
                WriteWhere(writer, where);
            }

            writer.WriteEndObject();
            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    public static void WriteWhere(Utf8JsonWriter writer, ImmutableArray<Condition> where)
    {
        writer.WriteStartArray("where"u8);
        foreach (var condition in where)
        {
            condition.WriteTo(writer);
        }

        writer.WriteEndArray();
    }

    /// <summary>
    /// Applies <c>&lt;table-updates&gt;</c> (version 1) or <c>&lt;table-updates2&gt;</c>: returns the new rows and collects the
    /// changes.
    /// </summary>
    public ImmutableDictionary<string, ImmutableDictionary<Guid, Row>> Apply(
        ImmutableDictionary<string, ImmutableDictionary<Guid, Row>> before,
        JsonElement tableUpdates,
        bool isVersion1,
        List<RowChange> changes
    )
    {
        var after = before;
        foreach (var tableUpdate in Json.Object(tableUpdates, "table-updates").EnumerateObject())
        {
            var name = Json.Name(tableUpdate);
            if (this[name] is not { } table)
            {
                throw new OvsdbValueException(
                    "updates of the tables asked for",
                    $"one of '{Json.Shorten(name)}'"
                );
            }

            var rows = after[name].ToBuilder();
            foreach (
                var rowUpdate in Json.Object(tableUpdate.Value, "a table-update").EnumerateObject()
            )
            {
                var uuid = Json.Uuid(Json.Name(rowUpdate));
                var update = Json.Object(rowUpdate.Value, "a row-update");
                rows.TryGetValue(uuid, out var old);
                var row = isVersion1
                    ? table.Update1(uuid, update)
                    : table.Update2(uuid, old, update);
                if (row is null ? old is null : row.Equals(old))
                {
                    continue;
                }

                if (row is null)
                {
                    rows.Remove(uuid);
                }
                else
                {
                    rows[uuid] = row;
                }

                changes.Add(new(name, uuid, old, row));
            }

            after = after.SetItem(name, rows.ToImmutable());
        }

        return after;
    }
}
