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
                var into = others
                    .Where(link =>
                        !(isIPv4 && (own.Contains(link.Name) || link.Forwards is not true))
                        && IsLetThrough(family, link.Name, name)
                    )
                    .Select(link => link.Name)
                    .ToList();
                if (into.Count > 0)
                {
                    yield return new Finding(
                        $"network {name}",
                        Verdict.Doubtful,
                        $"this host forwards {version} into it from {Named(into)}, and its firewall lets that pass: "
                            + $"forbid it by `oifname \"{name}\" iifname != \"{name}\" drop` in a chain of nft at the hook forward, or write `forward: true` where it is wanted"
                    );
                }
                var outOf = isIPv4
                    ? []
                    : others
                        .Select(link => link.Name)
                        .Where(link => IsLetThrough(family, name, link))
                        .ToList();
                if (outOf.Count > 0)
                {
                    yield return new Finding(
                        $"network {name}",
                        Verdict.Doubtful,
                        $"this host forwards {version} out of it to {Named(outOf)}, and its firewall lets that pass: "
                            + $"forbid it by `ip -6 rule add iif {name} priority 100 prohibit`, or write `forward: true` where it is wanted"
                    );
                }
            }
        }
    }

    private static string Named(List<string> links) =>
        string.Join(", ", links.Take(MostNamed)) + (links.Count > MostNamed ? " and others" : "");

    private bool IsLetThrough(AddressFamily family, string from, string to) =>
        firewall.Judge("forward", new FirewallPacket(family) { In = from, Out = to })
            is { Dropping: null };

    private static bool IsRouted(AddressFamily family) =>
        KernelSetting.IsOn(
            $"net.{(family is AddressFamily.InterNetwork ? "ipv4" : "ipv6")}.conf.all.forwarding"
        );
}
