using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Health;

/// <summary>
/// Finds whether a host that routes, as hosts with Docker, Podman, LXD or libvirt do, forwards packets into or out of the
/// overlay's networks in which it has an address. IPv4 that comes in by links that Weft made is not forwarded; IPv4 by other
/// links, including those that were taken over, and all IPv6 only the firewall can stop.
/// </summary>
/// <param name="firewall">The host's firewall.</param>
/// <param name="forwardsIpv6">
/// Whether the host forwards IPv6, which is on for all links or for none; for IPv4 the kernel has a setting per link.
/// </param>
internal sealed class RouterFirewall(Firewall firewall, bool forwardsIpv6)
{
    private const int MostNamed = 4;

    /// <summary>Creates one for this host, from its kernel's settings.</summary>
    public static RouterFirewall Of(Firewall firewall) =>
        new(firewall, KernelSetting.IsOn("net.ipv6.conf.all.forwarding"));

    /// <summary>Returns what the host forwards that the overlay file does not ask for.</summary>
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
