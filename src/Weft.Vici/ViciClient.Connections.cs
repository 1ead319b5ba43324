using System.Collections.Immutable;

namespace Weft.Vici;

/// <content>Connections, and the daemon itself.</content>
public sealed partial class ViciClient
{
    /// <summary>Gets the daemon's version (<c>version</c>).</summary>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The version of the daemon and its system.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<DaemonVersion> VersionAsync(CancellationToken cancellationToken = default) =>
        DaemonVersion.FromMessage(
            await RequestAsync("version", null, cancellationToken).ConfigureAwait(false)
        );

    /// <summary>Gets the daemon's statistics (<c>stats</c>).</summary>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The daemon's load.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<DaemonStatistics> StatsAsync(CancellationToken cancellationToken = default) =>
        DaemonStatistics.FromMessage(
            await RequestAsync("stats", null, cancellationToken).ConfigureAwait(false)
        );

    /// <summary>Makes the daemon, and the plugins that can, reload strongswan.conf(5) (<c>reload-settings</c>).</summary>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task ReloadSettingsAsync(CancellationToken cancellationToken = default) =>
        RequestAsync("reload-settings", null, cancellationToken);

    /// <summary>
    /// Loads a connection and carries out the <c>start_action</c> of its children (<c>load-conn</c>). It replaces a connection of
    /// the same name, whose associations stay.
    /// </summary>
    /// <param name="name">The connection's name.</param>
    /// <param name="connection">
    /// The settings documented in swanctl.conf(5) under <c>connections.&lt;conn&gt;</c>, but with the content of certificates
    /// instead of file names.
    /// </param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task LoadConnectionAsync(
        string name,
        ViciMessage connection,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(connection);
        return RequestAsync(
            "load-conn",
            new ViciMessage { [name] = connection },
            cancellationToken
        );
    }

    /// <summary>Unloads a connection; its associations stay (<c>unload-conn</c>).</summary>
    /// <param name="name">The connection's name.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <exception cref="ViciCommandException">There is no such connection.</exception>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task UnloadConnectionAsync(string name, CancellationToken cancellationToken = default) =>
        RequestAsync("unload-conn", new ViciMessage { ["name"] = name }, cancellationToken);

    /// <summary>Lists the names of the connections that were loaded through VICI (<c>get-conns</c>).</summary>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>Their names.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<ImmutableArray<string>> ConnectionNamesAsync(
        CancellationToken cancellationToken = default
    ) =>
        (await RequestAsync("get-conns", null, cancellationToken).ConfigureAwait(false)).Texts(
            "conns"
        );

    /// <summary>Lists the daemon's connections, including those loaded by other means (<c>list-conns</c>).</summary>
    /// <param name="name">The only connection to list; null for all.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The connections.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<ImmutableArray<LoadedConnection>> ConnectionsAsync(
        string? name = null,
        CancellationToken cancellationToken = default
    ) =>
        [
            .. from message in await StreamAsync(
                    "list-conns",
                    "list-conn",
                    new ViciMessage { ["ike"] = name },
                    cancellationToken
                )
                .ConfigureAwait(false)
            from section in message.Sections
            select LoadedConnection.FromSection(section.Key, section.Value),
        ];
}
