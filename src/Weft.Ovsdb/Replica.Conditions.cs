using System.Collections.Immutable;

namespace Weft.Ovsdb;

/// <content>Which rows are held (ovsdb-server(7), sections 4.1.12 and 4.1.13).</content>
public sealed partial class Replica
{
    private readonly Dictionary<string, ImmutableArray<Condition>> _conditions = new(
        StringComparer.Ordinal
    );

    // Rises with each change of conditions that is asked for.
    private long _wanted;

    /// <summary>Changes which rows are held. Tables that are not named keep their conditions.</summary>
    /// <param name="conditions">By table, the rows to hold: those that meet any of the conditions; none means every row.</param>
    /// <param name="cancellationToken">Stops waiting; the change takes place nevertheless.</param>
    /// <returns>When the replica shows it. If the connection is lost meanwhile, after the next one.</returns>
    /// <exception cref="OvsdbValueException">A table is not in the replica, or has no such column.</exception>
    /// <exception cref="OvsdbRemoteException">The server refused it, and the conditions are as before; or it knows no conditions.</exception>
    /// <exception cref="ObjectDisposedException">The replica or its client is disposed of.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public Task SetConditionsAsync(
        IReadOnlyDictionary<string, ImmutableArray<Condition>> conditions,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(conditions);

        // Not canceled half way: what the server was told and what is remembered here must stay the same.
        return SetConditionsAsync(conditions).WaitAsync(cancellationToken);
    }

    private async Task SetConditionsAsync(
        IReadOnlyDictionary<string, ImmutableArray<Condition>> conditions
    )
    {
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

        // While there is no monitor, the next one takes the new conditions along.
        if (connection is not null)
        {
            try
            {
                await ChangeConditionsAsync(connection, CancellationToken.None);
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
            CancellationToken.None
        );
    }

    private void Check(string table, ImmutableArray<Condition> where)
    {
        if (_tables[table] is not { } known)
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
                    ReplicaTables.WriteWhere(
                        writer,
                        where.IsDefaultOrEmpty ? [Condition.Always] : where
                    );
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
}
