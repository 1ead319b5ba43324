using System.Net;
using Spectre.Console;
using Weft.Fleet;
using Weft.Reachability;

namespace Weft.Tests;

/// <summary>What a watch says of many rounds.</summary>
public sealed class ReachabilityWatchTests
{
    private static readonly Endpoint One = new("host1", "wallabag", IPAddress.Parse("10.8.2.2"));
    private static readonly Endpoint Other = new("host2", "mastodon", IPAddress.Parse("10.8.2.3"));

    [Fact]
    public void What_is_well_says_how_long_it_took()
    {
        var watch = new ReachabilityWatch();
        Add(watch, Reached(One, Other, 84, 1), Reached(Other, One, 84, 3));
        Add(watch, Reached(One, Other, 84, 2), Reached(Other, One, 84, 4));
        Assert.True(watch.IsWhole);
        Assert.Equal("all 2 ways are open, 2.00/3.00/4.00 ms", watch.Verdict());
        Assert.Equal(
            ["2 rounds in 1.5 s, 4 packets, none lost, 1.00/2.50/4.00 ms"],
            Plain(watch.Summary(TimeSpan.FromSeconds(1.5)))
        );
        Assert.Contains("wallabag  –         ✓ 2.00", Plain(watch.Matrix(80)));
    }

    [Fact]
    public void A_packet_that_was_lost_once_stays_counted()
    {
        var watch = new ReachabilityWatch();
        Add(watch, Lost(One, Other, 84), Reached(Other, One, 84, 1));
        for (var round = 0; round < 3; round++)
        {
            Add(watch, Reached(One, Other, 84, 1), Reached(Other, One, 84, 1));
        }
        Assert.False(watch.IsWhole);
        Assert.Equal("all 2 ways are open, 1.00/1.00/1.00 ms", watch.Verdict());
        Assert.Contains("wallabag  –         ✓ 1.00 25% lost", Plain(watch.Matrix(80)));
        Assert.Equal(
            [
                "wallabag → mastodon (10.8.2.2 → 10.8.2.3), 84 bytes: 1 of 4 lost",
                "4 rounds in 3.0 s, 8 packets, 1 (13%) lost, 1.00/1.00/1.00 ms",
            ],
            Plain(watch.Summary(TimeSpan.FromSeconds(3)))
        );
    }

    [Fact]
    public void Where_large_packets_are_lost_the_cell_says_what_fits()
    {
        var watch = new ReachabilityWatch();
        Add(watch, Reached(One, Other, 84, 1), Lost(One, Other, 1458) with { Fits = 1400 });
        Assert.Contains("wallabag  ▲ 1.00 ≤1400 50% lost", Plain(watch.Matrix(80)));
        Assert.Equal(
            "1 of 1 ways are not open, 1.00/1.00/1.00 ms: wallabag → mastodon",
            watch.Verdict()
        );
        Assert.Contains(
            "wallabag → mastodon (10.8.2.2 → 10.8.2.3), 1458 bytes: 1 of 1 lost, up to 1400 bytes got through",
            Plain(watch.Summary(TimeSpan.Zero))
        );
    }

    [Theory]
    [InlineData(1, 999, "<1%")]
    [InlineData(999, 1, ">99%")]
    [InlineData(1, 1, "50%")]
    [InlineData(1, 0, "100%")]
    public void Neither_nothing_nor_all_is_said_to_be_lost_where_it_is_not_so(
        int lost,
        int reached,
        string percent
    )
    {
        var watch = new ReachabilityWatch();
        for (var round = 0; round < lost + reached; round++)
        {
            Add(watch, round < lost ? Lost(One, Other, 84) : Reached(One, Other, 84, 1));
        }
        Assert.Contains(
            $"({percent}) lost",
            Plain(watch.Summary(TimeSpan.Zero))[^1],
            StringComparison.Ordinal
        );
    }

    /// <summary>A thousand ways, asked every second by packets of two sizes, are more packets than that after two weeks.</summary>
    [Fact]
    public void More_packets_are_counted_than_two_thousand_million()
    {
        const long Fortnight = 14 * 24 * 60 * 60;
        var watch = new ReachabilityWatch();
        ProbeResult[] results =
        [
            .. Enumerable
                .Range(0, 1000)
                .Select(number => One with { Container = $"c{number}" })
                .SelectMany(from => new[] { Reached(from, Other, 84, 1), Lost(from, Other, 1458) }),
        ];
        watch.Add(Report(results), Fortnight);
        watch.Add(Report(results));
        Assert.False(watch.IsWhole);
        Assert.Equal(
            "1209601 rounds in 1209601.0 s, 2419202000 packets, 1209601000 (50%) lost, 1.00/1.00/1.00 ms",
            Plain(watch.Summary(TimeSpan.FromSeconds(Fortnight + 1)))[^1]
        );
    }

    [Fact]
    public void A_host_that_could_not_be_asked_is_no_success()
    {
        var watch = new ReachabilityWatch();
        watch.Add(
            Report(Reached(One, Other, 84, 1)) with
            {
                Silent = [new UnaskedHost("host2", "host2 is silent")],
            }
        );
        Assert.False(watch.IsWhole);
        Assert.Contains("host2 is silent", Plain(watch.Summary(TimeSpan.Zero)));
        Assert.False(new ReachabilityWatch().IsWhole);
    }

    private static void Add(ReachabilityWatch watch, params ProbeResult[] results) =>
        watch.Add(Report(results));

    private static ReachabilityReport Report(params ProbeResult[] results) =>
        new("homelab", [.. results]);

    private static string[] Plain(IEnumerable<string> lines) => [.. lines.Select(Markup.Remove)];

    private static ProbeResult Reached(Endpoint from, Endpoint to, int size, double time) =>
        ProbeResult.Of(new Probe("cont-mgmnt0", from, to, size), new Answer(Outcome.Reached, time));

    private static ProbeResult Lost(Endpoint from, Endpoint to, int size) =>
        ProbeResult.Of(new Probe("cont-mgmnt0", from, to, size), new Answer(Outcome.Lost));
}
