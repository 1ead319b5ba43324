using System.Collections.Immutable;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <content>
/// Following the server: monitor_cond_since where it is known, else monitor_cond, else monitor, and their updates.
/// </content>
public sealed partial class Replica
{
    private static readonly ImmutableArray<string> Methods =
    [
        "monitor_cond_since",
        "monitor_cond",
        "monitor",
    ];

    private readonly MonitorSpec _spec;
    private readonly Dictionary<string, ImmutableArray<Condition>> _conditions = new(
        StringComparer.Ordinal
    );

    // Rises with each change of conditions that is asked for.
    private long _wanted;

    // The connection on which the monitor has been answered, and the monitor's name there.
    private JsonRpcConnection? _live;
    private string? _monitor;
    private ImmutableDictionary<string, ReplicaTable> _tables = ImmutableDictionary<
        string,
        ReplicaTable
    >.Empty;

    /// <summary>
    /// Changes which rows of which tables are held. Tables that are not named keep their conditions.
    /// </summary>
    /// <param name="conditions">By table, the rows to hold: those that meet any of the conditions; none means every row.</param>
    /// <param name="cancellationToken">Stops waiting; the change takes place nevertheless.</param>
    /// <returns>When the replica shows it. If the connection is lost meanwhile, after the next one.</returns>
    /// <exception cref="OvsdbRemoteException">The server refused it, and the conditions are as before; or it knows no conditions.</exception>
    /// <exception cref="ObjectDisposedException">The replica or its client is disposed of.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public async Task SetConditionsAsync(
        IReadOnlyDictionary<string, ImmutableArray<Condition>> conditions,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(conditions);
        var previous = new Dictionary<string, ImmutableArray<Condition>>(StringComparer.Ordinal);
        long wanted;
        JsonRpcConnection? connection;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
            foreach (var (table, where) in conditions)
            {
                Check(table, where);
            }

            foreach (var (table, where) in conditions)
            {
                previous[table] = _conditions.GetValueOrDefault(table);
                _conditions[table] = where;
            }

            wanted = ++_wanted;
            connection = _live;
        }

        // Without a connection, or one that is about to be monitored, the next monitor takes the new conditions along.
        if (connection is not null)
        {
            try
            {
                await ChangeConditionsAsync(connection, cancellationToken);
                return;
            }
            catch (OvsdbRemoteException)
            {
                lock (_gate)
                {
                    foreach (var (table, where) in previous)
                    {
                        _conditions[table] = where;
                    }

                    NoteApplied(wanted);
                }

                throw;
            }
            catch (OvsdbConnectionException) { }
        }

        await _view.WaitAsync(
            view => view.State.IsLive && view.Applied >= wanted,
            cancellationToken
        );
    }

    private void Check(string table, ImmutableArray<Condition> where)
    {
        if (!_tables.TryGetValue(table, out var known))
        {
            throw new OvsdbValueException(
                "conditions on tables of the replica",
                $"some on '{table}'"
            );
        }

        foreach (var condition in where.IsDefault ? [] : where)
        {
            if (condition.Column.Length > 0 && !known.Knows(condition.Column))
            {
                throw new OvsdbValueException($"a column of '{table}'", $"\"{condition.Column}\"");
            }
        }
    }

    private async Task ChangeConditionsAsync(
        JsonRpcConnection connection,
        CancellationToken cancellationToken
    )
    {
        long wanted;
        string monitor;
        Dictionary<string, ImmutableArray<Condition>> conditions;
        lock (_gate)
        {
            (wanted, monitor) = (_wanted, _monitor!);
            conditions = new(_conditions, StringComparer.Ordinal);
        }

        await connection.CallAsync(
            "monitor_cond_change",
            writer =>
            {
                writer.WriteStringValue(monitor);
                writer.WriteStringValue(monitor);
                writer.WriteStartObject();
                foreach (var (table, where) in conditions)
                {
                    writer.WriteStartArray(table);
                    writer.WriteStartObject();
                    WriteWhere(writer, where.IsDefaultOrEmpty ? [Condition.Always] : where);
                    writer.WriteEndObject();
                    writer.WriteEndArray();
                }

                writer.WriteEndObject();
            },
            _ =>
            {
                NoteApplied(wanted);
                return true;
            },
            cancellationToken
        );
    }

    private void NoteApplied(long wanted)
    {
        lock (_gate)
        {
            var view = _view.Value;
            _view.Set(view with { Applied = Math.Max(view.Applied, wanted) });
        }
    }

    private async Task FollowAsync(JsonRpcConnection connection)
    {
        var backoff = TimeSpan.FromMilliseconds(100);
        try
        {
            while (true)
            {
                var reason = await connection.Closed.WaitAsync(_disposing.Token);
                MakeStale(reason.Message);
                while (!State.IsLive)
                {
                    connection = await _client.NextConnectionAsync(_disposing.Token);
                    try
                    {
                        await MonitorAsync(connection, _disposing.Token);
                        backoff = TimeSpan.FromMilliseconds(100);
                    }
                    catch (OvsdbConnectionException e)
                    {
                        MakeStale(e.Message);
                    }
                    catch (OvsdbException e)
                    {
                        // The server may not have the database yet, or no longer a table: say so, and go on asking.
                        MakeStale(e.Message);
                        await Task.Delay(backoff, _client.Time, _disposing.Token);
                        backoff = backoff < TimeSpan.FromSeconds(8) ? backoff * 2 : backoff;
                    }
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            await CancelMonitorAsync(connection);
            End();
        }
    }

    private async Task CancelMonitorAsync(JsonRpcConnection connection)
    {
        if (connection.IsClosed || _monitor is null)
        {
            return;
        }

        connection.UnrouteMonitor(_monitor);
        try
        {
            await connection
                .CallAsync(
                    "monitor_cancel",
                    writer => writer.WriteStringValue(_monitor),
                    static _ => true,
                    default
                )
                .WaitAsync(TimeSpan.FromSeconds(1), _client.Time);
        }
        catch (Exception e) when (e is OvsdbException or TimeoutException)
        {
            // Then the monitor ends with the connection.
        }
    }

    private async Task MonitorAsync(
        JsonRpcConnection connection,
        CancellationToken cancellationToken
    )
    {
        var schema = await connection.CallAsync(
            "get_schema",
            writer => writer.WriteStringValue(Database),
            DatabaseSchema.FromJson,
            cancellationToken
        );
        var tables = Select(schema, connection.Remote);
        OvsdbRemoteException? unknown = null;
        foreach (var method in Methods)
        {
            try
            {
                await MonitorAsync(connection, method, tables, cancellationToken);
                return;
            }
            catch (OvsdbRemoteException e)
                when (e.Error == ErrorNames.UnknownMethod && method != Methods[^1])
            {
                unknown = e;
            }
        }

        throw unknown!;
    }

    private async Task MonitorAsync(
        JsonRpcConnection connection,
        string method,
        ImmutableDictionary<string, ReplicaTable> tables,
        CancellationToken cancellationToken
    )
    {
        string monitor;
        Guid since;
        long wanted;
        Dictionary<string, ImmutableArray<Condition>> conditions;
        lock (_gate)
        {
            var view = _view.Value;
            monitor = _client.NewMonitorId();
            wanted = _wanted;
            conditions = new(_conditions, StringComparer.Ordinal);

            // The last transaction says what the replica holds only if it holds the same columns of the rows that
            // meet the same conditions.
            since =
                view.Applied == wanted && HasColumnsOf(tables)
                    ? view.Snapshot.LastTransaction ?? Guid.Empty
                    : Guid.Empty;
        }

        var hasConditions = conditions.Values.Any(static where => !where.IsDefaultOrEmpty);
        if (method == "monitor" && hasConditions)
        {
            throw new OvsdbRemoteException(
                "monitor_cond",
                connection.Remote,
                new(ErrorNames.UnknownMethod),
                "the server is too old to hold back rows by conditions: monitor without them"
            );
        }

        connection.RouteMonitor(
            monitor,
            (notification, parameters) =>
                OnNotification(connection, tables, notification, parameters)
        );
        var outdated = false;
        try
        {
            await connection.CallAsync(
                method,
                writer =>
                {
                    writer.WriteStringValue(Database);
                    writer.WriteStringValue(monitor);
                    WriteRequests(writer, tables, conditions);
                    if (method == "monitor_cond_since")
                    {
                        writer.WriteStringValue(since);
                    }
                },
                json =>
                {
                    OnReply(json, method, tables, wanted);
                    lock (_gate)
                    {
                        (_live, _monitor) = (connection, monitor);
                        outdated = _wanted != wanted;
                    }

                    return true;
                },
                cancellationToken
            );
        }
        catch (Exception e)
        {
            connection.UnrouteMonitor(monitor);
            if (e is OvsdbProtocolException breach)
            {
                connection.Close(breach);
            }

            throw;
        }

        if (outdated)
        {
            await ChangeConditionsAsync(connection, cancellationToken);
        }
    }

    private void OnReply(
        JsonElement json,
        string method,
        ImmutableDictionary<string, ReplicaTable> tables,
        long wanted
    )
    {
        var found = false;
        Guid? last = null;
        var updates = json;
        if (method == "monitor_cond_since")
        {
            if (json.ValueKind != JsonValueKind.Array || json.GetArrayLength() != 3)
            {
                throw new OvsdbValueException(
                    "[found, last-txn-id, table-updates2]",
                    Json.Excerpt(json)
                );
            }

            found = Json.Boolean(json[0]);
            last = LastTransaction(json[1]);
            updates = json[2];
        }

        var old = Snapshot;
        var changes = new List<RowChange>();
        var start = found ? old.Tables : EmptyTables(tables);
        var rows = Apply(start, tables, updates, method == "monitor", changes);
        var snapshot = new Snapshot(rows, old.Version + 1, last);
        _tables = tables;
        var live = new ReplicaState(true, _client.Time.GetUtcNow(), null);
        Publish(
            snapshot,
            found ? changes : snapshot.ChangesSince(old),
            view => view with { State = live, Applied = wanted }
        );
    }

    private void OnNotification(
        JsonRpcConnection connection,
        ImmutableDictionary<string, ReplicaTable> tables,
        string method,
        JsonElement parameters
    )
    {
        if (method == "monitor_canceled")
        {
            connection.Close(
                new OvsdbConnectionException(
                    $"{connection.Remote} canceled the monitor of '{Database}', as when its schema changes",
                    connection.Remote
                )
            );
            return;
        }

        var expected = method == "update3" ? 3 : 2;
        if (parameters.GetArrayLength() != expected)
        {
            throw new OvsdbValueException(
                $"{expected} parameters of '{method}'",
                Json.Excerpt(parameters)
            );
        }

        var old = Snapshot;
        var last = method == "update3" ? LastTransaction(parameters[1]) : null;
        var changes = new List<RowChange>();
        var rows = Apply(old.Tables, tables, parameters[expected - 1], method == "update", changes);
        Publish(new(rows, old.Version + 1, last), changes, static view => view);
    }

    private static ImmutableDictionary<string, ImmutableDictionary<Guid, Row>> Apply(
        ImmutableDictionary<string, ImmutableDictionary<Guid, Row>> before,
        ImmutableDictionary<string, ReplicaTable> tables,
        JsonElement tableUpdates,
        bool isVersion1,
        List<RowChange> changes
    )
    {
        var after = before;
        foreach (var tableUpdate in Json.Object(tableUpdates, "table-updates").EnumerateObject())
        {
            var name = Json.Name(tableUpdate);
            if (!tables.TryGetValue(name, out var table) || !after.TryGetValue(name, out var known))
            {
                throw new OvsdbValueException(
                    "updates of the tables asked for",
                    $"one of '{Json.Shorten(name)}'"
                );
            }

            var rows = known.ToBuilder();
            foreach (
                var rowUpdate in Json.Object(tableUpdate.Value, "a table-update").EnumerateObject()
            )
            {
                var uuid = Json.Uuid(Json.Name(rowUpdate));
                var update = Json.Object(rowUpdate.Value, "a row-update");
                rows.TryGetValue(uuid, out var old);
                var row = isVersion1
                    ? table.Update1(uuid, old, update)
                    : table.Update2(uuid, old, update);
                if (row is null)
                {
                    rows.Remove(uuid);
                }
                else if (row.Equals(old))
                {
                    continue;
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

    private static void WriteRequests(
        Utf8JsonWriter writer,
        ImmutableDictionary<string, ReplicaTable> tables,
        Dictionary<string, ImmutableArray<Condition>> conditions
    )
    {
        writer.WriteStartObject();
        foreach (var (name, table) in tables)
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

    private static void WriteWhere(Utf8JsonWriter writer, ImmutableArray<Condition> where)
    {
        writer.WriteStartArray("where"u8);
        foreach (var condition in where)
        {
            condition.WriteTo(writer);
        }

        writer.WriteEndArray();
    }

    private static ImmutableDictionary<string, ImmutableDictionary<Guid, Row>> EmptyTables(
        ImmutableDictionary<string, ReplicaTable> tables
    ) =>
        Snapshot.Empty.Tables.AddRange(
            tables.Keys.Select(static name =>
                KeyValuePair.Create(name, ImmutableDictionary<Guid, Row>.Empty)
            )
        );

    // A server that does not number its transactions sends the UUID of zeros.
    private static Guid? LastTransaction(JsonElement json) =>
        Json.Uuid(json) is var id && id != Guid.Empty ? id : null;

    private bool HasColumnsOf(ImmutableDictionary<string, ReplicaTable> tables) =>
        tables.Count == _tables.Count
        && tables.All(t => _tables.TryGetValue(t.Key, out var mine) && mine.HasColumnsOf(t.Value));

    private ImmutableDictionary<string, ReplicaTable> Select(DatabaseSchema schema, Remote remote)
    {
        var tables = ImmutableDictionary.CreateBuilder<string, ReplicaTable>(
            StringComparer.Ordinal
        );
        var wanted = _spec.Tables.IsDefault
            ? schema.Tables.Keys.Select(static name => new TableMonitor(name))
            : _spec.Tables;
        foreach (var monitor in wanted)
        {
            if (!schema.Tables.TryGetValue(monitor.Table, out var table))
            {
                throw new OvsdbRemoteException(
                    "get_schema",
                    remote,
                    new(ErrorNames.UnknownTable, $"No table named {monitor.Table} in {Database}.")
                );
            }

            foreach (var column in monitor.Columns.IsDefault ? [] : monitor.Columns)
            {
                if (!table.Columns.ContainsKey(column))
                {
                    throw new OvsdbRemoteException(
                        "get_schema",
                        remote,
                        new(
                            ErrorNames.UnknownColumn,
                            $"No column named {column} in table {monitor.Table} of {Database}."
                        )
                    );
                }
            }

            tables[monitor.Table] = new(table, monitor.Columns);
        }

        return tables.ToImmutable();
    }
}
