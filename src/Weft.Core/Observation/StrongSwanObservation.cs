using System.Collections.Immutable;
using System.Net;

namespace Weft.Core.Observation;

/// <summary>What strongSwan's daemon has loaded and negotiated, for Weft or for anybody else.</summary>
public sealed record StrongSwanObservation
{
    /// <summary>Why the daemon cannot be spoken to and what to do; null if it can.</summary>
    public string? Problem { get; init; }

    /// <summary>The connections that are loaded: the names of their children, by name.</summary>
    public ImmutableDictionary<string, ImmutableArray<string>> Connections { get; init; } =
        ImmutableDictionary<string, ImmutableArray<string>>.Empty;

    /// <summary>How long the IKE SA of each loaded connection lasts before it is rekeyed, by name; zero if it never is.</summary>
    public ImmutableDictionary<string, TimeSpan> RekeyTimes { get; init; } =
        ImmutableDictionary<string, TimeSpan>.Empty;

    /// <summary>The two ends of each loaded connection, by name.</summary>
    public ImmutableDictionary<string, ConnectionEnds> Ends { get; init; } =
        ImmutableDictionary<string, ConnectionEnds>.Empty;

    /// <summary>The names of the connections in which this host may authenticate by a private key.</summary>
    public ImmutableHashSet<string> ByPrivateKey { get; init; } = [];

    /// <summary>The names of the authorities that are loaded by VICI.</summary>
    public ImmutableArray<string> Authorities { get; init; } = [];

    /// <summary>The identifiers of the shared keys that are loaded.</summary>
    public ImmutableArray<string> SharedKeys { get; init; } = [];

    /// <summary>The identifiers (SHA-1 of the public key, in hexadecimal) of the private keys that are loaded.</summary>
    public ImmutableArray<string> PrivateKeys { get; init; } = [];

    /// <summary>The IKE SAs.</summary>
    public ImmutableArray<IkeAssociation> Associations { get; init; } = [];

    /// <summary>
    /// The kernel's ESP associations that the daemon does not know: somebody else's, or those that a killed daemon has left
    /// behind. All of them while the daemon cannot be asked.
    /// </summary>
    public ImmutableArray<XfrmState> Strays { get; init; } = [];

    /// <summary>
    /// The hosts to which packets could not be sent for want of keys. The kernel remembers it for
    /// <c>net.core.xfrm_acq_expires</c>, 165 seconds, or until there are keys.
    /// </summary>
    public ImmutableHashSet<IPAddress> Awaited { get; init; } = [];

    /// <summary>
    /// Whether packets still cross to a host and back by associations of a daemon that cannot be asked now: the kernel keeps
    /// them until they expire.
    /// </summary>
    public bool IsLeftFor(IPAddress peer) =>
        Problem is not null
        && Strays.Any(state => state.Source.Equals(peer))
        && Strays.Any(state => state.Destination.Equals(peer));
}

/// <summary>The two ends of a connection: the first of each value that it was loaded with, null if there was none.</summary>
/// <param name="LocalAddress">The address of this end.</param>
/// <param name="RemoteAddress">The address of the other end.</param>
/// <param name="LocalIdentity">Who this end says it is.</param>
/// <param name="RemoteIdentity">Who the other end must say it is.</param>
public sealed record ConnectionEnds(
    string? LocalAddress,
    string? RemoteAddress,
    string? LocalIdentity,
    string? RemoteIdentity
);

/// <summary>An IKE SA (RFC 7296): two hosts that know each other.</summary>
/// <param name="Connection">The connection that it is of.</param>
/// <param name="Id">The daemon's number for it.</param>
/// <param name="IsInitiator">Whether this host began it.</param>
/// <param name="IsEstablished">Whether the two have authenticated each other.</param>
/// <param name="IsAnswered">Whether the other host has answered at all, even if it may not have authenticated itself.</param>
/// <param name="Children">What it protects packets by.</param>
public sealed record IkeAssociation(
    string Connection,
    long Id,
    bool IsInitiator,
    bool IsEstablished,
    bool IsAnswered,
    ImmutableArray<ChildAssociation> Children
)
{
    /// <summary>This host's address in it; null if the daemon has not chosen one.</summary>
    public IPAddress? Local { get; init; }

    /// <summary>How long ago the two authenticated each other; null if they have not.</summary>
    public TimeSpan? Age { get; init; }

    /// <summary>Whether the two are still authenticating each other for the first time.</summary>
    public bool IsConnecting { get; init; }
}

/// <summary>A child SA: a pair of ESP associations in the kernel.</summary>
/// <param name="Name">The child's name.</param>
/// <param name="Id">The daemon's number for it.</param>
/// <param name="IsInstalled">Whether it protects packets, by the word of the daemon and of the kernel.</param>
/// <param name="IsLost">Whether the daemon believes so and the kernel has lost it.</param>
/// <param name="Cipher">How, in words.</param>
/// <param name="InUdp">Whether ESP travels inside UDP (RFC 3948).</param>
/// <param name="Age">How long it has been there.</param>
/// <param name="RekeyIn">When the next one takes its place.</param>
/// <param name="BytesIn">The bytes that came by it.</param>
/// <param name="BytesOut">The bytes that went by it.</param>
public sealed record ChildAssociation(
    string Name,
    long Id,
    bool IsInstalled,
    bool IsLost,
    string Cipher,
    bool InUdp,
    TimeSpan? Age,
    TimeSpan? RekeyIn,
    long BytesIn,
    long BytesOut
);
