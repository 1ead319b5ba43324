using System.Runtime.InteropServices;

namespace Weft.Ovsdb;

/// <summary>
/// The changes that one reader has not taken yet. Changes to the same row are merged, and cancel out if the row returns to its
/// earlier state, so a slow reader costs at most the rows of two snapshots.
/// </summary>
internal sealed class ChangeFeed
{
    private readonly Lock _gate = new();
    private Dictionary<(string Table, Guid Uuid), RowChange> _pending = [];
    private TaskCompletionSource _arrived = NewSignal();
    private Snapshot _snapshot = Snapshot.Empty;
    private Exception? _end;

    public void Add(List<RowChange> changes, Snapshot snapshot)
    {
        lock (_gate)
        {
            _snapshot = snapshot;
            foreach (var change in changes)
            {
                ref var pending = ref CollectionsMarshal.GetValueRefOrAddDefault(
                    _pending,
                    (change.Table, change.Uuid),
                    out var exists
                );
                pending = exists ? change with { Old = pending.Old } : change;
                if (pending.Old is null ? pending.New is null : pending.Old.Equals(pending.New))
                {
                    _pending.Remove((change.Table, change.Uuid));
                }
            }

            if (_pending.Count > 0)
            {
                _arrived.TrySetResult();
            }
        }
    }

    public void End(Exception reason)
    {
        lock (_gate)
        {
            _end = reason;
            _arrived.TrySetResult();
        }
    }

    public async Task<ReplicaChange> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task arrived;
            lock (_gate)
            {
                if (_pending.Count > 0)
                {
                    var taken = _pending;
                    _pending = [];
                    _arrived = NewSignal();
                    return new([.. taken.Values], _snapshot);
                }

                if (_end is not null)
                {
                    throw _end;
                }

                if (_arrived.Task.IsCompleted)
                {
                    _arrived = NewSignal();
                }

                arrived = _arrived.Task;
            }

            await arrived.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static TaskCompletionSource NewSignal() =>
        new(TaskCreationOptions.RunContinuationsAsynchronously);
}
