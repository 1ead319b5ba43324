using System.Collections.Immutable;

namespace Weft.Vici;

/// <content>
/// Associations: listing, initiating, terminating and rekeying them, and the policies that trigger or bypass them.
/// </content>
public sealed partial class ViciClient
{
    /// <summary>Lists associations (<c>list-sas</c>).</summary>
    /// <param name="only">
    /// The associations to list; null for all. An IKE SA is listed even if none of its CHILD SAs matches.
    /// </param>
    /// <param name="skipBusy">
    /// Whether to skip IKE SAs that the daemon is working on instead of waiting for them (<c>noblock</c>).
    /// </param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The IKE SAs with their CHILD SAs.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<ImmutableArray<IkeSa>> SecurityAssociationsAsync(
        AssociationSelector? only = null,
        bool skipBusy = false,
        CancellationToken cancellationToken = default
    ) =>
        [
            .. from message in await StreamAsync(
                    "list-sas",
                    "list-sa",
                    (only ?? new()).ToMessage().With("noblock", skipBusy ? "yes" : null),
                    cancellationToken
                )
                .ConfigureAwait(false)
            from section in message.Sections
            select IkeSa.FromSection(section.Key, section.Value),
        ];

    /// <summary>Initiates a CHILD SA, with its IKE SA if there is none yet, or an IKE SA alone (<c>initiate</c>).</summary>
    /// <param name="child">The name of the CHILD SA's configuration; null for the IKE SA alone.</param>
    /// <param name="ike">The name of the connection; null for the first with such a child.</param>
    /// <param name="timeout">
    /// How long the daemon waits for the result, in whole milliseconds; after that it goes on trying. Null for no limit. With
    /// zero it does not wait at all, and logs nothing.
    /// </param>
    /// <param name="log">Called with each line that the daemon logs meanwhile, on the reading thread: it must be quick.</param>
    /// <param name="logLevel">The level of detail of these lines, from 0 to 4. At 4 they contain keys.</param>
    /// <param name="cancellationToken">Cancels the wait, not the attempt; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when the association is established.</returns>
    /// <exception cref="ViciCommandException">
    /// It could not be established, or not in time; <see cref="ViciCommandException.Log"/> has the reason.
    /// </exception>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task InitiateAsync(
        string? child,
        string? ike = null,
        TimeSpan? timeout = null,
        Action<ControlLog>? log = null,
        int logLevel = 1,
        CancellationToken cancellationToken = default
    ) =>
        ControlAsync(
            "initiate",
            new ViciMessage
            {
                ["child"] = child,
                ["ike"] = ike,
                ["timeout"] = Milliseconds(timeout),
                ["loglevel"] = logLevel,
            },
            timeout,
            log,
            cancellationToken
        );

    /// <summary>Terminates associations (<c>terminate</c>).</summary>
    /// <param name="which">The associations: CHILD SAs if it names a child, otherwise IKE SAs with all their children.</param>
    /// <param name="force">Whether to skip waiting for the other end's confirmation; only for IKE SAs.</param>
    /// <param name="timeout">As in <see cref="InitiateAsync"/>.</param>
    /// <param name="log">As in <see cref="InitiateAsync"/>.</param>
    /// <param name="logLevel">As in <see cref="InitiateAsync"/>.</param>
    /// <param name="cancellationToken">Cancels the wait; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The number of associations terminated.</returns>
    /// <exception cref="ViciCommandException">None matches, or not all could be terminated.</exception>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<int> TerminateAsync(
        AssociationSelector which,
        bool force = false,
        TimeSpan? timeout = null,
        Action<ControlLog>? log = null,
        int logLevel = 1,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(which);
        var reply = await ControlAsync(
                "terminate",
                which
                    .ToMessage()
                    .With("force", force ? "yes" : null)
                    .With("timeout", Milliseconds(timeout))
                    .With("loglevel", logLevel),
                timeout,
                log,
                cancellationToken
            )
            .ConfigureAwait(false);
        return (int)reply.RequiredNumber("terminated");
    }

    /// <summary>Starts to rekey associations; events report the completion (<c>rekey</c>).</summary>
    /// <param name="which">The associations: CHILD SAs if it names a child, otherwise IKE SAs.</param>
    /// <param name="reauthenticate">Whether to reauthenticate instead of rekeying; only for IKE SAs of version 2.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The number of associations that match.</returns>
    /// <exception cref="ViciCommandException">None matches.</exception>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<int> RekeyAsync(
        AssociationSelector which,
        bool reauthenticate = false,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(which);
        var reply = await RequestAsync(
                "rekey",
                which.ToMessage().With("reauth", reauthenticate ? "yes" : null),
                cancellationToken
            )
            .ConfigureAwait(false);
        return (int)reply.RequiredNumber("matches");
    }

    /// <summary>Installs the trap, drop or pass policy of a child's configuration (<c>install</c>).</summary>
    /// <param name="child">The name of the child's configuration.</param>
    /// <param name="ike">The name of the connection; null for the first with such a child.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task InstallAsync(
        string child,
        string? ike = null,
        CancellationToken cancellationToken = default
    ) =>
        RequestAsync(
            "install",
            new ViciMessage { ["child"] = child, ["ike"] = ike },
            cancellationToken
        );

    /// <summary>Removes the trap, drop or pass policy of a child's configuration (<c>uninstall</c>).</summary>
    /// <param name="child">The name of the child's configuration.</param>
    /// <param name="ike">The name of the connection; null for the first policy of such a child.</param>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>A task that completes when this is done.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public Task UninstallAsync(
        string child,
        string? ike = null,
        CancellationToken cancellationToken = default
    ) =>
        RequestAsync(
            "uninstall",
            new ViciMessage { ["child"] = child, ["ike"] = ike },
            cancellationToken
        );

    /// <summary>Lists the installed trap, drop and pass policies (<c>list-policies</c>).</summary>
    /// <param name="cancellationToken">Cancels the request; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>The policies.</returns>
    /// <inheritdoc cref="RequestAsync" path="/exception"/>
    public async Task<ImmutableArray<InstalledPolicy>> PoliciesAsync(
        CancellationToken cancellationToken = default
    ) =>
        [
            .. from message in await StreamAsync(
                    "list-policies",
                    "list-policy",
                    new ViciMessage
                    {
                        ["drop"] = true,
                        ["pass"] = true,
                        ["trap"] = true,
                    },
                    cancellationToken
                )
                .ConfigureAwait(false)
            from section in message.Sections
            select InstalledPolicy.FromSection(section.Value),
        ];

    // charon's values are the other way round: 0 waits without limit, a negative number not at all.
    private static long Milliseconds(TimeSpan? timeout) =>
        timeout switch
        {
            null => 0,
            { Ticks: <= 0 } => -1,
            { } time => (long)Math.Clamp(time.TotalMilliseconds, 1, int.MaxValue),
        };
}
