using System.Text.Json;
using Weft.Core.Linux;
using Weft.Labs;
using Weft.Rendering;

namespace Weft.LabTests;

public sealed class LabLifeTests
{
    [Fact]
    public async Task A_lab_that_was_up_and_down_leaves_no_trace()
    {
        Needs.ALab();
        await QuietMachine.LeftAsItWasByAsync(
            """
            $weft lab up --hosts 3 --no-apply || exit 1
            for host in host1 host2 host3; do
              $weft lab exec $host -- sh -c 'touch /etc/a-trace /var/lib/a-trace /usr/local/bin/a-trace /run/a-trace; ip link add a-trace type veth; ip netns add a-trace'
              $weft lab exec $host -- sh -c 'sleep 1000 & ovs-vsctl add-br a-trace -- set bridge a-trace datapath_type=netdev'
            done
            if [ "$(snapshot)" = "$before" ]; then echo 'a lab that is up is not seen'; exit 1; fi
            $weft lab down || exit 1
            """
        );
        Assert.False(File.Exists("/etc/a-trace"));
        Assert.False(File.Exists("/var/lib/a-trace"));
        Assert.False(File.Exists("/usr/local/bin/a-trace"));
    }

    [Fact]
    public async Task Whenever_the_command_that_makes_a_lab_is_killed_down_removes_everything()
    {
        Needs.ALab();
        var said = await QuietMachine.LeftAsItWasByAsync(
            """
            for moment in $(seq 0 30 900); do
              $weft lab up --hosts 3 --no-apply --name killed >/run/said 2>&1 &
              making=$!
              sleep $(printf '0.%03d' $moment)
              kill -KILL $making
              wait $making 2>/dev/null
              left=no
              if [ -d /run/weft/labs/killed ]; then left=yes; $weft lab down killed >/run/said 2>&1 || { cat /run/said; exit 1; }; fi
              rm /run/said
              echo "$moment $left"
              same_as_before
            done
            """
        );
        // The test would show nothing if the moments had all been before there was anything to remove.
        Assert.Contains("yes", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interrupting_the_command_that_makes_a_lab_removes_what_it_made()
    {
        Needs.ALab();
        var said = await QuietMachine.LeftAsItWasByAsync(
            """
            for moment in $(seq 50 60 650); do
              # A shell's background command ignores the interrupt key; env gives it back.
              env --default-signal=INT $weft lab up --hosts 4 --no-apply --name stopped >/run/said 2>&1 &
              making=$!
              sleep $(printf '0.%03d' $moment)
              kill -INT $making
              wait $making
              cat /run/said
              rm /run/said
              if $weft lab list | grep -q '^stopped .* up '; then $weft lab down stopped >/dev/null 2>&1; fi
              same_as_before
            done
            """
        );
        // The test would show nothing if the moments had all been before there was anything to remove.
        Assert.Contains(
            "interrupted: lab 'stopped' is removed again",
            said,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Programs_of_root_are_found_where_PATH_leaves_them_out()
    {
        Needs.ALab();
        var said = await QuietMachine.LeftAsItWasByAsync(
            """
            full=$PATH
            PATH=/usr/bin:/bin
            $weft lab up --hosts 1 --no-apply || exit 1
            $weft lab exec host1 sh -c 'echo "$PATH"; ip -V'
            $weft lab down || exit 1
            PATH=$full
            """
        );
        Assert.Contains("/usr/bin:/bin:/usr/local/sbin", said, StringComparison.Ordinal);
        Assert.Contains("iproute2", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_is_up_already_is_left_alone_and_its_user_told_what_to_do()
    {
        await using var lab = await TestLab.UpAsync(SampleOverlay.Of(1));

        var again = await WeftProgram.RunAsync(
            "lab",
            "up",
            "--hosts",
            "1",
            "--no-apply",
            "--name",
            lab.Lab.Name
        );
        var another = await WeftProgram.RunAsync(
            "lab",
            "up",
            "--hosts",
            "2",
            "--no-apply",
            "--name",
            lab.Lab.Name
        );

        Assert.Equal(0, again.ExitCode);
        Assert.Contains($"weft lab down {lab.Lab.Name}", again.Output, StringComparison.Ordinal);
        Assert.Equal(1, another.ExitCode);
        Assert.Contains("another overlay file", another.Errors, StringComparison.Ordinal);
        Assert.True(lab.Lab.IsUp);
    }

    [Fact]
    public async Task A_lab_whose_host_has_died_is_called_broken_and_can_be_made_again()
    {
        await using var lab = await TestLab.UpAsync(SampleOverlay.Of(2));
        ProcessIdentity.Of(lab["host2"].Pid!.Value)!.Value.Send(Libc.SigKill);
        await Eventually.IsAsync(() => lab["host2"].Pid is null);

        var status = await WeftProgram.RunAsync("lab", "status", lab.Lab.Name);
        Assert.Equal(1, status.ExitCode);
        Assert.Contains("broken", status.Output, StringComparison.Ordinal);
        Assert.Contains("gone", status.Output, StringComparison.Ordinal);

        var again = await WeftProgram.RunAsync(
            "lab",
            "up",
            "--hosts",
            "2",
            "--no-apply",
            "--name",
            lab.Lab.Name
        );
        Assert.Equal(0, again.ExitCode);
        Assert.True(Lab.Open(lab.Lab.Name).IsUp);
    }

    [Fact]
    public async Task Status_names_a_daemon_that_does_not_run()
    {
        await using var lab = await TestLab.UpAsync(SampleOverlay.Of(1));
        var well = await WeftProgram.RunAsync("lab", "status", lab.Lab.Name);
        Assert.Equal(0, well.ExitCode);

        await lab.RunAsync("host1", "kill -KILL $(cat /run/openvswitch/ovs-vswitchd.pid)");
        await Eventually.IsAsync(async () =>
        {
            var ill = await WeftProgram.RunAsync("lab", "status", lab.Lab.Name);
            return ill.ExitCode == 1
                && ill.Output.Contains("not running", StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Down_never_ends_a_process_that_only_has_the_number_of_one_of_the_labs()
    {
        Needs.ALab();
        var name = TestLab.NewName();
        using var bystander = Tool.Start(["sleep", "1000"]);
        try
        {
            var real = ProcessIdentity.Of(bystander.Id)!.Value;
            var stale = new HeldProcess(real with { Started = real.Started - 1 });
            var directory = new LabDirectory(name);
            directory.Create();
            directory.Write(
                new LabRecord
                {
                    Name = name,
                    Overlay = "stale",
                    Datapath = Datapath.Userspace,
                    Created = DateTimeOffset.UnixEpoch,
                    Boot = Boot.Id,
                    Segment = stale,
                    Hosts = [new HostRecord("host1", "192.0.2.1", stale, 1, 1500, [])],
                }
            );

            Assert.True(await Lab.DownAsync(name, null, Needs.Cancellation));

            Assert.True(real.IsAlive);
            Assert.False(directory.Exists);
        }
        finally
        {
            bystander.Kill();
        }
    }

    [Fact]
    public async Task Down_believes_no_process_number_from_before_the_machine_was_restarted()
    {
        Needs.ALab();
        var name = TestLab.NewName();
        using var bystander = Tool.Start(["sleep", "1000"]);
        try
        {
            var held = new HeldProcess(ProcessIdentity.Of(bystander.Id)!.Value);
            var directory = new LabDirectory(name);
            directory.Create();
            directory.Write(
                new LabRecord
                {
                    Name = name,
                    Overlay = "stale",
                    Datapath = Datapath.Userspace,
                    Created = DateTimeOffset.UnixEpoch,
                    Boot = "another",
                    Complete = true,
                    Segment = held,
                    Hosts = [new HostRecord("host1", "192.0.2.1", held, 1, 1500, [])],
                }
            );

            Assert.True(await Lab.DownAsync(name, null, Needs.Cancellation));

            Assert.True(held.Holder.IsAlive);
        }
        finally
        {
            bystander.Kill();
        }
    }

    [Fact]
    public async Task A_record_that_cannot_be_read_is_an_error_that_says_what_to_do()
    {
        Needs.ALab();
        var directory = new LabDirectory(TestLab.NewName());
        directory.Create();
        try
        {
            await File.WriteAllTextAsync(
                Path.Combine(LabDirectory.Root, directory.Name, "lab.json"),
                """{ "name": 3 }""",
                Needs.Cancellation
            );
            var result = await WeftProgram.RunAsync("lab", "status", directory.Name);
            Assert.Equal(1, result.ExitCode);
            Assert.Contains("not a lab's record", result.Errors, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
        }
        finally
        {
            directory.Remove();
        }
    }

    [Fact]
    public async Task A_host_whose_making_fails_takes_the_rest_of_the_lab_with_it()
    {
        Needs.ALab();
        var overlay = TestLab.HostsAt(1500, "192.0.2.1", "192.0.2.2");
        // The kernel refuses an MTU below 68: the last host's link cannot be made.
        overlay = overlay with
        {
            Hosts = [overlay.Hosts[0], overlay.Hosts[1] with { Mtu = 1 }],
        };
        var name = TestLab.NewName();

        var failure = await Assert.ThrowsAsync<LabException>(() =>
            Lab.UpAsync(
                overlay,
                OverlayYaml.Write(overlay),
                new LabOptions { Name = name },
                Needs.Cancellation
            )
        );

        Assert.Contains("port 2", failure.Message, StringComparison.Ordinal);
        Assert.False(new LabDirectory(name).Exists);
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData(".hidden")]
    [InlineData("-option")]
    public async Task A_name_that_is_no_plain_file_name_is_refused(string name)
    {
        var failure = await Assert.ThrowsAsync<LabException>(() =>
            Lab.DownAsync(name, null, Needs.Cancellation)
        );
        Assert.Contains("cannot be a lab's name", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everyone_but_root_is_told_to_become_root()
    {
        Needs.ALab();
        var result = await Tool.RunAsync(
            ["setpriv", "--reuid", "65534", "--clear-groups", WeftProgram.Path, "lab", "list"],
            cancellationToken: Needs.Cancellation
        );
        Assert.SkipWhen(result.ExitCode is 126 or 127, "the program is where only root may run it");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("sudo", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_is_read_as_it_was_written()
    {
        var record = new LabRecord
        {
            Name = "lab",
            Overlay = "homelab",
            Datapath = Datapath.Kernel,
            Created = DateTimeOffset.UnixEpoch,
            Boot = "boot",
            Complete = true,
            Segment = new HeldProcess(new ProcessIdentity(1, 2), new ProcessIdentity(3, 4)),
            Hosts = [],
        };
        var json = JsonSerializer.Serialize(record, LabJson.Default.LabRecord);
        var read = JsonSerializer.Deserialize(json, LabJson.Default.LabRecord)!;
        Assert.Equal(record with { Hosts = read.Hosts, Program = read.Program }, read);
        Assert.Contains("\"kernel\"", json, StringComparison.Ordinal);
    }
}
