using System.Collections.Immutable;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Weft.Core;
using Weft.Core.Engines;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Reachability;

namespace Weft.Agent;

/// <summary>Finds out what costs the host something, only while somebody wants to know.</summary>
/// <param name="state">What the agent knows.</param>
/// <param name="count">Counts what crosses the switch's interfaces, again and again.</param>
/// <param name="clock">The clock.</param>
/// <param name="ending">Ends with the agent.</param>
internal sealed class Lookout(
    AgentState state,
    Func<CancellationToken, IAsyncEnumerable<ImmutableDictionary<string, TrafficCounters>>> count,
    TimeProvider clock,
    CancellationToken ending
)
{
    private const int MostProbes = 2000;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private Task<ReachabilityDocument>? asked;
    private long askedAt;

    /// <summary>What has crossed the tunnels: now, and whenever it was counted anew.</summary>
    public async IAsyncEnumerable<TrafficDocument> TrafficAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await foreach (var counters in count(cancellationToken))
        {
            yield return new TrafficDocument(
                clock.GetUtcNow(),
                SwitchTraffic.IntervalOf(state.Last?.Observation?.Switch).TotalSeconds,
                [
                    .. (state.Last?.Intent?.Switch?.Ports ?? [])
                        .Where(port => port.Peer is not null && counters.ContainsKey(port.Name))
                        .Select(port =>
                            TunnelTrafficDocument.Of(port.Peer!, port.Name, counters[port.Name])
                        ),
                ]
            );
        }
    }

    /// <summary>Whom this host and its containers reach: asked now, unless somebody asked a moment ago.</summary>
    /// <exception cref="HostException">Nobody may be asked.</exception>
    public Task<ReachabilityDocument> ReachabilityAsync(CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (
                asked is null
                || asked.IsFaulted
                || asked.IsCompleted && clock.GetElapsedTime(askedAt) >= Pause
            )
            {
                askedAt = clock.GetTimestamp();
                asked = AskAsync();
            }
            return asked.WaitAsync(cancellationToken);
        }
    }

    private async Task<ReachabilityDocument> AskAsync()
    {
        var on = state.On!;
        var observation = state.Last?.Observation;
        var overlay = observation is null ? on.Overlay : on.With(observation);
        var places = Math.Max(1, overlay.Networks.Length) * overlay.Hosts.Length;
        var (probes, left) = ReachabilityPlan.Sample(
            ReachabilityPlan.ProbesFrom(
                overlay,
                on.Host,
                [ReachabilityPlan.SmallSize, OverlayMtu.Of(overlay).Bytes]
            ),
            // Both packet sizes for a path, or neither.
            Math.Max(1, MostProbes / 2 / places) * 2
        );
        try
        {
            return new ReachabilityDocument(
                clock.GetUtcNow(),
                left,
                await HostReachability.AskAsync(
                    probes,
                    HostReachability.NamespacesOf(
                        overlay,
                        on.Host,
                        observation?.Containers
                            ?? ImmutableDictionary<ContainerKey, ContainerSighting>.Empty
                    ),
                    Patience,
                    isOnce: false,
                    ending
                )
            );
        }
        catch (SocketException exception)
            when (exception.SocketErrorCode is SocketError.AccessDenied)
        {
            throw new HostException(
                "the agent may not ask who is reached: it has no CAP_NET_RAW, which its service gives unless a drop-in takes it (`systemctl cat weft-agent`)",
                exception
            );
        }
    }
}

/// <summary>What has crossed the tunnels.</summary>
internal sealed record TrafficDocument(
    DateTimeOffset Time,
    double Interval,
    IReadOnlyList<TunnelTrafficDocument> Tunnels
);

/// <summary>What has crossed one tunnel.</summary>
internal sealed record TunnelTrafficDocument(
    string Peer,
    string Port,
    long BytesIn,
    long BytesOut,
    long PacketsIn,
    long PacketsOut
)
{
    /// <summary>Puts a tunnel and its counters together.</summary>
    public static TunnelTrafficDocument Of(string peer, string port, TrafficCounters counters) =>
        new(
            peer,
            port,
            counters.BytesIn,
            counters.BytesOut,
            counters.PacketsIn,
            counters.PacketsOut
        );
}

/// <summary>Whom this host and its containers reach.</summary>
internal sealed record ReachabilityDocument(
    DateTimeOffset Time,
    long Left,
    ImmutableArray<ProbeResult> Results
);
