using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>
/// A client of one OVSDB server, or of the servers of one cluster (RFC 7047). It keeps one connection, and makes it
/// anew whenever it is lost; replicas and locks come back by themselves, a request never does.
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

    /// <summary>How the client stands with its server.</summary>
    public ConnectionState State => _state.Value;

    internal TimeProvider Time => _options.TimeProvider;

    internal CancellationToken Disposing => _disposing.Token;

    /// <summary>Connects to a server by the default options.</summary>
    /// <param name="remotes">One remote, or several with commas between them; see <see cref="Remote.Parse"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>A connected client.</returns>
    /// <exception cref="FormatException">A remote is not written as one.</exception>
    /// <exception cref="OvsdbConnectionException">No remote could be connected; the message has the reason of each.</exception>
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
    /// <param name="options">Where and how.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>A connected client.</returns>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="OvsdbConnectionException">No remote could be connected; the message has the reason of each.</exception>
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
    /// <param name="condition">What to wait for. It sees every state, and must be quick.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The first state, from the present one on, that meets the condition.</returns>
    /// <exception cref="ObjectDisposedException">The client is disposed of.</exception>
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
    /// <param name="cancellationToken">Gives up.</param>
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
    /// <param name="cancellationToken">Gives up.</param>
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

    /// <summary>Carries out operations as one transaction: all of them or none (RFC 7047, section 4.1.3).</summary>
    /// <remarks>
    /// Transactions may be started without waiting for earlier ones; the server takes them in the order they were
    /// started. A transaction is sent once and never again: whether to repeat one whose outcome is unknown is the
    /// caller's to judge. When canceled, the server is asked to cancel it too, and given a second to say whether it
    /// was carried out; if it was, the result is returned in spite of the cancellation.
    /// </remarks>
    /// <param name="database">The database's name.</param>
    /// <param name="operations">The operations, in order.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What each operation gave.</returns>
    /// <exception cref="OvsdbTransactionException">The server refused it, for the reasons given; nothing was carried out.</exception>
    /// <inheritdoc cref="CallAsync" path="/exception"/>
    public Task<TransactionResult> TransactAsync(
        string database,
        IReadOnlyList<Operation> operations,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(operations);

        // The caller may change the list while this waits for a connection, or for the answer.
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

    /// <summary>Calls any method, for what this class has no words for.</summary>
    /// <param name="method">The method.</param>
    /// <param name="parameters">Its parameters, a JSON array.</param>
    /// <param name="cancellationToken">
    /// Gives up. A <c>transact</c> is canceled on the server too, as <see cref="TransactAsync"/> does.
    /// </param>
    /// <returns>The result as the server sent it; of a <c>transact</c> with the errors in it.</returns>
    /// <exception cref="ArgumentException">The parameters are no JSON array.</exception>
    /// <exception cref="OvsdbValueException">A text in it contains U+0000: ovsdb-server would hang up.</exception>
    /// <exception cref="OvsdbRemoteException">The server answered with an error.</exception>
    /// <exception cref="OvsdbConnectionException">
    /// There was no connection and none came in time, or it was lost while the request was under way; see
    /// <see cref="OvsdbConnectionException.OutcomeUnknown"/>.
    /// </exception>
    /// <exception cref="OvsdbProtocolException">The answer is not what the protocol allows.</exception>
    /// <exception cref="ObjectDisposedException">
    /// The client is disposed of. Where that was while the request was under way, the server may have carried it out; then
    /// the inner exception says so.
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
    /// <param name="spec">Which part.</param>
    /// <param name="cancellationToken">Gives up.</param>
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

    /// <summary>Asks for a lock, and stands in the queue for it if another client holds it (RFC 7047, section 4.1.8).</summary>
    /// <param name="name">The lock's name. A client may ask for one only once at a time.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The lock, held or not; dispose of it to give it back.</returns>
    /// <exception cref="InvalidOperationException">This client asked for it already, and has not disposed of it; nothing was sent.</exception>
    /// <inheritdoc cref="CallAsync" path="/exception"/>
    public Task<OvsdbLock> LockAsync(string name, CancellationToken cancellationToken = default) =>
        LockAsync("lock", name, cancellationToken);

    /// <summary>Takes a lock from whoever holds it (RFC 7047, section 4.1.8).</summary>
    /// <param name="name">The lock's name. A client may ask for one only once at a time.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The lock, held until somebody steals it; dispose of it to give it back.</returns>
    /// <exception cref="InvalidOperationException">This client asked for it already, and has not disposed of it; nothing was sent.</exception>
    /// <inheritdoc cref="CallAsync" path="/exception"/>
    public Task<OvsdbLock> StealAsync(string name, CancellationToken cancellationToken = default) =>
        LockAsync("steal", name, cancellationToken);

    /// <summary>Ends the connection, the replicas and the locks. What is under way fails.</summary>
    /// <returns>When all has ended.</returns>
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

    /// <summary>The connection there is, or the one that comes within the options' patience.</summary>
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

    /// <summary>The connection there is, or the one that comes, however long that takes.</summary>
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
            // The server tells of a lock by its name only, and would answer the second request as if it were the first.
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

    /// <summary>Says so where a request failed because the client was disposed of meanwhile, and the connection with it.</summary>
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
