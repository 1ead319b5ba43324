using System.Collections.Immutable;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Vici;

namespace Weft.Core.Tests.Planning.Model;

// strongSwan's daemon: what it has loaded.
internal sealed partial class ModelHost
{
    private ImmutableSortedDictionary<string, ViciMessage> connections = ImmutableSortedDictionary<
        string,
        ViciMessage
    >.Empty.Add(
        "office",
        new ViciMessage { ["children"] = new ViciMessage { ["net"] = ViciMessage.Empty } }
    );

    // As the daemon lists them: the latest first.
    private ImmutableList<string> keys = ["office"];

    private ImmutableSortedSet<string> authorities = ["office"];

    /// <summary>What the host has to prove who it is with, of both kinds.</summary>
    public CredentialsObservation Credentials { get; set; } =
        new()
        {
            SharedKeys = [Secret.OfText("a key that is long enough")],
            Certificate = new HostCertificate(
                [1, 2, 3],
                [
                    [4, 5, 6],
                ],
                Secret.OfText("a private key"),
                "0123456789abcdef",
                DateTimeOffset.MinValue,
                DateTimeOffset.MaxValue
            )
            {
                Subject = "CN=host1, O=homelab",
                IsRsa = true,
            },
        };

    /// <summary>Loads what another host has loaded.</summary>
    public void TakeStrongSwanOf(ModelHost other)
    {
        connections = other.connections;
        keys = other.keys;
        authorities = other.authorities;
    }

    /// <summary>Loads a connection of somebody else's that a private key proves.</summary>
    public void LoadForeignByPrivateKey() =>
        connections = connections.SetItem(
            "office",
            connections["office"].With("local", new ViciMessage { ["auth"] = "pubkey" })
        );

    /// <summary>Loads credentials as <c>swanctl --load-creds</c> does: what stands in its files is there, and nothing else.</summary>
    /// <param name="privateKeys">The identifiers of the private keys that stand there.</param>
    public void LoadCredentials(params string[] privateKeys) =>
        keys = ["office", .. privateKeys.Select(key => $"private {key}")];

    /// <summary>Whether the other hosts answer.</summary>
    public bool PeersAnswer { get; set; } = true;

    private StrongSwanObservation ObserveStrongSwan()
    {
        var loaded = connections
            .Select(one =>
                (
                    Name: one.Key,
                    Children: one.Value.Section("children")!.Sections.Select(child => child.Key),
                    Rekey: TimeSpan.Zero
                )
            )
            .Concat(MonitorConnections())
            .ToList();
        return new()
        {
            Associations =
            [
                .. PeersAnswer
                    ? loaded.Select(one => new IkeAssociation(
                        one.Name,
                        1,
                        IsInitiator: true,
                        IsEstablished: true,
                        IsAnswered: true,
                        [
                            .. one.Children.Select(child => new ChildAssociation(
                                child,
                                1,
                                IsInstalled: true,
                                IsLost: false,
                                "AES_GCM_16-256/ESN",
                                InUdp: false,
                                TimeSpan.FromSeconds(23),
                                TimeSpan.FromMinutes(54),
                                1000,
                                2000
                            )),
                        ]
                    ))
                    : [],
            ],
            Connections = loaded.ToImmutableDictionary(
                one => one.Name,
                one => one.Children.ToImmutableArray()
            ),
            RekeyTimes = loaded.ToImmutableDictionary(one => one.Name, one => one.Rekey),
            ByPrivateKey =
            [
                .. connections
                    .Where(one => one.Value.Section("local")?.Text("auth") == "pubkey")
                    .Select(one => one.Key),
            ],
            Ends = connections.ToImmutableDictionary(one => one.Key, one => EndsOf(one.Value)),
            Authorities = [.. authorities],
            SharedKeys =
            [
                .. keys.Where(key => !key.StartsWith("private ", StringComparison.Ordinal)),
            ],
            PrivateKeys =
            [
                .. keys.Where(key => key.StartsWith("private ", StringComparison.Ordinal))
                    .Select(key => key["private ".Length..]),
            ],
        };
    }

    private static ConnectionEnds EndsOf(ViciMessage connection) =>
        new(
            connection.List("local_addrs")?[0].Text,
            connection.List("remote_addrs")?[0].Text,
            connection.Section("local")?.Text("id")?.TrimStart('@'),
            connection.Section("remote")?.Text("id")?.TrimStart('@')
        );

    /// <summary>What ovs-monitor-ipsec makes of the tunnels' rows.</summary>
    private IEnumerable<(
        string Name,
        IEnumerable<string> Children,
        TimeSpan Rekey
    )> MonitorConnections() =>
        from row in tables["Interface"].Values
        let options = row["options"].StringMap
        where
            options.ContainsKey(MonitorOptions.Key)
            || options.ContainsKey(MonitorOptions.RemoteName)
        let name = row["name"].AsString()
        let children = row["type"] == "gre"
            ? new[] { $"{name}-1" }
            : [$"{name}-in-1", $"{name}-out-1"]
        select (
            children[0],
            (IEnumerable<string>)children,
            MonitorOptions.RekeyTimeOf(options.GetValueOrDefault(MonitorOptions.Lifetime))
                ?? TimeSpan.Zero
        );

    private void Load(IpsecChange change)
    {
        switch (change)
        {
            case LoadConnection load:
                connections = connections.SetItem(load.Name, load.Message);
                break;
            case UnloadConnection unload:
                Assert.True(connections.ContainsKey(unload.Name));
                connections = connections.Remove(unload.Name);
                break;
            case LoadSharedKey key:
                Assert.Equal(key.Action is ChangeAction.Set, keys.Contains(key.Name));
                keys = keys.Remove(key.Name).Insert(0, key.Name);
                break;
            case UnloadSharedKey key:
                Assert.Contains(key.Name, keys);
                keys = keys.Remove(key.Name);
                break;
            case LoadAuthority load:
                authorities = authorities.Add(load.Name);
                break;
            case UnloadAuthority unload:
                Assert.Contains(unload.Name, authorities);
                authorities = authorities.Remove(unload.Name);
                break;
            case LoadPrivateKey key:
                keys = keys.Add($"private {key.Name}").Insert(0, key.Mark);
                break;
            case UnloadPrivateKey key:
                Assert.Contains($"private {key.Name}", keys);
                Assert.Contains(key.Mark, keys);
                keys = keys.Remove($"private {key.Name}").Remove(key.Mark);
                break;
            default:
                throw new RefusedException($"strongSwan does not know {change}");
        }
    }

    private IEnumerable<string> DescribeStrongSwan() =>
        connections
            .Select(one => $"connection {one.Key} {one.Value}")
            .Concat(keys.Order(StringComparer.Ordinal).Select(key => $"key {key}"))
            .Concat(authorities.Select(authority => $"authority {authority}"));
}
