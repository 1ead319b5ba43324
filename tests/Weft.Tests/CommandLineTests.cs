using System.Text.Json;

namespace Weft.Tests;

/// <summary>What the terminal shows, and what the exit tells.</summary>
public sealed class CommandLineTests
{
    private const string TwoHosts = """
        name: homelab
        hosts: { north: 192.0.2.1, south: 192.0.2.2 }
        networks:
          cont-mgmnt0: { vlan: 200, subnet: 10.8.2.0/24, bridge: { stp: true } }
          host-mgmnt0: { vlan: 100, subnet: 10.8.3.0/24, hosts: { north: 10.8.3.1, south: 10.8.3.2 } }
        containers:
          wallabag: { host: north, engine: netns, networks: { cont-mgmnt0: 10.8.2.2 } }
        """;

    [Theory]
    [InlineData("plan")]
    [InlineData("apply")]
    [InlineData("try")]
    [InlineData("confirm")]
    [InlineData("history")]
    [InlineData("history show")]
    [InlineData("rollback")]
    [InlineData("check")]
    [InlineData("status")]
    [InlineData("destroy")]
    [InlineData("guard")]
    [InlineData("install")]
    [InlineData("upgrade")]
    [InlineData("uninstall")]
    [InlineData("import")]
    [InlineData("export")]
    [InlineData("ping")]
    [InlineData("top")]
    [InlineData("diagram")]
    [InlineData("report")]
    [InlineData("completion")]
    [InlineData("agent")]
    public async Task Help_of_a_command_ends_with_examples_that_name_it(string command)
    {
        var result = await WeftProgram.RunAsync([.. command.Split(' '), "--help"]);
        Assert.Equal(ExitCode.Done, result.ExitCode);
        var examples = result.Output.Split("Examples:")[1];
        Assert.Contains($"weft {command}", examples, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("lab")]
    public async Task A_command_of_commands_named_alone_shows_its_help(string command)
    {
        var result = await WeftProgram.RunAsync(
            command.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        );
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains("Commands:", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("appply", "appply")]
    [InlineData("plan --hots north", "--hots")]
    [InlineData("plan --hots", "--hots")]
    [InlineData("apply --timeout soon", "soon")]
    [InlineData("apply --timeout=-1", "at most 3600, not '-1'")]
    [InlineData("destroy --timeout 0", "at most 3600, not '0'")]
    [InlineData("try --timeout 5000000", "at most 3600, not '5000000'")]
    [InlineData("rotate use --timeout 1e300 new.psk", "at most 3600, not '1e300'")]
    [InlineData("rollback --timeout NaN", "at most 3600, not 'NaN'")]
    [InlineData("plan --engine 7", "netns, lxd, incus, docker or podman, not '7'")]
    [InlineData("plan --engine netns,lxd", "docker or podman, not 'netns,lxd'")]
    [InlineData("plan --datapath 1", "auto, kernel or userspace, not '1'")]
    [InlineData("lab up --isolation 1", "netns or uml, not '1'")]
    [InlineData("try --within soon", "soon")]
    [InlineData("rollback one", "one")]
    [InlineData("rollback foo", "N takes a whole number, not 'foo'.")]
    [InlineData("history show 1.5", "N takes a whole number, not '1.5'.")]
    [InlineData("ping --size x", "--size takes a whole number, not 'x'.")]
    [InlineData("ping --count x", "--count takes a whole number, not 'x'.")]
    [InlineData("ping --ways 99999999999", "--ways takes a whole number, not '99999999999'.")]
    [InlineData("ping --timeout x", "--timeout takes seconds, not 'x'.")]
    [InlineData("ping --interval=1,x", "--interval takes seconds, not '1,x'.")]
    [InlineData("top --interval x", "--interval takes seconds, not 'x'.")]
    [InlineData("trace a b --timeout x", "--timeout takes seconds, not 'x'.")]
    [InlineData("lab up --hosts x", "--hosts takes a whole number, not 'x'.")]
    [InlineData("apply --all --jobs x", "--jobs takes a whole number, not 'x'.")]
    [InlineData("history show", "N")]
    [InlineData("lab up", "--hosts")]
    [InlineData("completion tcsh", "tcsh")]
    [InlineData("export netplan", "netplan")]
    [InlineData("guard --bot", "--bot")]
    [InlineData("agent -", "name a file")]
    [InlineData("report -", "name a file")]
    [InlineData("destroy --boot", "--boot")]
    [InlineData("diagram --format png", "png")]
    [InlineData("ping --count 3", "--count")]
    [InlineData("top --interval 0", "--interval")]
    public async Task Wrong_usage_names_the_word_and_exits_with_2(string line, string word)
    {
        var result = await WeftProgram.RunAsync(line.Split(' '));
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains(word, result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", result.Errors, StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    [Theory]
    [InlineData("status", "FILE")]
    [InlineData("agent", "FILE")]
    [InlineData("report", "FILE")]
    [InlineData("import", "READING")]
    [InlineData("plan", "FILE")]
    [InlineData("agent --socket", "--socket")]
    [InlineData("report --out", "--out")]
    [InlineData("status --db", "--db")]
    public async Task A_word_that_is_empty_is_named_and_exits_with_2(string line, string word)
    {
        var result = await WeftProgram.RunAsync([.. line.Split(' '), ""]);
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains($"{word} is empty", result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/run/")]
    [InlineData("/run")]
    [InlineData(
        "/run/01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789/x"
    )]
    public async Task Where_no_socket_can_be_is_said_and_exits_with_2(string path)
    {
        var result = await WeftProgram.RunAsync("agent", "--socket", path);
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains("--socket takes", result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plan", "WEFT_ENGINE", "rkt", "netns, lxd, incus, docker or podman, not 'rkt'")]
    [InlineData("addresses", "WEFT_ENGINE", "7", "netns, lxd, incus, docker or podman, not '7'")]
    [InlineData("plan", "WEFT_DATAPATH", "ebpf", "auto, kernel or userspace, not 'ebpf'")]
    [InlineData("plan", "WEFT_ENGINE", "", null)]
    [InlineData("plan", "WEFT_ENGINE", "Netns", null)]
    [InlineData("plan --engine lxd", "WEFT_ENGINE", "rkt", null)]
    [InlineData("plan --help", "WEFT_ENGINE", "rkt", null)]
    public async Task A_variable_that_means_nothing_is_named_and_exits_with_2(
        string line,
        string variable,
        string value,
        string? words
    )
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, TwoHosts, TestContext.Current.CancellationToken);
        var result = await Core.Linux.Tool.RunAsync(
            [WeftProgram.Path, .. line.Split(' '), file],
            environment: new Dictionary<string, string> { [variable] = value },
            cancellationToken: TestContext.Current.CancellationToken
        );
        File.Delete(file);
        Assert.Equal(words is null ? ExitCode.Done : ExitCode.Usage, result.ExitCode);
        if (words is not null)
        {
            Assert.Contains($"{variable} ", result.Errors, StringComparison.Ordinal);
            Assert.Contains(words, result.Errors, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("check")]
    [InlineData("plan")]
    [InlineData("apply")]
    [InlineData("try")]
    [InlineData("status")]
    [InlineData("destroy")]
    [InlineData("guard")]
    [InlineData("install")]
    [InlineData("export ifupdown")]
    [InlineData("ping")]
    public async Task A_file_that_is_not_there_is_named_and_exits_with_2(string command)
    {
        var result = await WeftProgram.RunAsync([
            .. command.Split(' '),
            "/nonexistent/overlay.yaml",
        ]);
        // ping asks for root first where it is not.
        Assert.True(result.ExitCode == ExitCode.Usage || command == "ping", result.Errors);
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ping")]
    [InlineData("top")]
    [InlineData("trace a b")]
    [InlineData("confirm")]
    [InlineData("history")]
    [InlineData("install")]
    [InlineData("uninstall")]
    public async Task Who_is_not_root_is_told_what_takes_roots_rights(string command)
    {
        string[] becoming = Environment.IsPrivilegedProcess
            ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            : [];
        var result = await Core.Linux.Tool.RunAsync(
            [.. becoming, WeftProgram.Path, .. command.Split(' ')],
            cancellationToken: TestContext.Current.CancellationToken
        );
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains("takes root's rights: use sudo", result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("a lab is", result.Errors, StringComparison.Ordinal);
    }

    /// <summary>A result that is lost is a failure; words about it that are lost are none.</summary>
    [Theory]
    [InlineData("check FILE 2>/dev/full", ExitCode.Done)]
    [InlineData("check FILE 2>&-", ExitCode.Done)]
    [InlineData("check FILE <&- 2>&-", ExitCode.Done)]
    [InlineData("plan FILE 2>/dev/full", ExitCode.Done)]
    [InlineData("check nofile 2>/dev/full", ExitCode.Usage)]
    [InlineData("check nofile 2>&-", ExitCode.Usage)]
    [InlineData("chekc 2>/dev/full", ExitCode.Usage)]
    [InlineData("check FILE >/dev/full", ExitCode.Failed)]
    [InlineData("check FILE >/dev/full 2>&1", ExitCode.Failed)]
    [InlineData("check FILE >&-", ExitCode.Failed)]
    [InlineData("check FILE >&- 2>&-", ExitCode.Failed)]
    [InlineData("diagram FILE >/dev/full", ExitCode.Failed)]
    [InlineData("diagram FILE >&-", ExitCode.Failed)]
    [InlineData("plan FILE --json >&-", ExitCode.Failed)]
    [InlineData("man >/dev/full", ExitCode.Failed)]
    [InlineData("completion bash >/dev/full", ExitCode.Failed)]
    [InlineData("lab >/dev/full", ExitCode.Failed)]
    [InlineData("--version >/dev/full", ExitCode.Failed)]
    [InlineData("--version >/dev/full 2>&1", ExitCode.Failed)]
    [InlineData("--version >&-", ExitCode.Failed)]
    [InlineData("plan --help >/dev/full", ExitCode.Failed)]
    public async Task Where_nothing_can_be_written_it_ends_as_ever_and_fails_only_if_the_result_is_lost(
        string line,
        int exitCode
    )
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, TwoHosts, TestContext.Current.CancellationToken);
        var result = await Core.Linux.Tool.RunAsync(
            [
                "sh",
                "-c",
                $"\"$0\" {line.Replace("FILE", file, StringComparison.Ordinal)}",
                WeftProgram.Path,
            ],
            cancellationToken: TestContext.Current.CancellationToken
        );
        File.Delete(file);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
        Assert.Equal(
            exitCode == ExitCode.Failed && !line.Contains("2>", StringComparison.Ordinal),
            result.Errors.Contains(
                "weft: standard output cannot be written: ",
                StringComparison.Ordinal
            )
        );
    }

    [Fact]
    public async Task Check_finds_every_mistake_in_one_run_with_its_place()
    {
        var result = await WeftProgram.RunOnAsync(
            """
            name: homelab
            hosts: { north: 192.0.2.1, south: 192.0.2.1 }
            networks:
              cont: { vlan: 5000, subnet: 10.8.2.0/24 }
            containres: {}
            """,
            "check"
        );
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        var mistakes = result.Errors.Trim().Split('\n');
        Assert.Equal(3, mistakes.Length);
        Assert.Contains(":2:", mistakes[0], StringComparison.Ordinal);
        Assert.Contains(":4:", mistakes[1], StringComparison.Ordinal);
        Assert.Contains(":5:1:", mistakes[2], StringComparison.Ordinal);
        Assert.Contains("containers", mistakes[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_on_a_machine_that_is_no_host_of_the_overlay_plans_for_all_as_if_fresh()
    {
        var result = await WeftProgram.RunOnAsync(TwoHosts, "plan", "--commands");
        Assert.Equal(ExitCode.Done, result.ExitCode);
        Assert.Contains("# north (homelab)", result.Output, StringComparison.Ordinal);
        Assert.Contains("# south (homelab)", result.Output, StringComparison.Ordinal);
        Assert.Contains("ip link add name cont-mgmnt0 ", result.Output, StringComparison.Ordinal);
        Assert.Contains("ovs-vsctl add-br ovsbr0", result.Output, StringComparison.Ordinal);
        Assert.Contains("none of the overlay's hosts", result.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kernel")]
    [InlineData("userspace")]
    public async Task Plan_and_check_tell_how_the_MTU_comes_about_as_the_manual_quotes_it(
        string datapath
    )
    {
        var sum = Core.Tests.Repository.Read("docs/mtu.md").Split("```text\n")[1].Split('\n')[0];
        var example = Core.Tests.Repository.PathOf("examples/two-hosts.yaml");
        var plan = await WeftProgram.RunAsync(
            "plan",
            "--bare",
            "--as",
            "host1",
            "--datapath",
            datapath,
            example
        );
        Assert.Equal(
            [$"  {sum}", $"  {datapath} datapath", ""],
            plan.Output.Split('\n').Skip(1).Take(3)
        );
        var check = await WeftProgram.RunAsync("check", example);
        Assert.Contains($"  {sum}", check.Output.Split('\n'));
    }

    [Fact]
    public async Task Plan_as_JSON_is_JSON_and_differences_have_an_exit_code()
    {
        var result = await WeftProgram.RunOnAsync(
            TwoHosts,
            "plan",
            "--bare",
            "--as",
            "south",
            "--json",
            "--exit-code"
        );
        Assert.Equal(ExitCode.Differences, result.ExitCode);
        using var document = JsonDocument.Parse(result.Output);
        var plan = Assert.Single(document.RootElement.EnumerateArray());
        Assert.Equal("south", plan.GetProperty("host").GetString());
        Assert.Equal(1458, plan.GetProperty("mtu").GetProperty("bytes").GetInt32());
        Assert.NotEmpty(plan.GetProperty("changes").EnumerateArray());
    }

    [Fact]
    public async Task Apply_on_a_machine_that_is_no_host_of_the_overlay_says_which_hosts_there_are()
    {
        var result = await WeftProgram.RunOnAsync(TwoHosts, "apply", "--yes");
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains("north, south", result.Errors, StringComparison.Ordinal);
        Assert.Contains("--as", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_Open_vSwitch_apply_says_what_to_install_and_start()
    {
        var result = await WeftProgram.RunOnAsync(
            TwoHosts,
            "apply",
            "--yes",
            "--as",
            "north",
            "--db",
            "unix:/nonexistent/db.sock"
        );
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains("openvswitch-switch", result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_piped_has_no_escape_codes()
    {
        var result = await WeftProgram.RunOnAsync(TwoHosts, "plan", "--bare");
        Assert.Equal(ExitCode.Done, result.ExitCode);
        Assert.DoesNotContain('\u001b', result.Output);
        Assert.DoesNotContain(result.Output.Split('\n'), line => line.EndsWith(' '));
    }

    [Theory]
    [InlineData("weft pl", "plan")]
    [InlineData("weft lab ", "up")]
    [InlineData("weft plan --com", "--commands")]
    [InlineData("weft plan --engine ", "netns")]
    public async Task Completion_knows_commands_options_and_values(string typed, string next)
    {
        var result = await WeftProgram.RunAsync($"[suggest:{typed.Length}]", typed);
        Assert.Contains(next, result.Output.Split('\n'));
    }

    [Theory]
    [InlineData("weft plan FILE --as ", "north south")]
    [InlineData("weft status FILE --host no", "north")]
    [InlineData("weft status FILE --host north,", "north,south")]
    [InlineData("weft status FILE --host north,so", "north,south")]
    [InlineData("weft status FILE --host south,north,", "")]
    [InlineData("weft pki issue --file FILE s", "south")]
    [InlineData("weft trace --file FILE ", "north south wallabag")]
    [InlineData("weft trace --file FILE north wa", "wallabag")]
    [InlineData("weft upgrade --host no", "")]
    [InlineData("weft lab reboot --lab no-such-lab nor", "")]
    public async Task Completion_knows_the_names_in_the_overlay_file(string typed, string names)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, TwoHosts, TestContext.Current.CancellationToken);
        typed = typed.Replace("FILE", file, StringComparison.Ordinal);
        var result = await WeftProgram.RunAsync($"[suggest:{typed.Length}]", typed);
        File.Delete(file);
        Assert.Empty(result.Errors);
        Assert.Equal(
            names.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            result
                .Output.Split('\n')
                .Intersect(["north", "south", "wallabag", "north,south"])
                .Order()
        );
    }

    [Theory]
    [InlineData("trace", "<FROM> <TO>")]
    [InlineData("pki issue", "[<HOST>...]")]
    public async Task Help_is_the_same_whatever_names_could_be_completed(
        string command,
        string usage
    )
    {
        var directory = Directory.CreateTempSubdirectory("weft-help-");
        try
        {
            await File.WriteAllTextAsync(
                Path.Combine(directory.FullName, "overlay.yaml"),
                TwoHosts,
                TestContext.Current.CancellationToken
            );
            var help = await Core.Linux.Tool.RunAsync(
                [
                    "env",
                    "-C",
                    directory.FullName,
                    WeftProgram.Path,
                    .. command.Split(' '),
                    "--help",
                ],
                cancellationToken: TestContext.Current.CancellationToken
            );
            Assert.Contains($"weft {command} {usage} ", help.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("south", help.Output, StringComparison.Ordinal);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("weft pl", "plan")]
    [InlineData("weft pki issue --di", "--directory")]
    [InlineData("weft pki issue h", "")]
    [InlineData("weft plan --datapath k", "kernel")]
    [InlineData("weft plan --engine = n", "netns")]
    [InlineData("weft lab up --isolation = ", "netns uml")]
    public async Task Bash_completes_what_begins_with_the_word(string typed, string completions)
    {
        var script = await WeftProgram.RunAsync("completion", "bash");
        // Bash hands over the words as it breaks them, and the line as it was typed.
        var words = typed.Split(' ');
        var line = typed.Replace(" = ", "=", StringComparison.Ordinal);
        var names = Directory.CreateTempSubdirectory("weft-names-");
        try
        {
            File.CreateSymbolicLink(Path.Combine(names.FullName, "weft"), WeftProgram.Path);
            var completed = await Core.Linux.Tool.RunAsync(
                [
                    "env",
                    $"PATH={names.FullName}:/usr/bin:/bin",
                    "bash",
                    "-c",
                    """
                    . /dev/stdin
                    COMP_LINE=$1 COMP_POINT=${#1}
                    shift
                    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
                    _weft
                    echo "${COMPREPLY[*]}"
                    """,
                    "bash",
                    line,
                    .. words,
                ],
                System.Text.Encoding.UTF8.GetBytes(script.Output),
                cancellationToken: TestContext.Current.CancellationToken
            );
            Assert.Equal((0, $"{completions}\n"), (completed.ExitCode, completed.Output));
        }
        finally
        {
            names.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_bash_completion_is_a_script_that_bash_understands()
    {
        var script = await WeftProgram.RunAsync("completion", "bash");
        var check = await Core.Linux.Tool.RunAsync(
            ["bash", "-n"],
            System.Text.Encoding.UTF8.GetBytes(script.Output),
            cancellationToken: TestContext.Current.CancellationToken
        );
        Assert.Equal(0, check.ExitCode);
    }

    [Theory]
    [InlineData("fish", "source; complete --do-complete 'weft lab u'", "\nup\n")]
    [InlineData("zsh", "compdef() { print \"$@\" }; . /dev/stdin", "\n_weft weft\n")]
    public async Task The_other_shells_take_their_completions_too(
        string shell,
        string load,
        string expected
    )
    {
        if (Core.Linux.Tool.Find(shell) is null)
        {
            Assert.Skip($"this machine has no {shell}");
        }
        var script = await WeftProgram.RunAsync("completion", shell);
        var names = Directory.CreateTempSubdirectory("weft-names-");
        try
        {
            File.CreateSymbolicLink(Path.Combine(names.FullName, "weft"), WeftProgram.Path);
            var loaded = await Core.Linux.Tool.RunAsync(
                ["env", $"PATH={names.FullName}:/usr/bin:/bin", shell, "-c", load],
                System.Text.Encoding.UTF8.GetBytes(script.Output),
                cancellationToken: TestContext.Current.CancellationToken
            );
            Assert.True(loaded.ExitCode == 0, loaded.Errors);
            Assert.Contains(expected, $"\n{loaded.Output}", StringComparison.Ordinal);
        }
        finally
        {
            names.Delete(recursive: true);
        }
    }
}
