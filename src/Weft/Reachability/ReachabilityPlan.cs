using System.Collections.Immutable;
using System.Net.Sockets;
using Weft.Core.Overlays;

namespace Weft.Reachability;

/// <summary>What should reach what: every container and host every other one, within each network.</summary>
internal static class ReachabilityPlan
{
    /// <summary>The size in bytes of the smaller packet: what <c>ping</c> sends over IPv4 when not told otherwise.</summary>
    public const int SmallSize = 84;

    /// <summary>All addresses in one network, the hosts' first, in the order of the overlay file.</summary>
    public static IEnumerable<Endpoint> EndpointsOf(Overlay overlay, Network network)
    {
        foreach (var host in network.Hosts)
        {
            foreach (var address in host.Addresses)
            {
                yield return new Endpoint(host.Host, null, address);
            }
        }
        foreach (var container in overlay.Containers)
        {
            foreach (var attachment in container.Attachments.Where(a => a.Network == network.Name))
            {
                foreach (var address in attachment.Addresses)
                {
                    yield return new Endpoint(container.Host, container.Name, address);
                }
            }
        }
    }

    /// <summary>The probes that one host and its containers send.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">The host's name.</param>
    /// <param name="sizes">The sizes in bytes of the IP packets that are sent.</param>
    public static IEnumerable<Probe> ProbesFrom(
        Overlay overlay,
        string host,
        IReadOnlyCollection<int> sizes
    ) =>
        from network in overlay.Networks
        let endpoints = EndpointsOf(overlay, network).ToArray()
        from source in endpoints
        where source.Host == host
        from destination in endpoints
        where Family(source) == Family(destination) && Owner(source) != Owner(destination)
        from size in sizes
        select new Probe(network.Name, source, destination, size);

    /// <summary>No more than so many of the probes in each network to each host: of a large overlay, something of every part.</summary>
    /// <returns>Those, in their order, and how many there are beside them.</returns>
    public static (ImmutableArray<Probe> Taken, long Left) Sample(
        IEnumerable<Probe> probes,
        int mostToEachHost
    )
    {
        var counts = new Dictionary<(string Network, string Host), int>();
        var taken = ImmutableArray.CreateBuilder<Probe>();
        var left = 0L;
        foreach (var probe in probes)
        {
            var place = (probe.Network, probe.To.Host);
            var count = counts.GetValueOrDefault(place);
            if (count < mostToEachHost)
            {
                counts[place] = count + 1;
                taken.Add(probe);
            }
            else
            {
                left++;
            }
        }
        return (taken.ToImmutable(), left);
    }

    private static AddressFamily Family(Endpoint endpoint) => endpoint.Address.AddressFamily;

    private static (string, string?) Owner(Endpoint endpoint) =>
        (endpoint.Host, endpoint.Container);
}
