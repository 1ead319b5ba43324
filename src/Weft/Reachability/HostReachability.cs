using System.Collections.Immutable;
using Weft.Core.Engines;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Reachability;

/// <summary>Whom one host and its containers reach.</summary>
internal static class HostReachability
{
    /// <summary>
    /// Asks from this machine and from the namespaces of its containers, those too that it knows by their labels and those that
    /// it has given their addresses.
    /// </summary>
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
        var (known, namespaces) = await ResolveAsync(overlay, host, cancellationToken);
        Probe[] probes = [.. ReachabilityPlan.ProbesFrom(known, host, sizes, mostWays)];
        return new(
            overlay.Name,
            await AskAsync(probes, namespaces, timeout, isOnce, cancellationToken)
        )
        {
            Unasked = ReachabilityPlan.CountWays(known, host) - probes.Length / sizes.Count,
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

    /// <summary>The network namespaces of a host's containers that run, by the containers' names.</summary>
    public static IReadOnlyDictionary<string, string> NamespacesOf(
        Overlay overlay,
        string host,
        IReadOnlyDictionary<ContainerKey, ContainerSighting> sightings
    ) =>
        overlay
            .Containers.Where(container => container.Host == host)
            .Select(container =>
                sightings.GetValueOrDefault(new ContainerKey(container.Engine, container.Name))
            )
            .Where(sighting => sighting is { IsReady: true })
            .DistinctBy(sighting => sighting!.Key.Name)
            .ToDictionary(sighting => sighting!.Key.Name, sighting => sighting!.Namespace!);

    /// <summary>
    /// The overlay with all containers of the host that are known on it, and the network namespaces of those that run, by the
    /// containers' names. It does not take a switch that runs.
    /// </summary>
    private static async Task<(Overlay, IReadOnlyDictionary<string, string>)> ResolveAsync(
        Overlay overlay,
        string host,
        CancellationToken cancellationToken
    )
    {
        var on = new HostOverlay(overlay, host);
        await using var engines = new EngineSet(engine => ContainerEngines.Of(engine));
        var asked = await Task.WhenAll(
            on.Interest.Engines.Select(async engine =>
                (Engine: engine, Has: await engines.Of(engine).ListAsync(cancellationToken))
            )
        );
        var containers = asked
            .SelectMany(one => one.Has ?? [])
            .DistinctBy(sighting => sighting.Key)
            .ToImmutableDictionary(sighting => sighting.Key);
        var known = on.With(
            on.WithRecords(
                HostObservation.Bare(kernelDatapath: true) with
                {
                    Time = TimeProvider.System.GetUtcNow(),
                    Containers = containers,
                    SilentEngines = asked
                        .Where(one => one.Has is null)
                        .ToImmutableSortedDictionary(one => one.Engine, _ => "does not run"),
                }
            )
        );
        return (known, NamespacesOf(known, host, containers));
    }
}
