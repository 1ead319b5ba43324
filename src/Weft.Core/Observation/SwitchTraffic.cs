using System.Collections.Immutable;
using System.Globalization;
using Weft.Ovsdb;

namespace Weft.Core.Observation;

/// <summary>What has crossed an interface of the switch since it was made.</summary>
/// <param name="BytesIn">The bytes that came in by it.</param>
/// <param name="BytesOut">The bytes that went out by it.</param>
/// <param name="PacketsIn">The packets that came in by it.</param>
/// <param name="PacketsOut">The packets that went out by it.</param>
public readonly record struct SwitchTraffic(
    long BytesIn,
    long BytesOut,
    long PacketsIn,
    long PacketsOut
)
{
    // The shortest too, in milliseconds.
    private const int UsualInterval = 5000;

    /// <summary>The columns to replicate, apart from all others: they change all the time.</summary>
    public static MonitorSpec Columns { get; } =
        MonitorSpec.Of(TableMonitor.Of("Interface", "name", "statistics"));

    /// <summary>How often ovs-vswitchd counts (ovs-vswitchd.conf.db(5), table Open_vSwitch).</summary>
    public static TimeSpan IntervalOf(SwitchObservation? seen) =>
        seen?.OtherConfig.GetValueOrDefault("stats-update-interval") is { } text
        && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var own)
        && own > UsualInterval
            ? TimeSpan.FromMilliseconds(own)
            : TimeSpan.FromMilliseconds(UsualInterval);

    /// <summary>Reads the counters of every interface (ovs-vswitchd.conf.db(5), table Interface), by its name.</summary>
    public static ImmutableDictionary<string, SwitchTraffic> Read(Snapshot snapshot) =>
        snapshot["Interface"]
            .Values.ToImmutableDictionary(
                row => row["name"].AsString(),
                row =>
                {
                    var counters = row["statistics"]
                        .Pairs.ToDictionary(
                            pair => pair.Key.AsString(),
                            pair => pair.Value.AsInteger(),
                            StringComparer.Ordinal
                        );
                    return new SwitchTraffic(
                        counters.GetValueOrDefault("rx_bytes"),
                        counters.GetValueOrDefault("tx_bytes"),
                        counters.GetValueOrDefault("rx_packets"),
                        counters.GetValueOrDefault("tx_packets")
                    );
                },
                StringComparer.Ordinal
            );
}
