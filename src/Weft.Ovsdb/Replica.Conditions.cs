using System.Collections.Immutable;

namespace Weft.Ovsdb;

/// <content>Which rows are held (ovsdb-server(7), sections 4.1.12 and 4.1.13).</content>
public sealed partial class Replica
{
    // One change at a time: else one that is refused would take back, or spoil, what another asked for.
    private readonly SemaphoreSlim _changing = new(1, 1);

    // What the server is, or will be, asked for; other than the view's Applied only while a change is under way.
    private ImmutableDictionary<string, ImmutableArray<Condition>> _wanted;

    /// <summary>Changes which rows are held. Tables that are not named keep their conditions.</summary>
    /// <remarks>Changes are made one after the other, in the order they were asked for.</remarks>
    /// <param name="conditions">By table, the rows to hold: those that meet any of the conditions; none means every row.</param>
    /// <param name="cancellationToken">Stops waiting; the change takes place nevertheless.</param>
    /// <returns>When the replica shows it. If the connection is lost meanwhile, after the next one.</returns>
    /// <exception cref="OvsdbValueException">A table is not in the replica, or has no such column.</exception>
    /// <exception cref="OvsdbRemoteException">
    /// The server refused it, now or once there was a connection again, and the replica becomes live again with the
    /// conditions as they were before; or it knows no conditions.
    /// </exception>
    /// <exception cref="OvsdbProtocolException">The answer is not what the protocol allows; then it is as if it were refused.</exception>
    /// <exception cref="ObjectDisposedException">The replica or its client is disposed of.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public Task SetConditionsAsync(
        IReadOnlyDictionary<string, ImmutableArray<Condition>> conditions,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(conditions);

        // Not canceled half way: what the server was told and what is remembered here must stay the same.
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

            // While there is no monitor, the next one takes the new conditions along.
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
            // ovsdb-server changes one table after the other and takes none of them back (its source,
            // ovsdb/jsonrpc-server.c, ovsdb_jsonrpc_monitor_cond_change), so what it sends from now on fits neither the
            // old conditions nor the new.
            Volatile.Write(ref _isSuspect, true);
            Refuse(wanted, e);
            End(session, e.Message);
            await session
                .Connection.GiveBackAsync("monitor_cancel", session.Name)
                .ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Goes back to the conditions that the server took last, and tells who asked for others.</summary>
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
