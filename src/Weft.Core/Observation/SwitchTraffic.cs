using System.Collections.Immutable;
using System.Globalization;
using Weft.Ovsdb;

namespace Weft.Core.Observation;

/// <summary>Reads the counters of the switch's interfaces, as ovs-vswitchd last wrote them down.</summary>
public static class SwitchTraffic
{
    // In milliseconds; it is also the shortest.
    private const int UsualInterval = 5000;

    /// <summary>The columns to replicate, separately from all others as they change all the time.</summary>
    public static MonitorSpec Columns { get; } =
        MonitorSpec.Of(TableMonitor.Of("Interface", "name", "statistics"));

    /// <summary>How often ovs-vswitchd counts (ovs-vswitchd.conf.db(5), table Open_vSwitch).</summary>
    public static TimeSpan IntervalOf(SwitchObservation? seen) =>
        seen?.OtherConfig.GetValueOrDefault("stats-update-interval") is { } text
        && int.TryParse(text, NumberStyles.None, null, out var own)
        && own > UsualInterval
            ? TimeSpan.FromMilliseconds(own)
            : TimeSpan.FromMilliseconds(UsualInterval);

    /// <summary>The operation that reads them once.</summary>
    internal static Operation Question { get; } =
        new Select("Interface", []) { Columns = ["name", "statistics"] };

    /// <summary>Reads the counters of every interface (ovs-vswitchd.conf.db(5), table Interface), by its name.</summary>
    public static ImmutableDictionary<string, TrafficCounters> Read(Snapshot snapshot) =>
        Read(snapshot["Interface"].Values);

    /// <summary>What <see cref="Question"/> has read.</summary>
    internal static ImmutableDictionary<string, TrafficCounters> Read(TransactionResult result) =>
        Read(result.Operations[0].Rows);

    private static ImmutableDictionary<string, TrafficCounters> Read(IEnumerable<Row> interfaces) =>
        interfaces.ToImmutableDictionary(
            row => row["name"].AsString(),
            row => TrafficCounters.OfSwitch(row["statistics"]),
            StringComparer.Ordinal
        );
}
