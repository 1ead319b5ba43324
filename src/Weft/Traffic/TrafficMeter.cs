using System.Collections.Immutable;
using Weft.Core.Observation;

namespace Weft.Traffic;

/// <summary>
/// Computes rates from samples. A link's counters are current when read. Those of tunnels Open vSwitch updates at its own
/// interval without saying when: an update shows only as a change of values, and the time between two updates is taken as a
/// multiple of that interval.
/// </summary>
internal sealed class TrafficMeter
{
    // In intervals: counters that have not changed for longer carry nothing.
    private const double Patience = 1.5;

    private readonly Dictionary<string, Seen> hosts = [];

    /// <summary>Whether every link that is there has a rate.</summary>
    public bool IsSettled { get; private set; }

    /// <summary>Adds one sample of each host.</summary>
    /// <returns>The rates, the highest first.</returns>
    public ImmutableArray<FlowRate> Add(IReadOnlyCollection<TrafficSample> samples)
    {
        var rates = samples.SelectMany(AddOne).ToArray();
        IsSettled = Array.TrueForAll(rates, flow => !flow.IsThere || flow.Rate is not null);
        return
        [
            .. rates
                .OrderByDescending(flow => flow.Rate is { } rate ? rate.BitsIn + rate.BitsOut : -1)
                .ThenBy(flow => flow.Kind)
                .ThenBy(flow => flow.Host, StringComparer.Ordinal)
                .ThenBy(flow => flow.Name, StringComparer.Ordinal)
                .ThenBy(flow => flow.Network, StringComparer.Ordinal),
        ];
    }

    private IEnumerable<FlowRate> AddOne(TrafficSample sample)
    {
        if (!hosts.TryGetValue(sample.Host, out var seen))
        {
            hosts[sample.Host] = seen = new Seen();
        }
        seen.Switch.Take(
            sample.Time,
            sample.Flows.Where(flow => flow.Kind is FlowKind.Tunnel),
            TimeSpan.FromSeconds(sample.Period)
        );
        seen.Links.Take(
            sample.Time,
            sample.Flows.Where(flow => flow.Kind is not FlowKind.Tunnel),
            null
        );
        return
        [
            .. sample.Flows.Select(flow =>
            {
                var source = flow.Kind is FlowKind.Tunnel ? seen.Switch : seen.Links;
                return new FlowRate(sample.Host, flow.Kind, flow.Name, flow.Network, flow.Link)
                {
                    IsThere = flow.Counters is not null,
                    Rate = flow.Counters is null ? null : source.RateOf(flow),
                    Errors = source.Since(flow, counters => counters.Errors),
                    Drops = source.Since(flow, counters => counters.Drops),
                };
            }),
        ];
    }

    /// <summary>The counters of one host.</summary>
    private sealed class Seen
    {
        public Source Switch { get; } = new();

        public Source Links { get; } = new();
    }

    /// <summary>Counters that are updated together.</summary>
    private sealed class Source
    {
        private readonly Dictionary<string, TrafficCounters> first = [];
        private Dictionary<string, TrafficCounters> before = [];
        private Dictionary<string, TrafficCounters> now = [];
        private DateTimeOffset looked;
        private DateTimeOffset changed;
        private double? seconds;

        /// <summary>Takes new values of the counters.</summary>
        /// <param name="time">When they were read.</param>
        /// <param name="flows">The flows that have them.</param>
        /// <param name="period">The interval at which they are updated; null where they are current when read.</param>
        public void Take(DateTimeOffset time, IEnumerable<Flow> flows, TimeSpan? period)
        {
            var taken = flows
                .Where(flow => flow.Counters is not null)
                .ToDictionary(flow => flow.Link, flow => flow.Counters!, StringComparer.Ordinal);
            foreach (var (link, counters) in taken)
            {
                // A link that was made anew begins to count at zero.
                if (
                    !first.TryGetValue(link, out var begun)
                    || counters.PacketsIn < begun.PacketsIn
                    || counters.PacketsOut < begun.PacketsOut
                )
                {
                    first[link] = counters;
                }
            }
            if (looked == default)
            {
                (now, changed) = (taken, time);
            }
            else if (period is not { } pace)
            {
                (before, now) = (now, taken);
                seconds = (time - looked).TotalSeconds;
            }
            else if (IsOther(taken))
            {
                // Values that did not change until the last look had been current for an interval or more, in which nothing was
                // carried.
                (before, now) = (now, taken);
                seconds = Math.Max(1, Math.Round((time - looked) / pace)) * pace.TotalSeconds;
                changed = time;
            }
            else if (time - changed > pace * Patience)
            {
                before = taken;
                seconds = pace.TotalSeconds;
            }
            looked = time;
        }

        public Rate? RateOf(Flow flow) =>
            seconds is > 0 and var time
            && before.TryGetValue(flow.Link, out var old)
            && now.TryGetValue(flow.Link, out var counters)
            && counters.BytesIn >= old.BytesIn
            && counters.BytesOut >= old.BytesOut
                ? new Rate(
                    (counters.BytesIn - old.BytesIn) * 8 / time,
                    (counters.BytesOut - old.BytesOut) * 8 / time,
                    (counters.PacketsIn - old.PacketsIn) / time,
                    (counters.PacketsOut - old.PacketsOut) / time
                )
                : null;

        public long Since(Flow flow, Func<TrafficCounters, long> what) =>
            flow.Counters is { } counters && first.TryGetValue(flow.Link, out var begun)
                ? Math.Max(0, what(counters) - what(begun))
                : 0;

        private bool IsOther(Dictionary<string, TrafficCounters> taken) =>
            taken.Count != now.Count
            || taken.Any(pair => now.GetValueOrDefault(pair.Key) != pair.Value);
    }
}
