using System.Collections.Immutable;
using System.Threading.Channels;

namespace Weft.Vici;

/// <summary>
/// The events that one reader asked for, from the moment it was given the subscription until it disposes of it. It is
/// read by one reader at a time.
/// </summary>
/// <remarks>
/// Events wait until they are read, but not without end: who falls behind by <see cref="MaxUnread"/> events, or by 16 MiB
/// of them, gets those and then a <see cref="ViciOverflowException"/>. The connection and its other readers go on.
/// </remarks>
public sealed class ViciSubscription : IAsyncEnumerable<ViciEvent>, IAsyncDisposable
{
    /// <summary>How many events may wait to be read.</summary>
    public const int MaxUnread = 4096;

    private const int MaxUnreadWeight = 16 * 1024 * 1024;

    private readonly ViciConnection _connection;
    private readonly Channel<ViciEvent> _unread = Channel.CreateUnbounded<ViciEvent>(
        new() { SingleWriter = true }
    );
    private readonly ImmutableArray<string> _events;
    private readonly Action<ViciEvent> _handler;
    private readonly TaskCompletionSource _ended = new();
    private int _count;
    private int _weight;
    private int _isDisposed;

    private ViciSubscription(ViciConnection connection, ImmutableArray<string> events)
    {
        _connection = connection;
        _events = events;
        _handler = Take;
    }

    /// <summary>The events of the connection from now on, until the subscription is disposed of.</summary>
    /// <param name="cancellationToken">Ends the reading; the subscription stays, and can be read on.</param>
    /// <returns>The events, in the order they came; ends when the subscription is disposed of.</returns>
    /// <exception cref="ViciConnectionException">The connection ended.</exception>
    /// <exception cref="ViciProtocolException">The connection ended because the daemon broke the protocol.</exception>
    /// <exception cref="ViciOverflowException">Events were lost because they were not read in time.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public async IAsyncEnumerator<ViciEvent> GetAsyncEnumerator(
        CancellationToken cancellationToken = default
    )
    {
        await foreach (
            var told in _unread.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false)
        )
        {
            Interlocked.Decrement(ref _count);
            Interlocked.Add(ref _weight, -told.Weight);
            yield return told;
        }
    }

    /// <summary>Ends the subscription. The daemon is told in its turn, which this does not wait for.</summary>
    /// <returns>When it is done.</returns>
    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _unread.Writer.TryComplete();
            _ended.SetResult();
            _ = _connection.UnsubscribeAsync(_events, _handler);
        }

        return ValueTask.CompletedTask;
    }

    internal static async Task<ViciSubscription> BeginAsync(
        ViciConnection connection,
        ImmutableArray<string> events,
        CancellationToken cancellationToken
    )
    {
        var subscription = new ViciSubscription(connection, events);
        try
        {
            await connection
                .SubscribeAsync(events, subscription._handler, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The daemon may be about to confirm, and nobody would ever end the subscription.
            _ = connection.UnsubscribeAsync(events, subscription._handler);
            throw;
        }

        _ = subscription.EndWithConnectionAsync();
        return subscription;
    }

    private async Task EndWithConnectionAsync()
    {
        // Not the connection alone: it would keep what was not read of every subscription for as long as it lasts.
        if (
            await Task.WhenAny(_connection.Closed, _ended.Task).ConfigureAwait(false)
            != _connection.Closed
        )
        {
            return;
        }

        var reason = await _connection.Closed.ConfigureAwait(false);
        _unread.Writer.TryComplete(
            reason is ViciProtocolException
                ? new ViciProtocolException(reason.Message, reason)
                : new ViciConnectionException(
                    $"The connection ended, and events with it: {reason.Message}",
                    reason
                )
        );
    }

    private void Take(ViciEvent told)
    {
        if (
            Interlocked.Increment(ref _count) > MaxUnread
            || Interlocked.Add(ref _weight, told.Weight) > MaxUnreadWeight
        )
        {
            _unread.Writer.TryComplete(
                new ViciOverflowException(
                    $"More than {MaxUnread} events, or {MaxUnreadWeight >> 20} MiB of them, were not read in time, and later ones are lost: read the state again and subscribe anew"
                )
            );
            return;
        }

        _unread.Writer.TryWrite(told);
    }
}
