using System.Collections.Immutable;
using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Reachability;

/// <summary>Whom one host and its containers reach.</summary>
internal static class HostReachability
{
    /// <summary>Asks from this machine and from the namespaces of its containers.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">This host's name in it.</param>
    /// <param name="sizes">The sizes in bytes of the IP packets that are sent.</param>
    /// <param name="timeout">How long each answer is waited for.</param>
    /// <param name="isOnce">Whether one packet is sent for each, so that what is lost can be counted.</param>
    /// <param name="mostWays">How many ways are asked of in a network.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<ReachabilityReport> AskAsync(
        Overlay overlay,
        string host,
        IReadOnlyCollection<int> sizes,
        TimeSpan timeout,
        bool isOnce,
        int mostWays,
        CancellationToken cancellationToken
    )
    {
        Probe[] probes = [.. ReachabilityPlan.ProbesFrom(overlay, host, sizes, mostWays)];
        return new(
            overlay.Name,
            await AskAsync(
                probes,
                await NamespacesAsync(overlay, host, cancellationToken),
                timeout,
                isOnce,
                cancellationToken
            )
        )
        {
            Unasked = ReachabilityPlan.CountWays(overlay, host) - probes.Length / sizes.Count,
        };
    }

    /// <summary>Asks from this machine and from the namespaces of its containers.</summary>
    /// <param name="probes">What to ask.</param>
    /// <param name="namespaces">The network namespaces of the containers that run, by the containers' names.</param>
    /// <param name="timeout">How long each answer is waited for.</param>
    /// <param name="isOnce">Whether one packet is sent for each, so that what is lost can be counted.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<ImmutableArray<ProbeResult>> AskAsync(
        IEnumerable<Probe> probes,
        IReadOnlyDictionary<string, string> namespaces,
        TimeSpan timeout,
        bool isOnce,
        CancellationToken cancellationToken
    )
    {
        var askable = probes.ToLookup(probe =>
            probe.From.Container is null || namespaces.ContainsKey(probe.From.Container)
        );
        var asked = await new Prober(
            from => from.Container is { } container ? namespaces[container] : null,
            TimeProvider.System
        )
        {
            IsOnce = isOnce,
        }.RunAsync(askable[true], timeout, cancellationToken);
        var unasked = askable[false]
            .Select(probe => ProbeResult.Of(probe, new Answer(Outcome.NotRunning)));
        return [.. asked, .. unasked];
    }

    /// <summary>The network namespaces of the host's containers that run, by the containers' names.</summary>
    private static async Task<Dictionary<string, string>> NamespacesAsync(
        Overlay overlay,
        string host,
        CancellationToken cancellationToken
    )
    {
        await using var engines = new EngineSet(engine => ContainerEngines.Of(engine));
        var sightings = await Task.WhenAll(
            overlay
                .Containers.Where(container => container.Host == host)
                .Select(container =>
                    engines.Of(container.Engine).FindAsync(container.Name, cancellationToken)
                )
        );
        return sightings
            .OfType<ContainerSighting>()
            .Where(sighting => sighting.IsReady)
            .ToDictionary(sighting => sighting.Key.Name, sighting => sighting.Namespace!);
    }
}
