using System.Text;
using Spectre.Console;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Traffic;

namespace Weft.Tests;

/// <summary>Rates from counters.</summary>
public sealed class TrafficTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_link_carries_what_its_counters_grew_by_in_the_time_between()
    {
        var meter = new TrafficMeter();
        Assert.Null(Assert.Single(meter.Add([At(0, Container("a", 1000, 10))])).Rate);
        Assert.False(meter.IsSettled);
        var rate = Assert.Single(meter.Add([At(2, Container("a", 2000, 30))])).Rate!;
        Assert.Equal(4000, rate.BitsIn);
        Assert.Equal(10, rate.PacketsIn);
        Assert.True(meter.IsSettled);
    }

    [Fact]
    public void A_tunnel_carries_what_its_counters_grew_by_in_a_period_of_the_switch_whenever_they_are_looked_at()
    {
        var meter = new TrafficMeter();
        meter.Add([At(0, Tunnel("b", 0))]);
        foreach (var second in (int[])[1, 2])
        {
            Assert.Null(Assert.Single(meter.Add([At(second, Tunnel("b", 0))])).Rate);
        }
        foreach (var second in (int[])[3, 4, 5, 6, 7])
        {
            Assert.Equal(
                8000,
                Assert.Single(meter.Add([At(second, Tunnel("b", 5000))])).Rate!.BitsIn
            );
        }
        Assert.Equal(16_000, Assert.Single(meter.Add([At(8, Tunnel("b", 15_000))])).Rate!.BitsIn);
        // Looked at every ten seconds, two periods lie between.
        Assert.Equal(8000, Assert.Single(meter.Add([At(18, Tunnel("b", 25_000))])).Rate!.BitsIn);
    }

    [Fact]
    public void What_stays_the_same_for_longer_than_the_switch_takes_carries_nothing()
    {
        var meter = new TrafficMeter();
        for (var second = 0; second <= 7; second++)
        {
            Assert.Null(Assert.Single(meter.Add([At(second, Tunnel("b", 5000))])).Rate);
        }
        Assert.Equal(0, Assert.Single(meter.Add([At(8, Tunnel("b", 5000))])).Rate!.BitsIn);
        Assert.True(meter.IsSettled);
    }

    [Fact]
    public void What_was_made_anew_is_not_known_for_a_round_and_carries_nothing_negative()
    {
        var meter = new TrafficMeter();
        meter.Add([At(0, Container("a", 1_000_000, 100))]);
        meter.Add([At(1, Container("a", 1_000_100, 101))]);
        Assert.Null(Assert.Single(meter.Add([At(2, Container("a", 50, 1))])).Rate);
        Assert.Equal(400, Assert.Single(meter.Add([At(3, Container("a", 100, 2))])).Rate!.BitsIn);
    }

    [Fact]
    public void What_carries_most_is_first_and_what_is_not_there_last()
    {
        var meter = new TrafficMeter();
        TrafficSample Sample(int second, long idle, long busy) =>
            At(
                second,
                Container("gone", 0, 0) with
                {
                    Counters = null,
                },
                Container("idle", idle, 1),
                Container("busy", busy, 1)
            );
        meter.Add([Sample(0, 0, 0)]);
        var flows = meter.Add([Sample(1, 10, 1000)]);
        Assert.Equal(["busy", "idle", "gone"], flows.Select(flow => flow.Name));
        Assert.True(meter.IsSettled);
        var lines = TrafficTable.Lines(flows, int.MaxValue).Select(Markup.Remove).ToArray();
        Assert.StartsWith("KIND", lines[0], StringComparison.Ordinal);
        Assert.Contains("8.00 kbit/s", lines[1], StringComparison.Ordinal);
        Assert.Contains("not there", lines[3], StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_and_drops_are_counted_from_when_it_is_watched()
    {
        var meter = new TrafficMeter();
        TrafficSample Sample(int second, long errors, long drops) =>
            At(second, Container("a", 0, 0) with { Counters = new(0, 0, 0, 0, errors, drops) });
        meter.Add([Sample(0, 100, 7)]);
        meter.Add([Sample(1, 101, 7)]);
        var flow = Assert.Single(meter.Add([Sample(2, 103, 8)]));
        Assert.Equal((3, 1), (flow.Errors, flow.Drops));
    }

    [Fact]
    public void Hosts_are_kept_apart()
    {
        var meter = new TrafficMeter();
        meter.Add([
            At(0, Container("a", 0, 0)),
            At(0, Container("a", 0, 0)) with
            {
                Host = "host2",
            },
        ]);
        var flows = meter.Add([
            At(1, Container("a", 100, 0)),
            At(1, Container("a", 200, 0)) with
            {
                Host = "host2",
            },
        ]);
        Assert.Equal(["host2", "host1"], flows.Select(flow => flow.Host));
        Assert.StartsWith(
            "HOST",
            Markup.Remove(TrafficTable.Lines(flows, int.MaxValue).First()),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void An_intent_has_tunnels_containers_and_its_own_places_as_those_see_them()
    {
        var overlay = OverlayFile
            .Parse(
                "overlay.yaml",
                Encoding.UTF8.GetBytes(
                    """
                    name: homelab
                    hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
                    networks:
                      cont-mgmnt0: { vlan: 200, subnet: 10.8.2.0/24, bridge: true, hosts: { host1: 10.8.2.1 } }
                      host-mgmnt0: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1 } }
                    containers:
                      wallabag: { host: host1, engine: netns, networks: { cont-mgmnt0: 10.8.2.2 } }
                    """
                )
            )
            .Overlay!;
        var counters = new TrafficCounters(1, 2, 3, 4, 5, 6);
        var flows = TrafficSample
            .FlowsOf(
                IntentBuilder.Build(overlay, "host1", kernelDatapath: true),
                new Dictionary<string, TrafficCounters> { ["tun-host2"] = counters },
                new Dictionary<string, TrafficCounters>
                {
                    ["wallabag-eth1"] = counters,
                    ["host-mgmnt0"] = counters,
                }
            )
            .ToArray();
        Assert.Equal(
            [
                (FlowKind.Tunnel, "host2", "", "tun-host2"),
                (FlowKind.Host, "host1", "host-mgmnt0", "host-mgmnt0"),
                (FlowKind.Host, "host1", "cont-mgmnt0", "cont-mgmnt0"),
                (FlowKind.Container, "wallabag", "cont-mgmnt0", "wallabag-eth1"),
            ],
            flows.Select(flow => (flow.Kind, flow.Name, flow.Network, flow.Link))
        );
        Assert.Equal(
            [counters, counters, null, counters.Reverse()],
            flows.Select(flow => flow.Counters)
        );
        var sample = new TrafficSample("host1", Start, 5, [.. flows]);
        Assert.Equal(flows, TrafficSample.FromJson(sample.ToJson()).Flows);
    }

    [Theory]
    [InlineData(200, "KIND NAME NETWORK LINK IN OUT PACKETS/S IN OUT ERRORS DROPS")]
    [InlineData(95, "KIND NAME NETWORK IN OUT PACKETS/S IN OUT ERRORS DROPS")]
    [InlineData(80, "KIND NAME NETWORK IN OUT ERRORS DROPS")]
    [InlineData(60, "KIND NAME IN OUT ERRORS DROPS")]
    [InlineData(20, "KIND NAME IN OUT ERRORS DROPS")]
    public void A_narrow_terminal_goes_without_what_is_told_elsewhere(int width, string heading)
    {
        var meter = new TrafficMeter();
        meter.Add([At(0, Container("wallabag", 0, 0))]);
        var flows = meter.Add([At(1, Container("wallabag", 1_000_000, 100))]);
        var lines = TrafficTable.Lines(flows, width).Select(Markup.Remove).ToArray();
        Assert.Equal(
            heading,
            string.Join(' ', lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries))
        );
        Assert.True(width < 60 || lines.All(line => line.Length <= width));
    }

    [Theory]
    [InlineData(0, "   0 bit/s")]
    [InlineData(999, " 999 bit/s")]
    [InlineData(999.6, "1.00 kbit/s")]
    [InlineData(12_345, "12.3 kbit/s")]
    [InlineData(999_499, " 999 kbit/s")]
    [InlineData(999_500, "1.00 Mbit/s")]
    [InlineData(9_996_000_000, "10.0 Gbit/s")]
    public void A_rate_is_three_digits_and_a_unit(double bits, string words) =>
        Assert.Equal(words, TrafficTable.Bits(bits));

    private static TrafficSample At(int second, params Flow[] flows) =>
        new("host1", Start.AddSeconds(second), 5, [.. flows]);

    private static Flow Container(string name, long bytes, long packets) =>
        new(FlowKind.Container, name, "cont-mgmnt0", $"{name}-eth1")
        {
            Counters = new TrafficCounters(bytes, 0, packets, 0, 0, 0),
        };

    private static Flow Tunnel(string peer, long bytes) =>
        new(FlowKind.Tunnel, peer, "", $"tun-{peer}")
        {
            Counters = new TrafficCounters(bytes, 0, 0, 0, 0, 0),
        };
}
