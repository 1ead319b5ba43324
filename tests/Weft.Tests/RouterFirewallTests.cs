using System.Net;
using System.Text;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Health;

namespace Weft.Tests;

/// <summary>What a host that routes lets into a network, by what nft lists of it.</summary>
public sealed class RouterFirewallTests
{
    private static readonly HostIntent Intent = Build(
        "  cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true, hosts: { host1: 10.8.2.1 } }"
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
        var found = new RouterFirewall(
            new Firewall(ruleset, whyUnknown),
            forwardsIpv6: false
        ).Judge(Intent, Seen(("docker0", "172.17.0.1/16", true)));
        if (words is null)
        {
            Assert.Empty(found);
            return;
        }
        Assert.Contains(words, Assert.Single(found).Words, StringComparison.Ordinal);
    }

    /// <summary>The kernel forwards by IPv4 what comes in by a link that is so set, whatever the setting for all of them is.</summary>
    [Fact]
    public void What_comes_in_by_one_network_and_leaves_by_another_is_named_unless_the_file_makes_the_host_a_router()
    {
        var intent = Build(
            """
              cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true, hosts: { host1: 10.8.2.1 } }
              old: { vlan: 201, subnet: 10.8.4.0/24, bridge: true, hosts: { host1: 10.8.4.1 } }
              left: { vlan: 202, subnet: 10.8.5.0/24, bridge: true, forward: true, hosts: { host1: 10.8.5.1 } }
              mine: { vlan: 203, subnet: 10.8.6.0/24, hosts: { host1: 10.8.6.1 } }
            """
        );
        // What was taken over is left as it forwards.
        var seen = Seen(
            ("cont", "10.8.2.1/24", false),
            ("old", "10.8.4.1/24", true),
            ("left", "10.8.5.1/24", true),
            ("mine", "10.8.6.1/24", false),
            ("br-phy", "192.0.2.1/24", true),
            ("eth1", "198.51.100.1/24", false)
        );
        Assert.Equal(
            [
                ("network cont", "from br-phy, old, "),
                ("network old", "from br-phy, "),
                ("network mine", "from br-phy, old, "),
            ],
            new RouterFirewall(new Firewall("""{"nftables":[]}""", null), forwardsIpv6: false)
                .Judge(intent, seen)
                .Select(finding =>
                    (
                        finding.What,
                        finding.Words[
                            finding.Words.IndexOf(
                                "from ",
                                StringComparison.Ordinal
                            )..finding.Words.IndexOf("and its", StringComparison.Ordinal)
                        ]
                    )
                )
        );
    }

    private static HostIntent Build(string networks) =>
        IntentBuilder.Build(
            OverlayFile
                .Parse(
                    "overlay.yaml",
                    Encoding.UTF8.GetBytes(
                        $"name: a\nhosts: {{ host1: 192.0.2.1 }}\nnetworks:\n{networks}"
                    )
                )
                .Overlay!,
            "host1",
            kernelDatapath: true
        );

    private static HostObservation Seen(
        params IEnumerable<(string Name, string Address, bool Forwards)> links
    ) =>
        new()
        {
            Switch = new SwitchObservation(),
            KernelDatapath = true,
            Links = links.ToDictionary(
                link => link.Name,
                link => new Link
                {
                    Index = 9,
                    Name = link.Name,
                    Forwards = link.Forwards,
                    Addresses =
                    [
                        new(
                            IPAddress.Parse(link.Address.Split('/')[0]),
                            int.Parse(link.Address.Split('/')[1])
                        ),
                    ],
                }
            ),
        };
}
