using System.Collections.Immutable;
using System.Threading.Channels;

namespace Weft.Vici;

/// <summary>
/// A subscription to events, from its creation until it is disposed. It may have one reader at a time.
/// </summary>
/// <remarks>
/// Unread events are kept, but not without limit: a reader that falls behind by <see cref="MaxUnread"/> events, or by 16 MiB of
/// them, gets those and then a <see cref="ViciOverflowException"/>. The connection and other subscriptions go on.
/// </remarks>
public sealed class ViciSubscription : IAsyncEnumerable<ViciEvent>, IAsyncDisposable
{
    /// <summary>The maximum number of unread events.</summary>
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

    /// <summary>Streams the events from now on, until the subscription is disposed.</summary>
    /// <param name="cancellationToken">Ends the enumeration; the subscription stays, and can be read again.</param>
    /// <returns>The events in the order of their arrival, until the subscription is disposed.</returns>
    /// <exception cref="ViciConnectionException">The connection ended.</exception>
    /// <exception cref="ViciProtocolException">The connection ended because the daemon violated the protocol.</exception>
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

    /// <summary>Ends the subscription. This does not wait until the daemon is told.</summary>
    /// <returns>A completed task.</returns>
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
            // The daemon may be about to confirm the subscription, which nobody would then end.
            _ = connection.UnsubscribeAsync(events, subscription._handler);
            throw;
        }

        _ = subscription.EndWithConnectionAsync();
        return subscription;
    }

    private async Task EndWithConnectionAsync()
    {
        // Waiting for the connection alone would keep each subscription's unread events in memory for as long as it lasts.
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
