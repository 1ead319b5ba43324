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
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(8);

    private readonly MonitorSpec _spec;
    private ReplicaTables _tables = ReplicaTables.None;

    // The connection on which the monitor has been answered, and the monitor's name there.
    private JsonRpcConnection? _live;
    private string? _monitor;

    // Could an update not be applied? Then what is held may be wrong, and is no base to go on from.
    private bool _isSuspect;

    /// <summary>How often the replica went on from its last transaction instead of being built anew.</summary>
    internal int Resumptions { get; private set; }

    private async Task FollowAsync(JsonRpcConnection connection)
    {
        var pause = ShortestPause;
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
                        pause = ShortestPause;
                    }
                    catch (OvsdbConnectionException e)
                    {
                        MakeStale(e.Message);
                    }
                    catch (OvsdbException e)
                    {
                        // The server may not have the database yet, or no longer a table: say so, and go on asking.
                        MakeStale(e.Message);
                        await Task.Delay(pause, _client.Time, _disposing.Token);
                        pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                    }
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            if (_monitor is { } monitor)
            {
                await CancelAsync(connection, monitor);
            }

            End();
        }
    }

    private async Task CancelAsync(JsonRpcConnection connection, string monitor)
    {
        connection.UnrouteMonitor(monitor);
        try
        {
            await connection
                .CallAsync(
                    "monitor_cancel",
                    writer => writer.WriteStringValue(monitor),
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
        // Read anew for each connection: another server, or the same after an upgrade, may have another schema.
        var schema = await connection.CallAsync(
            "get_schema",
            writer => writer.WriteStringValue(Database),
            DatabaseSchema.FromJson,
            cancellationToken
        );
        var tables = ReplicaTables.Select(_spec, schema, connection.Remote);
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
                // An older server: the next method asks for less.
            }
        }
    }

    private async Task MonitorAsync(
        JsonRpcConnection connection,
        string method,
        ReplicaTables tables,
        CancellationToken cancellationToken
    )
    {
        var monitor = _client.NewMonitorId();
        var since = Guid.Empty;
        long wanted;
        Dictionary<string, ImmutableArray<Condition>> conditions;
        lock (_gate)
        {
            var view = _view.Value;
            wanted = _wanted;
            conditions = new(_conditions, StringComparer.Ordinal);

            // The last transaction says what the replica holds only if it holds the same columns of the rows that
            // meet the same conditions.
            if (!_isSuspect && view.Applied == wanted && tables.HaveColumnsOf(_tables))
            {
                since = view.Snapshot.LastTransaction ?? Guid.Empty;
            }
        }

        if (method == "monitor" && conditions.Values.Any(static where => !where.IsDefaultOrEmpty))
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
                OnNotification(connection, monitor, tables, notification, parameters)
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
                    tables.WriteRequests(writer, conditions);
                    if (method == "monitor_cond_since")
                    {
                        writer.WriteStringValue(since);
                    }
                },
                json =>
                {
                    OnReply(json, method, tables, canResume: since != Guid.Empty, wanted);
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
            if (e is OvsdbProtocolException breach)
            {
                connection.Close(breach);
            }

            if (e is OperationCanceledException)
            {
                await CancelAsync(connection, monitor);
            }

            connection.UnrouteMonitor(monitor);
            throw;
        }

        if (outdated)
        {
            try
            {
                await ChangeConditionsAsync(connection, cancellationToken);
            }
            catch (OvsdbRemoteException e)
            {
                connection.Close(
                    new OvsdbConnectionException(e.Message, connection.Remote, cause: e)
                );
                throw;
            }
        }
    }

    private void OnReply(
        JsonElement json,
        string method,
        ReplicaTables tables,
        bool canResume,
        long wanted
    )
    {
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

            var found = Json.Boolean(json[0]);
            if (found && !canResume)
            {
                throw new OvsdbValueException(
                    "all rows, since no transaction was named",
                    "changes since one"
                );
            }

            canResume = found;
            last = LastTransaction(json[1]);
            updates = json[2];
        }
        else
        {
            canResume = false;
        }

        var old = Snapshot;
        var changes = new List<RowChange>();
        var rows = Apply(
            canResume ? old.Tables : tables.Empty(),
            tables,
            updates,
            method == "monitor",
            changes
        );
        var snapshot = new Snapshot(rows, old.Version + 1, last);
        if (canResume)
        {
            Resumptions++;
        }
        else
        {
            changes = snapshot.ChangesSince(old);
        }

        _tables = tables;
        var live = new ReplicaState(true, _client.Time.GetUtcNow(), null);
        Publish(snapshot, changes, view => view with { State = live, Applied = wanted });
    }

    private void OnNotification(
        JsonRpcConnection connection,
        string monitor,
        ReplicaTables tables,
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
        if (parameters.GetArrayLength() != expected || monitor != _monitor)
        {
            throw new OvsdbValueException(
                $"'{method}' of {expected} parameters, after the reply to the monitor",
                Json.Excerpt(parameters)
            );
        }

        var old = Snapshot;
        var last = method == "update3" ? LastTransaction(parameters[1]) : null;
        var changes = new List<RowChange>();
        var rows = Apply(old.Tables, tables, parameters[expected - 1], method == "update", changes);
        Publish(new(rows, old.Version + 1, last), changes, static view => view);
    }

    private ImmutableDictionary<string, ImmutableDictionary<Guid, Row>> Apply(
        ImmutableDictionary<string, ImmutableDictionary<Guid, Row>> before,
        ReplicaTables tables,
        JsonElement updates,
        bool isVersion1,
        List<RowChange> changes
    )
    {
        _isSuspect = true;
        var after = tables.Apply(before, updates, isVersion1, changes);
        _isSuspect = false;
        return after;
    }

    // A server that does not number its transactions sends the UUID of zeros.
    private static Guid? LastTransaction(JsonElement json) =>
        Json.Uuid(json) is var id && id != Guid.Empty ? id : null;
}
