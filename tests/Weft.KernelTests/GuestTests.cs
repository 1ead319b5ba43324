using System.Diagnostics;
using System.Security.Cryptography;
using Weft.Core.Linux;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>A command in a host with a kernel of its own is like one on the machine.</summary>
public sealed class GuestTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    private const int MegabytesOfInput = 5;

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
    public async Task Megabytes_go_in_and_come_out_as_they_were()
    {
        var lab = await LabAsync();
        var text = Convert.ToHexString(
            RandomNumberGenerator.GetBytes(MegabytesOfInput * 1024 * 1024 / 2)
        );
        var result = await lab.Lab["host1"]
            .RunAsync(["cat"], System.Text.Encoding.ASCII.GetBytes(text), Needs.Cancellation);
        Assert.Equal(0, result.ExitCode);
        Assert.True(text == result.Output, $"{result.Output.Length} of {text.Length} came back");
    }

    [Fact]
    public async Task A_signal_reaches_the_command()
    {
        var lab = await LabAsync();
        using var shell = await StartAsync(
            lab,
            "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.1; done"
        );
        ProcessIdentity.Of(shell.Id)!.Value.Send(Libc.SigInt);
        var said = await shell.StandardOutput.ReadToEndAsync(Needs.Cancellation);
        await shell.WaitForExitAsync(Needs.Cancellation);
        Assert.Equal(("interrupted\n", 7), (said, shell.ExitCode));
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
