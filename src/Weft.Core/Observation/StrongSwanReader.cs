using System.Collections.Immutable;
using System.Net;
using Weft.Vici;

namespace Weft.Core.Observation;

/// <summary>Reads what strongSwan's daemon has, over its VICI socket.</summary>
public static class StrongSwanReader
{
    /// <summary>How long the daemon may take for an answer. A stuck daemon must hold up nothing else.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // Debian's, and that of distributions where the daemon's files have a directory of their own, as Fedora and RHEL.
    private static readonly string[] Sockets =
    [
        ViciClient.DefaultPath,
        "/run/strongswan/charon.vici",
    ];

    /// <summary>Where the daemon listens; null where there is no such socket.</summary>
    public static string? Socket => Array.Find(Sockets, File.Exists);

    /// <summary>Reads all that is loaded and negotiated.</summary>
    /// <param name="client">The daemon; null where it does not run.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="denial">Why this process may not ask a daemon that runs; null where it may, or none does.</param>
    public static async Task<StrongSwanObservation> ReadAsync(
        ViciClient? client,
        CancellationToken cancellationToken,
        string? denial = null
    )
    {
        if (client is null)
        {
            return Absent(denial);
        }
        var seen = await ReadNegotiatedAsync(client, cancellationToken);
        if (seen.Problem is not null)
        {
            return seen;
        }
        try
        {
            return seen with
            {
                Authorities = await client.AuthorityNamesAsync(cancellationToken),
                SharedKeys = await client.SharedIdsAsync(cancellationToken),
                PrivateKeys = await client.KeyIdsAsync(cancellationToken),
            };
        }
        catch (ViciException exception)
        {
            return Unasked(exception);
        }
    }

    /// <summary>Reads what is negotiated, and for which connections, but not the daemon's credentials.</summary>
    /// <param name="client">The daemon.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<StrongSwanObservation> ReadNegotiatedAsync(
        ViciClient client,
        CancellationToken cancellationToken
    )
    {
        try
        {
            // The kernel first: what comes up in between is then known to the daemon alone, and not taken for something left
            // behind.
            var states = GuardReader.ReadStates();
            var connections = await client.ConnectionsAsync(cancellationToken: cancellationToken);
            var known = await client.SecurityAssociationsAsync(
                cancellationToken: cancellationToken
            );
            var after = GuardReader.ReadStates();
            // Several may have one name, from ipsec.conf and from swanctl.conf.
            var named = connections
                .DistinctBy(connection => connection.Name, StringComparer.Ordinal)
                .ToList();
            return new StrongSwanObservation
            {
                Connections = connections
                    .GroupBy(connection => connection.Name, StringComparer.Ordinal)
                    .ToImmutableDictionary(
                        alike => alike.Key,
                        alike =>
                            alike
                                .SelectMany(connection => connection.Children)
                                .Select(child => child.Name)
                                .ToImmutableArray()
                    ),
                RekeyTimes = named.ToImmutableDictionary(one => one.Name, one => one.RekeyTime),
                Ends = named.ToImmutableDictionary(one => one.Name, EndsOf),
                ByPrivateKey =
                [
                    .. connections
                        .Where(connection =>
                            connection.Local.Any(end => end.Class != "pre-shared key")
                        )
                        .Select(connection => connection.Name),
                ],
                Associations = AssociationsOf(known, states, after),
                Strays = [.. StraysOf(states ?? [], known)],
                Awaited =
                [
                    .. (states ?? [])
                        .Where(state => state.Spi == 0)
                        .Select(state => state.Destination),
                ],
            };
        }
        catch (ViciException exception)
        {
            return Unasked(exception);
        }
    }

    private static StrongSwanObservation Unasked(ViciException exception) =>
        Silent(
            $"strongSwan cannot be asked ({exception.Message}): {HostServices.Here.RestartStrongSwan}"
        );

    /// <summary>What is known where the daemon does not run, or may not be asked.</summary>
    /// <param name="denial">Why this process may not ask it; null where it does not run.</param>
    internal static StrongSwanObservation Absent(string? denial) =>
        Silent(
            denial
                ?? $"strongSwan does not answer at {string.Join(" or ", Sockets)}: {HostServices.Here.RestartStrongSwan}"
        );

    /// <summary>What is known where the daemon does not answer.</summary>
    /// <param name="problem">Why it does not, and what to do.</param>
    internal static StrongSwanObservation Silent(string problem) =>
        new() { Problem = problem, Strays = [.. StraysOf(GuardReader.ReadStates() ?? [], [])] };

    /// <summary>
    /// The daemon's associations. One that came up or went while the daemon was asked is in the kernel's list from before or
    /// from after, and does not count as lost.
    /// </summary>
    /// <param name="known">What the daemon says.</param>
    /// <param name="before">What the kernel had before the daemon was asked; null where it does not say.</param>
    /// <param name="after">What it had after.</param>
    internal static ImmutableArray<IkeAssociation> AssociationsOf(
        IEnumerable<IkeSa> known,
        ImmutableArray<XfrmState>? before,
        ImmutableArray<XfrmState>? after
    )
    {
        var spis =
            before is { } early && after is { } late
                ? early.Concat(late).Select(state => state.Spi).ToHashSet()
                : null;
        return [.. known.Select(ike => Read(ike, spis))];
    }

    private static IEnumerable<XfrmState> StraysOf(
        ImmutableArray<XfrmState> states,
        IEnumerable<IkeSa> known
    )
    {
        var spis = known
            .SelectMany(ike => ike.Children)
            .SelectMany(child => (uint?[])[child.SpiIn, child.SpiOut])
            .ToHashSet();
        return states.Where(state =>
            state is { Protocol: XfrmState.Esp, Spi: not 0 } && !spis.Contains(state.Spi)
        );
    }

    private static ConnectionEnds EndsOf(LoadedConnection connection) =>
        new(
            connection.LocalAddresses.FirstOrDefault(),
            connection.RemoteAddresses.FirstOrDefault(),
            connection.Local.FirstOrDefault()?.Id,
            connection.Remote.FirstOrDefault()?.Id
        );

    private static IkeAssociation Read(IkeSa ike, IReadOnlySet<uint>? spis) =>
        new(
            ike.Name,
            ike.UniqueId,
            ike.IsInitiator,
            ike.IsEstablished,
            !ike.IsInitiator || ike.ResponderSpi != 0,
            [
                .. ike.Children.Select(child => new ChildAssociation(
                    child.Name,
                    child.UniqueId,
                    Protects(child) && IsInKernel(child, spis),
                    Protects(child) && !IsInKernel(child, spis),
                    // As swanctl shows it.
                    child.HasExtendedSequenceNumbers
                        ? $"{child.Proposal}/ESN"
                        : child.Proposal.ToString(),
                    child.IsEncapsulated,
                    child.Installed,
                    child.RekeyIn,
                    child.BytesIn,
                    child.BytesOut
                )),
            ]
        )
        {
            Local = IPAddress.TryParse(ike.Local.Host, out var local) ? local : null,
            Age = ike.Established,
            IsConnecting = ike.State is IkeStates.Created or IkeStates.Connecting,
        };

    /// <summary>While the next one is being negotiated this one still protects.</summary>
    private static bool Protects(ChildSa child) =>
        child.IsInstalled || child.State == ChildStates.Rekeying;

    /// <summary>The daemon does not notice when what it has installed is flushed from the kernel.</summary>
    private static bool IsInKernel(ChildSa child, IReadOnlySet<uint>? spis) =>
        spis is null
        || child is { SpiIn: { } into, SpiOut: { } from }
            && spis.Contains(into)
            && spis.Contains(from);
}
