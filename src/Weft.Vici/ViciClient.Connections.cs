using System.Collections.Immutable;

namespace Weft.Vici;

/// <content>Connections, and the daemon itself.</content>
public sealed partial class ViciClient
{
    /// <summary>Asks the daemon what it is (<c>version</c>).</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The daemon, and the system it runs on.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<DaemonVersion> VersionAsync(CancellationToken cancellationToken = default) =>
        DaemonVersion.FromMessage(
            await RequestAsync("version", null, cancellationToken).ConfigureAwait(false)
        );

    /// <summary>Asks the daemon how it is (<c>stats</c>).</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Its load.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<DaemonStatistics> StatsAsync(CancellationToken cancellationToken = default) =>
        DaemonStatistics.FromMessage(
            await RequestAsync("stats", null, cancellationToken).ConfigureAwait(false)
        );

    /// <summary>Has strongswan.conf(5) read again, by the daemon and by the plugins that can (<c>reload-settings</c>).</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>When it is done.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task ReloadSettingsAsync(CancellationToken cancellationToken = default) =>
        RequestAsync("reload-settings", null, cancellationToken);

    /// <summary>
    /// Loads a connection, and carries out the <c>start_action</c> of its children; replaces the one of its name, whose
    /// associations stay (<c>load-conn</c>).
    /// </summary>
    /// <param name="name">Its name.</param>
    /// <param name="connection">
    /// What swanctl.conf(5) documents under <c>connections.&lt;conn&gt;</c>; certificates as their content, not as files.
    /// </param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>When it is done.</returns>
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
    /// <param name="name">Its name.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>When it is done.</returns>
    /// <exception cref="ViciCommandException">There is no such connection.</exception>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task UnloadConnectionAsync(string name, CancellationToken cancellationToken = default) =>
        RequestAsync("unload-conn", new ViciMessage { ["name"] = name }, cancellationToken);

    /// <summary>Names the connections that were loaded through VICI (<c>get-conns</c>).</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Their names.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<ImmutableArray<string>> ConnectionNamesAsync(
        CancellationToken cancellationToken = default
    ) =>
        (await RequestAsync("get-conns", null, cancellationToken).ConfigureAwait(false)).Texts(
            "conns"
        );

    /// <summary>Lists the connections of the daemon, those loaded by other means as well (<c>list-conns</c>).</summary>
    /// <param name="name">The only one to list; null for all.</param>
    /// <param name="cancellationToken">Gives up.</param>
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
