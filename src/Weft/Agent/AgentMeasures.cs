using System.Diagnostics;
using System.Diagnostics.Metrics;
using Weft.Core.Planning;

namespace Weft.Agent;

/// <summary>Measures the agent and its host, under names that begin with <c>weft_</c> where Prometheus reads them.</summary>
internal sealed class AgentMeasures : IDisposable
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "weft";

    /// <summary>The bounds of the histograms in seconds.</summary>
    public static readonly double[] Bounds =
    [
        0.005,
        0.01,
        0.025,
        0.05,
        0.1,
        0.25,
        0.5,
        1,
        2.5,
        5,
        10,
    ];

    private readonly Meter meter = new(MeterName);
    private readonly Histogram<double> reconcile;
    private readonly Histogram<double> attach;
    private readonly Counter<long> mended;

    /// <summary>Begins to measure.</summary>
    /// <param name="state">What the agent knows.</param>
    public AgentMeasures(AgentState state)
    {
        reconcile = meter.CreateHistogram<double>(
            "weft.reconcile.duration",
            "s",
            "How long a round took: observing, planning, applying, reading back."
        );
        attach = meter.CreateHistogram<double>(
            "weft.attach.latency",
            "s",
            "From the first word of a container to the end of the round that gave it its place."
        );
        mended = meter.CreateCounter<long>(
            "weft.changes",
            "{change}",
            "Changes that were carried out, by what they are about and what they do."
        );
        meter.CreateObservableGauge(
            "weft.build.info",
            () =>
                new Measurement<int>(1, new KeyValuePair<string, object?>("version", Self.Version)),
            null,
            "Which weft the agent is: always 1."
        );
        meter.CreateObservableGauge(
            "weft.healthy",
            () => state is { Status.IsHealthy: true, Problem: null } ? 1 : 0,
            null,
            "Whether the host is as intended."
        );
        meter.CreateObservableGauge(
            "weft.file.refused",
            () => state.Refused is null ? 0 : 1,
            null,
            "Whether the overlay file has mistakes, so that the one before is in force."
        );
        meter.CreateObservableGauge(
            "weft.items",
            () =>
                (state.Status?.Items ?? [])
                    .GroupBy(item => (item.Kind, item.State))
                    .Select(group => new Measurement<int>(
                        group.Count(),
                        new("kind", group.Key.Kind),
                        new("state", group.Key.State.ToString().ToLowerInvariant())
                    )),
            null,
            "How many things of each kind stand how."
        );
        meter.CreateObservableGauge(
            "weft.tunnel.up",
            () => PeersUp(state),
            null,
            "1 if the port to that host is there, and encrypted where it is to be."
        );
        meter.CreateObservableGauge(
            "weft.association.age",
            () => Ages(state),
            "s",
            "How long ago the newest association with a host was negotiated."
        );
        meter.CreateObservableGauge(
            "weft.certificate.expiry",
            () => Expiry(state),
            "s",
            "How long the host's certificate is still valid."
        );
        meter.CreateObservableCounter(
            "weft.packets.blocked",
            () =>
                state.Last?.Observation?.Blocked is { } blocked
                    ? (Measurement<long>[])
                        [
                            new(blocked.Out, new KeyValuePair<string, object?>("direction", "out")),
                            new(blocked.In, new KeyValuePair<string, object?>("direction", "in")),
                        ]
                    : [],
            "{packet}",
            "Packets that were to cross in plaintext and did not, since the host was started."
        );
        meter.CreateObservableCounter(
            "weft.errors",
            () =>
                state.FailureCounts.Select(pair => new Measurement<long>(
                    pair.Value,
                    new KeyValuePair<string, object?>("item", pair.Key)
                )),
            "{error}",
            "How often something could not be carried out, by what."
        );
        meter.CreateObservableGauge(
            "weft.memory",
            () => Environment.WorkingSet,
            "By",
            "The agent's resident memory."
        );
        meter.CreateObservableCounter(
            "weft.processor.time",
            () => Environment.CpuUsage.TotalTime.TotalSeconds,
            "s",
            "Processor time that the agent has used."
        );
    }

    /// <summary>A round has ended.</summary>
    /// <param name="round">The round.</param>
    /// <param name="sinceEvent">How long ago the first event was that led to it.</param>
    public void Note(Round round, TimeSpan sinceEvent)
    {
        reconcile.Record(round.Elapsed.TotalSeconds);
        foreach (var change in round.Done)
        {
            mended.Add(
                1,
                new TagList { { "what", change.What }, { "action", change.Action.Word } }
            );
        }
        if (
            round.Done.Any(change =>
                change is { What: "interface", Action: ChangeAction.Add or ChangeAction.Set }
            )
        )
        {
            attach.Record(sinceEvent.TotalSeconds);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => meter.Dispose();

    private static IEnumerable<Measurement<int>> PeersUp(AgentState state)
    {
        var items = state.Status?.Items ?? [];
        return items
            .Where(item => item.Kind is "tunnel" or "encryption")
            .GroupBy(item => item.Name)
            .Select(peer => new Measurement<int>(
                peer.All(item => item.State is ItemState.Ok) ? 1 : 0,
                new KeyValuePair<string, object?>("peer", peer.Key)
            ));
    }

    private static IEnumerable<Measurement<double>> Ages(AgentState state) =>
        state.Last is { Intent: { Ipsec: not null } intent, Observation: { } observation }
            ? HostStatus
                .AssociationAges(intent, observation)
                .Select(age => new Measurement<double>(
                    age.Value.TotalSeconds,
                    new KeyValuePair<string, object?>("peer", age.Key)
                ))
            : [];

    private static IEnumerable<Measurement<double>> Expiry(AgentState state) =>
        state.Last?.Observation is { Credentials.Certificate: { } certificate }
            ? [new((certificate.Expires - TimeProvider.System.GetUtcNow()).TotalSeconds)]
            : [];
}
