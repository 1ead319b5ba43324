using System.Collections.Immutable;
using Weft.Core.Observation;

namespace Weft.Traffic;

/// <summary>
/// Makes rates of samples. A link's counters are of the moment at which they are read. Those of tunnels Open vSwitch writes
/// down at its own pace, and says not when: that they are new is seen by their being others, and how much time lies between
/// two of them is a number of its periods.
/// </summary>
internal sealed class TrafficMeter
{
    // In periods: what has not changed for longer does not move.
    private const double Patience = 1.5;

    private readonly Dictionary<string, Seen> hosts = [];

    /// <summary>Whether all is known that can be: something of each that is there, or that nothing moves.</summary>
    public bool IsSettled { get; private set; }

    /// <summary>Takes in one sample of each host.</summary>
    /// <returns>What carries most first.</returns>
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

    /// <summary>What was seen of one host.</summary>
    private sealed class Seen
    {
        public Source Switch { get; } = new();

        public Source Links { get; } = new();
    }

    /// <summary>Counters that are of one moment.</summary>
    private sealed class Source
    {
        private readonly Dictionary<string, TrafficCounters> first = [];
        private Dictionary<string, TrafficCounters> before = [];
        private Dictionary<string, TrafficCounters> now = [];
        private DateTimeOffset looked;
        private DateTimeOffset changed;
        private double? seconds;

        /// <summary>Takes in counters.</summary>
        /// <param name="time">When they were read.</param>
        /// <param name="flows">What has them.</param>
        /// <param name="period">How often they are written down; null where they are of the moment.</param>
        public void Take(DateTimeOffset time, IEnumerable<Flow> flows, TimeSpan? period)
        {
            var taken = flows
                .Where(flow => flow.Counters is not null)
                .ToDictionary(flow => flow.Link, flow => flow.Counters!, StringComparer.Ordinal);
            foreach (var (link, counters) in taken)
            {
                // A link that was made anew begins at nothing.
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
                // What they were at the last look they had been for a period at least: nothing was carried then.
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
