using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Ipsec;

namespace Weft.Core.Intents;

/// <summary>How to encrypt one host's tunnels.</summary>
public sealed record IpsecIntent
{
    /// <summary>The program that negotiates the keys.</summary>
    public required IpsecManager Manager { get; init; }

    /// <summary>How long a key encrypts packets before the next takes its place, in seconds.</summary>
    public int RekeySeconds { get; init; } = IpsecSettings.DefaultRekeySeconds;

    /// <summary>
    /// How the host proves its identity: where to find the credentials, or the key itself if it is in the file.
    /// </summary>
    public required IpsecCredentials Credentials { get; init; }

    /// <summary>The address that the host sends from: its local address if it has one, else its underlay address.</summary>
    public required IPAddress LocalAddress { get; init; }

    /// <summary>
    /// The host's identity (RFC 7296 section 3.5). With a shared key it is the underlay address, by which all others know the
    /// host; with certificates it is the host's name, as in its certificate.
    /// </summary>
    public required string LocalIdentity { get; init; }

    /// <summary>The other hosts, in the file's order.</summary>
    public required ImmutableArray<IpsecPeer> Peers { get; init; }
}

/// <summary>Another host and the traffic with it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its underlay address, the source of packets from it.</param>
/// <param name="Identity">Its identity.</param>
/// <param name="Traffic">The packets of the tunnel between the two.</param>
/// <param name="NatTraversal">
/// Whether one of the two is behind address translation, so that ESP is encapsulated in UDP (RFC 3948).
/// </param>
public sealed record IpsecPeer(
    string Name,
    IPAddress Address,
    string Identity,
    TunnelTraffic Traffic,
    bool NatTraversal
);
