namespace Weft.Ovsdb;

/// <summary>
/// A lock of the server (RFC 7047, section 4.1.8) that this client asked for. Who holds it is the server's to say, at
/// any time: a transaction that depends on it carries an <see cref="AssertLock"/>.
/// </summary>
/// <remarks>A lock is lost with the connection. It is asked for again with the next one, at the end of the queue.</remarks>
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

    /// <summary>Is it held now, as far as the server has said?</summary>
    public bool IsHeld => _held.Value;

    /// <summary>Waits until it is held.</summary>
    /// <param name="cancellationToken">Gives up waiting, not the lock.</param>
    /// <returns>When it is.</returns>
    /// <exception cref="ObjectDisposedException">The lock or its client is disposed of.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public Task WaitUntilHeldAsync(CancellationToken cancellationToken = default) =>
        _held.WaitAsync(static held => held, cancellationToken);

    /// <summary>Waits until it is not held: stolen, or lost with the connection.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>When it is not.</returns>
    /// <exception cref="ObjectDisposedException">The lock or its client is disposed of.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public Task WaitUntilLostAsync(CancellationToken cancellationToken = default) =>
        _held.WaitAsync(static held => !held, cancellationToken);

    /// <summary>Gives the lock back, or leaves the queue for it (RFC 7047, section 4.1.9).</summary>
    /// <returns>When the server has it back.</returns>
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
            // The server may have it on its way already, and would keep the lock for this connection.
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
                    // A server that took the lock once and refuses it now is not what it was: start over with it.
                    connection.Close(
                        new OvsdbConnectionException(
                            $"{connection.Remote} refused lock '{Name}': {e.Message}",
                            connection.Remote
                        )
                    );
                }
                catch (OvsdbConnectionException)
                {
                    // The loop waits for the connection after this one.
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
