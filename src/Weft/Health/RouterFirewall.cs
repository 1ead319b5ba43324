using System.Net.Sockets;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Health;

/// <summary>
/// Whether a host that routes, as one does for the containers of Docker, Podman, LXD or libvirt, leads into the overlay's
/// networks that it has addresses in, or out of them. What comes in by the overlay's links it does not forward by IPv4; what
/// comes in by others, and all of IPv6, is its firewall's to stop.
/// </summary>
/// <param name="firewall">The host's firewall.</param>
/// <param name="routed">The IP versions that the host forwards.</param>
internal sealed class RouterFirewall(Firewall firewall, IReadOnlyList<AddressFamily> routed)
{
    private const int MostNamed = 4;

    /// <summary>What this host's does.</summary>
    public static RouterFirewall Of(Firewall firewall) =>
        new(
            firewall,
            [
                .. (
                    (AddressFamily[])[AddressFamily.InterNetwork, AddressFamily.InterNetworkV6]
                ).Where(IsRouted),
            ]
        );

    /// <summary>What is let through of it that the file does not ask for.</summary>
    public IEnumerable<Finding> Judge(HostIntent intent, HostObservation seen)
    {
        var own = intent.LinksIntoNetworks.Select(link => link.Name).ToHashSet();
        foreach (
            var (name, addresses) in intent.LinksIntoNetworks.Where(link =>
                !intent.IsRouterOf(link.Name)
            )
        )
        {
            foreach (
                var family in routed.Where(family =>
                    addresses.Any(address => address.Address.AddressFamily == family)
                )
            )
            {
                var (isIPv4, version) =
                    family is AddressFamily.InterNetwork ? (true, "IPv4") : (false, "IPv6");
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
                                !(isIPv4 && (own.Contains(link.Name) || link.Forwards is not true))
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

    private static bool IsRouted(AddressFamily family) =>
        KernelSetting.IsOn(
            $"net.{(family is AddressFamily.InterNetwork ? "ipv4" : "ipv6")}.conf.all.forwarding"
        );
}
