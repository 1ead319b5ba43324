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
    ) =>
        new(
            overlay.Name,
            await new Prober(NamespaceOf, TimeProvider.System).RunAsync(
                ReachabilityPlan.ProbesFrom(overlay, host, sizes),
                timeout,
                cancellationToken
            )
        );

    private static string? NamespaceOf(Endpoint endpoint) =>
        endpoint.Container is { } container ? $"/run/netns/{container}" : null;
}
