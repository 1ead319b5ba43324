using System.Collections.Immutable;

namespace Weft.Ovsdb;

/// <content>Conditions: which rows the replica holds (ovsdb-server(7), sections 4.1.12 and 4.1.13).</content>
public sealed partial class Replica
{
    // Serializes changes. Otherwise a refused one would undo or spoil another.
    private readonly SemaphoreSlim _changing = new(1, 1);

    // What is or will be requested from the server; differs from the view's Applied only while a change is in progress.
    private ImmutableDictionary<string, ImmutableArray<Condition>> _wanted;

    /// <summary>Changes which rows the replica holds. Tables not mentioned keep their conditions.</summary>
    /// <remarks>Changes are made one after the other, in the order of the calls.</remarks>
    /// <param name="conditions">For each table its conditions, of which a row must meet any; none for every row.</param>
    /// <param name="cancellationToken">Cancels the wait; the change is still made.</param>
    /// <returns>
    /// A task that completes when the replica reflects the change. If the connection is lost meanwhile, that is after the next
    /// one.
    /// </returns>
    /// <exception cref="OvsdbValueException">A table is not in the replica, or has no such column.</exception>
    /// <exception cref="OvsdbRemoteException">
    /// The server refused the change, now or after reconnecting, or does not support conditions. The replica becomes live again
    /// with its previous conditions.
    /// </exception>
    /// <exception cref="OvsdbProtocolException">The reply violates the protocol; the change then counts as refused.</exception>
    /// <exception cref="ObjectDisposedException">The replica or its client is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public Task SetConditionsAsync(
        IReadOnlyDictionary<string, ImmutableArray<Condition>> conditions,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(conditions);

        // Not cancelable midway: the server's conditions and those remembered here must stay the same.
        return SetConditionsAsync([.. conditions]).WaitAsync(cancellationToken);
    }

    private async Task SetConditionsAsync(
        ImmutableArray<KeyValuePair<string, ImmutableArray<Condition>>> conditions
    )
    {
        await _changing.WaitAsync().ConfigureAwait(false);
        try
        {
            ImmutableDictionary<string, ImmutableArray<Condition>> wanted;
            Session? live;
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
                foreach (var (table, where) in conditions)
                {
                    Check(table, where);
                }

                wanted = _wanted = _wanted.SetItems(conditions);
                live = _live;
                _view.Set(_view.Value with { Refusal = null });
            }

            // If there is no monitor now, the next one will request the new conditions.
            if (live is not null)
            {
                try
                {
                    await ChangeConditionsAsync(live, wanted, CancellationToken.None)
                        .ConfigureAwait(false);
                    return;
                }
                catch (OvsdbConnectionException) { }
            }

            var view = await _view
                .WaitAsync(
                    view =>
                        view.Refusal is not null
                        || (view.State.IsLive && ReferenceEquals(view.Applied, wanted)),
                    CancellationToken.None
                )
                .ConfigureAwait(false);
            if (view.Refusal is not null)
            {
                throw view.Refusal;
            }
        }
        finally
        {
            _changing.Release();
        }
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
        Session session,
        ImmutableDictionary<string, ImmutableArray<Condition>> wanted,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await session
                .Connection.CallAsync(
                    "monitor_cond_change",
                    writer =>
                    {
                        writer.WriteStringValue(session.Name);
                        writer.WriteStringValue(session.Name);
                        writer.WriteStartObject();
                        foreach (var (table, where) in wanted)
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
                        lock (_gate)
                        {
                            _view.Set(_view.Value with { Applied = wanted });
                        }

                        return true;
                    },
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
        catch (OvsdbException e) when (e is not OvsdbConnectionException)
        {
            // ovsdb-server changes one table after the other and does not roll back (ovsdb_jsonrpc_monitor_cond_change in
            // ovsdb/jsonrpc-server.c), so its later updates match neither the old conditions nor the new ones.
            Volatile.Write(ref _isSuspect, true);
            Refuse(wanted, e);
            End(session, e.Message);
            await session
                .Connection.GiveBackAsync("monitor_cancel", session.Name)
                .ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Returns to the conditions that the server last accepted, and reports the refusal to the caller that wanted others.
    /// </summary>
    private void Refuse(
        ImmutableDictionary<string, ImmutableArray<Condition>> refused,
        OvsdbException reason
    )
    {
        lock (_gate)
        {
            var view = _view.Value;
            if (!ReferenceEquals(refused, view.Applied) && ReferenceEquals(refused, _wanted))
            {
                _wanted = view.Applied;
                _view.Set(view with { Refusal = reason });
            }
        }
    }
}
