using System.Collections.Immutable;

namespace Weft.Ovsdb.Tests.Differential;

/// <summary>Builds the tables again from nothing but a replica's changes, as an application would that follows them.</summary>
internal sealed class ChangeLog
{
    private readonly Replica _replica;

    private ChangeLog(Replica replica) => _replica = replica;

    public static ChangeLog Of(Replica replica)
    {
        var log = new ChangeLog(replica);
        log._following = log.FollowAsync();
        return log;
    }

    private readonly TaskCompletionSource _equal = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private readonly Lock _gate = new();
    private ImmutableDictionary<(string, Guid), Row> _rows = ImmutableDictionary<
        (string, Guid),
        Row
    >.Empty;
    private Task _following = Task.CompletedTask;
    private Snapshot? _wanted;

    /// <summary>Waits until what the changes gave is the snapshot, row by row.</summary>
    public async Task EqualAsync(Snapshot snapshot)
    {
        lock (_gate)
        {
            _wanted = snapshot;
            Compare();
        }
        await Task.WhenAny(_equal.Task, _following, Task.Delay(OvsdbServer.Patience));
        Assert.False(_following.IsFaulted, _following.Exception?.ToString());
        Assert.True(
            _equal.Task.IsCompleted,
            "the changes of the replica do not add up to its snapshot"
        );
    }

    private async Task FollowAsync()
    {
        try
        {
            await foreach (var change in _replica.ChangesAsync(Snapshot.Empty))
            {
                lock (_gate)
                {
                    foreach (var row in change.Rows)
                    {
                        var known = _rows.GetValueOrDefault((row.Table, row.Uuid));
                        // What was before is what this reader has.
                        Assert.Equal(known, row.Old);
                        _rows = row.New is null
                            ? _rows.Remove((row.Table, row.Uuid))
                            : _rows.SetItem((row.Table, row.Uuid), row.New);
                    }
                    Compare();
                }
            }
        }
        catch (ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private void Compare()
    {
        var wanted = _wanted
            ?.Tables.SelectMany(t => t.Value.Select(row => (Key: (t.Key, row.Key), row.Value)))
            .ToList();
        if (
            wanted?.Count == _rows.Count
            && wanted.All(row => row.Value.Equals(_rows.GetValueOrDefault(row.Key)))
        )
        {
            _equal.TrySetResult();
        }
    }
}
