using System.Collections.Immutable;
using System.Net.Sockets;
using System.Numerics;
using Weft.Core.Overlays;

namespace Weft.Reachability;

/// <summary>What should reach what: every container and host every other one, within each network.</summary>
internal static class ReachabilityPlan
{
    /// <summary>The size in bytes of the smaller packet: what <c>ping</c> sends over IPv4 when not told otherwise.</summary>
    public const int SmallSize = 84;

    // As many as are worth the neighbours that they take.
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

    /// <summary>The probes that one host and its containers send.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">The host's name.</param>
    /// <param name="sizes">The sizes in bytes of the IP packets that are sent.</param>
    /// <param name="mostWays">
    /// How many ways at most, the same share of them in each network: where there are more, each address asks some others,
    /// spread over all.
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

    /// <summary>One way to each of some other hosts, between hosts themselves where they have addresses in a network.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">The host that asks, itself or by one of its containers.</param>
    /// <param name="peers">The hosts that are asked, themselves or by one of their containers.</param>
    /// <param name="canAsk">Whether an address of the host's or of a container of its is there to ask from.</param>
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
            // Of all that differ by no more than their number in the file the first is taken, before they are paired: all
            // pairs of a large overlay are thousands of thousands.
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
            // Of a container nobody knows here whether it runs: a host's own address says more.
            .Select(ways =>
                ways.OrderBy(way => IsContainer(way.To))
                    .ThenBy(way => IsContainer(way.From))
                    .First()
            )
        from size in sizes
        select new Probe(way.Network, way.From, way.To, size);

    /// <summary>
    /// A way to each of some others on the host of one who does not answer: to that host itself where a network gives it an
    /// address, else to some of its other containers, of which nobody knows here whether they run.
    /// </summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">The host that asks, itself or by one of its containers.</param>
    /// <param name="silent">Who does not answer.</param>
    /// <param name="canAsk">Whether an address of the host's or of a container of its is there to ask from.</param>
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

    // Where all ask all, who answers has asked before: else it takes a neighbour of its own.
    private static int AskedByEach(int here, int all, int mostWays) =>
        (long)here * all <= mostWays ? all : Math.Max(1, mostWays / 2 / here);

    /// <summary>Who asks: each, or where even one way each is too many, as many as there are ways, at equal distances.</summary>
    private static IEnumerable<int> Asking(int here, int all, int mostWays)
    {
        var most = (long)here * all <= mostWays ? here : Math.Clamp(mostWays / 2, 1, here);
        return Enumerable.Range(0, most).Select(number => (int)((long)number * here / most));
    }

    /// <summary>
    /// Whom a source asks: all, in the order of the file; or the next some of a walk through all that each source goes on with
    /// where the one before it stopped, so that nobody is asked twice before all are asked once.
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

    /// <summary>A step by which a walk gets everywhere, and far from where it was: the golden ratio's, or the next that does.</summary>
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

    private static bool IsContainer(Endpoint endpoint) => endpoint.Container is not null;

    private static (string, string?) Owner(Endpoint endpoint) =>
        (endpoint.Host, endpoint.Container);
}
