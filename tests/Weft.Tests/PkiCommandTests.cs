using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Weft.Core.Linux;
using Weft.Core.Pki;

namespace Weft.Tests;

/// <summary><c>weft pki</c> as people type it.</summary>
public sealed class PkiCommandTests : IDisposable
{
    private const string TwoHosts = """
        name: homelab
        hosts: { north: 192.0.2.1, south: 192.0.2.2 }
        """;

    private readonly string folder = Directory.CreateTempSubdirectory("weft-test-").FullName;

    private string Pki => Path.Combine(folder, "pki");

    private string Overlay => Path.Combine(folder, "overlay.yaml");

    public PkiCommandTests() => File.WriteAllText(Overlay, TwoHosts);

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("init")]
    [InlineData("issue")]
    [InlineData("renew")]
    [InlineData("show")]
    public async Task Help_ends_with_examples(string command)
    {
        var result = await WeftProgram.RunAsync("pki", command, "--help");
        Assert.Equal(ExitCode.Done, result.ExitCode);
        Assert.Contains($"weft pki {command}", result.Output.Split("Examples:")[1]);
    }

    [Fact]
    public async Task The_commands_in_the_documentation_do_what_they_say()
    {
        var page = await File.ReadAllTextAsync(
            Path.Combine(Root(), "docs/certificates.md"),
            TestContext.Current.CancellationToken
        );
        string[] lines =
        [
            .. page.Split("```sh\n")
                .Skip(1)
                .SelectMany(block => block.Split("```")[0].Trim().Split('\n'))
                .Select(line => line.Split('#')[0].Trim()),
        ];
        Assert.Equal(7, lines.Length);
        foreach (var line in lines)
        {
            var words = line.Split(' ').Skip(1).ToList();
            Done(
                await (
                    words.Contains("issue") || words.Contains("renew")
                        ? HostsAsync([.. words.Skip(1)])
                        : PkiAsync([.. words.Skip(1)])
                )
            );
        }
        var shown = Done(await PkiAsync("show", "--json"));
        using var document = JsonDocument.Parse(shown.Output);
        Assert.Equal(
            ["ca", "north", "south"],
            document.RootElement.EnumerateArray().Select(one => one.GetProperty("name").GetString())
        );
        Assert.All(
            document.RootElement.EnumerateArray(),
            one => Assert.Equal("matches", one.GetProperty("key").GetString())
        );
    }

    [Fact]
    public async Task Issuing_twice_changes_nothing_and_says_so()
    {
        Done(await PkiAsync("init"));
        var first = Done(await HostsAsync("issue"));
        Assert.Contains("+ north", first.Output);
        Assert.Contains("ca.key goes to none", first.Output);
        Assert.Contains("ca.pem south.pem south.key | ssh root@192.0.2.2", first.Output);
        var before = Contents();
        var second = Done(await HostsAsync("issue"));
        Assert.Contains("= north: valid until", second.Output);
        Assert.DoesNotContain("ssh", second.Output);
        Assert.Equal(before, Contents());
        Assert.Contains("left alone", Done(await HostsAsync("renew")).Output);
        Assert.Equal(before, Contents());
        Done(await HostsAsync("renew", "north"));
        Assert.Equal(
            ["north.key", "north.pem"],
            Contents().Except(before).Select(file => file.Name).Order()
        );
    }

    [Fact]
    public async Task A_host_whose_address_has_changed_is_said_and_renewed()
    {
        Done(await PkiAsync("init"));
        Done(await HostsAsync("issue"));
        await File.WriteAllTextAsync(
            Overlay,
            TwoHosts.Replace("192.0.2.2", "192.0.2.9"),
            TestContext.Current.CancellationToken
        );
        var said = await HostsAsync("issue");
        Assert.Equal(ExitCode.Failed, said.ExitCode);
        Assert.Contains("south: the certificate is not for 192.0.2.9", said.Errors);
        Assert.Contains("weft pki renew south", said.Errors);
        Assert.Contains("= north", said.Output);
        Assert.Contains("192.0.2.9", Done(await HostsAsync("renew")).Output);
        Done(await HostsAsync("issue"));
    }

    [Fact]
    public async Task What_expires_is_shown_said_and_renewed()
    {
        Make(DateTimeOffset.UtcNow.AddDays(-800), "north");
        Make(DateTimeOffset.UtcNow.AddDays(-900), "south");
        var shown = await PkiAsync("show");
        Assert.Equal(ExitCode.Failed, shown.ExitCode);
        Assert.Matches("north .*\\(2[45] days\\)", shown.Output);
        Assert.Matches("south .*\\(expired\\)", shown.Output);
        Assert.Contains("south: the certificate expired on", shown.Errors);
        Assert.DoesNotContain("north: ", shown.Errors);
        var issued = await HostsAsync("issue");
        Assert.Equal(ExitCode.Failed, issued.ExitCode);
        Assert.Contains("! north: the certificate expires on", issued.Errors);
        Assert.Contains("! south: the certificate expired on", issued.Errors);
        var renewed = Done(await HostsAsync("renew"));
        Assert.Contains("+ north", renewed.Output);
        Assert.Contains("+ south", renewed.Output);
        Done(await PkiAsync("show"));
    }

    [Fact]
    public async Task RSA_stays_RSA()
    {
        Done(await PkiAsync("init", "--curve", "p384", "--name", "An authority"));
        Assert.Contains("RSA", Done(await HostsAsync("issue", "north", "--rsa")).Output);
        Assert.Contains("ECDSA P-384", Done(await HostsAsync("issue")).Output);
        Assert.Contains("+ north: RSA", Done(await HostsAsync("renew", "--all")).Output);
        Assert.Contains("An authority", Done(await PkiAsync("show")).Output);
    }

    [Theory]
    [InlineData("issue nowhere", "has no host 'nowhere': it has north, south", ExitCode.Usage)]
    [InlineData("renew north nowhere", "has no host 'nowhere'", ExitCode.Usage)]
    [InlineData("issue --hots north", "--hots", ExitCode.Usage)]
    [InlineData("issue --days 0", "no number of days", ExitCode.Usage)]
    [InlineData("issue --days soon", "soon", ExitCode.Usage)]
    [InlineData("issue", "no authority", ExitCode.Failed)]
    [InlineData("renew", "no authority", ExitCode.Failed)]
    public async Task What_cannot_be_done_for_hosts_is_said_in_words(
        string line,
        string words,
        int code
    ) => Failed(await HostsAsync(line.Split(' ')), words, code);

    [Theory]
    [InlineData("show", "weft pki init", ExitCode.Failed)]
    [InlineData("init --next", "weft pki init", ExitCode.Failed)]
    [InlineData("init --retire", "weft pki init", ExitCode.Failed)]
    [InlineData("init --next --retire", "one of them", ExitCode.Usage)]
    [InlineData("init --curve p521", "p521", ExitCode.Usage)]
    [InlineData("init --days 99999", "no number of days", ExitCode.Usage)]
    public async Task What_cannot_be_done_without_an_authority_is_said_in_words(
        string line,
        string words,
        int code
    ) => Failed(await PkiAsync(line.Split(' ')), words, code);

    [Fact]
    public async Task What_is_damaged_or_in_the_way_is_said_in_words()
    {
        Done(await PkiAsync("init"));
        Failed(await PkiAsync("init"), "--next", ExitCode.Failed);
        Done(await HostsAsync("issue"));
        Failed(
            await WeftProgram.RunAsync("pki", "issue", Overlay, "-d", Pki, "-f", Overlay),
            $"--file {Overlay}",
            ExitCode.Usage
        );
        await File.WriteAllTextAsync(
            Path.Combine(Pki, "north.pem"),
            "damaged",
            TestContext.Current.CancellationToken
        );
        var shown = await PkiAsync("show");
        Failed(shown, "north.pem holds no certificate", ExitCode.Failed);
        Assert.Contains("south", shown.Output);
        Failed(await HostsAsync("issue"), "north.pem", ExitCode.Failed);
        await File.WriteAllTextAsync(
            Path.Combine(Pki, "ca.key"),
            "damaged",
            TestContext.Current.CancellationToken
        );
        Failed(await HostsAsync("renew", "south"), "ca.key holds no private key", ExitCode.Failed);
        Failed(
            await WeftProgram.RunAsync("pki", "init", "-d", "/proc/weft/pki"),
            "/proc/weft/pki cannot be written",
            ExitCode.Failed
        );
        Failed(await WeftProgram.RunAsync("pki", "init", "-d", Overlay), Overlay, ExitCode.Failed);
    }

    [Fact]
    public async Task A_host_called_as_the_authority_is_refused()
    {
        await File.WriteAllTextAsync(
            Overlay,
            TwoHosts.Replace("south", "ca"),
            TestContext.Current.CancellationToken
        );
        Done(await PkiAsync("init"));
        var before = Contents();
        Failed(await HostsAsync("issue"), "another name", ExitCode.Failed);
        Failed(await HostsAsync("renew", "ca"), "another name", ExitCode.Failed);
        Assert.Equal(before, Contents());
    }

    [Theory]
    [InlineData("000")]
    [InlineData("077")]
    public async Task Rights_do_not_depend_on_the_umask(string umask)
    {
        var made = Path.Combine(folder, "a", "pki");
        var script = $"""
            umask {umask}
            "$0" pki init -d {made} && "$0" pki issue -d {made} -f {Overlay}
            stat -c 'mode %a %n' {Path.GetDirectoryName(made)} {made} {made}/*
            """;
        var result = Done(
            await Tool.RunAsync(
                ["sh", "-euc", script, WeftProgram.Path],
                cancellationToken: TestContext.Current.CancellationToken
            )
        );
        string[] modes =
        [
            .. result
                .Output.Split('\n')
                .Where(line => line.StartsWith("mode "))
                .Select(line => line.Split(' ')[1]),
        ];
        Assert.Equal([umask == "077" ? "700" : "755", "700"], modes[..2]);
        Assert.Equal(Enumerable.Repeat("600", 6), modes[2..]);
    }

    [Fact]
    public async Task Who_may_not_read_the_keys_is_told_who_may()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Skip("it takes root's rights to become somebody else");
        }
        Done(await PkiAsync("init"));
        Done(await HostsAsync("issue"));
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        foreach (var command in (string[])["show", "init --next", "issue", "renew"])
        {
            string[] file = command is "issue" or "renew" ? ["-f", Overlay] : [];
            var result = await Tool.RunAsync(
                [
                    "setpriv",
                    "--reuid=65534",
                    "--regid=65534",
                    "--clear-groups",
                    WeftProgram.Path,
                    "pki",
                    .. command.Split(' '),
                    "-d",
                    Pki,
                    .. file,
                ],
                cancellationToken: TestContext.Current.CancellationToken
            );
            Failed(result, "run weft as root", ExitCode.Failed);
        }
    }

    [Fact]
    public async Task Killed_at_any_moment_it_leaves_whole_pairs()
    {
        Done(await PkiAsync("init"));
        Done(await HostsAsync("issue"));
        var took = Stopwatch.StartNew();
        Done(await HostsAsync("renew", "--all"));
        var serials = new HashSet<string>(StringComparer.Ordinal);
        for (var turn = 0; turn < 20; turn++)
        {
            using (
                var process = Tool.Start([
                    WeftProgram.Path,
                    "pki",
                    "renew",
                    "--all",
                    "-d",
                    Pki,
                    "-f",
                    Overlay,
                ])
            )
            {
                // The moments are spread over the time that a whole run takes, be the machine half as fast by now.
                process.WaitForExit((int)(took.ElapsedMilliseconds * (turn + 1) / 10));
                took.Stop();
                process.Kill();
                await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            }
            var directory = new PkiDirectory(Pki);
            using var trusted = directory.ReadTrusted();
            foreach (var host in (string[])["north", "south"])
            {
                var status = directory.ReadHost(host, trusted)!;
                Assert.Null(status.FaultAt(DateTimeOffset.UtcNow));
                Assert.Equal(KeyState.Matches, status.Key);
                serials.Add(status.SerialNumber);
            }
        }
        Assert.True(serials.Count > 2, "no run got as far as renewing anything");
        Done(await HostsAsync("renew"));
        Assert.DoesNotContain(Directory.GetFiles(Pki), file => file.EndsWith(".new"));
    }

    private void Make(DateTimeOffset at, string host)
    {
        var clock = new FakeTimeProvider(at);
        using var writer = PkiWriter.Make(new PkiDirectory(Pki), clock);
        if (File.Exists(Path.Combine(Pki, "ca.pem")))
        {
            // The other host's authority is younger than this certificate is to be.
            writer.MakeNextAuthority(null, null, 3650);
        }
        else
        {
            writer.MakeAuthority(null, KeyKind.P256, 3650);
        }
        var address = host == "north" ? "192.0.2.1" : "192.0.2.2";
        writer.Issue(new("homelab", host, [System.Net.IPAddress.Parse(address)]), null, 825);
    }

    private Task<ToolResult> PkiAsync(params IEnumerable<string> arguments) =>
        WeftProgram.RunAsync(["pki", .. arguments, "--directory", Pki]);

    private Task<ToolResult> HostsAsync(params IEnumerable<string> arguments) =>
        PkiAsync([.. arguments, "--file", Overlay]);

    private IReadOnlyList<(string Name, string Text)> Contents() =>
        [
            .. Directory
                .GetFiles(Pki)
                .Order(StringComparer.Ordinal)
                .Select(file => (Path.GetFileName(file), File.ReadAllText(file))),
        ];

    private static ToolResult Done(ToolResult result)
    {
        Assert.True(result.ExitCode == ExitCode.Done, result.Errors);
        Assert.DoesNotContain("PRIVATE KEY", result.Output);
        return result;
    }

    private static void Failed(ToolResult result, string words, int code)
    {
        Assert.True(result.ExitCode == code, $"{result.ExitCode}: {result.Errors}");
        Assert.Contains(words, result.Errors);
        Assert.DoesNotContain("   at ", result.Errors);
    }

    private static string Root()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "weft.slnx")))
        {
            directory = Path.GetDirectoryName(directory)!;
        }
        return directory;
    }
}
