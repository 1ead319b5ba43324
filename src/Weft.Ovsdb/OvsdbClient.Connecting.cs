namespace Weft.Ovsdb;

/// <content>Keeping a connection: rounds over all remotes, with growing, randomized pauses in between.</content>
public sealed partial class OvsdbClient
{
    private static readonly TimeSpan LongestPauseInElection = TimeSpan.FromMilliseconds(500);

    private int _nextRemote;
    private long? _seenIndex;
    private string? _seenCluster;

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        var began = Time.GetTimestamp();
        var backoff = _options.MinBackoff;
        while (true)
        {
            var failures = new List<OvsdbException>();
            if (
                await TryRoundAsync(failures, cancellationToken).ConfigureAwait(false) is
                { } connection
            )
            {
                Announce(connection);
                _keeping = KeepAsync(connection);
                return;
            }

            if (Time.GetElapsedTime(began) + backoff > _options.FirstConnectPatience)
            {
                throw failures.Count == 1 && failures[0] is OvsdbConnectionException only
                    ? new OvsdbConnectionException(
                        $"Cannot connect to {only.Message}",
                        only.Remote,
                        cause: only
                    )
                    : new OvsdbConnectionException(
                        $"Cannot connect to any of {_options.Remotes.Count} remotes: {string.Join("; ", failures.Select(static f => f.Message))}",
                        _options.Remotes[^1],
                        cause: failures[^1]
                    );
            }

            await PauseAsync(backoff, cancellationToken).ConfigureAwait(false);
            backoff = Longer(backoff);
        }
    }

    private async Task KeepAsync(JsonRpcConnection connection)
    {
        var backoff = _options.MinBackoff;
        try
        {
            while (true)
            {
                var since = Time.GetTimestamp();
                var reason = await connection.Closed.WaitAsync(Disposing).ConfigureAwait(false);
                await connection.DisposeAsync().ConfigureAwait(false);
                SetState(ConnectionStatus.Connecting, null, reason, 0);
                _connection.Set(null);

                // A server that accepts connections and closes them at once must not be hammered: only after a connection that
                // lasted longer than the pause is the next attempt immediate.
                if (Time.GetElapsedTime(since) >= backoff)
                {
                    backoff = _options.MinBackoff;
                }
                else
                {
                    await PauseAsync(backoff, Disposing).ConfigureAwait(false);
                    backoff = Longer(backoff);
                }

                connection = await ReconnectAsync(Disposing).ConfigureAwait(false);
                Announce(connection);
            }
        }
        catch (OperationCanceledException) when (Disposing.IsCancellationRequested)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<JsonRpcConnection> ReconnectAsync(CancellationToken cancellationToken)
    {
        var backoff = _options.MinBackoff;
        while (true)
        {
            var failures = new List<OvsdbException>();
            if (
                await TryRoundAsync(failures, cancellationToken).ConfigureAwait(false) is
                { } connection
            )
            {
                return connection;
            }

            // The servers are reachable and electing a leader, which takes a second or two. A long pause would miss its end.
            var electing = failures.Exists(static f =>
                f is OvsdbConnectionException { IsOfRole: true }
            );
            await PauseAsync(
                    electing && backoff > LongestPauseInElection ? LongestPauseInElection : backoff,
                    cancellationToken
                )
                .ConfigureAwait(false);
            backoff = Longer(backoff);
        }
    }

    private async Task<JsonRpcConnection?> TryRoundAsync(
        List<OvsdbException> failures,
        CancellationToken cancellationToken
    )
    {
        for (var i = 0; i < _options.Remotes.Count; i++)
        {
            var remote = _options.Remotes[_nextRemote];
            _nextRemote = (_nextRemote + 1) % _options.Remotes.Count;
            try
            {
                return await TryRemoteAsync(remote, cancellationToken).ConfigureAwait(false);
            }
            catch (OvsdbException e)
            {
                failures.Add(e);
                var state = State;
                _state.Set(state with { LastError = e, Attempts = state.Attempts + 1 });
            }
        }

        return null;
    }

    private async Task<JsonRpcConnection> TryRemoteAsync(
        Remote remote,
        CancellationToken cancellationToken
    )
    {
        using var timeout = new CancellationTokenSource(_options.ConnectTimeout, Time);
        using var trying = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken,
            timeout.Token
        );
        JsonRpcConnection? connection = null;
        try
        {
            var stream = await Dialer
                .DialAsync(remote, _options.Tls, trying.Token)
                .ConfigureAwait(false);
            connection = new(stream, remote, _options);
            connection.Start();

            // Otherwise the server closes all connections whenever any of its databases is added, removed or changes its schema
            // (ovsdb-server(7), section 4.1.18). An old server refuses this, and never closes connections for that reason.
            connection.Tell("set_db_change_aware", static writer => writer.WriteBooleanValue(true));
            if (_options.Database is not null)
            {
                await CheckRoleAsync(connection, trying.Token).ConfigureAwait(false);
            }

            return connection;
        }
        catch (Exception e)
        {
            if (connection is not null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }

            if (e is OperationCanceledException)
            {
                throw cancellationToken.IsCancellationRequested
                    ? new OperationCanceledException(e.Message, e, cancellationToken)
                    : new OvsdbConnectionException(
                        $"{remote}: no connection within {_options.ConnectTimeout.TotalSeconds:0.#} s",
                        remote,
                        cause: e
                    );
            }

            if (e is OvsdbException)
            {
                throw;
            }

            // No failure may end these attempts: the next round may succeed.
            throw new OvsdbConnectionException($"{remote}: {e.Message}", remote, cause: e);
        }
    }

    private void Announce(JsonRpcConnection connection)
    {
        SetState(ConnectionStatus.Connected, connection.Remote, State.LastError, 0);
        _connection.Set(connection);
    }

    private void SetState(
        ConnectionStatus status,
        Remote? remote,
        OvsdbException? error,
        int attempts
    ) => _state.Set(new(status, Time.GetUtcNow(), remote, error, attempts));

    private TimeSpan Longer(TimeSpan backoff) =>
        backoff * 2 < _options.MaxBackoff ? backoff * 2 : _options.MaxBackoff;

    // Between half and all of it, so that the many clients of a failed server do not return in step.
    private Task PauseAsync(TimeSpan backoff, CancellationToken cancellationToken)
    {
#pragma warning disable CA5394 // Jitter is not a secret.
        var part = 0.5 + Random.Shared.NextDouble() / 2;
#pragma warning restore CA5394
        return Task.Delay(backoff * part, Time, cancellationToken);
    }
}
