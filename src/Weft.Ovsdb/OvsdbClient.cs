using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>
/// A client of one OVSDB server, or of the servers of one cluster (RFC 7047). It keeps one connection and re-establishes it
/// whenever it is lost. Replicas and locks are then restored; requests are never sent again.
/// </summary>
/// <remarks>All members may be used from any thread at the same time.</remarks>
public sealed partial class OvsdbClient : IAsyncDisposable
{
    private readonly OvsdbClientOptions _options;
    private readonly Latest<ConnectionState> _state;
    private readonly Latest<JsonRpcConnection?> _connection = new(null);
    private readonly ConcurrentDictionary<string, OvsdbLock> _locks = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _disposing = new();
    private readonly Lazy<Task> _ending;
    private int _monitors;
    private Task _keeping = Task.CompletedTask;

    private OvsdbClient(OvsdbClientOptions options)
    {
        _options = options;
        _ending = new(EndAsync);
        _state = new(
            new(ConnectionStatus.Connecting, options.TimeProvider.GetUtcNow(), null, null, 0)
        );
    }

    /// <summary>The state of the connection.</summary>
    public ConnectionState State => _state.Value;

    internal TimeProvider Time => _options.TimeProvider;

    internal CancellationToken Disposing => _disposing.Token;

    /// <summary>Connects to a server with default options.</summary>
    /// <param name="remotes">One remote, or several with commas between them; see <see cref="Remote.Parse"/>.</param>
    /// <param name="cancellationToken">Cancels the attempt.</param>
    /// <returns>A connected client.</returns>
    /// <exception cref="FormatException">A remote is malformed.</exception>
    /// <exception cref="OvsdbConnectionException">
    /// No remote could be connected; the message gives the reason for each.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public static Task<OvsdbClient> ConnectAsync(
        string remotes,
        CancellationToken cancellationToken = default
    ) =>
        ConnectAsync(
            new OvsdbClientOptions { Remotes = Remote.ParseList(remotes) },
            cancellationToken
        );

    /// <summary>Connects to a server.</summary>
    /// <param name="options">The remotes and settings.</param>
    /// <param name="cancellationToken">Cancels the attempt.</param>
    /// <returns>A connected client.</returns>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="OvsdbConnectionException">
    /// No remote could be connected; the message gives the reason for each.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public static async Task<OvsdbClient> ConnectAsync(
        OvsdbClientOptions options,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        var client = new OvsdbClient(options);
        try
        {
            await client.StartAsync(cancellationToken).ConfigureAwait(false);
            return client;
        }
        catch
        {
            await client.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Waits for a state of the connection.</summary>
    /// <param name="condition">The condition to wait for. It is called with every state, and must be quick.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The first state, beginning with the present one, that meets the condition.</returns>
    /// <exception cref="ObjectDisposedException">The client is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public Task<ConnectionState> WaitForStateAsync(
        Func<ConnectionState, bool> condition,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(condition);
        return _state.WaitAsync(condition, cancellationToken);
    }

    /// <summary>Lists the databases of the server (RFC 7047, section 4.1.1).</summary>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>Their names.</returns>
    /// <inheritdoc cref="CallAsync" path="/exception"/>
    public Task<ImmutableArray<string>> ListDatabasesAsync(
        CancellationToken cancellationToken = default
    ) =>
        SendAsync(
            "list_dbs",
            static _ => { },
            static json =>
                Json.Array(json, "names").EnumerateArray().Select(Json.Text).ToImmutableArray(),
            isTransaction: false,
            cancellationToken
        );

    /// <summary>Reads the schema of a database (RFC 7047, section 4.1.2).</summary>
    /// <param name="database">The database's name.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The schema.</returns>
    /// <inheritdoc cref="CallAsync" path="/exception"/>
    public Task<DatabaseSchema> GetSchemaAsync(
        string database,
        CancellationToken cancellationToken = default
    ) =>
        SendAsync(
            "get_schema",
            writer => writer.WriteStringValue(database),
            DatabaseSchema.FromJson,
            isTransaction: false,
            cancellationToken
        );

    /// <summary>Executes operations as one transaction: all of them or none (RFC 7047, section 4.1.3).</summary>
    /// <remarks>
    /// Transactions may be started without waiting for earlier ones; the server executes them in the order in which they were
    /// started. A transaction is sent once and never again: the caller must decide whether to repeat one whose outcome is
    /// unknown. On cancellation, the server is asked to cancel the transaction too, and has a second to say whether it was
    /// executed; if it was, the result is returned in spite of the cancellation.
    /// </remarks>
    /// <param name="database">The database's name.</param>
    /// <param name="operations">The operations, in order.</param>
    /// <param name="cancellationToken">Cancels the transaction.</param>
    /// <returns>The result of each operation.</returns>
    /// <exception cref="OvsdbTransactionException">The server refused it for the reasons given; nothing was changed.</exception>
    /// <inheritdoc cref="CallAsync" path="/exception"/>
    public Task<TransactionResult> TransactAsync(
        string database,
        IReadOnlyList<Operation> operations,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(operations);

        // The caller may change the list while this waits for a connection or the reply.
        ImmutableArray<Operation> sent = [.. operations];
        return SendAsync(
            "transact",
            writer =>
            {
                writer.WriteStringValue(database);
                foreach (var operation in sent)
                {
                    operation.WriteTo(writer);
                }
            },
            (connection, json) =>
                TransactionResult.FromJson(json, database, sent, connection.Remote),
            isTransaction: true,
            cancellationToken
        );
    }

    /// <summary>Calls any method, for those without a member of this class.</summary>
    /// <param name="method">The method.</param>
    /// <param name="parameters">Its parameters, a JSON array.</param>
    /// <param name="cancellationToken">
    /// Cancels the request. A <c>transact</c> is canceled on the server too, as by <see cref="TransactAsync"/>.
    /// </param>
    /// <returns>The result as the server sent it; that of a <c>transact</c> includes its errors.</returns>
    /// <exception cref="ArgumentException">The parameters are not a JSON array.</exception>
    /// <exception cref="OvsdbValueException">
    /// A parameter contains U+0000, for which ovsdb-server would close the connection.
    /// </exception>
    /// <exception cref="OvsdbRemoteException">The server answered with an error.</exception>
    /// <exception cref="OvsdbConnectionException">
    /// There was no connection and none was made in time, or the connection was lost before the reply came; see <see
    /// cref="OvsdbConnectionException.OutcomeUnknown"/>.
    /// </exception>
    /// <exception cref="OvsdbProtocolException">The reply violates the protocol.</exception>
    /// <exception cref="ObjectDisposedException">
    /// The client is disposed. If that happened before the reply came, the server may have carried out the request; the inner
    /// exception then says so.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public Task<JsonElement> CallAsync(
        string method,
        JsonElement parameters,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(method);
        if (parameters.ValueKind != JsonValueKind.Array)
        {
            throw new ArgumentException(
                "The parameters of a method are a JSON array",
                nameof(parameters)
            );
        }

        return SendAsync(
            method,
            writer =>
            {
                foreach (var parameter in parameters.EnumerateArray())
                {
                    parameter.WriteTo(writer);
                }
            },
            static json => json.Clone(),
            isTransaction: method == "transact",
            cancellationToken
        );
    }

    /// <summary>Copies a part of a database into memory, and keeps the copy up to date (RFC 7047, section 4.1.5).</summary>
    /// <param name="database">The database's name.</param>
    /// <param name="spec">The part.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The replica, loaded and live.</returns>
    /// <inheritdoc cref="CallAsync" path="/exception"/>
    public async Task<Replica> MonitorAsync(
        string database,
        MonitorSpec spec,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(spec);
        var replica = new Replica(this, database, spec);
        try
        {
            await replica.StartAsync(cancellationToken).ConfigureAwait(false);
            return replica;
        }
        catch (Exception e)
        {
            await replica.DisposeAsync().ConfigureAwait(false);
            ThrowIfDisposed(e);
            throw;
        }
    }

    /// <summary>Requests a lock, queuing for it if another client holds it (RFC 7047, section 4.1.8).</summary>
    /// <param name="name">The lock's name. A client may request it only once at a time.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The lock, held or not; dispose it to release the lock.</returns>
    /// <exception cref="InvalidOperationException">
    /// This client already requested the lock and has not disposed it; nothing was sent.
    /// </exception>
    /// <inheritdoc cref="CallAsync" path="/exception"/>
    public Task<OvsdbLock> LockAsync(string name, CancellationToken cancellationToken = default) =>
        LockAsync("lock", name, cancellationToken);

    /// <summary>Takes a lock from whichever client holds it (RFC 7047, section 4.1.8).</summary>
    /// <param name="name">The lock's name. A client may request it only once at a time.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The lock, held until another client steals it; dispose it to release the lock.</returns>
    /// <exception cref="InvalidOperationException">
    /// This client already requested the lock and has not disposed it; nothing was sent.
    /// </exception>
    /// <inheritdoc cref="CallAsync" path="/exception"/>
    public Task<OvsdbLock> StealAsync(string name, CancellationToken cancellationToken = default) =>
        LockAsync("steal", name, cancellationToken);

    /// <summary>Ends the connection, the replicas and the locks. Pending requests fail.</summary>
    /// <returns>A task that completes when all have ended.</returns>
    public ValueTask DisposeAsync() => new(_ending.Value);

    private async Task EndAsync()
    {
        await _disposing.CancelAsync().ConfigureAwait(false);
        try
        {
            await _keeping.ConfigureAwait(false);
        }
        finally
        {
            SetState(ConnectionStatus.Closed, null, State.LastError, 0);
            var disposed = new ObjectDisposedException(nameof(OvsdbClient));
            _connection.End(disposed);
            _state.End(disposed);
        }
    }

    internal void Forget(OvsdbLock held) => _locks.TryRemove(new(held.Name, held));

    internal string NewMonitorId() => $"monitor-{Interlocked.Increment(ref _monitors)}";

    /// <summary>The present connection, or one that is made within <see cref="OvsdbClientOptions.ReconnectPatience"/>.</summary>
    internal async Task<JsonRpcConnection> GetConnectionAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
        if (_connection.Value is { IsClosed: false } present)
        {
            return present;
        }

        using var waiting = new CancellationTokenSource();
        try
        {
            return await NextConnectionAsync(waiting.Token)
                .WaitAsync(_options.ReconnectPatience, Time, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            var state = State;
            throw new OvsdbConnectionException(
                $"Not connected since {state.Since:u}, after {state.Attempts} attempts; nothing was sent. Last error: {state.LastError?.Message ?? "none"}",
                state.LastError is OvsdbConnectionException { Remote: var remote } ? remote : null,
                cause: state.LastError
            );
        }
        finally
        {
            await waiting.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The present connection, or the next one, however long that takes.</summary>
    internal async Task<JsonRpcConnection> NextConnectionAsync(
        CancellationToken cancellationToken
    ) =>
        (
            await _connection
                .WaitAsync(static c => c is { IsClosed: false }, cancellationToken)
                .ConfigureAwait(false)
        )!;

    private async Task<OvsdbLock> LockAsync(
        string method,
        string name,
        CancellationToken cancellationToken
    )
    {
        Atom.CheckId(name);
        var held = new OvsdbLock(this, name);
        try
        {
            // The server identifies a lock by its name only, and could not tell the second request from the first.
            if (!_locks.TryAdd(name, held))
            {
                throw new InvalidOperationException(
                    $"This client asked for lock '{name}' already: dispose of that first"
                );
            }

            await held.StartAsync(method, cancellationToken).ConfigureAwait(false);
            return held;
        }
        catch (Exception e)
        {
            await held.DisposeAsync().ConfigureAwait(false);
            ThrowIfDisposed(e);
            throw;
        }
    }

    private Task<T> SendAsync<T>(
        string method,
        Action<Utf8JsonWriter> writeParameters,
        Func<JsonElement, T> decode,
        bool isTransaction,
        CancellationToken cancellationToken
    ) =>
        SendAsync(
            method,
            writeParameters,
            (_, json) => decode(json),
            isTransaction,
            cancellationToken
        );

    private async Task<T> SendAsync<T>(
        string method,
        Action<Utf8JsonWriter> writeParameters,
        Func<JsonRpcConnection, JsonElement, T> decode,
        bool isTransaction,
        CancellationToken cancellationToken
    )
    {
        while (true)
        {
            var connection = await GetConnectionAsync(cancellationToken).ConfigureAwait(false);
            if (
                connection.TryCall(
                    method,
                    writeParameters,
                    json => decode(connection, json),
                    isTransaction,
                    out var reply,
                    cancellationToken
                )
            )
            {
                try
                {
                    return await reply.ConfigureAwait(false);
                }
                catch (OvsdbConnectionException e)
                {
                    ThrowIfDisposed(e);
                    throw;
                }
            }
        }
    }

    /// <summary>
    /// Throws an <see cref="ObjectDisposedException"/> if a request failed because the client was disposed in the meantime.
    /// </summary>
    private void ThrowIfDisposed(Exception failure)
    {
        if (failure is OvsdbConnectionException && _disposing.IsCancellationRequested)
        {
            throw new ObjectDisposedException(
                $"The client was disposed of meanwhile. {failure.Message}",
                failure
            );
        }
    }
}
