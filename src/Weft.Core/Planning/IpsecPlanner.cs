using System.IO.Hashing;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Vici;

namespace Weft.Core.Planning;

/// <summary>
/// Plans what strongSwan must have loaded: a connection for each peer, and this host's credentials. Anything whose name does
/// not follow Weft's pattern is left alone: the same daemon may serve other tunnels of the host.
/// </summary>
/// <remarks>
/// The daemon does not report all that a connection was loaded with, so the name of a child contains a digest of it: a
/// connection whose children have the right names is right. The name has one part for what concerns packets and one for the
/// credentials. Where only the credentials have changed, packets go on by the keys negotiated before, and none is lost.
/// <para>
/// Nor does it report who loaded a private key, and it keeps a key that two have loaded only once: unloading it takes it from
/// both. So Weft marks each key that it loads itself by a shared secret beside it that nobody uses. The mark ends with the
/// daemon. <c>swanctl --load-creds</c> unloads what is not in its files, and so removes the mark, but keeps a private key that
/// is in them.
/// </para>
/// </remarks>
internal sealed class IpsecPlanner(HostIntent intent, HostObservation observation)
{
    // AES-GCM with 256-bit keys, a fresh Diffie-Hellman exchange for each key, extended sequence numbers.
    private const string IkeProposal = "aes256gcm16-prfsha384-ecp384";
    private const string EspProposal = "aes256gcm16-ecp384-esn";
    private const int IkeRekeySeconds = 4 * 3600;
    private const int IkeOverSeconds = IkeRekeySeconds / 10;

    // How long at least the former key stays good after the next was due: the time of a negotiation that has to be repeated.
    private const int LeastGraceSeconds = 60;
    private const string DeadPeerDelay = "10s";

    // Packets of one host may overtake each other on several processors and paths; the kernel's own default is 32.
    private const int ReplayWindow = 1024;

    public List<Change> Additions { get; } = [];

    public List<Change> Removals { get; } = [];

    public List<Conflict> Conflicts { get; } = [];

    /// <summary>The name of the connection to a peer.</summary>
    public static string ConnectionName(string overlay, string peer) => $"weft-{overlay}/{peer}";

    /// <summary>The part of a child's name that is about packets, without that about credentials.</summary>
    public static string TrafficOf(string child) =>
        child.LastIndexOf('-') is >= 0 and var end ? child[..end] : child;

    public void Plan()
    {
        var wanted = intent.Ipsec is { Manager: IpsecManager.StrongSwan } ipsec ? ipsec : null;
        var own = $"weft-{intent.Overlay}/";
        var connections = new HashSet<string>(StringComparer.Ordinal);
        var keys = new HashSet<string>(StringComparer.Ordinal);
        string? privateKey = null;
        if (wanted is not null && IsPossible(wanted))
        {
            FindOverlaysBetweenTheSame(wanted, own);
            // Credentials of the kind that the overlay no longer uses may still be on the host.
            var credentials =
                wanted.Credentials is SharedKey
                    ? observation.Credentials! with
                    {
                        Certificate = null,
                    }
                    : observation.Credentials! with
                    {
                        SharedKeys = [],
                    };
            privateKey = credentials.Certificate?.KeyId;
            if (
                credentials.Certificate is { } certificate
                && !observation.StrongSwan.PrivateKeys.Contains(certificate.KeyId)
            )
            {
                Additions.Add(
                    new LoadPrivateKey(
                        certificate.KeyId,
                        certificate.Key,
                        MarkOf(own, certificate.KeyId)
                    )
                );
            }
            foreach (var peer in wanted.Peers)
            {
                AddKeys(wanted, peer, credentials, keys);
                AddConnection(wanted, peer, credentials, connections);
            }
        }
        else if (wanted is not null)
        {
            return;
        }
        Removals.AddRange(
            observation
                .StrongSwan.Connections.Keys
                // A run that was killed midway may have unloaded a connection and left its associations.
                .Union(observation.StrongSwan.Associations.Select(ike => ike.Connection))
                .Where(name =>
                    name.StartsWith(own, StringComparison.Ordinal) && !connections.Contains(name)
                )
                .Order(StringComparer.Ordinal)
                .Select(name => new UnloadConnection(name))
        );
        RemovePrivateKeys(own, privateKey, keys);
        Removals.AddRange(
            observation
                .StrongSwan.SharedKeys.Where(id =>
                    id.StartsWith(own, StringComparison.Ordinal) && !keys.Contains(id)
                )
                .Order(StringComparer.Ordinal)
                .Select(id => new UnloadSharedKey(id))
        );
    }

    // No host has an empty name, so this is no identifier of a key shared with a peer.
    private static string MarkOf(string own, string privateKey) => $"{own}/{privateKey}";

    /// <summary>Removes the private keys that this host used before, unless a tunnel of somebody else's may use the same key.</summary>
    private void RemovePrivateKeys(string own, string? wanted, HashSet<string> marks)
    {
        var isShared = observation.StrongSwan.ByPrivateKey.Any(name =>
            !name.StartsWith(own, StringComparison.Ordinal)
        );
        var start = MarkOf(own, "");
        foreach (
            var mark in observation
                .StrongSwan.SharedKeys.Where(id => id.StartsWith(start, StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
        )
        {
            var key = mark[start.Length..];
            var isThere = observation.StrongSwan.PrivateKeys.Contains(key);
            if (key != wanted && !isThere)
            {
                continue;
            }
            marks.Add(mark);
            if (key != wanted && !isShared)
            {
                Removals.Add(new UnloadPrivateKey(key, mark));
            }
        }
    }

    private bool IsPossible(IpsecIntent ipsec)
    {
        if (observation.StrongSwan.Problem is { } problem)
        {
            Conflicts.Add(new("strongSwan", $"the overlay has `ipsec`, and {problem}"));
            return false;
        }
        if (observation.Credentials is not { Problem: null })
        {
            Conflicts.Add(
                new(
                    "credentials",
                    observation.Credentials?.Problem
                        ?? $"the credentials of host '{intent.Host}' were not read ({ipsec.Manager})"
                )
            );
            return false;
        }
        return true;
    }

    /// <summary>
    /// Finds connections of other overlays between the same ends. The daemon compares connections by all but their names: a
    /// responder takes the first whose addresses and identities fit, whichever overlay is asked for, and refuses the packets of
    /// the other.
    /// </summary>
    private void FindOverlaysBetweenTheSame(IpsecIntent ipsec, string own)
    {
        foreach (var peer in ipsec.Peers)
        {
            var ends = new ConnectionEnds(
                ipsec.LocalAddress.ToString(),
                peer.Address.ToString(),
                ipsec.LocalIdentity,
                peer.Identity
            );
            var other = observation
                .StrongSwan.Ends.Where(one =>
                    one.Value == ends
                    && IsOfWeft(one.Key)
                    && !one.Key.StartsWith(own, StringComparison.Ordinal)
                )
                .Select(one => one.Key)
                .Order(StringComparer.Ordinal)
                .FirstOrDefault();
            if (other is not null)
            {
                Conflicts.Add(
                    new(
                        ConnectionName(intent.Overlay, peer.Name),
                        $"strongSwan has '{other}' of another overlay loaded, between the same addresses, and cannot tell the two apart: "
                            + "put the networks of both into one overlay, or take `ipsec` out of one of them"
                    )
                );
            }
        }
    }

    private static bool IsOfWeft(string connection) =>
        connection.StartsWith("weft-", StringComparison.Ordinal)
        && connection.Contains('/', StringComparison.Ordinal);

    /// <summary>
    /// Loads keys in such an order that the list's first is loaded last: the daemon accepts every loaded key, and proves itself
    /// with the one that was loaded last.
    /// </summary>
    private void AddKeys(
        IpsecIntent ipsec,
        IpsecPeer peer,
        CredentialsObservation credentials,
        HashSet<string> wanted
    )
    {
        var keys = credentials
            .SharedKeys.Select(key =>
                (Id: $"{ConnectionName(intent.Overlay, peer.Name)}/{TagOf(key)}", Key: key)
            )
            .DistinctBy(key => key.Id)
            .ToList();
        var latest = observation.StrongSwan.SharedKeys.FirstOrDefault(id =>
            keys.Exists(key => key.Id == id)
        );
        foreach (var (id, key) in Enumerable.Reverse(keys))
        {
            wanted.Add(id);
            var there = observation.StrongSwan.SharedKeys.Contains(id);
            if (there && (id != keys[0].Id || id == latest))
            {
                continue;
            }
            latest = id;
            Additions.Add(
                new LoadSharedKey(
                    there ? ChangeAction.Set : ChangeAction.Add,
                    id,
                    peer.Name,
                    key,
                    ipsec.LocalIdentity,
                    peer.Identity
                )
            );
        }
    }

    private void AddConnection(
        IpsecIntent ipsec,
        IpsecPeer peer,
        CredentialsObservation credentials,
        HashSet<string> wanted
    )
    {
        var name = ConnectionName(intent.Overlay, peer.Name);
        wanted.Add(name);
        var connection = Connection(ipsec, peer, credentials);
        var children = connection.Section("children")!.Sections.Select(child => child.Key);
        var there = observation.StrongSwan.Connections.TryGetValue(name, out var loaded);
        if (!there || !loaded.ToHashSet(StringComparer.Ordinal).SetEquals(children))
        {
            Additions.Add(
                new LoadConnection(
                    there ? ChangeAction.Set : ChangeAction.Add,
                    name,
                    $"{peer.Traffic} to and from {peer.Address}, {EspProposal}, by {(ipsec.Credentials is SharedKey ? "shared key" : "certificate")}",
                    connection,
                    Begins: !observation.StrongSwan.Associations.Any(ike => ike.Connection == name)
                )
            );
        }
    }

    private static ViciMessage Connection(
        IpsecIntent ipsec,
        IpsecPeer peer,
        CredentialsObservation credentials
    )
    {
        var connection = WithoutChildren(ipsec, peer, credentials);
        var children = Children(peer.Traffic, Lifetime(ipsec, peer)).ToList();
        var traffic = DigestOf([
            .. WithoutChildren(ipsec, peer, new CredentialsObservation()).Encode(),
            .. children.SelectMany(child => child.Message.Encode()),
        ]);
        var proof = DigestOf(connection.Encode())[..4];
        return connection.With(
            "children",
            new ViciMessage(
                children.Select(child => new KeyValuePair<string, ViciNode>(
                    $"{child.Name}-{traffic}-{proof}",
                    child.Message
                ))
            )
        );
    }

    private static ViciMessage WithoutChildren(
        IpsecIntent ipsec,
        IpsecPeer peer,
        CredentialsObservation credentials
    )
    {
        var certificate = credentials.Certificate;
        var isShared = ipsec.Credentials is SharedKey;
        var (fewSeconds, fewMore) = TellingKeysApart(credentials);
        return new ViciMessage
        {
            ["version"] = 2,
            ["local_addrs"] = ViciList.Of(ipsec.LocalAddress.ToString()),
            ["remote_addrs"] = ViciList.Of(peer.Address.ToString()),
            ["proposals"] = ViciList.Of(IkeProposal),
            ["unique"] = "never",
            ["mobike"] = false,
            ["keyingtries"] = 1,
            ["dpd_delay"] = DeadPeerDelay,
            ["rekey_time"] = IkeRekeySeconds + fewSeconds,
            ["over_time"] = IkeOverSeconds + fewMore,
            ["reauth_time"] = "0s",
            ["local"] = new ViciMessage
            {
                ["auth"] = isShared ? "psk" : "pubkey",
                ["id"] = Identity(ipsec.LocalIdentity, isShared),
                ["certs"] = certificate is null
                    ? null
                    : ViciList.Of(new ViciValue(certificate.Certificate.AsMemory())),
            },
            ["remote"] = new ViciMessage
            {
                ["auth"] = isShared ? "psk" : "pubkey",
                ["id"] = Identity(peer.Identity, isShared),
                ["cacerts"] = certificate is null
                    ? null
                    : ViciList.Of([
                        .. certificate.Authorities.Select(one => new ViciValue(one.AsMemory())),
                    ]),
            },
        };
    }

    /// <summary>An identity as strongSwan parses it: <c>@</c> keeps a name from being taken for an address.</summary>
    private static string Identity(string identity, bool isAddress) =>
        isAddress ? identity : $"@{identity}";

    /// <summary>
    /// GRE needs one child, vxlan and geneve two: their packets have the tunnel's port as destination in both directions, while
    /// a child selects by the port of the same end in both.
    /// </summary>
    private static IEnumerable<(string Name, ViciMessage Message)> Children(
        TunnelTraffic traffic,
        ViciMessage lifetime
    )
    {
        if (traffic.Port is not { } port)
        {
            yield return ("gre", Child("dynamic[gre]", "dynamic[gre]", lifetime));
            yield break;
        }
        var to = $"dynamic[udp/{port}]";
        yield return ("out", Child("dynamic[udp]", to, lifetime));
        yield return ("in", Child(to, "dynamic[udp]", lifetime));
    }

    /// <summary>
    /// How long a key is good for, and when this host asks for the next. If both hosts ask at the same moment (RFC 7296 section
    /// 2.8.1), one of the two new keys is dropped at once, and with it what was just sent by it. So one host asks, and the
    /// other only if the first did not.
    /// </summary>
    private static ViciMessage Lifetime(IpsecIntent ipsec, IpsecPeer peer)
    {
        var seconds = ipsec.RekeySeconds;
        var grace = int.Max(LeastGraceSeconds, seconds / 10);
        var isFirst = string.CompareOrdinal(ipsec.LocalIdentity, peer.Identity) < 0;
        return new ViciMessage
        {
            ["rekey_time"] = isFirst ? seconds : seconds + grace / 2,
            ["rand_time"] = isFirst ? seconds / 10 : 0,
            ["life_time"] = seconds + grace,
        };
    }

    private static ViciMessage Child(string local, string remote, ViciMessage lifetime) =>
        new(lifetime)
        {
            ["mode"] = "transport",
            ["local_ts"] = ViciList.Of(local),
            ["remote_ts"] = ViciList.Of(remote),
            ["esp_proposals"] = ViciList.Of(EspProposal),
            ["replay_window"] = ReplayWindow,
            // The trap stands by itself: the first packet negotiates, whatever became of the association before. With
            // dpd_action or close_action the daemon would install the trap of the association that ends, whose connection is
            // unloaded after a rotation.
            ["start_action"] = "trap",
        };

    private static string DigestOf(byte[] bytes) =>
        XxHash3.HashToUInt64(bytes).ToString("x16")[..8];

    /// <summary>
    /// A few seconds more, different for each key that this host proves itself with. The daemon takes connections that are
    /// alike in all but their children for one, and would negotiate a new child under the association that the former key has
    /// proved: nobody would notice that the other host now has another key, or none.
    /// </summary>
    private static (int Rekey, int Over) TellingKeysApart(CredentialsObservation credentials)
    {
        var tag = credentials.SharedKeys is [var first, ..] ? NumberOf(first) : 0;
        return (tag & 0xff, tag >> 8);
    }

    /// <summary>
    /// A tag that tells keys apart. The daemon logs it: 16 bits are too few to find a random key by, but enough to rule a guess
    /// out.
    /// </summary>
    private static string TagOf(Secret key) => NumberOf(key).ToString("x4");

    /// <summary>A number that tells keys apart, and reveals no more of a key than <see cref="TagOf"/>.</summary>
    /// <remarks>No hash reveals more than its own length, and this one does without OpenSSL, which costs each run 4 MB.</remarks>
    internal static ushort NumberOf(Secret key) =>
        (ushort)XxHash3.HashToUInt64([.. "weft "u8, .. key.Reveal()]);
}
