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

    /// <summary>
    /// How many ways from one host are asked of in a network unless all are wanted. A thousand containers have a million,
    /// which take longer than anybody waits, and more neighbours than a kernel keeps.
    /// </summary>
    public const int MostWays = 10_000;

    /// <summary>The probes that one host and its containers send.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">The host's name.</param>
    /// <param name="sizes">The sizes in bytes of the IP packets that are sent.</param>
    /// <param name="mostWays">
    /// How many ways in a network at most, unless it has more addresses here: then each asks a few others, spread over all.
    /// </param>
    public static IEnumerable<Probe> ProbesFrom(
        Overlay overlay,
        string host,
        IReadOnlyCollection<int> sizes,
        int mostWays = int.MaxValue
    ) =>
        from network in overlay.Networks
        let endpoints = EndpointsOf(overlay, network).ToArray()
        let asked = AskedByEach(endpoints, host, mostWays)
        from source in Enumerable.Range(0, endpoints.Length)
        where endpoints[source].Host == host
        from destination in Spread(source, endpoints.Length, asked)
        where IsWay(endpoints[source], endpoints[destination])
        from size in sizes
        select new Probe(network.Name, endpoints[source], endpoints[destination], size);

    /// <summary>How many ways from a host there are in all networks.</summary>
    public static long CountWays(Overlay overlay, string host)
    {
        var count = 0L;
        foreach (var network in overlay.Networks)
        {
            var endpoints = EndpointsOf(overlay, network).ToArray();
            var families = endpoints.CountBy(Family).ToDictionary();
            var owners = endpoints.CountBy(one => (Owner(one), Family(one))).ToDictionary();
            count += endpoints
                .Where(source => source.Host == host)
                .Sum(source =>
                    (long)families[Family(source)] - owners[(Owner(source), Family(source))]
                );
        }
        return count;
    }

    private static int AskedByEach(Endpoint[] endpoints, string host, int mostWays)
    {
        var here = endpoints.Count(endpoint => endpoint.Host == host);
        return here == 0 || (long)here * endpoints.Length <= mostWays
            ? endpoints.Length
            : Math.Max(1, mostWays / here);
    }

    /// <summary>Which of all ask-able ones a source asks: itself left out, in the order of the file where all are.</summary>
    private static IEnumerable<int> Spread(int source, int all, int asked) =>
        asked >= all
            ? Enumerable.Range(0, all)
            : Enumerable
                .Range(0, asked)
                .Select(number => (int)((source + 1 + (long)number * (all - 1) / asked) % all))
                .Order();

    private static bool IsWay(Endpoint source, Endpoint destination) =>
        Family(source) == Family(destination) && Owner(source) != Owner(destination);

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
