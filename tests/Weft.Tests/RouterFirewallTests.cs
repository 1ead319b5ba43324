using System.Net;
using System.Net.Sockets;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Health;

namespace Weft.Tests;

/// <summary>What a host that routes lets into a network, by what nft lists of it.</summary>
public sealed class RouterFirewallTests
{
    private static readonly HostIntent Intent = IntentBuilder.Build(
        OverlayFile
            .Parse(
                "overlay.yaml",
                """
                name: a
                hosts: { host1: 192.0.2.1 }
                networks: { cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true, hosts: { host1: 10.8.2.1 } } }
                """u8
            )
            .Overlay!,
        "host1",
        kernelDatapath: true
    );

    [Theory]
    [InlineData("""{"nftables":[]}""", null, "docker0, and its firewall lets that pass: ")]
    [InlineData(
        """{"nftables":[{"chain":{"family":"ip","table":"filter","name":"FORWARD","hook":"forward","policy":"drop"}}]}""",
        null,
        null
    )]
    [InlineData(
        null,
        "look at `iptables -S`",
        "docker0, and whether its firewall lets that pass is not known: look at `iptables -S`: "
    )]
    public void What_a_firewall_lets_into_a_network_is_named_and_what_is_not_known_is_said_to_be(
        string? ruleset,
        string? whyUnknown,
        string? words
    )
    {
        var seen = new HostObservation
        {
            Switch = new SwitchObservation(),
            KernelDatapath = true,
            Links = new Dictionary<string, Link>
            {
                ["docker0"] = new()
                {
                    Index = 9,
                    Name = "docker0",
                    Forwards = true,
                    Addresses = [new(IPAddress.Parse("172.17.0.1"), 16)],
                },
            },
        };
        var found = new RouterFirewall(
            new Firewall(ruleset, whyUnknown),
            [AddressFamily.InterNetwork]
        ).Judge(Intent, seen);
        if (words is null)
        {
            Assert.Empty(found);
            return;
        }
        Assert.Contains(words, Assert.Single(found).Words, StringComparison.Ordinal);
    }
}
