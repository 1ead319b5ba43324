using System.Net.Sockets;
using System.Text;
using Weft.Core.Intents;
using Weft.Core.Overlays;
using Weft.Health;

namespace Weft.Tests;

/// <summary>What a firewall does with frames that pass a container bridge, by what nft lists of it.</summary>
public sealed class BridgeFirewallTests
{
    private static readonly Overlay Overlay = OverlayFile
        .Parse(
            "overlay.yaml",
            Encoding.UTF8.GetBytes(
                """
                name: a
                hosts: { host1: 192.0.2.1 }
                networks: { cont: { vlan: 200, subnet: [10.8.2.0/24, "fd00:8:2::/64"], bridge: true } }
                """
            )
        )
        .Overlay!;

    private static readonly BridgeLinkIntent Bridge = IntentBuilder
        .Build(Overlay, "host1", kernelDatapath: true)
        .Links.OfType<BridgeLinkIntent>()
        .Single();

    private const string Conntrack = """
        {"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["established","related"]}},{"accept":null}
        """;

    [Theory]
    // iptables -P FORWARD DROP
    [InlineData("ip filter FORWARD drop", "chain FORWARD of table ip filter")]
    [InlineData("ip filter FORWARD accept", null)]
    // As Docker leaves it: what it does not know goes through all of its chains and is dropped by none but the policy.
    [InlineData(
        "ip filter FORWARD drop; {\"jump\":{\"target\":\"DOCKER-USER\"}}; "
            + "{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"iifname\"}},\"right\":\"docker0\"}},{\"accept\":null}"
            + " | ip filter DOCKER-USER -; {\"counter\":{\"packets\":0,\"bytes\":0}},{\"return\":null}",
        "chain FORWARD of table ip filter"
    )]
    // Somebody has let the bridge pass there.
    [InlineData(
        "ip filter FORWARD drop; {\"jump\":{\"target\":\"DOCKER-USER\"}} | ip filter DOCKER-USER -; "
            + "{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"iifname\"}},\"right\":\"cont\"}},"
            + "{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"oifname\"}},\"right\":\"cont\"}},{\"accept\":null}",
        null
    )]
    [InlineData(
        "ip filter FORWARD drop; {\"xt\":{\"type\":\"match\",\"name\":\"physdev\"}},{\"accept\":null}",
        null
    )]
    [InlineData(
        "ip filter FORWARD drop; {\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"iifname\"}},\"right\":{\"set\":[\"lo\",\"cont\"]}}},{\"accept\":null}",
        null
    )]
    [InlineData(
        "ip filter FORWARD drop; {\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"oifname\"}},\"right\":\"co*\"}},{\"accept\":null}",
        null
    )]
    [InlineData(
        "ip filter FORWARD accept; {\"match\":{\"op\":\"!=\",\"left\":{\"meta\":{\"key\":\"oifname\"}},\"right\":\"eth0\"}},{\"log\":null},{\"drop\":null}",
        "chain FORWARD of table ip filter"
    )]
    // What is not known to be in a set is not known to be out of it either.
    [InlineData(
        "ip filter FORWARD accept; {\"match\":{\"op\":\"!=\",\"left\":{\"meta\":{\"key\":\"iifname\"}},\"right\":\"@gone\"}},{\"drop\":null}",
        null
    )]
    // As firewalld does: zones by interface, and what is in none is refused.
    [InlineData(
        "inet firewalld filter_FORWARD accept; {\"goto\":{\"target\":\"zones\"}}; {\"reject\":{\"type\":\"icmpx\",\"expr\":\"admin-prohibited\"}}"
            + " | inet firewalld zones -",
        null
    )]
    [InlineData(
        "inet firewalld filter_FORWARD accept; {\"jump\":{\"target\":\"zones\"}}; {\"reject\":{\"type\":\"icmpx\",\"expr\":\"admin-prohibited\"}}"
            + " | inet firewalld zones -; {\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"iifname\"}},\"right\":\"eth0\"}},{\"accept\":null}",
        "chain filter_FORWARD of table inet firewalld"
    )]
    [InlineData(
        "ip filter FORWARD accept; {\"xt\":{\"type\":\"target\",\"name\":\"REJECT\"}}",
        "chain FORWARD of table ip filter"
    )]
    // One chain more that drops drops, whatever another accepts.
    [InlineData(
        "ip filter FORWARD accept; {\"accept\":null} | inet own forward drop",
        "chain forward of table inet own"
    )]
    // Another hook, and the other version of IP.
    [InlineData("ip6 filter FORWARD drop", null)]
    // Chains that jump in a circle are none that the kernel takes.
    [InlineData(
        "ip filter FORWARD drop; {\"jump\":{\"target\":\"FORWARD\"}}",
        "chain FORWARD of table ip filter"
    )]
    public void What_drops_a_bridges_frames_is_named(string chains, string? dropping)
    {
        var found = Judge(chains, AddressFamily.InterNetwork);
        if (dropping is null)
        {
            Assert.Empty(found);
            return;
        }
        var one = Assert.Single(found);
        Assert.Equal(Verdict.Wrong, one.Verdict);
        Assert.StartsWith(
            "IPv4 packets that pass bridge cont pass this host's firewall too (net.bridge.bridge-nf-call-iptables is 1)",
            one.Words
        );
        Assert.Contains($"{dropping} drops them", one.Words, StringComparison.Ordinal);
    }

    [Fact]
    public void What_to_type_fits_who_keeps_the_chain()
    {
        Assert.Contains(
            "`ip6tables -I FORWARD -i cont -o cont -j ACCEPT`",
            Judge("ip6 filter FORWARD drop", AddressFamily.InterNetworkV6).Single().Words,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "`nft insert rule inet own forward iifname cont oifname cont accept`",
            Judge("inet own forward drop", AddressFamily.InterNetwork).Single().Words,
            StringComparison.Ordinal
        );
    }

    /// <summary>Rules for bridges see each frame, with br_netfilter or without.</summary>
    [Theory]
    [InlineData("bridge f fw drop", true)]
    [InlineData("bridge f fw accept", false)]
    [InlineData(
        "bridge f fw drop; {\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"ether\",\"field\":\"type\"}},\"right\":\"arp\"}},{\"accept\":null}",
        true
    )]
    [InlineData(
        "bridge f fw drop; {\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"ether\",\"field\":\"type\"}},\"right\":\"ip\"}},{\"accept\":null}",
        false
    )]
    [InlineData(
        "bridge f fw drop; {\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"ibrname\"}},\"right\":\"cont\"}},{\"accept\":null}",
        false
    )]
    [InlineData(
        "bridge f fw accept; {\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"obrname\"}},\"right\":\"cont\"}},{\"drop\":null}",
        true
    )]
    [InlineData(
        "bridge f fw accept; {\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"obrname\"}},\"right\":\"other\"}},{\"drop\":null}",
        false
    )]
    // As LXD does: one of the bridge's ports, whichever.
    [InlineData(
        "bridge f fw accept; {\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"iifname\"}},\"right\":\"veth1\"}},{\"drop\":null}",
        false
    )]
    public void What_drops_frames_as_such_is_named(string chains, bool drops)
    {
        var found = new BridgeFirewall(new Firewall(Ruleset(chains)), [])
            .Judge(Bridge, Overlay)
            .Where(one => one.Words.Contains("IPv4", StringComparison.Ordinal))
            .Select(one => (one.Verdict, one.Words));
        Assert.Equal(
            drops
                ?
                [
                    (
                        Verdict.Wrong,
                        "chain fw of table bridge f drops IPv4 packets that pass bridge cont: let them pass by `nft insert rule bridge f fw meta ibrname cont meta obrname cont accept`"
                    ),
                ]
                : [],
            found
        );
    }

    [Fact]
    public void A_connection_that_was_let_pass_before_is_no_frame_of_any_kind() =>
        Assert.Single(Judge($"ip filter FORWARD drop; {Conntrack}", AddressFamily.InterNetwork));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{\"nftables\":[{\"chain\":{}}]}")]
    [InlineData("{\"nftables\":[{\"chain\":7}]}")]
    public void What_nobody_can_tell_is_said_to_be_unknown(string? ruleset)
    {
        var one = Assert.Single(
            new BridgeFirewall(
                new Firewall(ruleset, "nobody looked"),
                [AddressFamily.InterNetwork]
            ).Judge(Bridge, Overlay)
        );
        Assert.Equal(Verdict.Doubtful, one.Verdict);
        Assert.Contains("is not known: ", one.Words, StringComparison.Ordinal);
    }

    /// <summary>nft before 1.0.6, as Ubuntu 22.04 has it, tells of what iptables has not even the name.</summary>
    [Theory]
    [InlineData(
        "drop; {\"xt\":null},{\"counter\":null},{\"accept\":null}",
        nameof(Verdict.Doubtful)
    )]
    [InlineData("accept; {\"xt\":null}", nameof(Verdict.Doubtful))]
    [InlineData("drop; {\"xt\":null}", nameof(Verdict.Doubtful))]
    [InlineData(
        "drop; {\"jump\":{\"target\":\"OWN\"}} | ip filter OWN -; {\"xt\":null},{\"accept\":null}",
        nameof(Verdict.Doubtful)
    )]
    // Whatever it asks for, nothing else becomes of the packet.
    [InlineData("drop; {\"xt\":null},{\"drop\":null}", nameof(Verdict.Wrong))]
    [InlineData("accept; {\"xt\":null},{\"accept\":null}", null)]
    [InlineData(
        "accept; {\"xt\":null},{\"accept\":null} | inet own forward drop",
        nameof(Verdict.Wrong)
    )]
    // As Docker's, for its own bridge.
    [InlineData(
        "drop; {\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"oifname\"}},\"right\":\"docker0\"}},{\"xt\":null},{\"accept\":null}",
        nameof(Verdict.Wrong)
    )]
    public void What_nft_does_not_tell_decides_neither_way(string rules, string? verdict)
    {
        var found = Judge($"ip filter FORWARD {rules}", AddressFamily.InterNetwork);
        Assert.Equal(verdict, found.SingleOrDefault()?.Verdict.ToString());
        if (verdict is nameof(Verdict.Doubtful))
        {
            Assert.EndsWith(
                ", and whether it drops them is not known: nft before 1.0.6 does not tell what rules of iptables ask for, "
                    + "as in chain FORWARD of table ip filter: look at `iptables -S`",
                found[0].Words,
                StringComparison.Ordinal
            );
        }
    }

    private static List<Finding> Judge(string chains, AddressFamily family) =>
        [.. new BridgeFirewall(new Firewall(Ruleset(chains)), [family]).Judge(Bridge, Overlay)];

    /// <summary>Chains as <c>FAMILY TABLE NAME POLICY; RULE; RULE | …</c>, as nft lists them.</summary>
    private static string Ruleset(string chains)
    {
        var listed = new List<string>();
        foreach (var chain in chains.Split(" | "))
        {
            var parts = chain.Split("; ");
            if (parts[0].Split(' ') is not [var family, var table, var name, var policy])
            {
                throw new ArgumentException(chain, nameof(chains));
            }
            var of = $"\"family\":\"{family}\",\"table\":\"{table}\"";
            var hook =
                policy == "-"
                    ? ""
                    : $",\"type\":\"filter\",\"hook\":\"forward\",\"policy\":\"{policy}\"";
            listed.Add($"{{\"chain\":{{{of},\"name\":\"{name}\"{hook}}}}}");
            listed.AddRange(
                parts[1..]
                    .Select(rule =>
                        $"{{\"rule\":{{{of},\"chain\":\"{name}\",\"expr\":[{rule.Trim()}]}}}}"
                    )
            );
        }
        return $"{{\"nftables\":[{{\"metainfo\":{{}}}},{string.Join(',', listed)}]}}";
    }
}
