using System.Text;
using Weft.Core.Linux;
using Weft.Labs;

namespace Weft.LabTests;

public sealed class ExecTests : IAsyncLifetime
{
    private TestLab lab = null!;

    public async ValueTask InitializeAsync() => lab = await TestLab.UpAsync(SampleOverlay.Of(2));

    public async ValueTask DisposeAsync()
    {
        if (lab is not null)
        {
            await lab.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 7", 7)]
    [InlineData("exit 255", 255)]
    [InlineData("kill -TERM $$", 128 + 15)]
    public async Task The_commands_exit_code_is_passed_on(string script, int code)
    {
        var result = await Tool.RunAsync(
            [
                "sh",
                "-c",
                $"\"$@\"; exit $?",
                "sh",
                WeftProgram.Path,
                .. Exec("host1", "sh", "-c", script),
            ],
            cancellationToken: Needs.Cancellation
        );
        Assert.Equal(code, result.ExitCode);
    }

    [Fact]
    public async Task Its_standard_streams_are_those_of_the_command()
    {
        // Larger than a pipe holds, and not text.
        var bytes = new byte[200_000];
        new Random(1).NextBytes(bytes);
        var text = Convert.ToBase64String(bytes);
        var result = await Tool.RunAsync(
            [WeftProgram.Path, .. Exec("host1", "sh", "-c", "cat; echo to the other >&2")],
            Encoding.ASCII.GetBytes(text),
            cancellationToken: Needs.Cancellation
        );
        Assert.Equal(text, result.Output);
        Assert.Equal("to the other\n", result.Errors);
    }

    [Fact]
    public async Task Arguments_reach_the_command_as_they_are()
    {
        string[] words = ["", " ", "a b", "$HOME", "'", "\"", "*", "--lab", "-h", "é", "a\nb"];
        var result = await WeftProgram.RunAsync(Exec("host1", ["printf", "%s|", .. words]));
        Assert.Equal(string.Concat(words.Select(word => word + "|")), result.Output);
    }

    [Fact]
    public async Task The_program_itself_is_there_by_its_name()
    {
        var result = await WeftProgram.RunAsync(Exec("host1", "weft", "--version"));
        Assert.True(result.ExitCode == 0, result.Errors);
    }

    [Fact]
    public async Task A_command_that_is_not_there_is_named()
    {
        var result = await WeftProgram.RunAsync(Exec("host1", "no-such-command"));
        Assert.Equal(127, result.ExitCode);
        Assert.Contains("no-such-command", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_runs_in_the_directory_that_the_user_is_in()
    {
        var result = await WeftProgram.RunAsync(Exec("host1", "pwd"));
        Assert.Equal(Environment.CurrentDirectory, result.Output.TrimEnd());
    }

    [Fact]
    public async Task A_host_and_a_container_that_are_not_there_are_named_with_those_that_are()
    {
        var host = await WeftProgram.RunAsync(Exec("host9", "true"));
        Assert.Equal(1, host.ExitCode);
        Assert.Contains("host1, host2", host.Errors, StringComparison.Ordinal);

        var container = await WeftProgram.RunAsync(
            "lab",
            "exec",
            "--lab",
            lab.Lab.Name,
            "--container",
            "c2",
            "host1",
            "true"
        );
        Assert.Equal(1, container.ExitCode);
        Assert.Contains("it has c1", container.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_container_has_its_own_network_and_its_hosts_name()
    {
        var result = await WeftProgram.RunAsync(
            "lab",
            "exec",
            "--lab",
            lab.Lab.Name,
            "--container",
            "c1",
            "host1",
            "--",
            "sh",
            "-c",
            "hostname; ls /sys/class/net"
        );
        Assert.Equal("host1\nlo\n", result.Output);
    }

    [Fact]
    public async Task A_host_is_a_machine_of_its_own()
    {
        Assert.Equal("host2\n", await lab.RunAsync("host2", "hostname"));
        Assert.Equal("host2\n", await lab.RunAsync("host2", "cat /etc/hostname"));
        Assert.Equal("1\n", await lab.RunAsync("host2", "readlink /proc/1/ns/pid | wc -l"));
        Assert.Contains(
            "192.0.2.1 host1",
            await lab.RunAsync("host2", "cat /etc/hosts"),
            StringComparison.Ordinal
        );
        // Nothing of the machine's own Open vSwitch is seen, and this one is empty but for the underlay's bridge.
        Assert.Equal(
            lab.Lab.Record.Datapath is Datapath.Userspace ? "br-phy\n" : "",
            await lab.RunAsync("host2", "ovs-vsctl list-br")
        );
        Assert.Equal("netns\n", await lab.RunAsync("host1", "echo $WEFT_ENGINE"));
    }

    [Fact]
    public async Task The_overlay_file_is_in_each_host_byte_for_byte()
    {
        Needs.ALab();
        var overlay = TestLab.HostsAt(1500, "192.0.2.1");
        byte[] file =
        [
            0xef,
            0xbb,
            0xbf,
            .. Encoding.UTF8.GetBytes("name: ünderlay\r\n# no end of line"),
        ];
        var name = TestLab.NewName();
        try
        {
            var made = await Lab.UpAsync(
                overlay,
                file,
                new LabOptions { Name = name },
                Needs.Cancellation
            );
            var read = await made["host1"]
                .RunAsync(["base64", "-w0", "/etc/weft/overlay.yaml"], default, Needs.Cancellation);
            Assert.Equal(file, Convert.FromBase64String(read.Output));
            Assert.Equal(file, await File.ReadAllBytesAsync(made.OverlayFile, Needs.Cancellation));
        }
        finally
        {
            await Lab.DownAsync(name, null, Needs.Cancellation);
        }
    }

    [Fact]
    public async Task A_command_that_is_cancelled_ends_in_the_host_too()
    {
        using var cancel = new CancellationTokenSource();
        var running = lab["host1"].RunAsync(["sleep", "4242"], default, cancel.Token);
        await Eventually.IsAsync(() => RunsAsync("sleep 4242"));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        await Eventually.IsAsync(async () => !await RunsAsync("sleep 4242"));
    }

    private async Task<bool> RunsAsync(string command) =>
        (await lab.RunAsync("host1", "ps -eo args=")).Split('\n').Contains(command);

    private string[] Exec(string host, params string[] command) =>
        ["lab", "exec", "--lab", lab.Lab.Name, host, "--", .. command];
}
