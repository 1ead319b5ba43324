using System.Net;
using Spectre.Console;
using Weft.Labs;
using Weft.Reachability;

namespace Weft.LabTests;

public sealed class ReachabilityTableTests
{
    private static readonly Endpoint Wallabag = new(
        "host1",
        "wallabag",
        IPAddress.Parse("10.8.2.2")
    );
    private static readonly Endpoint Mastodon = new(
        "host2",
        "mastodon",
        IPAddress.Parse("10.8.2.3")
    );

    [Fact]
    public void What_is_well_is_one_table()
    {
        Assert.Equal(
            """
            cont-mgmnt0  packets of 84 and 1458 bytes, round trip in ms
                      wallabag  mastodon
            wallabag  –         ✓ 0.52
            mastodon  ✓ 1.25    –

            ✓ all 2 ways are open

            """,
            Shown(
                80,
                Reached(Wallabag, Mastodon, 84, 0.52),
                Reached(Wallabag, Mastodon, 1458, 0.9),
                Reached(Mastodon, Wallabag, 84, 1.25),
                Reached(Mastodon, Wallabag, 1458, 2)
            )
        );
    }

    [Fact]
    public void What_is_wrong_is_said_in_a_sentence_with_what_gets_through()
    {
        Assert.Equal(
            """
            cont-mgmnt0  packets of 84 and 1458 bytes, round trip in ms
                      wallabag      mastodon
            wallabag  –             ▲ in part
            mastodon  ✗ no address  –

            ✗ wallabag → mastodon (10.8.2.2 → 10.8.2.3), 1458 bytes: no answer; 84 bytes get through
            ✗ mastodon → wallabag (10.8.2.3 → 10.8.2.2), 84 and 1458 bytes: mastodon does not have 10.8.2.3
            ✗ 2 of 2 ways are not open

            """,
            Shown(
                120,
                Reached(Wallabag, Mastodon, 84, 0.52),
                Broken(Wallabag, Mastodon, 1458, Outcome.Lost),
                Broken(Mastodon, Wallabag, 84, Outcome.NoAddress),
                Broken(Mastodon, Wallabag, 1458, Outcome.NoAddress)
            )
        );
    }

    [Fact]
    public void Of_one_whose_engine_does_not_answer_nobody_says_that_it_does_not_run()
    {
        var silent = Broken(Wallabag, Mastodon, 84, Outcome.NotRunning) with
        {
            Detail = "docker did not answer",
        };
        var shown = Shown(120, silent, Broken(Mastodon, Wallabag, 84, Outcome.NotRunning));
        Assert.Contains("✗ not asked", shown, StringComparison.Ordinal);
        Assert.Contains("✗ not running", shown, StringComparison.Ordinal);
        Assert.Contains("84 bytes: docker did not answer", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void A_table_that_does_not_fit_has_one_sign_for_each_pair()
    {
        var overlay = SampleOverlay.Of(12);
        var results = overlay
            .Hosts.SelectMany(host => ReachabilityPlan.ProbesFrom(overlay, host.Name, [84]))
            .Where(probe => probe.Network == "cont-mgmnt0")
            .Select(probe => ProbeResult.Of(probe, new Answer(Outcome.Reached, 1)))
            .ToArray();
        var lines = Shown(60, results).Split('\n');
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 60));
        Assert.Equal(
            [
                "                111",
                "       123456789012",
                " 1 c1  –✓✓✓✓✓✓✓✓✓✓✓",
                " 2 c2  ✓–✓✓✓✓✓✓✓✓✓✓",
            ],
            lines[1..5]
        );
        Assert.Equal("12 c12 ✓✓✓✓✓✓✓✓✓✓✓–", lines[14]);
    }

    [Fact]
    public void A_machine_whose_kernel_keeps_too_few_neighbours_is_told_how_to_keep_more()
    {
        var overlay = SampleOverlay.Of(200);
        ProbeResult[] results =
        [
            .. overlay
                .Hosts.SelectMany(host => ReachabilityPlan.ProbesFrom(overlay, host.Name, [84]))
                .Select(probe => ProbeResult.Of(probe, new Answer(Outcome.Lost))),
        ];
        Assert.Contains(
            "sysctl -w net.ipv4.neigh.default.gc_thresh3=159200",
            NeighbourTable.Shortage(new ReachabilityReport("lab", [.. results])),
            StringComparison.Ordinal
        );
        Assert.Null(NeighbourTable.Shortage(new ReachabilityReport("lab", [.. results[..10]])));
    }

    [Fact]
    public void A_long_list_of_what_is_wrong_is_cut()
    {
        var overlay = SampleOverlay.Of(5);
        var results = overlay
            .Hosts.SelectMany(host => ReachabilityPlan.ProbesFrom(overlay, host.Name, [84]))
            .Select(probe => ProbeResult.Of(probe, new Answer(Outcome.Lost)))
            .ToArray();
        var shown = Shown(100, results);
        Assert.Contains("and 28 more", shown, StringComparison.Ordinal);
        Assert.Contains("40 of 40 ways are not open", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_to_reach_is_said() =>
        Assert.Equal("! nothing to reach: no network has two addresses of one family\n", Shown(80));

    [Fact]
    public void Everyone_in_a_network_asks_everyone_else_in_it_and_nobody_in_another()
    {
        var overlay = SampleOverlay.Of(4);
        var probes = overlay
            .Hosts.SelectMany(host => ReachabilityPlan.ProbesFrom(overlay, host.Name, [84, 1458]))
            .ToArray();
        Assert.Equal(2 * 4 * 3 * 2, probes.Length);
        Assert.Equal(probes.Length, probes.Distinct().Count());
        Assert.All(
            probes,
            probe => Assert.Equal(probe.From.Container is null, probe.To.Container is null)
        );
    }

    [Fact]
    public void A_report_is_read_as_it_was_written()
    {
        var report = new ReachabilityReport(
            "homelab",
            [
                Reached(Wallabag, Mastodon, 84, 0.52),
                Broken(
                    new Endpoint("host1", null, IPAddress.Parse("fd00::1")),
                    new Endpoint("host2", null, IPAddress.Parse("fd00::2")),
                    1458,
                    Outcome.TooLong
                ),
            ],
            DateTimeOffset.UnixEpoch
        );
        var json = report.ToJson();
        var read = ReachabilityReport.FromJson(json);
        Assert.Equal(report.Results.AsEnumerable(), read.Results);
        Assert.Equal(report.Overlay, read.Overlay);
        Assert.Contains("\"reachable\": false", json, StringComparison.Ordinal);
        Assert.Contains("\"too-long\"", json, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_too_many_ways_each_address_asks_some_that_are_spread_over_all()
    {
        var overlay = SampleOverlay.Of(3);
        var many = overlay with
        {
            Containers =
            [
                .. Enumerable
                    .Range(0, 120)
                    .Select(number =>
                        overlay.Containers[0] with
                        {
                            Host = overlay.Hosts[number % 3].Name,
                            Name = $"many{number}",
                            Attachments =
                            [
                                overlay.Containers[0].Attachments[0] with
                                {
                                    Addresses = [IPAddress.Parse($"10.8.2.{number + 1}")],
                                },
                            ],
                        }
                    ),
            ],
        };
        var here = many.Hosts[0].Name;
        Probe[] all = [.. ReachabilityPlan.ProbesFrom(many, here, [84])];
        Assert.Equal(all.Length, ReachabilityPlan.CountWays(many, here));
        Probe[] some = [.. ReachabilityPlan.ProbesFrom(many, here, [84], mostWays: 800)];
        Assert.Subset(all.ToHashSet(), some.ToHashSet());
        var between = some.Where(probe => probe.From.Container is not null)
            .ToLookup(probe => probe.From);
        Assert.Equal(40, between.Count);
        // One that its turn leads to itself asks one less.
        Assert.All(between, asked => Assert.InRange(asked.Distinct().Count(), 4, 5));
        Assert.Equal(
            120,
            between.SelectMany(asked => asked).Select(probe => probe.To).Distinct().Count()
        );
        Assert.InRange(
            ReachabilityPlan
                .ProbesFrom(many, here, [84], mostWays: 80)
                .Count(probe => probe.From.Container is not null),
            19,
            20
        );
        // Without a limit that is met nothing is left out, and nothing is in another order.
        Assert.Equal(all, ReachabilityPlan.ProbesFrom(many, here, [84], mostWays: 20_000));
    }

    [Fact]
    public void A_matrix_that_nobody_would_read_is_left_out_and_what_was_not_asked_is_said()
    {
        Endpoint[] all =
        [
            .. Enumerable
                .Range(0, 300)
                .Select(number => new Endpoint(
                    "host1",
                    $"c{number}",
                    IPAddress.Parse($"10.8.{number / 200}.{number % 200 + 1}")
                )),
        ];
        var results = all.Zip(all[1..].Append(all[0]), (from, to) => Reached(from, to, 84, 1));
        Assert.Equal(
            [
                "cont-mgmnt0  packets of 84 bytes, round trip in ms",
                "300 ask 300: more than 250, which a matrix would not be read of",
                "",
                "✓ all 300 ways are open",
                "  7 more were not asked of, as the kernel keeps no more neighbours: `weft ping --ways NUMBER` asks of more",
            ],
            Shown(120, unasked: 7, [.. results]).TrimEnd().Split('\n')
        );
        Assert.EndsWith(
            "  7 more were not asked of, as --ways 300 leaves them out\n",
            Shown(120, unasked: 7, ways: 300, [.. results]),
            StringComparison.Ordinal
        );
    }

    private static ProbeResult Reached(Endpoint from, Endpoint to, int size, double milliseconds) =>
        ProbeResult.Of(
            new Probe("cont-mgmnt0", from, to, size),
            new Answer(Outcome.Reached, milliseconds)
        );

    private static ProbeResult Broken(Endpoint from, Endpoint to, int size, Outcome outcome) =>
        ProbeResult.Of(new Probe("cont-mgmnt0", from, to, size), new Answer(outcome));

    private static string Shown(int width, params ProbeResult[] results) =>
        Shown(width, unasked: 0, results);

    private static string Shown(int width, int unasked, params ProbeResult[] results) =>
        Shown(width, unasked, ways: null, results);

    private static string Shown(int width, int unasked, int? ways, params ProbeResult[] results)
    {
        var text = new StringWriter { NewLine = "\n" };
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = AnsiSupport.No,
                ColorSystem = ColorSystemSupport.NoColors,
                Out = new AnsiConsoleOutput(text),
            }
        );
        console.Profile.Width = width;
        ReachabilityTable.Write(
            console,
            new ReachabilityReport("homelab", [.. results]) { Unasked = unasked },
            ways
        );
        return text.ToString();
    }
}
