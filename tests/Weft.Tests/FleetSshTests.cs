using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Weft.Core.Ipsec;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Pki;
using Weft.Fleet;
using Weft.Reachability;
using Weft.Rendering;
using Weft.Traffic;

namespace Weft.Tests;

/// <summary>
/// What goes to a host and comes back, by an <c>ssh</c> that is a script: the host is a directory, its weft another script,
/// and its login shell whatever a test wants.
/// </summary>
public sealed partial class FleetSshTests : IDisposable
{
    private const string Overlay = """
        name: fleet
        hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
        tunnels: { type: gre, ipsec: { certificates: true } }

        """;

    private readonly string directory = Directory.CreateTempSubdirectory("weft-fleet-").FullName;

    /// <summary>Makes the host, and what goes with the overlay file here.</summary>
    public FleetSshTests()
    {
        Write("here/overlay.yaml", Overlay);
        Write("ssh-says", "");
        Write("plan.json", PlanOf());
        Program(
            "tools/ssh",
            $$"""
            while :; do
              case $1 in
                -G | -O) exit 0 ;;
                -o | -p) shift 2 ;;
                -*) shift ;;
                *) break ;;
              esac
            done
            host=$1
            shift
            command=$(printf %s "$*" | sed 's|/etc/weft|{{directory}}/etc|g; s|/usr/local/bin|{{directory}}/bin|g; s|/usr/bin/weft|{{directory}}/package/weft|g')
            printf '%s\0' "$command" >>{{directory}}/commands
            . {{directory}}/ssh-says
            exec sh -c "$command"
            """
        );
        Program("tools/id", "echo 0");
        Program("tools/uname", "echo x86_64");
        Program(
            "weft",
            $"""
            cat >/dev/null
            case $1 in
              plan) cat {directory}/plan.json ;;
              apply) cat {directory}/etc/pki/host1.pem >{directory}/applied; echo '✓ done' ;;
            esac
            """
        );
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task A_no_leaves_the_certificates_that_a_host_has()
    {
        Certificates("etc/pki", "former");
        Certificates("here/pki", "next");
        Assert.SkipWhen(Tool.Find("script") is null, "there is no script: apt install bsdutils");
        var asked = await RefuseAsync();
        Assert.Contains("3 to change", asked.Output, StringComparison.Ordinal);
        Assert.Contains("/etc/weft/pki/host1.pem", asked.Output, StringComparison.Ordinal);
        Assert.Contains("Nothing was changed.", asked.Output, StringComparison.Ordinal);
        foreach (var file in Directory.EnumerateFiles(At("etc/pki")))
        {
            Assert.Equal("former", File.ReadAllText(file));
        }

        // What a host has none of is put for the plan, which a no does not deny.
        File.Delete(At("etc/pki/host1.key"));
        asked = await RefuseAsync();
        Assert.DoesNotContain("Nothing was changed.", asked.Output, StringComparison.Ordinal);
        Assert.Contains(
            "/etc/weft/pki/host1.key on host1",
            asked.Output.ReplaceLineEndings(" "),
            StringComparison.Ordinal
        );
        Assert.Equal("next", File.ReadAllText(At("etc/pki/host1.key")));
        Assert.Equal("former", File.ReadAllText(At("etc/pki/host1.pem")));
    }

    /// <summary>Who watches by a program sees nothing but what that is told.</summary>
    [Theory]
    [InlineData("ping", "--json")]
    [InlineData("ping", "--watch", "--count", "1", "--json")]
    [InlineData("top", "--once", "--interval", "0.1", "--json")]
    public async Task A_host_that_could_not_be_asked_is_in_the_JSON_with_the_reason(
        params string[] command
    )
    {
        Write("ssh-says", "case $host in *192.0.2.2) echo no route >&2; exit 255 ;; esac");
        AnswerPingAndTop();
        var asked = await RunAsync([
            WeftProgram.Path,
            .. command,
            "--all",
            "--installed",
            At("weft"),
            At("here/overlay.yaml"),
        ]);
        Assert.Equal(1, asked.ExitCode);
        var report = JsonNode.Parse(asked.Output)!;
        var silent = Assert.Single(report["silent"]!.AsArray())!;
        Assert.Equal("host2", silent["host"]!.GetValue<string>());
        Assert.StartsWith(
            "host 'host2' was not reached",
            silent["why"]!.GetValue<string>(),
            StringComparison.Ordinal
        );
        Assert.Equal(TimeSpan.Zero, report["time"]!.GetValue<DateTimeOffset>().Offset);
        if (command[0] == "ping")
        {
            Assert.False(report["reachable"]!.GetValue<bool>());
        }
    }

    [Theory]
    [InlineData()]
    [InlineData("--json")]
    public async Task A_trace_that_no_host_could_be_asked_for_has_not_found_all_well(
        params string[] json
    )
    {
        Write("ssh-says", "echo no route >&2; exit 255");
        Write(
            "here/overlay.yaml",
            Overlay
                + """
                networks: { cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true } }
                containers:
                  wallabag: { host: host1, engine: netns, networks: { cont: 10.8.2.2 } }
                  mastodon: { host: host2, engine: netns, networks: { cont: 10.8.2.3 } }
                """
        );
        var asked = await RunAsync([
            WeftProgram.Path,
            "trace",
            "wallabag",
            "mastodon",
            "--all",
            .. json,
            "--installed",
            At("weft"),
            "--file",
            At("here/overlay.yaml"),
        ]);
        Assert.Equal(1, asked.ExitCode);
        Assert.DoesNotContain("nothing is wrong", asked.Output, StringComparison.Ordinal);
        Assert.Contains("no route", asked.Output, StringComparison.Ordinal);
        if (json is not [])
        {
            Assert.Equal(
                "host1",
                JsonNode.Parse(asked.Output)!["wrong"]!["host"]!.GetValue<string>()
            );
        }
    }

    /// <summary>Hosts whose packages keep weft up to date have mixed versions of it for a while.</summary>
    [Theory]
    [InlineData("doctor", """[{ "what": "ports", "verdict": "Splendid", "words": "" }]""")]
    [InlineData("doctor", """[{ "what": "ports", "verdict": "Well" }]""")]
    [InlineData("doctor --json", """[{ "what": "ports", "verdict": "Well" }]""")]
    [InlineData("status", "all is as intended")]
    [InlineData("status", """{ "overlay": "fleet", "host": "host1", "healthy": true }""")]
    [InlineData("status --json", "all is as intended")]
    [InlineData("plan", """[{ "overlay": "fleet", "host": "host1" }]""")]
    [InlineData("apply --yes", """[{ "overlay": "fleet", "host": "host1" }]""")]
    [InlineData("ping", """{ "overlay": "fleet", "reachable": true }""")]
    [InlineData("ping --json", """{ "overlay": "fleet", "results": [{ "network": "cont" }] }""")]
    [InlineData("top --once --interval 0.1", """{ "host": "host1", "period": 5 }""")]
    public async Task A_host_that_answers_as_another_version_is_named_with_what_to_do(
        string command,
        string answer
    )
    {
        Write("answer", answer);
        Program("weft", $"cat >/dev/null; cat {directory}/answer");
        var (first, options) = command.Split(' ') switch
        {
            [var only] => (only, []),
            [var word, .. var rest] => (word, rest),
            _ => throw new UnreachableException(),
        };
        var asked = await RunAsync(Command(first, options));
        var said = asked.Output + asked.Errors;
        Assert.DoesNotContain("Unhandled", said, StringComparison.Ordinal);
        Assert.DoesNotContain("all well", said, StringComparison.Ordinal);
        Assert.Contains(
            "it answers as another version of weft does: install the same version on every host",
            said,
            StringComparison.Ordinal
        );
        Assert.Equal(1, asked.ExitCode);
    }

    [Theory]
    [InlineData("ping --watch --interval 0.1")]
    [InlineData("ping --watch --interval 0.1 --json")]
    [InlineData("top --interval 0.1 --json")]
    public async Task What_would_go_on_without_end_ends_once_nobody_reads_it(string command)
    {
        Write("ssh-says", "case $host in *192.0.2.2) exit 255 ;; esac");
        AnswerPingAndTop();
        var first = await RunAsync([
            "sh",
            "-c",
            $"(timeout 60 {WeftProgram.Path} {command} --all --installed {At("weft")} {At("here/overlay.yaml")} 2>/dev/null; echo $? >{At("code")}) | head -n 1",
        ]);
        Assert.NotEmpty(first.Output);
        Assert.Equal(
            "0\n",
            await File.ReadAllTextAsync(At("code"), TestContext.Current.CancellationToken)
        );
    }

    /// <summary>What looks at a host leaves nothing half done.</summary>
    [Theory]
    [InlineData("doctor", "weft: interrupted\n")]
    [InlineData(
        "apply",
        "weft: interrupted; what is half done the next `weft apply` mends\n",
        "--yes"
    )]
    public async Task Ctrl_C_is_told_with_what_it_has_left(
        string command,
        string words,
        params string[] options
    )
    {
        Write("ssh-says", $"touch {At("reached")}; exec sleep 1d");
        using var process = Tool.Start(
            Command(command, options),
            new Dictionary<string, string> { ["PATH"] = $"{At("tools")}:{Tool.Path}" }
        );
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        while (!File.Exists(At("reached")))
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        ProcessIdentity.Of(process.Id)!.Value.Send(Libc.SigInt);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.EndsWith(words, await errors, StringComparison.Ordinal);
        Assert.Equal(1, process.ExitCode);
    }

    [Fact]
    public async Task Before_a_host_is_uninstalled_it_is_asked_once()
    {
        Assert.SkipWhen(Tool.Find("script") is null, "there is no script: apt install bsdutils");
        var command = OnTerminal(Command("uninstall"));
        var refused = await RunAsync(command, "n\n");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(
            "Remove what `weft install` put on host1? [y/N]",
            refused.Output,
            StringComparison.Ordinal
        );
        Assert.Contains("Nothing was changed.", refused.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(At("commands")));

        var done = await RunAsync(command, "y\n");
        Assert.Equal(0, done.ExitCode);
        Assert.EndsWith(
            $"{At("weft")} uninstall\0",
            File.ReadAllText(At("commands")),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("next", null, 0, "as intended, nothing to change")]
    [InlineData("former", null, 3, "0 to add, 3 to change, 0 to remove")]
    [InlineData(null, null, 3, "3 to add, 0 to change, 0 to remove")]
    [InlineData(null, "/etc/weft/pki/host1.pem is not there", 3, "3 to add, 0 to change")]
    [InlineData(null, "a bridge ovsbr0 is there that is not Weft's", 1, "1 conflict")]
    public async Task A_plan_tells_of_the_certificates_that_would_be_put_and_puts_none(
        string? there,
        string? conflict,
        int exitCode,
        string summary
    )
    {
        if (there is not null)
        {
            Certificates("etc/pki", there);
        }
        Certificates("here/pki", "next");
        Write("plan.json", PlanOf(conflict));
        var planned = await RunAsync(Command("plan", "--exit-code"));
        Assert.Equal(exitCode, planned.ExitCode);
        Assert.Contains(summary, planned.Output, StringComparison.Ordinal);
        Assert.Equal(there is not null, Directory.Exists(At("etc/pki")));
        foreach (var name in there is null ? [] : Directory.GetFiles(At("etc/pki")))
        {
            Assert.Equal(there, File.ReadAllText(name));
        }
        if (conflict is not null && exitCode == 3)
        {
            Assert.Contains(
                "what encrypts is planned once",
                planned.Errors.ReplaceLineEndings(" "),
                StringComparison.Ordinal
            );
            Assert.DoesNotContain("is not there", planned.Errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_plan_to_destroy_has_no_certificates()
    {
        Certificates("etc/pki", "former");
        Certificates("here/pki", "next");
        var planned = await RunAsync(Command("plan", "--destroy", "--exit-code"));
        Assert.Equal((0, ""), (planned.ExitCode, planned.Errors));
    }

    [Theory]
    [InlineData(null, true)]
    // As when somebody copied one of them alone: others in their place are what mends it.
    [InlineData("/etc/weft/pki/host1.key is not the key of host1.pem", true)]
    [InlineData("a bridge ovsbr0 is there that is not Weft's", false)]
    public async Task Certificates_are_replaced_on_hosts_that_are_applied_and_before_that(
        string? conflict,
        bool isApplied
    )
    {
        Certificates("etc/pki", "former");
        Certificates("here/pki", "next");
        Write("plan.json", PlanOf(conflict));
        var applied = await RunAsync(Command("apply", "--yes"));
        Assert.Equal(isApplied ? 0 : 1, applied.ExitCode);
        foreach (var file in Directory.EnumerateFiles(At("etc/pki")))
        {
            Assert.Equal(isApplied ? "next" : "former", File.ReadAllText(file));
        }
        Assert.Equal(isApplied, File.Exists(At("applied")));
        if (isApplied)
        {
            Assert.Equal("next", File.ReadAllText(At("applied")));
        }
    }

    /// <summary>The authority, the certificate beside its place, the key, the certificate: each takes its place in a step.</summary>
    [Theory]
    [InlineData(1, "former")]
    [InlineData(2, "former")]
    [InlineData(3, "former")]
    [InlineData(4, "next")]
    public async Task Wherever_the_replacing_of_certificates_is_cut_off_a_host_can_prove_who_it_is(
        int step,
        string pair
    )
    {
        Issue("etc/pki");
        Issue("here/pki");
        var certificates = new Dictionary<string, string>
        {
            ["former"] = KeyOf("etc/pki"),
            ["next"] = KeyOf("here/pki"),
        };
        Program(
            "tools/mv",
            $"""
            echo >>{directory}/steps
            [ "$(wc -l <{directory}/steps)" -ne {step} ] || exit 1
            exec {Tool.Find("mv")} "$@"
            """
        );
        var applied = await RunAsync(Command("apply", "--yes"));
        Assert.Equal(1, applied.ExitCode);
        Assert.False(File.Exists(At("applied")));
        Assert.Equal(certificates[pair], KeyOf("etc/pki"));

        // The same command again does the rest, and leaves nothing beside it.
        applied = await RunAsync(Command("apply", "--yes"));
        Assert.True(applied.ExitCode == 0, applied.Output + applied.Errors);
        Assert.Equal(certificates["next"], KeyOf("etc/pki"));
        Assert.Equal(
            ["ca.pem", "host1.key", "host1.pem"],
            Directory.EnumerateFiles(At("etc/pki")).Select(Path.GetFileName).Order()
        );
        foreach (var file in Directory.EnumerateFiles(At("etc/pki")))
        {
            Assert.Equal(
                File.ReadAllText(At($"here/pki/{Path.GetFileName(file)}")),
                File.ReadAllText(file)
            );
        }
    }

    [Fact]
    public async Task What_a_login_shell_says_is_no_answer_and_no_notice()
    {
        Certificates("here/pki", "first");
        Write(
            "ssh-says",
            "echo Welcome; printf 'no end of line'; echo 'setlocale: cannot change locale' >&2"
        );
        var planned = await RunAsync(Command("plan"));
        Assert.Equal((0, ""), (planned.ExitCode, planned.Errors));
        var applied = await RunAsync(Command("apply", "--yes"));
        Assert.Equal((0, ""), (applied.ExitCode, applied.Errors));

        // Where nothing was run, it is what tells why.
        Write("ssh-says", "echo 'Connection closed by 192.0.2.1' >&2; exit 255");
        Assert.Contains(
            "host 'host1' was not reached: Connection closed by 192.0.2.1",
            (await RunAsync(Command("plan"))).Errors,
            StringComparison.Ordinal
        );
    }

    /// <summary>A quoted word ends with its line in csh.</summary>
    [Fact]
    public async Task What_a_login_shell_is_given_is_one_line()
    {
        Certificates("here/pki", "first");
        var applied = await RunAsync(Command("apply", "--yes"));
        Assert.Equal((0, ""), (applied.ExitCode, applied.Errors));
        Assert.Equal("first", File.ReadAllText(At("etc/pki/host1.key")));
        var commands = File.ReadAllText(At("commands"));
        Assert.Contains("mv -f", commands, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', commands);
    }

    [Fact]
    public async Task A_program_that_a_host_cannot_run_leaves_the_one_there_in_its_place()
    {
        Certificates("here/pki", "first");
        Program("bin/weft", "echo the former one");
        var former = File.ReadAllText(At("bin/weft"));
        const byte X64 = 62;
        Write(
            "here/weft",
            Encoding.Latin1.GetString([
                .. "\u007fELF"u8,
                .. Enumerable.Repeat((byte)1, 14),
                X64,
                0,
                1,
                1,
            ])
        );
        var planned = await RunAsync(PlanWithBinary);
        Assert.Equal(1, planned.ExitCode);
        Assert.Contains(
            "host 'host1': /usr/local/bin/weft could not be put in place",
            planned.Errors,
            StringComparison.Ordinal
        );
        Assert.Equal(former, File.ReadAllText(At("bin/weft")));
        Assert.Equal([At("bin/weft")], Directory.EnumerateFiles(At("bin")));
    }

    [Fact]
    public async Task A_program_that_did_not_arrive_as_it_was_sent_leaves_the_one_there_in_its_place()
    {
        const string Mark = "as it was sent";
        var own = await File.ReadAllBytesAsync("/bin/true", TestContext.Current.CancellationToken);
        // What follows a program is nothing to whoever runs it.
        Write("here/weft", Encoding.Latin1.GetString(own) + Mark);
        Program("tools/uname", $"echo {WeftBinary.Read("/bin/true").Machine}");
        Program("bin/weft", "echo the former one");
        var former = File.ReadAllText(At("bin/weft"));
        Write(
            "ssh-says",
            $"case $command in *' --check '*) LC_ALL=C sed 's/{Mark}/{Mark.ToUpperInvariant()[0]}{Mark[1..]}/' | sh -c \"$command\"; exit ;; esac"
        );
        var planned = await RunAsync(PlanWithBinary);
        Assert.Equal(1, planned.ExitCode);
        Assert.Contains(
            "host 'host1': /usr/local/bin/weft could not be put in place: what arrived is not what was sent",
            planned.Errors,
            StringComparison.Ordinal
        );
        Assert.Equal(former, File.ReadAllText(At("bin/weft")));
        Assert.Equal([At("bin/weft")], Directory.EnumerateFiles(At("bin")));

        // It is for that one byte.
        Write("ssh-says", "");
        await RunAsync(PlanWithBinary);
        Assert.Equal(File.ReadAllBytes(At("here/weft")), File.ReadAllBytes(At("bin/weft")));
    }

    [Fact]
    public async Task The_program_of_a_package_is_run_where_it_is_the_same_and_hidden_only_with_a_word()
    {
        const string Hidden = "host1: /usr/local/bin/weft was put there and hides";
        // It says nothing to a plan, which is not what this is about.
        File.Copy("/bin/true", At("here/weft"));
        Program("tools/uname", $"echo {WeftBinary.Read("/bin/true").Machine}");
        Directory.CreateDirectory(At("package"));
        File.Copy("/bin/true", At("package/weft"));
        Assert.DoesNotContain(Hidden, await PlanAsync(), StringComparison.Ordinal);
        Assert.EndsWith(
            $"{At("package/weft")} plan - --as host1 --json\0",
            File.ReadAllText(At("commands")),
            StringComparison.Ordinal
        );
        Assert.False(Directory.Exists(At("bin")));

        // Another is hidden, which is said when it comes to be.
        File.AppendAllText(At("package/weft"), "another");
        var said = await PlanAsync();
        Assert.Contains(Hidden, said, StringComparison.Ordinal);
        Assert.Contains("`--installed /usr/bin/weft`", said, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes("/bin/true"), File.ReadAllBytes(At("bin/weft")));
        Assert.EndsWith(
            $"{At("bin/weft")} plan - --as host1 --json\0",
            File.ReadAllText(At("commands")),
            StringComparison.Ordinal
        );
        Assert.DoesNotContain(Hidden, await PlanAsync(), StringComparison.Ordinal);

        // Where there is no package nothing is hidden.
        Directory.Delete(At("bin"), recursive: true);
        Directory.Delete(At("package"), recursive: true);
        Assert.DoesNotContain(Hidden, await PlanAsync(), StringComparison.Ordinal);
        Assert.True(File.Exists(At("bin/weft")));

        async Task<string> PlanAsync() =>
            (await RunAsync(PlanWithBinary)).Errors.ReplaceLineEndings(" ");
    }

    /// <summary>What each can run is told by the programs themselves, whatever their order.</summary>
    [Theory]
    [InlineData("x86_64")]
    [InlineData("aarch64")]
    public async Task Of_several_programs_a_host_is_sent_the_one_for_its_machine(string machine)
    {
        foreach (var (kind, number) in new[] { ("x86_64", 62), ("aarch64", 183) })
        {
            Write(
                $"here/{kind}",
                $"\u007fELF{new string('\u0001', 14)}{(char)number}\0{new string('\0', 44)}{kind}"
            );
        }
        Program("tools/uname", $"echo {machine}");
        Write("ssh-says", $"case $command in *' --check '*) cat >{directory}/sent; exit 1 ;; esac");
        await RunAsync([
            WeftProgram.Path,
            "plan",
            "--host",
            "host1",
            "--binary",
            At("here/aarch64"),
            "--binary",
            At("here/x86_64"),
            At("here/overlay.yaml"),
        ]);
        Assert.Equal(File.ReadAllBytes(At($"here/{machine}")), File.ReadAllBytes(At("sent")));
    }

    [Fact]
    public async Task On_a_terminal_a_table_says_of_each_host_what_is_done_and_elsewhere_lines_say_what_came_of_it()
    {
        Certificates("here/pki", "first");
        Assert.SkipWhen(Tool.Find("script") is null, "there is no script: apt install bsdutils");
        var shown = (
            await RunAsync(OnTerminal(Command("apply", "--yes")), terminal: "xterm")
        ).Output;
        var plain = Control().Replace(shown, "");
        Assert.Matches(@"… host1 +connecting", plain);
        Assert.Matches(@"… host1 +planning", plain);
        Assert.Matches(@"… host1 +applying", plain);
        Assert.Matches(@"✓ host1 +done", plain);
        // In the place of what was there: the cursor goes up (ECMA-48, CUU), or to the line's begin.
        Assert.Matches(@"applying[^✗]*(\x1b\[\d+A|\r)[^✗]*✓", shown);

        // A table could not be written over.
        var dumb = await RunAsync(OnTerminal(Command("apply", "--yes")), terminal: "dumb");
        Assert.Contains(
            "✓ host1  done\n",
            dumb.Output.ReplaceLineEndings("\n"),
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("applying", dumb.Output, StringComparison.Ordinal);

        var piped = await RunAsync(Command("apply", "--yes"), terminal: "xterm");
        Assert.Contains("✓ host1  done\n", piped.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("applying", piped.Output + piped.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain('\x1b', piped.Output + piped.Errors);
    }

    [Fact]
    public async Task No_more_hosts_are_asked_at_a_time_than_are_to_be()
    {
        const int Hosts = 6;
        const int Jobs = 2;
        Write(
            "here/overlay.yaml",
            $"name: fleet\nhosts:\n{string.Concat(Enumerable.Range(1, Hosts).Select(n => $"  host{n}: 192.0.2.{n}\n"))}"
        );
        Write("marks", "");
        // Each takes its time until it is told to go on, or nobody is there any more to tell it.
        Program(
            "weft",
            $"""
            cat >/dev/null
            echo begin >>{directory}/marks
            until mv {directory}/go {directory}/gone.$$ 2>/dev/null; do [ -d {directory} ] || exit; sleep 0.02; done
            echo end >>{directory}/marks
            cat {directory}/plan.json
            """
        );
        var planning = RunAsync([
            WeftProgram.Path,
            "plan",
            "--all",
            "--jobs",
            $"{Jobs}",
            "--installed",
            At("weft"),
            At("here/overlay.yaml"),
        ]);
        for (var ended = 0; ended < Hosts; ended++)
        {
            await MarkedAsync("begin", int.Min(ended + Jobs, Hosts));
            Write("go", "");
            await MarkedAsync("end", ended + 1);
        }
        var planned = await planning;
        Assert.True(planned.ExitCode == 0, planned.Output + planned.Errors);
        var (running, most) = (0, 0);
        foreach (var mark in File.ReadLines(At("marks")))
        {
            running += mark == "begin" ? 1 : -1;
            most = int.Max(most, running);
        }
        Assert.Equal(Jobs, most);

        async Task MarkedAsync(string mark, int times)
        {
            var started = Stopwatch.GetTimestamp();
            while (File.ReadLines(At("marks")).Count(line => line == mark) < times)
            {
                Assert.True(
                    Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(60),
                    $"not {times} times {mark} within 60 s"
                );
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }
        }
    }

    /// <summary>Has the host say that all is reached, and that nothing is carried.</summary>
    private void AnswerPingAndTop()
    {
        Write("ping.json", new ReachabilityReport("fleet", []).ToJson());
        Write("top.json", new TrafficSample("host1", DateTimeOffset.UnixEpoch, 5, []).ToJson());
        Program("weft", $"cat >/dev/null; cat {directory}/$1.json");
    }

    private string At(string path) => Path.Combine(directory, path);

    private string[] PlanWithBinary =>
        [
            WeftProgram.Path,
            "plan",
            "--host",
            "host1",
            "--binary",
            At("here/weft"),
            At("here/overlay.yaml"),
        ];

    private string[] Command(string command, params string[] options) =>
        [
            WeftProgram.Path,
            command,
            "--host",
            "host1",
            "--installed",
            At("weft"),
            .. options,
            At("here/overlay.yaml"),
        ];

    /// <summary>Applies on a terminal, where a question is answered with no.</summary>
    private Task<ToolResult> RefuseAsync() => RunAsync(OnTerminal(Command("apply")), "n\n");

    private static string[] OnTerminal(string[] command) =>
        ["script", "--quiet", "--return", "--command", string.Join(' ', command), "/dev/null"];

    private Task<ToolResult> RunAsync(
        IReadOnlyList<string> command,
        string input = "",
        string terminal = "dumb"
    ) =>
        Tool.RunAsync(
            command,
            Encoding.UTF8.GetBytes(input),
            new Dictionary<string, string>
            {
                ["PATH"] = $"{At("tools")}:{Tool.Path}",
                ["TERM"] = terminal,
                ["SHELL"] = "/bin/sh",
            },
            cancellationToken: TestContext.Current.CancellationToken
        );

    private void Certificates(string where, string content)
    {
        foreach (var name in new[] { "ca.pem", "host1.pem", "host1.key" })
        {
            Write($"{where}/{name}", content);
        }
    }

    /// <summary>Makes real ones, as each host has them: without the authority's key.</summary>
    private void Issue(string where)
    {
        using (var writer = PkiWriter.Make(new PkiDirectory(At(where)), TimeProvider.System))
        {
            writer.MakeAuthority(null, KeyKind.P256, days: 10);
            writer.Issue(
                new CertificateNames("fleet", "host1", [IPAddress.Parse("192.0.2.1")]),
                kind: null,
                days: 10
            );
        }
        File.Delete(At($"{where}/ca.key"));
    }

    /// <summary>Which key a host proves itself with, as it reads it.</summary>
    private string KeyOf(string where)
    {
        var read = CredentialsReader.Read(
            new CertificateFiles(
                At($"{where}/ca.pem"),
                At($"{where}/host1.pem"),
                At($"{where}/host1.key")
            )
        );
        Assert.Null(read.Problem);
        return read.Certificate!.KeyId;
    }

    private void Write(string path, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
        File.WriteAllText(At(path), content, Encoding.Latin1);
        File.SetUnixFileMode(At(path), UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private void Program(string path, string script)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
        File.WriteAllText(At(path), $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(
            At(path),
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
    }

    /// <summary>What a terminal shows nothing of (ECMA-48, 5.4).</summary>
    [GeneratedRegex(@"\x1b\[[\x30-\x3f]*[\x40-\x7e]", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Control();

    private static string PlanOf(string? conflict = null) =>
        PlanJson.Text([
            new PlanDocument(
                "fleet",
                "host1",
                null,
                null,
                [],
                conflict is null ? [] : [conflict],
                [],
                [],
                []
            ),
        ]);
}
