namespace Weft.Ovsdb;

/// <summary>
/// A lock of the server (RFC 7047, section 4.1.8) that this client requested. Only the server knows for certain who holds it, so
/// a transaction that depends on the lock should include an <see cref="AssertLock"/>.
/// </summary>
/// <remarks>A lock is lost with the connection. On the next connection it is requested again, at the end of the queue.</remarks>
public sealed class OvsdbLock : IAsyncDisposable
{
    private readonly OvsdbClient _client;
    private readonly Latest<bool> _held = new(false);
    private readonly CancellationTokenSource _disposing;
    private Task _following = Task.CompletedTask;

    internal OvsdbLock(OvsdbClient client, string name)
    {
        _client = client;
        _disposing = CancellationTokenSource.CreateLinkedTokenSource(client.Disposing);
        Name = name;
    }

    /// <summary>The lock's name.</summary>
    public string Name { get; }

    /// <summary>Whether the lock is held, as far as the server has said.</summary>
    public bool IsHeld => _held.Value;

    /// <summary>Waits until the lock is held.</summary>
    /// <param name="cancellationToken">Cancels the wait, not the request for the lock.</param>
    /// <returns>A task that completes when it is held.</returns>
    /// <exception cref="ObjectDisposedException">The lock or its client is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public Task WaitUntilHeldAsync(CancellationToken cancellationToken = default) =>
        _held.WaitAsync(static held => held, cancellationToken);

    /// <summary>Waits until the lock is not held: stolen, or lost with the connection.</summary>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>A task that completes when it is not held.</returns>
    /// <exception cref="ObjectDisposedException">The lock or its client is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public Task WaitUntilLostAsync(CancellationToken cancellationToken = default) =>
        _held.WaitAsync(static held => !held, cancellationToken);

    /// <summary>Releases the lock, or leaves the queue for it (RFC 7047, section 4.1.9).</summary>
    /// <returns>A task that completes when the server has released it.</returns>
    public async ValueTask DisposeAsync()
    {
        if (!_disposing.IsCancellationRequested)
        {
            await _disposing.CancelAsync().ConfigureAwait(false);
        }

        await _following.ConfigureAwait(false);
        _disposing.Dispose();
        _client.Forget(this);
    }

    internal async Task StartAsync(string method, CancellationToken cancellationToken)
    {
        var connection = await _client.GetConnectionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await RequestAsync(connection, method, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The server may already have the request, and would then keep the lock for this connection.
            await UnlockAsync(connection).ConfigureAwait(false);
            throw;
        }
        _following = FollowAsync(connection);
    }

    private async Task RequestAsync(
        JsonRpcConnection connection,
        string method,
        CancellationToken cancellationToken
    )
    {
        connection.RouteLock(Name, (notification, _) => _held.Set(notification == "locked"));
        try
        {
            await connection
                .CallAsync(
                    method,
                    writer => writer.WriteStringValue(Name),
                    json =>
                    {
                        _held.Set(
                            Json.Boolean(Json.Member(json, "locked", "the answer to a lock"))
                        );
                        return true;
                    },
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
        catch
        {
            connection.UnrouteLock(Name);
            throw;
        }
    }

    private async Task FollowAsync(JsonRpcConnection connection)
    {
        try
        {
            while (true)
            {
                await connection.Closed.WaitAsync(_disposing.Token).ConfigureAwait(false);
                _held.Set(false);
                try
                {
                    connection = await _client
                        .NextConnectionAsync(_disposing.Token)
                        .ConfigureAwait(false);
                    await RequestAsync(connection, "lock", _disposing.Token).ConfigureAwait(false);
                }
                catch (OvsdbException e) when (e is not OvsdbConnectionException)
                {
                    // A server that granted the lock once and now refuses it has changed: start over with a new connection.
                    connection.Close(
                        new OvsdbConnectionException(
                            $"{connection.Remote} refused lock '{Name}': {e.Message}",
                            connection.Remote
                        )
                    );
                }
                catch (OvsdbConnectionException)
                {
                    // The loop waits for the next connection.
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            await UnlockAsync(connection).ConfigureAwait(false);
            _held.Set(false);
            _held.End(new ObjectDisposedException(nameof(OvsdbLock)));
        }
    }

    private async Task UnlockAsync(JsonRpcConnection connection)
    {
        connection.UnrouteLock(Name);
        await connection.GiveBackAsync("unlock", Name).ConfigureAwait(false);
    }
}
