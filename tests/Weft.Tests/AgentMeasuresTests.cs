using System.Collections.Immutable;
using System.Text;
using System.Text.RegularExpressions;
using Weft.Agent;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;

namespace Weft.Tests;

/// <summary>What docs/agent.md says is measured is what Prometheus gets.</summary>
public sealed class AgentMeasuresTests
{
    // These are there only where tunnels are encrypted.
    private static readonly string[] OfEncryption =
    [
        "weft_association_age_seconds",
        "weft_certificate_expiry_seconds",
    ];

    [Fact]
    public async Task Every_metric_is_documented_by_its_name_and_every_documented_one_is_there()
    {
        var served = Names(
            await ServedAsync(
                RoundOf(new LinkChange(ChangeAction.Add, "interface", "eth1", "", []))
            ),
            @"^# TYPE (?<name>weft_\w+) "
        );

        var documented = Names(
            await File.ReadAllTextAsync(
                Path.Combine(Root(), "docs", "agent.md"),
                TestContext.Current.CancellationToken
            ),
            @"^\| `(?<name>weft_\w+)` \|"
        );
        Assert.Equal(string.Join('\n', documented.Except(OfEncryption)), string.Join('\n', served));
    }

    /// <summary>Whether packets cross is more than is looked at.</summary>
    [Fact]
    public async Task A_tunnel_is_said_to_be_up_in_the_words_of_the_documentation()
    {
        var served = await ServedAsync(
            RoundOf(new LinkChange(ChangeAction.Add, "interface", "eth1", "", []))
        );
        var help = Regex.Match(
            served,
            "^# HELP weft_tunnel_up (?<words>.*?)[.]?$",
            RegexOptions.Multiline | RegexOptions.ExplicitCapture,
            TimeSpan.FromSeconds(10)
        );
        Assert.True(help.Success, served);
        Assert.Contains(
            $"| `weft_tunnel_up` | `peer` | {help.Groups["words"].Value} |",
            await File.ReadAllTextAsync(
                Path.Combine(Root(), "docs", "agent.md"),
                TestContext.Current.CancellationToken
            ),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task How_long_the_hosts_certificate_is_still_valid_is_told_in_seconds()
    {
        var now = TimeProvider.System.GetUtcNow();
        var round = RoundOf(new LinkChange(ChangeAction.Add, "interface", "eth1", "", []));
        var served = await ServedAsync(
            round with
            {
                Observation = round.Observation! with
                {
                    Credentials = new CredentialsObservation
                    {
                        Certificate = new HostCertificate(
                            [],
                            [],
                            Secret.OfText("a key"),
                            "",
                            now,
                            now + TimeSpan.FromDays(10)
                        ),
                    },
                },
            }
        );

        var told = Regex.Match(
            served,
            "^weft_certificate_expiry_seconds(?:{.*})? (?<seconds>[0-9.]+)$",
            RegexOptions.Multiline | RegexOptions.ExplicitCapture,
            TimeSpan.FromSeconds(10)
        );
        Assert.True(told.Success, served);
        // Ten days, less what the test took.
        Assert.InRange(double.Parse(told.Groups["seconds"].ValueSpan), 864000 - 600, 864000);
    }

    /// <summary>What Prometheus gets after a round.</summary>
    private static async Task<string> ServedAsync(Round round)
    {
        var token = TestContext.Current.CancellationToken;
        var directory = Directory.CreateTempSubdirectory("weft-test-");
        try
        {
            var socket = Path.Combine(directory.FullName, "agent.sock");
            var state = new AgentState { File = "/etc/weft/overlay.yaml" };
            using var measures = new AgentMeasures(state);
            await using var api = await AgentApi.StartAsync(
                new Listeners(socket),
                state,
                OpenApiTests.LookoutOf(state, token),
                (_, _) => { },
                token
            );
            state.Note(round, new Dictionary<string, Failure>());
            state.NoteFailures(["eth1"]);
            measures.Note(round, TimeSpan.FromSeconds(1));
            using var client = OpenApiTests.Client(socket);
            return await client.GetStringAsync("/metrics", token);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static Round RoundOf(Change done)
    {
        var overlay = OverlayFile
            .Parse(
                "overlay.yaml",
                Encoding.UTF8.GetBytes("name: homelab\nhosts: { a: 192.0.2.1, b: 192.0.2.2 }\n")
            )
            .Overlay!;
        return new Round(
            HostObservation.Bare(kernelDatapath: true) with
            {
                Blocked = new BlockedPackets(1, 2),
            },
            IntentBuilder.Build(overlay, "a", kernelDatapath: true),
            [done],
            TimeSpan.FromMilliseconds(20),
            null
        );
    }

    private static ImmutableSortedSet<string> Names(string text, string pattern) =>
        [
            .. Regex
                .Matches(
                    text,
                    pattern,
                    RegexOptions.Multiline | RegexOptions.ExplicitCapture,
                    TimeSpan.FromSeconds(10)
                )
                .Select(match => match.Groups["name"].Value),
        ];

    private static string Root()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "build.sh")))
        {
            directory = Path.GetDirectoryName(directory)!;
        }
        return directory;
    }
}
