using Weft.Core.Overlays;
using Weft.Labs;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>Labs of hosts with kernels of their own as users make them, and what is left where that is cut off.</summary>
public sealed class LabLifeTests
{
    [Fact]
    public async Task An_encrypted_overlay_gets_kernels_of_its_own_where_the_machines_cannot_and_is_proved_on_the_wire()
    {
        KernelLab.NeedsEncryption();
        Assert.SkipWhen(
            await Machine.ChooseDatapathAsync(
                null,
                DatapathChoice.Auto,
                new NamespaceIsolation(),
                Needs.Cancellation
            ) is Datapath.Kernel,
            "this machine's kernel has Open vSwitch's datapath: the lab's hosts need none of their own"
        );
        var name = TestLab.NewName();
        try
        {
            var up = await WeftProgram.RunAsync(
                "lab",
                "up",
                Path.Combine(Repository.Root, "examples", "ipsec.yaml"),
                "--name",
                name
            );

            Assert.True(up.ExitCode == 0, up.Output + up.Errors);
            foreach (
                var line in (string[])
                    [
                        "this machine's kernel has none:\neach host gets a kernel of its own (User Mode Linux).\n",
                        "✓ 2 hosts with Open vSwitch's kernel datapath ",
                        "\n  containers of lxd are stood in for by network namespaces\n",
                        "✓ overlay applied in each ",
                        "✓ all 4 ways are open\n",
                    ]
            )
            {
                Assert.Contains(line, up.Output, StringComparison.Ordinal);
            }
            Assert.Matches(@"(?m)^✓ [1-9]\d* packets between hosts: all ESP or IKE", up.Output);
            Assert.Equal(Isolation.Uml, Lab.Open(name).Record.Isolation);
        }
        finally
        {
            await Lab.DownAsync(name, null, CancellationToken.None);
        }
    }

    [Fact]
    public async Task Whenever_the_command_that_makes_a_lab_is_killed_down_removes_everything()
    {
        Needs.ALab(Isolation.Uml);
        var said = await QuietMachine.LeftAsItWasByAsync(
            """
            for moment in 0.3 0.7 1.2 1.9 3.0; do
              $weft lab up --hosts 2 --no-apply --isolation uml --name killed >/run/said 2>&1 &
              making=$!
              sleep $moment
              kill -KILL $making
              wait $making 2>/dev/null
              left=no
              if [ -d /run/weft/labs/killed ]; then left=$(pgrep -c linux.uml); $weft lab down killed >/run/said 2>&1 || { cat /run/said; exit 1; }; fi
              rm /run/said
              echo "$moment $left"
              same_as_before
            done
            """
        );
        // The test would show nothing if the moments had all been before there was a kernel to end.
        Assert.Matches(@"(?m) [1-9]\d*$", said);
    }
}
