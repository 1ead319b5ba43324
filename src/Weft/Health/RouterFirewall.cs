using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Health;

/// <summary>
/// Whether a host that routes, as one does for the containers of Docker, Podman, LXD or libvirt, leads into the overlay's
/// networks that it has addresses in, or out of them. What comes in by the links that Weft made it does not forward by IPv4; what
/// comes in by others, those that were taken over too, and all of IPv6, is its firewall's to stop.
/// </summary>
/// <param name="firewall">The host's firewall.</param>
/// <param name="forwardsIpv6">Whether the host forwards IPv6, which it does by all links or by none; IPv4 the kernel forwards by each link as that is set.</param>
internal sealed class RouterFirewall(Firewall firewall, bool forwardsIpv6)
{
    private const int MostNamed = 4;

    /// <summary>What this host's does.</summary>
    public static RouterFirewall Of(Firewall firewall) =>
        new(firewall, KernelSetting.IsOn("net.ipv6.conf.all.forwarding"));

    /// <summary>What is let through of it that the file does not ask for.</summary>
    public IEnumerable<Finding> Judge(HostIntent intent, HostObservation seen)
    {
        AddressFamily[] families = forwardsIpv6
            ? [AddressFamily.InterNetwork, AddressFamily.InterNetworkV6]
            : [AddressFamily.InterNetwork];
        foreach (
            var (name, addresses) in intent.LinksIntoNetworks.Where(link =>
                !intent.IsRouterOf(link.Name)
            )
        )
        {
            foreach (
                var family in families.Where(family =>
                    addresses.Any(address => address.Address.AddressFamily == family)
                )
            )
            {
                var isIPv4 = family is AddressFamily.InterNetwork;
                var version = IPText.VersionOf(family);
                List<Link> others =
                [
                    .. seen
                        .Links.Values.Where(link =>
                            link.Name != name
                            && link.Name != "lo"
                            && link.Addresses.Concat(link.Leased)
                                .Any(address => address.Address.AddressFamily == family)
                        )
                        .OrderBy(link => link.Name, StringComparer.Ordinal),
                ];
                if (
                    Told(
                        name,
                        $"this host forwards {version} into it from",
                        others
                            .Where(link =>
                                !isIPv4 || link.Forwards is true && !intent.IsRouterOf(link.Name)
                            )
                            .Select(link => link.Name),
                        other => new FirewallPacket(family) { In = other, Out = name },
                        $"`oifname \"{name}\" iifname != \"{name}\" drop` in a chain of nft at the hook forward"
                    ) is
                    { } into
                )
                {
                    yield return into;
                }
                if (
                    !isIPv4
                    && Told(
                        name,
                        $"this host forwards {version} out of it to",
                        others.Select(link => link.Name),
                        other => new FirewallPacket(family) { In = name, Out = other },
                        $"`ip -6 rule add iif {name} priority 100 prohibit`"
                    )
                        is { } outOf
                )
                {
                    yield return outOf;
                }
            }
        }
    }

    private Finding? Told(
        string network,
        string forwards,
        IEnumerable<string> others,
        Func<string, FirewallPacket> packetOf,
        string cure
    )
    {
        var (passing, perhaps) = (new List<string>(), new List<string>());
        string? whyUnknown = null;
        foreach (var other in others)
        {
            switch (firewall.Judge("forward", packetOf(other)))
            {
                case (null, null):
                    passing.Add(other);
                    break;
                case (null, { } why):
                    perhaps.Add(other);
                    whyUnknown = why;
                    break;
            }
        }
        var (links, itsFirewall) =
            passing.Count > 0
                ? (passing, "its firewall lets that pass")
                : (perhaps, $"whether its firewall lets that pass is not known: {whyUnknown}");
        return links.Count == 0
            ? null
            : new Finding(
                $"network {network}",
                Verdict.Doubtful,
                $"{forwards} {Named(links)}, and {itsFirewall}: "
                    + $"forbid it by {cure}, or write `forward: true` where it is wanted"
            );
    }

    private static string Named(List<string> links) =>
        string.Join(", ", links.Take(MostNamed)) + (links.Count > MostNamed ? " and others" : "");
}
