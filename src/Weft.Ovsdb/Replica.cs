using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Weft.Ovsdb;

/// <summary>
/// A copy of a part of a database in memory, kept up to date. If the connection is lost, it stays readable and says since when it
/// is stale. After reconnecting it resumes from the last transaction if the server can, and is rebuilt otherwise; in both cases
/// readers see a single step from the old state to the new one.
/// </summary>
/// <remarks>
/// Changes by the client's own transaction are in the replica before <see cref="OvsdbClient.TransactAsync"/> returns
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

    /// <summary>Whether the replica is live, since when, and why not.</summary>
    public ReplicaState State => _view.Value.State;

    /// <summary>Waits until the database meets a condition.</summary>
    /// <param name="condition">
    /// The condition to wait for. It is called with every snapshot, even one that is replaced at once, but never with a stale
    /// one. It runs on the thread that reads the connection, so it must be quick and must not wait for the client.
    /// </param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The first snapshot, beginning with the present one, that meets the condition.</returns>
    /// <exception cref="ObjectDisposedException">The replica or its client is disposed.</exception>
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

    /// <summary>Waits for a state of the replica, such as live or stale.</summary>
    /// <param name="condition">The condition to wait for. It is called with every state, and must be quick.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The first state, beginning with the present one, that meets the condition.</returns>
    /// <exception cref="ObjectDisposedException">The replica or its client is disposed.</exception>
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
    /// Streams the changes. A reader slower than the server gets several transactions as one change, so its pending changes never
    /// take more memory than the rows themselves.
    /// </summary>
    /// <param name="from">
    /// The state that the reader already has: <see cref="Snapshot.Empty"/> to get all rows as insertions first, or a snapshot of
    /// this replica to get the differences from it first.
    /// </param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <returns>The changes; the stream ends only by an exception.</returns>
    /// <exception cref="ObjectDisposedException">The replica or its client is disposed.</exception>
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

    /// <summary>Ends the replica. Its last snapshot stays readable, but is stale.</summary>
    /// <returns>A task that completes when it has ended.</returns>
    public async ValueTask DisposeAsync()
    {
        if (!_disposing.IsCancellationRequested)
        {
            await _disposing.CancelAsync().ConfigureAwait(false);
        }

        await _following.ConfigureAwait(false);
        _disposing.Dispose();
    }

    /// <summary>Makes the replica live for the first time, or throws the server's error.</summary>
    internal async Task StartAsync(CancellationToken cancellationToken)
    {
        var connection = await _client.GetConnectionAsync(cancellationToken).ConfigureAwait(false);
        _following = FollowAsync(
            await MonitorAsync(connection, cancellationToken).ConfigureAwait(false)
        );
    }

    private void Publish(Snapshot snapshot, List<RowChange> changes, Func<View, View> andThen)
    {
        // Under the lock, so that a feed begins exactly where its first snapshot ends, and so that an update still being
        // processed when the connection is found lost does not make the replica look live.
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
                // Since stays the time at which the replica first became stale; later reasons only explain why it still is.
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

    // Applied: the conditions that the server last accepted. Refusal: why it did not accept those requested since.
    private sealed record View(
        Snapshot Snapshot,
        ReplicaState State,
        ImmutableDictionary<string, ImmutableArray<Condition>> Applied,
        OvsdbException? Refusal
    );
}
