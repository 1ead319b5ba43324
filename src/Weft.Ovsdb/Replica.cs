using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Weft.Ovsdb;

/// <summary>
/// A copy in memory of a part of a database that follows it. When the connection is lost it stays readable and says
/// since when it is stale; when there is one again it goes on from the last transaction where the server can, and is
/// built anew where not; either way its readers see one step from the old state to the new one.
/// </summary>
/// <remarks>
/// What a client's own transaction changed is in the replica before <see cref="OvsdbClient.TransactAsync"/> returns
/// (ovsdb-server(7), section 4.1.5). All members may be used from any thread at the same time.
/// </remarks>
public sealed partial class Replica : IAsyncDisposable
{
    private readonly OvsdbClient _client;
    private readonly Latest<View> _view;
    private readonly CancellationTokenSource _disposing;
    private readonly Lock _gate = new();
    private readonly List<ChangeFeed> _feeds = [];
    private Task _following = Task.CompletedTask;

    internal Replica(OvsdbClient client, string database, MonitorSpec spec)
    {
        _client = client;
        _spec = spec;
        Database = database;
        _disposing = CancellationTokenSource.CreateLinkedTokenSource(client.Disposing);
        _wanted = ImmutableDictionary<string, ImmutableArray<Condition>>.Empty.SetItems(
            (spec.Tables.IsDefault ? [] : spec.Tables).Select(static table =>
                KeyValuePair.Create(table.Table, table.Where)
            )
        );
        var state = new ReplicaState(false, client.Time.GetUtcNow(), "not loaded yet");
        _view = new(new(Snapshot.Empty, state, _wanted, null));
    }

    /// <summary>The database.</summary>
    public string Database { get; }

    /// <summary>The tables as they are now, or as they were when the replica became stale.</summary>
    public Snapshot Snapshot => _view.Value.Snapshot;

    /// <summary>Is it live, or since when and why not?</summary>
    public ReplicaState State => _view.Value.State;

    /// <summary>Waits until the database meets a condition.</summary>
    /// <param name="condition">
    /// What to wait for. It is shown every snapshot, also one that holds for an instant only, but never a stale one.
    /// It runs while the connection is being read, so it must be quick and must not wait for the client.
    /// </param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The first snapshot, from the present one on, that meets the condition.</returns>
    /// <exception cref="ObjectDisposedException">The replica or its client is disposed of.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public async Task<Snapshot> WaitAsync(
        Func<Snapshot, bool> condition,
        CancellationToken cancellationToken = default
    ) =>
        (
            await _view
                .WaitAsync(view => view.State.IsLive && condition(view.Snapshot), cancellationToken)
                .ConfigureAwait(false)
        ).Snapshot;

    /// <summary>Waits until the replica becomes live, or stale.</summary>
    /// <param name="condition">What to wait for. It is shown every state, and must be quick.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The first state, from the present one on, that meets the condition.</returns>
    /// <exception cref="ObjectDisposedException">The replica or its client is disposed of.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public async Task<ReplicaState> WaitForStateAsync(
        Func<ReplicaState, bool> condition,
        CancellationToken cancellationToken = default
    ) =>
        (
            await _view
                .WaitAsync(view => condition(view.State), cancellationToken)
                .ConfigureAwait(false)
        ).State;

    /// <summary>
    /// Follows the changes. A reader that is slower than the server gets several transactions as one change, so what
    /// waits for it takes no more memory than the rows themselves.
    /// </summary>
    /// <param name="from">
    /// What the reader knows already: <see cref="Snapshot.Empty"/> to get all rows as insertions first, or a snapshot
    /// of this replica to get what differs from it first.
    /// </param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The changes; they end with an exception only.</returns>
    /// <exception cref="ObjectDisposedException">The replica or its client is disposed of.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public async IAsyncEnumerable<ReplicaChange> ChangesAsync(
        Snapshot from,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(from);
        var feed = new ChangeFeed();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
            var snapshot = Snapshot;
            if (!ReferenceEquals(snapshot, from))
            {
                feed.Add(snapshot.ChangesSince(from), snapshot);
            }

            _feeds.Add(feed);
        }

        try
        {
            while (true)
            {
                yield return await feed.TakeAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            lock (_gate)
            {
                _feeds.Remove(feed);
            }
        }
    }

    /// <summary>Ends the replica. Its last snapshot stays readable, as stale.</summary>
    /// <returns>When it has ended.</returns>
    public async ValueTask DisposeAsync()
    {
        if (!_disposing.IsCancellationRequested)
        {
            await _disposing.CancelAsync().ConfigureAwait(false);
        }

        await _following.ConfigureAwait(false);
        _disposing.Dispose();
    }

    /// <summary>Makes the replica live for the first time, or fails with what the server said.</summary>
    internal async Task StartAsync(CancellationToken cancellationToken)
    {
        var connection = await _client.GetConnectionAsync(cancellationToken).ConfigureAwait(false);
        _following = FollowAsync(
            await MonitorAsync(connection, cancellationToken).ConfigureAwait(false)
        );
    }

    private void Publish(Snapshot snapshot, List<RowChange> changes, Func<View, View> andThen)
    {
        // Under the lock, so that a feed begins exactly where its first snapshot ends, and an update that is still
        // being read when the connection is found lost does not make the replica look live.
        lock (_gate)
        {
            _view.Set(andThen(_view.Value with { Snapshot = snapshot }));
            if (changes.Count > 0)
            {
                foreach (var feed in _feeds)
                {
                    feed.Add(changes, snapshot);
                }
            }
        }
    }

    private void MakeStale(string reason)
    {
        lock (_gate)
        {
            var view = _view.Value;
            if (view.State.IsLive || view.State.Reason != reason)
            {
                // What made it stale first is when its data stopped; later reasons only explain why it still is.
                var since = view.State.IsLive ? _client.Time.GetUtcNow() : view.State.Since;
                _view.Set(view with { State = new(false, since, reason) });
            }
        }
    }

    private void EndAll()
    {
        MakeStale("the replica was disposed of");
        var disposed = new ObjectDisposedException(nameof(Replica));
        _view.End(disposed);
        lock (_gate)
        {
            foreach (var feed in _feeds)
            {
                feed.End(disposed);
            }
        }
    }

    // Applied are the conditions that the server took last, and Refusal is why it did not take those asked for since.
    private sealed record View(
        Snapshot Snapshot,
        ReplicaState State,
        ImmutableDictionary<string, ImmutableArray<Condition>> Applied,
        OvsdbException? Refusal
    );
}
