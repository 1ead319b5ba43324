using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Weft.Core.Linux;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>A command in a host with a kernel of its own is like one on the machine.</summary>
public sealed class GuestTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    private const int MegabytesOfInput = 5;
    private const string UntilInterrupted =
        "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.1; done";

    [Theory]
    [InlineData("true", 0)]
    [InlineData("exit 42", 42)]
    [InlineData("kill -TERM $$", 143)]
    [InlineData("/no/such/program", 127)]
    public async Task The_exit_code_is_the_commands(string script, int code)
    {
        var lab = await LabAsync();
        Assert.Equal(code, (await lab.TryAsync("host1", script)).ExitCode);
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_said_not_to_be()
    {
        var lab = await LabAsync();
        var result = await lab.Lab["host1"]
            .RunAsync(["no-such-program"], default, Needs.Cancellation);
        Assert.Equal(127, result.ExitCode);
        Assert.Contains("no-such-program", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Output_and_errors_are_apart()
    {
        var lab = await LabAsync();
        var result = await lab.TryAsync("host1", "echo out; echo err >&2");
        Assert.Equal((0, "out\n", "err\n"), (result.ExitCode, result.Output, result.Errors));
    }

    [Fact]
    public async Task A_kernel_and_its_processes_take_turns_on_one_processor()
    {
        var lab = await LabAsync();
        var kernel = lab.Lab["host1"].Pid;
        string[] all =
        [
            .. File.ReadAllText($"/proc/{kernel}/task/{kernel}/children")
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(ProcessorsOf)
                .OfType<string>(),
        ];
        // It has a process of the machine's for each of its own.
        Assert.True(all.Length > 5, $"{all.Length} processes");
        Assert.Matches("^[0-9]+$", Assert.Single(all.Distinct()));

        static string? ProcessorsOf(string pid)
        {
            try
            {
                return File.ReadLines($"/proc/{pid}/status")
                    .Single(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal))
                    .Split('\t')[1];
            }
            catch (IOException)
            {
                // It has ended meanwhile.
                return null;
            }
        }
    }

    [Fact]
    public async Task Processes_that_take_turns_keep_their_floating_point_numbers()
    {
        const string Sum =
            "awk 'BEGIN { for (i = 1; i < 300000; i++) s += 1 / i; printf \"%.17g\\n\", s }'";
        var lab = await LabAsync();
        var result = await lab.TryAsync(
            "host1",
            $"for n in 1 2 3 4; do {Sum} & done; while jobs -r | grep -q .; do ls -l /proc/self >/dev/null; done"
        );
        var here = await Tool.RunAsync(["sh", "-c", Sum], cancellationToken: Needs.Cancellation);
        Assert.Equal(string.Concat(Enumerable.Repeat(here.Output, 4)), result.Output);
    }

    [Theory]
    [InlineData("netdev-none", null)]
    [InlineData("dumm", null)]
    [InlineData("dummy-", null)]
    [InlineData("dummy", "dummy")]
    [InlineData("netdev-ip6_vti0", "ip6_vti")]
    [InlineData("rtnl_link_ifb", "ifb")]
    public async Task A_module_is_loaded_by_any_of_its_names_and_by_no_other(
        string name,
        string? module
    )
    {
        var lab = await LabAsync();
        var result = await lab.TryAsync(
            "host2",
            $"$(cat /proc/sys/kernel/modprobe) -q -- {name}; echo $?; grep -c '^{module ?? name} ' /proc/modules || :"
        );
        Assert.Equal(module is null ? "1\n0\n" : "0\n1\n", result.Output);
    }

    [Fact]
    public async Task Megabytes_go_in_and_come_out_as_they_were()
    {
        var lab = await LabAsync();
        var text = Convert.ToHexString(
            RandomNumberGenerator.GetBytes(MegabytesOfInput * 1024 * 1024 / 2)
        );
        var result = await lab.Lab["host1"]
            .RunAsync(["cat"], Encoding.ASCII.GetBytes(text), Needs.Cancellation);
        Assert.Equal(0, result.ExitCode);
        Assert.True(text == result.Output, $"{result.Output.Length} of {text.Length} came back");
    }

    [Fact]
    public async Task A_signal_reaches_the_command()
    {
        var lab = await LabAsync();
        using var shell = await StartAsync(lab, UntilInterrupted);
        await EndsByInterruptAsync(shell);
    }

    /// <summary>Whatever was typed meanwhile, and nobody took.</summary>
    [Fact]
    public async Task A_host_that_is_gone_ends_what_talks_to_it()
    {
        var lab = await LabAsync();
        var wire = $"control{lab.Lab.Record.Hosts[1].Port}";
        using var shell = Tool.Start(
            lab.Lab["host2"].Enter(null, "cat"),
            lab.Lab["host2"].Environment
        );
        await TypeAsync("here");
        Assert.Equal("here", await shell.StandardOutput.ReadLineAsync(Needs.Cancellation));
        await OnWireAsync("0");
        try
        {
            await TypeAsync("gone");
            Assert.Contains(
                "the host went away",
                await shell.StandardError.ReadToEndAsync(Needs.Cancellation),
                StringComparison.Ordinal
            );
        }
        finally
        {
            await OnWireAsync("3");
        }
        await Eventually.IsAsync(async () => (await lab.TryAsync("host2", "true")).ExitCode == 0);

        async Task TypeAsync(string line)
        {
            await shell.StandardInput.WriteLineAsync(line);
            await shell.StandardInput.FlushAsync(Needs.Cancellation);
        }

        // Shut (bridge(8)) and not down: the host would not find its link again.
        Task OnWireAsync(string state) =>
            WeftProgram.InNamespaceAsync(
                lab.Lab.Record.Segment.Init!.Value.Pid,
                $"bridge link set dev {wire} state {state}"
            );
    }

    /// <summary>Without a terminal over there Ctrl-C comes as a signal, and from then on nothing but the command ends it.</summary>
    [Fact]
    public async Task Ctrl_C_is_the_commands()
    {
        var lab = await LabAsync();
        using var shell = Tool.Start([
            WeftProgram.Path,
            .. Exec(lab),
            "sh",
            "-c",
            UntilInterrupted,
        ]);
        Assert.Equal("ready", await shell.StandardOutput.ReadLineAsync(Needs.Cancellation));
        await EndsByInterruptAsync(shell);
    }

    private static async Task EndsByInterruptAsync(Process shell)
    {
        ProcessIdentity.Of(shell.Id)!.Value.Send(Libc.SigInt);
        var said = await shell.StandardOutput.ReadToEndAsync(Needs.Cancellation);
        await shell.WaitForExitAsync(Needs.Cancellation);
        Assert.Equal(("interrupted\n", 7), (said, shell.ExitCode));
    }

    [Fact]
    public async Task On_a_terminal_keys_are_the_commands_and_all_end_with_it()
    {
        const string Typed = "echo $((40 + 2))!";
        Assert.SkipWhen(Tool.Find("script") is null, "there is no script: apt install bsdutils");
        var lab = await LabAsync();
        using var terminal = Tool.Start(
            [
                "script",
                "--quiet",
                "--return",
                "--command",
                $"stty rows 33 cols 99; exec {WeftProgram.Path} {string.Join(' ', Exec(lab))} bash --norc",
                "/dev/null",
            ],
            new Dictionary<string, string> { ["TERM"] = "xterm" }
        );
        var shown = new StringBuilder();
        await SaysAsync("# ");
        await TypeAsync($"{Typed}\r");
        await SaysAsync("42!");
        // The terminal over there shows what is typed, and this one does not once more.
        Assert.Equal(2, $"{shown}".Split(Typed).Length);
        await TypeAsync("stty size\r");
        await SaysAsync("33 99");
        // The key that brings back what was typed before.
        await TypeAsync("\x1b[A\x1b[A\r");
        await SaysAsync("42!", times: 2);
        await TypeAsync("ping 127.0.0.1\r");
        await SaysAsync("bytes from 127.0.0.1");
        await TypeAsync("\x03");
        await SaysAsync("packet loss");
        await TypeAsync("sleep 4243\r");
        await Eventually.IsAsync(() => RunsAsync("sleep 4243"));
        terminal.Kill();
        await Eventually.IsAsync(async () =>
            !await RunsAsync("sleep 4243") && !await RunsAsync("bash --norc")
        );

        async Task TypeAsync(string keys)
        {
            await terminal.StandardInput.WriteAsync(keys);
            await terminal.StandardInput.FlushAsync(Needs.Cancellation);
        }

        async Task SaysAsync(string words, int times = 1)
        {
            var part = new char[4096];
            while ($"{shown}".Split(words).Length <= times)
            {
                var read = await terminal.StandardOutput.ReadAsync(part, Needs.Cancellation);
                Assert.True(read > 0, $"it ended: {shown}");
                shown.Append(part, 0, read);
            }
        }

        async Task<bool> RunsAsync(string command) =>
            (await lab.RunAsync("host1", "ps -eo args=")).Split('\n').Contains(command);
    }

    [Fact]
    public async Task The_command_is_told_when_whoever_asked_for_it_is_gone()
    {
        var lab = await LabAsync();
        using var shell = await StartAsync(
            lab,
            "trap 'echo gone >/run/gone; exit' HUP; rm -f /run/gone; echo ready; while :; do sleep 0.1; done"
        );
        shell.Kill();
        await Eventually.IsAsync(async () =>
            (await lab.TryAsync("host1", "test -e /run/gone")).ExitCode == 0
        );
        await lab.RunAsync("host1", "rm /run/gone");
    }

    private static string[] Exec(OverlayLab lab) =>
        ["lab", "exec", "--lab", lab.Name, "host1", "--"];

    /// <summary>Starts a script in host1 that says when it is ready.</summary>
    private static async Task<Process> StartAsync(OverlayLab lab, string script)
    {
        var shell = Tool.Start(
            lab.Lab["host1"].Enter(null, "sh", "-c", script),
            lab.Lab["host1"].Environment
        );
        Assert.Equal("ready", await shell.StandardOutput.ReadLineAsync(Needs.Cancellation));
        return shell;
    }
}
