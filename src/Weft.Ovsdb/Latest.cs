namespace Weft.Ovsdb;

/// <summary>
/// A value that changes, and a way to wait until it meets a condition. Every value is checked by every waiter, so a condition
/// that holds only for an instant is not missed.
/// </summary>
internal sealed class Latest<T>(T initial)
{
    private readonly Lock _gate = new();
    private readonly List<Waiter> _waiters = [];
    private Box _value = new(initial);
    private Exception? _end;

    public T Value => Volatile.Read(ref _value).Value;

    public void Set(T value)
    {
        lock (_gate)
        {
            Volatile.Write(ref _value, new(value));
            for (var i = _waiters.Count - 1; i >= 0; i--)
            {
                if (_waiters[i].Show(value))
                {
                    _waiters.RemoveAt(i);
                }
            }
        }
    }

    /// <summary>Fails present and future waiters, except those whose condition the value already meets.</summary>
    public void End(Exception reason)
    {
        lock (_gate)
        {
            _end ??= reason;
            foreach (var waiter in _waiters)
            {
                waiter.TrySetException(_end);
            }

            _waiters.Clear();
        }
    }

    public async Task<T> WaitAsync(Func<T, bool> condition, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var waiter = new Waiter(condition);
        lock (_gate)
        {
            if (!waiter.Show(_value.Value))
            {
                if (_end is not null)
                {
                    throw _end;
                }

                _waiters.Add(waiter);
            }
        }

        await using var registration = cancellationToken
            .UnsafeRegister(
                static (state, token) =>
                {
                    var (latest, waiter) = ((Latest<T>, Waiter))state!;
                    lock (latest._gate)
                    {
                        latest._waiters.Remove(waiter);
                    }

                    waiter.TrySetCanceled(token);
                },
                (this, waiter)
            )
            .ConfigureAwait(false);
        return await waiter.Task.ConfigureAwait(false);
    }

    // A reference type, so that a reader never sees a half-written value.
    private sealed record Box(T Value);

    private sealed class Waiter(Func<T, bool> condition)
        : TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public bool Show(T value)
        {
            try
            {
                return condition(value) && (TrySetResult(value) || true);
            }
#pragma warning disable CA1031 // The condition is the caller's code: its failure goes to the caller, not to the publisher.
            catch (Exception e)
#pragma warning restore CA1031
            {
                return TrySetException(e) || true;
            }
        }
    }
}
