using System.Collections.Immutable;
using System.Net.Sockets;
using System.Numerics;
using Weft.Core.Overlays;

namespace Weft.Reachability;

/// <summary>Plans which probes to send: within each network, every container and host should reach every other.</summary>
internal static class ReachabilityPlan
{
    /// <summary>The size in bytes of the smaller packet: what <c>ping</c> sends over IPv4 by default.</summary>
    public const int SmallSize = 84;

    // More would tell little and take up the neighbour table.
    private const int MostOthers = 8;

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

    /// <summary>Plans the probes that one host and its containers send.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">The host's name.</param>
    /// <param name="sizes">The sizes in bytes of the IP packets that are sent.</param>
    /// <param name="mostWays">
    /// The most source-destination pairs, the same share in each network. If there are more, each address tries only some
    /// destinations, spread over all.
    /// </param>
    public static IEnumerable<Probe> ProbesFrom(
        Overlay overlay,
        string host,
        IReadOnlyCollection<int> sizes,
        int mostWays = int.MaxValue
    ) =>
        from network in overlay.Networks
        let endpoints = EndpointsOf(overlay, network).ToArray()
        let here = Enumerable
            .Range(0, endpoints.Length)
            .Where(number => endpoints[number].Host == host)
            .ToArray()
        let asked = AskedByEach(here.Length, endpoints.Length, mostWays / overlay.Networks.Length)
        from turn in Asking(here.Length, endpoints.Length, mostWays / overlay.Networks.Length)
            .Index()
        let source = here[turn.Item]
        from destination in Spread(turn.Index, endpoints.Length, asked)
        where IsWay(endpoints[source], endpoints[destination])
        from size in sizes
        select new Probe(network.Name, endpoints[source], endpoints[destination], size);

    /// <summary>
    /// Plans one path to each of some other hosts, between the hosts themselves where a network gives them addresses.
    /// </summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">The host that sends, itself or from one of its containers.</param>
    /// <param name="peers">The hosts to reach, themselves or one of their containers.</param>
    /// <param name="canAsk">Whether an address of the host or of one of its containers is there to send from.</param>
    /// <param name="sizes">The sizes in bytes of the IP packets that are sent.</param>
    public static IEnumerable<Probe> OneToEach(
        Overlay overlay,
        string host,
        IReadOnlySet<string> peers,
        Func<Endpoint, bool> canAsk,
        IReadOnlyCollection<int> sizes
    ) =>
        from way in (
            from network in overlay.Networks
            let endpoints = EndpointsOf(overlay, network).ToArray()
            // Addresses that differ only in their place in the file are reduced to the first before they are paired: all pairs of
            // a large overlay are millions.
            from source in endpoints
                .Where(one => one.Host == host && canAsk(one))
                .DistinctBy(one => (Family(one), IsContainer(one)))
            from destination in endpoints
                .Where(one => peers.Contains(one.Host))
                .DistinctBy(one => (one.Host, Family(one), IsContainer(one)))
            where IsWay(source, destination)
            select (Network: network.Name, From: source, To: destination)
        )
            .GroupBy(way => way.To.Host)
            // Prefer a host's own address: whether another host's container runs is not known here.
            .Select(ways =>
                ways.OrderBy(way => IsContainer(way.To))
                    .ThenBy(way => IsContainer(way.From))
                    .First()
            )
        from size in sizes
        select new Probe(way.Network, way.From, way.To, size);

    /// <summary>
    /// Plans paths to others on the host of somebody who does not answer: to the host itself where a network gives it an address,
    /// or else to some of its other containers, of which this host does not know whether they run.
    /// </summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">The host that sends, itself or from one of its containers.</param>
    /// <param name="silent">The endpoint that does not answer.</param>
    /// <param name="canAsk">Whether an address of the host or of one of its containers is there to send from.</param>
    /// <param name="size">The size in bytes of the IP packets that are sent.</param>
    public static IEnumerable<Probe> ToOthersOn(
        Overlay overlay,
        string host,
        Endpoint silent,
        Func<Endpoint, bool> canAsk,
        int size
    ) =>
        (
            from network in overlay.Networks
            let endpoints = EndpointsOf(overlay, network).ToArray()
            let sources = endpoints
                .Where(one => one.Host == host && canAsk(one))
                .DistinctBy(Family)
                .ToArray()
            from destination in endpoints
                .Where(one => one.Host == silent.Host && Owner(one) != Owner(silent))
                .OrderBy(IsContainer)
                .Take(MostOthers)
            from source in sources
            where IsWay(source, destination)
            select new Probe(network.Name, source, destination, size)
        )
            .GroupBy(probe => IsContainer(probe.To))
            .OrderBy(probes => probes.Key)
            .FirstOrDefault()
            ?.Take(MostOthers)
        ?? [];

    /// <summary>Counts all source-destination pairs that start on a host, in all networks.</summary>
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

    // The limit is on neighbour entries. If all try all, an answer needs no entry of its own, since the destination also sends;
    // otherwise it does.
    private static int AskedByEach(int here, int all, int mostWays) =>
        (long)here * all <= mostWays ? all : Math.Max(1, mostWays / 2 / here);

    /// <summary>
    /// Chooses the senders: all; or, where even one destination each is too many, as many as the limit allows, evenly spaced.
    /// </summary>
    private static IEnumerable<int> Asking(int here, int all, int mostWays)
    {
        var most = (long)here * all <= mostWays ? here : Math.Clamp(mostWays / 2, 1, here);
        return Enumerable.Range(0, most).Select(number => (int)((long)number * here / most));
    }

    /// <summary>
    /// Chooses the destinations of a sender: all, in the order of the file; or the next few of a walk through all, which each
    /// sender continues where the one before it stopped, so that nobody is tried twice before all are tried once.
    /// </summary>
    private static IEnumerable<int> Spread(int turn, int all, int asked)
    {
        var step = (long)StepOf(all);
        return asked >= all
            ? Enumerable.Range(0, all)
            : Enumerable
                .Range(0, asked)
                .Select(number => (int)(((long)turn * asked + number) % all * step % all))
                .Order();
    }

    /// <summary>
    /// A step that visits every index and spreads neighbours far apart: the golden ratio's, or the next that is coprime.
    /// </summary>
    private static int StepOf(int all)
    {
        var step = Math.Max(1, (int)(all * 0.618));
        while (BigInteger.GreatestCommonDivisor(step, all) != 1)
        {
            step++;
        }
        return step;
    }

    private static bool IsWay(Endpoint source, Endpoint destination) =>
        Family(source) == Family(destination) && Owner(source) != Owner(destination);

    /// <summary>
    /// Takes at most so many probes per network and destination host, so that a large overlay is sampled in every part.
    /// </summary>
    /// <returns>The probes taken, in their order, and how many were left out.</returns>
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

    private static bool IsContainer(Endpoint endpoint) => endpoint.Container is not null;

    private static (string, string?) Owner(Endpoint endpoint) =>
        (endpoint.Host, endpoint.Container);
}
