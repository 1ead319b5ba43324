using System.Collections.Immutable;
using Weft.Core.Engines;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Reachability;

/// <summary>Finds whom one host and its containers reach.</summary>
internal static class HostReachability
{
    /// <summary>
    /// Asks from this machine and from the namespaces of its containers, including those that it has selected by label and those
    /// to which it has given addresses.
    /// </summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="host">This host's name in it.</param>
    /// <param name="sizes">The sizes in bytes of the IP packets that are sent.</param>
    /// <param name="timeout">How long to wait for each answer.</param>
    /// <param name="isOnce">Whether to send one packet per probe, so that losses can be counted.</param>
    /// <param name="mostWays">The most source-destination pairs to try, in all networks together.</param>
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
        var (known, namespaces, containers, silent) = await ResolveAsync(
            overlay,
            host,
            cancellationToken
        );
        Probe[] probes = [.. ReachabilityPlan.ProbesFrom(known, host, sizes, mostWays)];
        var silences = (
            from container in known.Containers
            where container.Host == host
            let silence = SilenceAbout(container.Key)
            where silence is not null
            select (container.Name, silence)
        ).ToLookup(one => one.Name, one => one.silence);
        var results = await AskAsync(probes, namespaces, timeout, isOnce, cancellationToken);
        return new(
            overlay.Name,
            [
                .. results.Select(result =>
                    result is { Outcome: Outcome.NotRunning, From.Container: { } name }
                        ? result with
                        {
                            Detail = silences[name].FirstOrDefault(),
                        }
                        : result
                ),
            ],
            TimeProvider.System.GetUtcNow()
        )
        {
            Unasked = ReachabilityPlan.CountWays(known, host) - probes.Length / sizes.Count,
        };

        string? SilenceAbout(ContainerKey container) =>
            silent.GetValueOrDefault(container.Engine)
            ?? containers.GetValueOrDefault(container)?.Silence;
    }

    /// <summary>Asks from this machine and from the namespaces of its containers.</summary>
    /// <param name="probes">The probes to send.</param>
    /// <param name="namespaces">The network namespaces of running containers, by the containers' names.</param>
    /// <param name="timeout">How long to wait for each answer.</param>
    /// <param name="isOnce">Whether to send one packet per probe, so that losses can be counted.</param>
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

    /// <summary>The network namespaces of a host's running containers, by the containers' names.</summary>
    public static IReadOnlyDictionary<string, string> NamespacesOf(
        Overlay overlay,
        string host,
        IReadOnlyDictionary<ContainerKey, ContainerSighting> sightings
    ) =>
        overlay
            .Containers.Where(container => container.Host == host)
            .Select(container => sightings.GetValueOrDefault(container.Key))
            .Where(sighting => sighting is { IsReady: true })
            .DistinctBy(sighting => sighting!.Key.Name)
            .ToDictionary(sighting => sighting!.Key.Name, sighting => sighting!.Namespace!);

    /// <summary>
    /// Returns the overlay with all containers that are known on the host, the network namespaces of those that run, by the
    /// containers' names, and the engines that matter here and do not answer. It needs no running switch.
    /// </summary>
    private static async Task<(
        Overlay Known,
        IReadOnlyDictionary<string, string> Namespaces,
        IReadOnlyDictionary<ContainerKey, ContainerSighting> Containers,
        ImmutableSortedDictionary<Engine, string> Silent
    )> ResolveAsync(Overlay overlay, string host, CancellationToken cancellationToken)
    {
        var on = new HostOverlay(overlay, host);
        await using var engines = new EngineSet(engine => ContainerEngines.Of(engine));
        var answers = await ContainerReader.AskAsync(
            engines,
            on.Interest.Engines,
            on.Interest,
            cancellationToken
        );
        var containers = answers
            .SelectMany(answer => answer.Containers ?? [])
            .DistinctBy(sighting => sighting.Key)
            .ToImmutableDictionary(sighting => sighting.Key);
        var silent = ContainerReader.SilentOf(answers);
        var known = on.With(
            on.WithRecords(
                HostObservation.Bare(kernelDatapath: true) with
                {
                    Time = TimeProvider.System.GetUtcNow(),
                    Containers = containers,
                    SilentEngines = silent,
                }
            )
        );
        return (known, NamespacesOf(known, host, containers), containers, silent);
    }
}
