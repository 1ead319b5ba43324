using System.Collections.Immutable;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Weft.Core.Intents;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Health;

namespace Weft.Tests;

/// <summary>What a firewall does with what tunnels need of other hosts: rules that the kernel has taken, as nft lists them.</summary>
public sealed partial class UnderlayFirewallTests
{
    private const string Ike = "UDP port 500 (IKE)";
    private const string Esp = "IP protocol 50 (ESP)";

    // As ufw leaves it: answers, its own chains, what an administrator allowed, and the policy.
    private const string Ufw = """
        iptables -N ufw-before-input; iptables -N ufw-not-local; iptables -N ufw-user-input
        iptables -P INPUT DROP
        iptables -A INPUT -j ufw-before-input
        iptables -A INPUT -j ufw-user-input
        iptables -A ufw-before-input -i lo -j ACCEPT
        iptables -A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        iptables -A ufw-before-input -m conntrack --ctstate INVALID -j DROP
        iptables -A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT
        iptables -A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT
        iptables -A ufw-before-input -j ufw-not-local
        iptables -A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
        iptables -A ufw-not-local -m limit --limit 3/min -j LOG
        iptables -A ufw-not-local -j DROP
        iptables -A ufw-user-input -p tcp --dport 22 -j ACCEPT

        """;

    [Theory]
    [InlineData("", "")]
    [InlineData("iptables -P INPUT DROP", $"{Ike}, {Esp}, decrypted GRE")]
    [InlineData("ip6tables -P INPUT DROP", "")]
    [InlineData(Ufw, $"{Ike}, {Esp}, decrypted GRE")]
    [InlineData(
        Ufw + "iptables -A ufw-user-input -p udp --dport 500 -s 192.0.2.2 -j ACCEPT",
        $"{Esp}, decrypted GRE"
    )]
    [InlineData(
        Ufw
            + "iptables -A ufw-user-input -p udp --dport 500 -s 192.0.2.2 -j ACCEPT; iptables -A ufw-user-input -p esp -s 192.0.2.0/24 -j ACCEPT; iptables -A ufw-user-input -p gre -j ACCEPT",
        ""
    )]
    // Somebody else was let in.
    [InlineData(
        "iptables -P INPUT DROP; iptables -A INPUT -s 192.0.2.3 -j ACCEPT; iptables -A INPUT -i eth1 -j ACCEPT",
        $"{Ike}, {Esp}, decrypted GRE"
    )]
    [InlineData("iptables -P INPUT DROP; iptables -A INPUT -i eth+ -j ACCEPT", "")]
    // What iptables does not tell nft may be just what lets it in: nobody is accused.
    [InlineData(
        "iptables -P INPUT DROP; iptables -A INPUT -p udp -m multiport --dports 500,4500 -j ACCEPT",
        $"{Esp}, decrypted GRE"
    )]
    [InlineData(
        "iptables -P INPUT DROP; iptables -A INPUT -p esp -j ACCEPT; iptables -A INPUT -p gre -m policy --dir in --pol ipsec -j ACCEPT",
        Ike
    )]
    [InlineData(
        "iptables -A INPUT -p udp -m conntrack --ctstate NEW --dport 500 -j ACCEPT; iptables -A INPUT -j REJECT",
        $"{Esp}, decrypted GRE"
    )]
    [InlineData("iptables -A INPUT -p esp -j DROP", Esp)]
    [InlineData("iptables -A INPUT -p esp -m limit --limit 3/min -j DROP", "")]
    // As it is written by hand.
    [InlineData(Nft + "}; }'", $"{Ike}, {Esp}, decrypted GRE")]
    [InlineData(Nft + "ip saddr @peers meta l4proto { esp, gre } accept; }; }'", Ike)]
    [InlineData(
        Nft + "ip saddr 192.0.2.0-192.0.2.9 udp dport { 400-600, 4500 } accept; }; }'",
        $"{Esp}, decrypted GRE"
    )]
    [InlineData(Nft + "meta ipsec exists accept; ip protocol esp accept; }; }'", Ike)]
    [InlineData(
        Nft + "ip saddr != 192.0.2.2 drop; ip6 saddr != fd00::1 accept; }; }'",
        $"{Ike}, {Esp}, decrypted GRE"
    )]
    [InlineData(Nft + "iifname != \"eth0\" drop; meta nfproto ipv4 accept; }; }'", "")]
    [InlineData(
        Nft + "udp dport vmap { 500 : accept, 501 : drop }; }; }'",
        $"{Esp}, decrypted GRE"
    )]
    [InlineData(
        Nft + "ip saddr . meta l4proto { 192.0.2.2 . udp, 192.0.2.2 . esp } accept; }; }'",
        ""
    )]
    [InlineData(Nft + "fib daddr type local accept; }; }'", "")]
    // Those who come too often are dropped, and nobody else.
    [InlineData(Flood, "")]
    public async Task What_does_not_get_in_is_named(string script, string dropped)
    {
        var found = Judge(await RulesAsync(script), "{ ipsec: { psk: 0123456789abcdef0123 } }");
        if (dropped.Length == 0)
        {
            Assert.Empty(found);
            return;
        }
        var one = Assert.Single(found);
        Assert.Equal(("firewall for host2", Verdict.Wrong), (one.What, one.Verdict));
        Assert.Contains(
            $" drops {dropped} from host2: let it in by `",
            one.Words,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task What_passes_as_an_answer_may_not_pass_tomorrow()
    {
        var one = Assert.Single(
            Judge(await RulesAsync("iptables -P INPUT DROP"), "{ type: gre }", answers: true)
        );
        Assert.Equal(
            (
                Verdict.Doubtful,
                "chain INPUT of table ip filter drops GRE from host2, unless it takes it for an answer: let it in by `iptables -I INPUT -s 192.0.2.2 -p gre -j ACCEPT`"
            ),
            (one.Verdict, one.Words)
        );
    }

    /// <summary>nft before 1.0.6, as Ubuntu 22.04 has it, tells of what iptables has not even the name.</summary>
    [Fact]
    public async Task What_nft_does_not_tell_is_doubted_of_who_does_not_answer()
    {
        const string Open =
            "iptables -A INPUT -p gre -m conntrack --ctstate NEW -m comment --comment all -j ACCEPT";
        var rules = await RulesAsync(Ufw, isOld: true);
        Assert.Equal(
            (
                Verdict.Doubtful,
                "whether this host's firewall drops GRE from host2 is not known: nft before 1.0.6 does not tell what rules of iptables ask for, "
                    + "as in chain INPUT of table ip filter: look at `iptables -S`"
            ),
            Judge(rules, "{ type: gre }").Select(one => (one.Verdict, one.Words)).Single()
        );
        Assert.Empty(Judge(rules, "{ type: gre }", answers: true));
        Assert.Empty(Judge(await RulesAsync(Open, isOld: true), "{ type: gre }"));
    }

    [Fact]
    public void What_nobody_can_tell_is_doubted_of_who_does_not_answer()
    {
        var one = Assert.Single(Judge(new Firewall(null, "nobody looked"), "{ type: gre }"));
        Assert.Equal(Verdict.Doubtful, one.Verdict);
        Assert.EndsWith(" is not known: nobody looked", one.Words, StringComparison.Ordinal);
    }

    /// <summary>Who keeps the rules is told in its own words; and what is to be typed has the packets in.</summary>
    [Theory]
    [InlineData("iptables -P INPUT DROP", true)]
    [InlineData("ip6tables -P INPUT DROP", true)]
    [InlineData(Nft + "}; }'", true)]
    [InlineData(Ufw, false)]
    [InlineData(
        "nft 'table inet firewalld { chain filter_INPUT { type filter hook input priority 10; reject; }; }'",
        false
    )]
    public async Task What_is_to_be_typed_lets_it_in(string script, bool isTyped)
    {
        const string OverSix = "{ type: geneve, ipsec: { psk: 0123456789abcdef0123 } }";
        var isSix = script.StartsWith("ip6", StringComparison.Ordinal);
        var tunnels = isSix ? OverSix : "{ ipsec: { psk: 0123456789abcdef0123 } }";
        var one = Assert.Single(Judge(await RulesAsync(script), tunnels, isSix: isSix));
        var commands = one.Words.Split('`').Where((_, index) => index % 2 == 1).ToList();
        Assert.Equal(3, commands.Count);
        if (isTyped)
        {
            Assert.Empty(
                Judge(
                    await RulesAsync($"{script}\n{string.Join('\n', commands)}"),
                    tunnels,
                    isSix: isSix
                )
            );
        }
        else if (script == Ufw)
        {
            Assert.Equal(
                [
                    "ufw allow proto udp from 192.0.2.2 to any port 500",
                    "ufw allow proto esp from 192.0.2.2",
                    "ufw allow proto gre from 192.0.2.2",
                ],
                commands
            );
        }
        else
        {
            Assert.Equal(
                [
                    "firewall-cmd --add-rich-rule='rule family=\"ipv4\" source address=\"192.0.2.2\" port port=\"500\" protocol=\"udp\" accept'",
                    "firewall-cmd --add-rich-rule='rule family=\"ipv4\" source address=\"192.0.2.2\" protocol value=\"esp\" accept'",
                    "firewall-cmd --add-rich-rule='rule family=\"ipv4\" source address=\"192.0.2.2\" protocol value=\"gre\" accept'",
                ],
                commands
            );
        }
    }

    [Fact]
    public async Task The_userspace_datapath_is_no_matter_of_the_kernels_firewall() =>
        Assert.Empty(
            Judge(await RulesAsync("iptables -P INPUT DROP"), "{ type: vxlan }", isKernels: false)
        );

    private const string Nft = """
        nft 'table inet mine { set peers { type ipv4_addr; elements = { 192.0.2.2, 192.0.2.7 }; }; chain in { type filter hook input priority 0; policy drop;
        ct state vmap { established : accept, related : accept, invalid : drop }; iif lo accept; tcp dport 22 accept; meta l4proto { icmp, ipv6-icmp } accept;
        """;

    private const string Flood = """
        nft 'table ip mine { set flood { type ipv4_addr; flags dynamic; timeout 1m; }; chain in { type filter hook input priority 0;
        add @flood { ip saddr limit rate over 10/second } drop; }; }'
        """;

    private static List<Finding> Judge(
        Firewall firewall,
        string tunnels,
        bool answers = false,
        bool isSix = false,
        bool isKernels = true
    )
    {
        var (own, other) = isSix ? ("fd00::1", "fd00::2") : ("192.0.2.1", "192.0.2.2");
        var overlay = OverlayFile
            .Parse(
                "overlay.yaml",
                Encoding.UTF8.GetBytes(
                    $$"""
                    name: a
                    hosts: { host1: "{{own}}", host2: "{{other}}" }
                    tunnels: {{tunnels}}
                    networks: { cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true } }
                    """
                )
            )
            .Overlay!;
        var intent = IntentBuilder.Build(overlay, "host1", isKernels);
        var seen = HostObservation.Bare(isKernels) with
        {
            Links = ImmutableDictionary<string, Link>.Empty.Add(
                "eth0",
                new Link
                {
                    Index = 2,
                    Name = "eth0",
                    Kind = "",
                    Addresses = [new InterfaceAddress(IPAddress.Parse(own), 24)],
                }
            ),
        };
        return [.. UnderlayFirewall.Judge(firewall, overlay, intent, seen, "host2", answers)];
    }

    /// <summary>The rules that commands leave in a network of their own.</summary>
    /// <param name="script">The commands.</param>
    /// <param name="isOld">Whether they are listed as nft before 1.0.6 did.</param>
    private static async Task<Firewall> RulesAsync(string script, bool isOld = false)
    {
        Assert.SkipUnless(Environment.UserName == "root", "rules of a firewall need root");
        foreach (var tool in (string[])["nft", "iptables", "unshare"])
        {
            Assert.SkipWhen(Tool.Find(tool) is null, $"this machine has no {tool}");
        }
        var listed = await Tool.RunAsync(
            ["unshare", "--net", "sh", "-euc", $"{script}\nnft -j list ruleset"],
            cancellationToken: TestContext.Current.CancellationToken
        );
        Assert.True(listed.ExitCode == 0, listed.Errors);
        var firewall = new Firewall(
            isOld ? XtPattern().Replace(listed.Output, "\"xt\": null") : listed.Output
        );
        Assert.Null(firewall.WhyUnknown);
        return firewall;
    }

    [GeneratedRegex("\"xt\": \\{[^}]*\\}", RegexOptions.None, 1000)]
    private static partial Regex XtPattern();
}
