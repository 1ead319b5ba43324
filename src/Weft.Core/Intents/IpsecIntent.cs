using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Ipsec;

namespace Weft.Core.Intents;

/// <summary>How one host's tunnels are to be encrypted.</summary>
public sealed record IpsecIntent
{
    /// <summary>What negotiates the keys.</summary>
    public required IpsecManager Manager { get; init; }

    /// <summary>How long packets are encrypted by one key before the next takes its place, in seconds.</summary>
    public int RekeySeconds { get; init; } = IpsecSettings.DefaultRekeySeconds;

    /// <summary>What the host proves who it is with: where to find it, or the key itself where the file has it.</summary>
    public required IpsecCredentials Credentials { get; init; }

    /// <summary>The address that the host itself sends from: its local one where it has one.</summary>
    public required IPAddress LocalAddress { get; init; }

    /// <summary>
    /// Who the host says it is (RFC 7296 section 3.5): with a shared key its underlay address, as all others know it;
    /// with certificates its name, which stands in its certificate.
    /// </summary>
    public required string LocalIdentity { get; init; }

    /// <summary>The other hosts, in the file's order.</summary>
    public required ImmutableArray<IpsecPeer> Peers { get; init; }
}

/// <summary>One other host and what is exchanged with it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its underlay address, which packets from it bear.</param>
/// <param name="Identity">Who it says it is.</param>
/// <param name="Traffic">The packets of the tunnel between the two.</param>
/// <param name="NatTraversal">Whether one of the two is behind address translation, so that ESP travels in UDP (RFC 3948).</param>
public sealed record IpsecPeer(
    string Name,
    IPAddress Address,
    string Identity,
    TunnelTraffic Traffic,
    bool NatTraversal
);
