using System.Collections.Immutable;
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
            ),
        };

    /// <summary>Loads what another host has loaded.</summary>
    public void TakeStrongSwanOf(ModelHost other)
    {
        connections = other.connections;
        keys = other.keys;
    }

    /// <summary>Whether the other hosts answer.</summary>
    public bool PeersAnswer { get; set; } = true;

    private StrongSwanObservation ObserveStrongSwan() =>
        new()
        {
            Associations =
            [
                .. PeersAnswer
                    ? connections.Select(one => new IkeAssociation(
                        one.Key,
                        1,
                        IsInitiator: true,
                        IsEstablished: true,
                        IsAnswered: true,
                        [
                            .. one
                                .Value.Section("children")!
                                .Sections.Select(child => new ChildAssociation(
                                    child.Key,
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
            Connections = connections.ToImmutableDictionary(
                one => one.Key,
                one => one.Value.Section("children")!.Sections.Select(c => c.Key).ToImmutableArray()
            ),
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
            case LoadPrivateKey key:
                keys = keys.Add($"private {key.Name}");
                break;
            default:
                throw new RefusedException($"strongSwan does not know {change}");
        }
    }

    // Which private keys the daemon once got tells nothing of the overlay: it may keep them.
    private IEnumerable<string> DescribeStrongSwan() =>
        connections
            .Select(one => $"connection {one.Key} {one.Value}")
            .Concat(
                keys.Where(key => !key.StartsWith("private ", StringComparison.Ordinal))
                    .Order(StringComparer.Ordinal)
                    .Select(key => $"key {key}")
            );
}
