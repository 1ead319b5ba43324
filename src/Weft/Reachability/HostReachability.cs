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
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<ReachabilityReport> AskAsync(
        Overlay overlay,
        string host,
        IReadOnlyCollection<int> sizes,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        var askable = ReachabilityPlan
            .ProbesFrom(overlay, host, sizes)
            .ToLookup(probe => CanAsk(overlay, probe.From));
        var asked = await new Prober(NamespaceOf, TimeProvider.System).RunAsync(
            askable[true],
            timeout,
            cancellationToken
        );
        var unasked = askable[false]
            .Select(probe =>
                ProbeResult.Of(
                    probe,
                    new Answer(
                        Outcome.NotRunning,
                        Detail: "only containers of the netns engine can be asked"
                    )
                )
            );
        return new ReachabilityReport(overlay.Name, [.. asked, .. unasked]);
    }

    private static bool CanAsk(Overlay overlay, Endpoint endpoint) =>
        overlay.Containers.All(container =>
            container.Name != endpoint.Container || container.Engine is Engine.Netns
        );

    private static string? NamespaceOf(Endpoint endpoint) =>
        endpoint.Container is { } container ? $"/run/netns/{container}" : null;
}
