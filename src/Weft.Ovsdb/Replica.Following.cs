using System.Collections.Immutable;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <content>
/// Following the server with monitor_cond_since if it is supported, else monitor_cond, else monitor, and handling the updates.
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

    // The monitor whose reply came and which has not ended, unless its connection has.
    private Session? _live;

    // Whether an update could not be applied, or may have been for other conditions. The rows held may then be wrong, and the
    // replica must be rebuilt.
    private bool _isSuspect;

    /// <summary>The monitor that the replica follows now.</summary>
    internal object? Following => _live;

    /// <summary>How often the replica resumed from its last transaction instead of being rebuilt.</summary>
    internal int Resumptions { get; private set; }

    private async Task FollowAsync(Session session)
    {
        var pause = ShortestPause;
        try
        {
            while (true)
            {
                End(
                    session,
                    await session.EndAsync().WaitAsync(_disposing.Token).ConfigureAwait(false)
                );
                while (!State.IsLive)
                {
                    var connection = await _client
                        .NextConnectionAsync(_disposing.Token)
                        .ConfigureAwait(false);
                    try
                    {
                        session = await MonitorAsync(connection, _disposing.Token)
                            .ConfigureAwait(false);
                        pause = ShortestPause;
                    }
                    catch (OvsdbConnectionException e)
                    {
                        MakeStale(e.Message);
                    }
                    catch (OvsdbException e)
                    {
                        // The server may not have the database yet, or may have lost a table: report it and keep trying.
                        MakeStale(e.Message);
                        await Task.Delay(pause, _client.Time, _disposing.Token)
                            .ConfigureAwait(false);
                        pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                    }
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // Otherwise whatever waits for the session's end would be kept in memory as long as the connection.
            session.End("the replica was disposed of");
            if (_live is { } live)
            {
                live.Connection.UnrouteMonitor(live.Name);
                await live
                    .Connection.GiveBackAsync("monitor_cancel", live.Name)
                    .ConfigureAwait(false);
            }

            EndAll();
        }
    }

    /// <summary>Ends a monitor, while its connection may live on.</summary>
    private void End(Session session, string reason)
    {
        session.Connection.UnrouteMonitor(session.Name);
        session.End(reason);
        lock (_gate)
        {
            if (_live == session)
            {
                _live = null;
            }

            MakeStale(reason);
        }
    }

    private async Task<Session> MonitorAsync(
        JsonRpcConnection connection,
        CancellationToken cancellationToken
    )
    {
        // Read again for each connection: another server, or the same one after an upgrade, may have another schema.
        var schema = await connection
            .CallAsync(
                "get_schema",
                writer => writer.WriteStringValue(Database),
                DatabaseSchema.FromJson,
                cancellationToken
            )
            .ConfigureAwait(false);
        var tables = ReplicaTables.Select(_spec, schema, connection.Remote);
        ImmutableDictionary<string, ImmutableArray<Condition>> wanted;
        lock (_gate)
        {
            wanted = _wanted;
        }

        for (var i = 0; ; i++)
        {
            try
            {
                return await MonitorAsync(connection, Methods[i], tables, wanted, cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (OvsdbRemoteException e)
                when (e.Error == ErrorNames.UnknownMethod && i + 1 < Methods.Length)
            {
                // An older server: the next method needs less.
            }
            catch (OvsdbException e) when (e is not OvsdbConnectionException)
            {
                Refuse(wanted, e);
                throw;
            }
        }
    }

    private async Task<Session> MonitorAsync(
        JsonRpcConnection connection,
        string method,
        ReplicaTables tables,
        ImmutableDictionary<string, ImmutableArray<Condition>> wanted,
        CancellationToken cancellationToken
    )
    {
        var session = new Session(connection, _client.NewMonitorId());
        var since = Guid.Empty;
        lock (_gate)
        {
            // It is safe to resume from the last transaction only with the same columns and the same conditions.
            var view = _view.Value;
            if (
                !_isSuspect
                && ReferenceEquals(view.Applied, wanted)
                && tables.HaveColumnsOf(_tables)
            )
            {
                since = view.Snapshot.LastTransaction ?? Guid.Empty;
            }
        }

        if (method == "monitor" && wanted.Values.Any(static where => !where.IsDefaultOrEmpty))
        {
            throw new OvsdbRemoteException(
                "monitor_cond",
                connection.Remote,
                new(ErrorNames.UnknownMethod),
                "the server is too old to hold back rows by conditions: monitor without them"
            );
        }

        connection.RouteMonitor(
            session.Name,
            (notification, parameters) => OnNotification(session, tables, notification, parameters)
        );
        var latest = wanted;
        try
        {
            await connection
                .CallAsync(
                    method,
                    writer =>
                    {
                        writer.WriteStringValue(Database);
                        writer.WriteStringValue(session.Name);
                        tables.WriteRequests(writer, wanted);
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
                            (_live, latest) = (session, _wanted);
                        }

                        return true;
                    },
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
        catch (Exception e)
        {
            connection.UnrouteMonitor(session.Name);
            if (e is OvsdbProtocolException breach)
            {
                connection.Close(breach);
            }

            if (e is OperationCanceledException)
            {
                await connection
                    .GiveBackAsync("monitor_cancel", session.Name)
                    .ConfigureAwait(false);
            }

            throw;
        }

        if (!ReferenceEquals(latest, wanted))
        {
            await ChangeConditionsAsync(session, latest, cancellationToken).ConfigureAwait(false);
        }

        return session;
    }

    private void OnReply(
        JsonElement json,
        string method,
        ReplicaTables tables,
        bool canResume,
        ImmutableDictionary<string, ImmutableArray<Condition>> wanted
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
        Volatile.Write(ref _isSuspect, false);
        var live = new ReplicaState(true, _client.Time.GetUtcNow(), null);
        Publish(snapshot, changes, view => view with { State = live, Applied = wanted });
    }

    private void OnNotification(
        Session session,
        ReplicaTables tables,
        string method,
        JsonElement parameters
    )
    {
        if (method == "monitor_canceled")
        {
            End(
                session,
                $"{session.Connection.Remote} canceled the monitor of '{Database}', as when its schema changes"
            );
            return;
        }

        // In this order: a session is ended before it stops being live.
        var isLive = Volatile.Read(ref _live) == session;
        if (session.HasEnded)
        {
            return;
        }

        var expected = method == "update3" ? 3 : 2;
        if (parameters.GetArrayLength() != expected || !isLive)
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
        try
        {
            return tables.Apply(before, updates, isVersion1, changes);
        }
        catch
        {
            Volatile.Write(ref _isSuspect, true);
            throw;
        }
    }

    // A server that does not number transactions sends the all-zero UUID.
    private static Guid? LastTransaction(JsonElement json) =>
        Json.Uuid(json) is var id && id != Guid.Empty ? id : null;

    /// <summary>One monitor, from its request until it or its connection ends.</summary>
    private sealed class Session(JsonRpcConnection connection, string name)
    {
        private readonly TaskCompletionSource<string> _ended = new(
            TaskCreationOptions.RunContinuationsAsynchronously
        );

        public JsonRpcConnection Connection => connection;

        public string Name => name;

        public bool HasEnded => _ended.Task.IsCompleted;

        public void End(string reason) => _ended.TrySetResult(reason);

        /// <summary>Completes with the reason when the session ends.</summary>
        public async Task<string> EndAsync()
        {
            await Task.WhenAny(_ended.Task, connection.Closed).ConfigureAwait(false);
            return HasEnded
                ? await _ended.Task.ConfigureAwait(false)
                : (await connection.Closed.ConfigureAwait(false)).Message;
        }
    }
}
