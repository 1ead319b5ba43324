using System.Collections.Immutable;

namespace Weft.Vici;

/// <content>Associations: listing, starting, ending and rekeying them, and the policies in front of them.</content>
public sealed partial class ViciClient
{
    /// <summary>Lists associations (<c>list-sas</c>).</summary>
    /// <param name="only">Which; null for all. An IKE SA is listed even where none of its CHILD SAs is meant.</param>
    /// <param name="skipBusy">
    /// Leave out an IKE SA that the daemon is working on, instead of waiting for it: <c>noblock</c>.
    /// </param>
    /// <param name="cancellationToken">Gives up.</param>
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

    /// <summary>Starts a CHILD SA, with its IKE SA if there is none yet, or an IKE SA alone (<c>initiate</c>).</summary>
    /// <param name="child">The name of the CHILD SA's configuration; null for the IKE SA alone.</param>
    /// <param name="ike">The name of the connection; null for the first that has such a child.</param>
    /// <param name="timeout">
    /// How long the daemon waits for the result, in whole milliseconds: it goes on trying after. Null for without end;
    /// zero for not at all, and then nothing is logged.
    /// </param>
    /// <param name="log">Is told of each line that the daemon logs meanwhile, on the thread that reads: be quick.</param>
    /// <param name="logLevel">How detailed these are to be, from 0 to 4. At 4 there are keys in them.</param>
    /// <param name="cancellationToken">Gives up waiting, not trying; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>When the association is established.</returns>
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

    /// <summary>Ends associations (<c>terminate</c>).</summary>
    /// <param name="which">CHILD SAs where it names a child, else IKE SAs with all their children.</param>
    /// <param name="force">Do not wait for the other end to agree; only for IKE SAs.</param>
    /// <param name="timeout">As of <see cref="InitiateAsync"/>.</param>
    /// <param name="log">As of <see cref="InitiateAsync"/>.</param>
    /// <param name="logLevel">As of <see cref="InitiateAsync"/>.</param>
    /// <param name="cancellationToken">Gives up waiting; see the remarks of <see cref="ViciClient"/>.</param>
    /// <returns>How many were ended.</returns>
    /// <exception cref="ViciCommandException">There is none such, or not all could be ended.</exception>
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

    /// <summary>Begins to rekey associations; events tell when it is done (<c>rekey</c>).</summary>
    /// <param name="which">CHILD SAs where it names a child, else IKE SAs.</param>
    /// <param name="reauthenticate">Authenticate anew instead of rekeying; only for IKE SAs of version 2.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How many there are.</returns>
    /// <exception cref="ViciCommandException">There is none such.</exception>
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
    /// <param name="ike">The name of the connection; null for the first that has such a child.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>When it is done.</returns>
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
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>When it is done.</returns>
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

    /// <summary>Lists the trap, drop and pass policies that are installed (<c>list-policies</c>).</summary>
    /// <param name="cancellationToken">Gives up.</param>
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

    // charon has it the other way round: 0 is without end, and what is negative not at all.
    private static long Milliseconds(TimeSpan? timeout) =>
        timeout switch
        {
            null => 0,
            { Ticks: <= 0 } => -1,
            { } time => (long)Math.Clamp(time.TotalMilliseconds, 1, int.MaxValue),
        };
}
