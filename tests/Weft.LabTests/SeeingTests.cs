using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Weft.Core.Linux;
using Weft.Reachability;
using Weft.Traffic;

namespace Weft.LabTests;

/// <summary>Two hosts whose containers reach one another.</summary>
public sealed class SeeingLab : IAsyncLifetime
{
    internal OverlayLab Lab { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await Lab.AllReachAllAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (Lab is not null)
        {
            await Lab.DisposeAsync();
        }
    }
}

/// <summary>What watches, measures and reports; each test leaves the lab as it was.</summary>
public sealed class SeeingTests(SeeingLab seeing) : IClassFixture<SeeingLab>
{
    private const string Key = "a key that nobody may see in any report";

    private readonly OverlayLab lab = seeing.Lab;

    [Fact]
    public async Task A_watch_counts_what_is_lost_says_what_fits_and_ends_with_a_summary()
    {
        // A busy machine may lose a second: who waits for longer loses nothing.
        string[] rounds =
        [
            "ping",
            "--lab",
            lab.Name,
            "--watch",
            "--interval",
            "0",
            "--timeout",
            "20",
        ];
        var well = await WeftProgram.RunAsync([.. rounds, "--count", "2"]);
        Assert.True(well.ExitCode == 0, well.Output + well.Errors);
        var lines = well.Output.TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Contains("  round 2: all 4 ways are open, ", lines[1], StringComparison.Ordinal);
        Assert.Contains("2 rounds in ", lines[2], StringComparison.Ordinal);
        // Two ways in each of two networks, two sizes, two rounds.
        Assert.Contains("16 packets, none lost", lines[2], StringComparison.Ordinal);

        await lab.RunAsync(
            "host2",
            "ip link set cont-mgmnt0-br mtu 1400; ip link set cont-mgmnt0-sw mtu 1400"
        );
        var narrow = await WeftProgram.RunAsync(
            "ping",
            "--lab",
            lab.Name,
            "--watch",
            "--count",
            "1",
            "--json"
        );
        Assert.Equal(1, narrow.ExitCode);
        var report = ReachabilityReport.FromJson(
            Assert.Single(narrow.Output.TrimEnd().Split('\n'))
        );
        var large = report
            .Results.Where(result => result.Network == "cont-mgmnt0" && result.Size > 84)
            .ToArray();
        Assert.Equal(2, large.Length);
        Assert.All(large, result => Assert.Equal(1400, result.Fits));
        Assert.All(
            report.Results.Except(large),
            result => Assert.Equal(Outcome.Reached, result.Outcome)
        );
        await lab.WeftDoneAsync("host2", "apply", "--yes");
    }

    [Fact]
    public async Task Ctrl_C_ends_a_watch_with_its_summary_and_exit_code()
    {
        using var watching = Tool.Start([
            WeftProgram.Path,
            "ping",
            "--lab",
            lab.Name,
            "--watch",
            "--timeout",
            "20",
            "--interval",
            "0.1",
        ]);
        var first = await watching.StandardOutput.ReadLineAsync(Needs.Cancellation);
        Assert.Contains("  round 1: all 4 ways are open", first, StringComparison.Ordinal);
        await Tool.RunAsync(
            ["kill", "-INT", watching.Id.ToString()],
            cancellationToken: Needs.Cancellation
        );
        var rest = await watching.StandardOutput.ReadToEndAsync(Needs.Cancellation);
        await watching.WaitForExitAsync(Needs.Cancellation);
        Assert.Equal(0, watching.ExitCode);
        Assert.Contains(" none lost", rest.TrimEnd().Split('\n')[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Top_sees_what_a_container_sends_through_the_tunnel()
    {
        using var pinging = Tool.Start([
            .. lab.Hosts[0]
                .Enter("wallabag", ["ping", "-q", "-i", "0.02", "-s", "1000", "10.8.2.3"]),
        ]);
        try
        {
            // What was counted before the pings began is less than what they carry.
            var flows = Array.Empty<JsonElement>();
            await Eventually.IsAsync(
                async () =>
                {
                    var result = await lab.WeftAsync("host1", "top", "--once", "--json");
                    Assert.True(result.ExitCode == 0, result.Output + result.Errors);
                    using var document = JsonDocument.Parse(result.Output);
                    flows =
                    [
                        .. document
                            .RootElement.GetProperty("flows")
                            .EnumerateArray()
                            .Select(flow => flow.Clone()),
                    ];
                    return Rate("tunnel", "bitsOut") > 50_000;
                },
                () => string.Join('\n', flows)
            );
            Assert.True(Rate("container", "bitsOut") > 50_000, string.Join('\n', flows));
            Assert.True(Rate("container", "bitsIn") > 50_000, string.Join('\n', flows));
            // The host's own network is idle, and so the last.
            Assert.Equal("host", flows[^1].GetProperty("kind").GetString());

            var everywhere = await WeftProgram.RunAsync("top", "--lab", lab.Name, "--once");
            Assert.True(everywhere.ExitCode == 0, everywhere.Output + everywhere.Errors);
            Assert.StartsWith("HOST", everywhere.Output, StringComparison.Ordinal);
            foreach (var name in (string[])["wallabag", "mastodon", "tun-host1", "tun-host2"])
            {
                Assert.Contains(name, everywhere.Output, StringComparison.Ordinal);
            }

            double Rate(string kind, string what) =>
                flows
                    .Single(flow => flow.GetProperty("kind").GetString() == kind)
                    .GetProperty("rate")
                    .GetProperty(what)
                    .GetDouble();
        }
        finally
        {
            pinging.Kill(entireProcessTree: true);
        }
        var counted = TrafficSample.FromJson(await lab.WeftDoneAsync("host1", "top", "--counters"));
        Assert.All(counted.Flows, flow => Assert.NotNull(flow.Counters));
    }

    [Fact]
    public async Task Top_on_a_terminal_shows_itself_again_until_Ctrl_C_ends_it()
    {
        Assert.SkipWhen(Tool.Find("script") is null, "there is no script: apt install bsdutils");
        using var watching = Tool.Start(
            [
                "script",
                "--quiet",
                "--return",
                "--command",
                $"exec {WeftProgram.Path} top --lab {lab.Name} --interval 0.1",
                "/dev/null",
            ],
            new Dictionary<string, string> { ["TERM"] = "xterm" }
        );
        var shown = new StringBuilder();
        var part = new char[4096];
        await Eventually.IsAsync(
            async () =>
            {
                shown.Append(
                    part,
                    0,
                    await watching.StandardOutput.ReadAsync(part, Needs.Cancellation)
                );
                return $"{shown}".Split("Ctrl-C ends it").Length > 3;
            },
            () => $"{shown}"
        );
        await watching.StandardInput.WriteAsync('\x03');
        await watching.StandardInput.FlushAsync(Needs.Cancellation);
        shown.Append(await watching.StandardOutput.ReadToEndAsync(Needs.Cancellation));
        await watching.WaitForExitAsync(Needs.Cancellation);
        Assert.True(watching.ExitCode == 0, $"{watching.ExitCode}: {shown}");
        foreach (var name in (string[])["wallabag", "mastodon", "tunnel"])
        {
            Assert.Contains(name, $"{shown}", StringComparison.Ordinal);
        }
        // In the place of what was there: the cursor goes up (ECMA-48, CUU).
        Assert.Matches(@"\x1b\[\d+A", $"{shown}");
    }

    [Fact]
    public async Task A_report_has_what_is_asked_for_and_no_secret()
    {
        await lab.WriteFileAsync(
            "host1",
            OverlayLab.TwoHosts.Replace(
                "tunnels: { type: gre }",
                $"tunnels: {{ ipsec: {{ psk: '{Key}' }} }}",
                StringComparison.Ordinal
            )
        );
        await lab.RunAsync(
            "host1",
            $"""
            ovs-vsctl add-port ovsbr0 other -- set interface other type=gre options:remote_ip=192.0.2.9 'options:psk="{Key}"'
            ip xfrm state add src 192.0.2.1 dst 192.0.2.9 proto esp spi 0x100 mode transport enc 'cbc(aes)' 0x{Convert.ToHexString(
                Encoding.UTF8.GetBytes(Key)
            )[..32]} 2>/dev/null || true
            mkdir -p /var/log/openvswitch; echo 'a log with {Key} in it' >> /var/log/openvswitch/ovs-vswitchd.log
            """
        );
        var result = await lab.WeftAsync("host1", "report", "--out", "/var/report.tar.gz");
        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
        Assert.DoesNotContain(Key, result.Output + result.Errors, StringComparison.Ordinal);
        var packed = await lab.RunAsync(
            "host1",
            "stat -c %a /var/report.tar.gz; base64 /var/report.tar.gz"
        );
        Assert.StartsWith("600\n", packed, StringComparison.Ordinal);
        var files = Unpack(Convert.FromBase64String(packed[4..]));

        var bytes = Encoding.UTF8.GetBytes(Key);
        var hexadecimal = Convert.ToHexString(bytes);
        foreach (var (name, text) in files)
        {
            foreach (
                var form in (string[])
                    [
                        Key,
                        hexadecimal,
                        hexadecimal[..32],
                        Convert.ToBase64String(bytes).TrimEnd('=')[..^2],
                    ]
            )
            {
                Assert.False(
                    text.Contains(form, StringComparison.OrdinalIgnoreCase),
                    $"{name} has the key as {form}"
                );
            }
        }
        Assert.Contains("psk: ••••", files["overlay.yaml"], StringComparison.Ordinal);
        Assert.Contains("wallabag", files["overlay.yaml"], StringComparison.Ordinal);
        Assert.Contains(
            "a log with •••• in it",
            files["logs/ovs-vswitchd.txt"],
            StringComparison.Ordinal
        );
        Assert.Contains(
            "10.8.2.2",
            files["containers/netns/wallabag.txt"],
            StringComparison.Ordinal
        );
        Assert.Contains("ovsbr0", files["network/links.txt"], StringComparison.Ordinal);
        Assert.Contains("(ovsbr0)", files["switch/ports.txt"], StringComparison.Ordinal);
        using var database = JsonDocument.Parse(files["switch/database.json"]);
        var other = database
            .RootElement.GetProperty("Interface")
            .EnumerateArray()
            .Single(row => row.GetProperty("name").GetString() == "other");
        Assert.Equal("••••", other.GetProperty("options").GetProperty("psk").GetString());
        Assert.Equal(
            "192.0.2.9",
            other.GetProperty("options").GetProperty("remote_ip").GetString()
        );
        using var status = JsonDocument.Parse(files["weft/status.json"].Split("\n\n")[0]);
        Assert.NotEqual(JsonValueKind.Undefined, status.RootElement.ValueKind);
        Assert.All(
            files.Keys.Where(name => name != "contents.txt"),
            name => Assert.Contains(name, files["contents.txt"], StringComparison.Ordinal)
        );
        Assert.Contains(
            "logs/journal.txt",
            files["contents.txt"].Split("Could not be read:")[1],
            StringComparison.Ordinal
        );
        await lab.RunAsync(
            "host1",
            "ovs-vsctl del-port other; ip xfrm state flush 2>/dev/null || true"
        );
        await lab.WriteFileAsync("host1", OverlayLab.TwoHosts);
    }

    private static Dictionary<string, string> Unpack(byte[] packed)
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        using var stream = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        using var archive = new TarReader(stream);
        while (archive.GetNextEntry(copyData: true) is { } entry)
        {
            using var reader = new StreamReader(entry.DataStream ?? Stream.Null);
            files[entry.Name.Split('/', 2)[1]] = reader.ReadToEnd();
        }
        return files;
    }
}
