using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Overlays;

namespace Weft.Health;

/// <summary>
/// Finds whether a host's firewall drops what passes through its container bridges. Rules for bridges (nft's family
/// <c>bridge</c>, and ebtables) see every frame. Once br_netfilter is loaded (by Docker, Kubernetes or some rules of iptables),
/// the kernel shows frames also to the rules for IP packets, as if the host routed them; and there Docker and firewalld drop what
/// they do not know.
/// </summary>
/// <param name="firewall">The host's firewall.</param>
/// <param name="filtered">The IP versions whose packets br_netfilter shows to the firewall.</param>
internal sealed class BridgeFirewall(Firewall firewall, IReadOnlyList<AddressFamily> filtered)
{
    /// <summary>Creates one for this host, from its kernel's settings.</summary>
    public static BridgeFirewall Of(Firewall firewall) =>
        new(
            firewall,
            [
                .. (
                    (AddressFamily[])[AddressFamily.InterNetwork, AddressFamily.InterNetworkV6]
                ).Where(IsFiltered),
            ]
        );

    /// <summary>Returns what drops packets of one bridge; nothing where they pass.</summary>
    public IEnumerable<Finding> Judge(BridgeLinkIntent bridge, Overlay overlay)
    {
        var families = overlay
            .Networks.First(one => one.Name == bridge.Network)
            .Subnets.Select(subnet => subnet.BaseAddress.AddressFamily)
            .Distinct()
            .ToList();
        return families
            .SelectMany(family => JudgeFrames(bridge, family))
            .Concat(filtered.Where(families.Contains).SelectMany(family => Judge(bridge, family)));
    }

    private IEnumerable<Finding> JudgeFrames(BridgeLinkIntent bridge, AddressFamily family)
    {
        foreach (
            var (hook, into, outOf) in ((string, string?, string?)[])
                [
                    ("prerouting", bridge.Name, null),
                    ("forward", bridge.Name, bridge.Name),
                    ("postrouting", null, bridge.Name),
                ]
        )
        {
            var frame = new FirewallPacket(family)
            {
                In = into,
                Out = outOf,
                IsFrame = true,
            };
            var which =
                (into is null ? "" : $" meta ibrname {into}")
                + (outOf is null ? "" : $" meta obrname {outOf}");
            if (firewall.Judge(hook, frame).Dropping is { } chain)
            {
                yield return new Finding(
                    "firewall",
                    Verdict.Wrong,
                    $"{chain} drops {IPText.VersionOf(family)} packets that pass bridge {bridge.Name}: let them pass by `nft insert rule {chain.Family} {chain.Table} {chain.Name}{which} accept`"
                );
            }
        }
    }

    private IEnumerable<Finding> Judge(BridgeLinkIntent bridge, AddressFamily family)
    {
        var what =
            $"{IPText.VersionOf(family)} packets that pass bridge {bridge.Name} pass this host's firewall too ({SwitchOf(family)} is 1)";
        // The firewall sees a bridged packet enter and leave by the bridge. A rule with any further condition does not match all
        // of them.
        var frame = new FirewallPacket(family)
        {
            In = bridge.Name,
            Out = bridge.Name,
            IsBridged = true,
            Otherwise = false,
        };
        var (dropping, whyUnknown) = firewall.Judge("forward", frame);
        if (whyUnknown is not null)
        {
            yield return new Finding(
                "firewall",
                Verdict.Doubtful,
                $"{what}, and whether it drops them is not known: {whyUnknown}"
            );
        }
        else if (dropping is { } chain)
        {
            var cure = chain is { Family: not "inet", Table: "filter", Name: "FORWARD" }
                ? $"{(chain.Family is "ip" ? "iptables" : "ip6tables")} -I FORWARD -i {bridge.Name} -o {bridge.Name} -j ACCEPT"
                : $"nft insert rule {chain.Family} {chain.Table} {chain.Name} iifname {bridge.Name} oifname {bridge.Name} accept";
            yield return new Finding(
                "firewall",
                Verdict.Wrong,
                $"{what}, and {chain} drops them: let them pass by `{cure}`, or have none filtered by `sysctl -w {SwitchOf(family)}=0`"
            );
        }
    }

    private static string SwitchOf(AddressFamily family) =>
        family is AddressFamily.InterNetwork
            ? "net.bridge.bridge-nf-call-iptables"
            : "net.bridge.bridge-nf-call-ip6tables";

    private static bool IsFiltered(AddressFamily family) => KernelSetting.IsOn(SwitchOf(family));
}
