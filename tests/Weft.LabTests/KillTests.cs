using System.Diagnostics;
using Weft.Core.Linux;

namespace Weft.LabTests;

/// <summary>Converges from anywhere: killed at any instant, applied again, the host ends the same.</summary>
public sealed class KillTests
{
    // Kills of apply; before each the overlay is taken away again, which is cut off as well.
    private const int Kills = 200;

    // Applies that Ctrl-C ends, which say so.
    private const int Interrupts = 8;

    private const string Interrupted =
        "weft: interrupted; what is half done the next `weft apply` mends\n";

    [Fact]
    public async Task Killed_at_200_random_instants_and_applied_again_the_host_ends_the_same()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        var host = lab.Hosts[0];
        var whole = Stopwatch.StartNew();
        await lab.WeftDoneAsync("host1", "destroy", "--yes");
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        var span = whole.ElapsedMilliseconds / 2;
        var expected = await EndStateAsync(lab);
        // A fixed seed: what fails once can be tried again.
        var random = new Random(47);
        var killed = 0;
        for (var round = 0; killed < Kills; round++)
        {
            Assert.True(
                round < 4 * Kills,
                $"only {killed} of {round} runs were still going when they were killed"
            );
            await CutAsync("destroy", round % 2 == 0 ? Libc.SigKill : Libc.SigInt);
            killed += await CutAsync("apply", Libc.SigKill) ? 1 : 0;
            await lab.WeftDoneAsync("host1", "apply", "--yes");
            Assert.Equal(expected, await EndStateAsync(lab));
        }
        // However rarely a key is pressed while `ip` runs: then it ends before Weft can, and has failed by nobody's fault.
        await lab.RunAsync(
            "host1",
            """
            mkdir /run/interrupted
            printf '#!/bin/sh\nkill -INT $PPID; kill -INT $$\n' >/run/interrupted/ip
            chmod +x /run/interrupted/ip
            ip link set cont-mgmnt0 mtu 1400
            """
        );
        var amidst = await lab.TryAsync(
            "host1",
            $"PATH=/run/interrupted:$PATH {WeftProgram.Path} apply --yes"
        );
        Assert.Equal((1, Interrupted), (amidst.ExitCode, amidst.Errors));
        await EndedAtOnceAsync(lab);

        var interrupted = 0;
        for (var round = 0; interrupted < Interrupts; round++)
        {
            Assert.True(
                round < 10 * Interrupts,
                $"only {interrupted} of {round} runs said that they were interrupted"
            );
            await lab.WeftDoneAsync("host1", "destroy", "--yes");
            interrupted += await InterruptAsync() ? 1 : 0;
            await lab.WeftDoneAsync("host1", "apply", "--yes");
            Assert.Equal(expected, await EndStateAsync(lab));
        }
        await lab.AllReachAllAsync();

        // A terminal's key reaches what Weft has started as well as Weft itself.
        async Task<bool> InterruptAsync()
        {
            using var process = Tool.Start(
                host.Enter(null, "setsid", WeftProgram.Path, "apply", "--yes"),
                host.Environment
            );
            var output = process.StandardOutput.ReadToEndAsync(Needs.Cancellation);
            var errors = process.StandardError.ReadToEndAsync(Needs.Cancellation);
            await Task.Delay(
                TimeSpan.FromMilliseconds(random.NextDouble() * span),
                Needs.Cancellation
            );
            if (ProcessIdentity.Of(process.Id)?.Children().ToList() is [var only])
            {
                await Tool.RunAsync(
                    ["kill", "-INT", "--", $"-{only.Pid}"],
                    cancellationToken: Needs.Cancellation
                );
            }
            await process.WaitForExitAsync(Needs.Cancellation);
            var (code, told, said) = (process.ExitCode, await output, await errors);
            switch (code)
            {
                case 1:
                    Assert.Equal(Interrupted, said);
                    return true;
                // Before it listens, and once it is done, it ends as any program: it is not within anything then.
                case 130:
                    Assert.True(
                        told.Length == 0
                            || told.Contains("read back: as intended", StringComparison.Ordinal),
                        told
                    );
                    return false;
                default:
                    Assert.True(code == 0, $"{code}\n{told}{said}");
                    return false;
            }
        }

        async Task<bool> CutAsync(string command, int signal)
        {
            using var process = Tool.Start(
                host.Enter(null, WeftProgram.Path, command, "--yes"),
                host.Environment
            );
            await Task.Delay(
                TimeSpan.FromMilliseconds(random.NextDouble() * span),
                Needs.Cancellation
            );
            // nsenter forks for the process namespace: what it started is what is killed.
            var started = ProcessIdentity.Of(process.Id)?.Children().ToList();
            var cut = started is [var only] && only.Send(signal);
            await process.WaitForExitAsync(Needs.Cancellation);
            return cut;
        }
    }

    /// <summary>An `ip` that does not come to its end: who presses the key is told to press it again, and waits no longer then.</summary>
    private static async Task EndedAtOnceAsync(OverlayLab lab)
    {
        await lab.RunAsync(
            "host1",
            """
            mkdir /run/held
            printf '#!/bin/sh\ntrap "" INT HUP\necho $$ >/run/held/pid\nexec sleep 1d\n' >/run/held/ip
            chmod +x /run/held/ip
            """
        );
        var terminal = await Terminal.RunAsync(lab, "host1", "apply --yes", "PATH=/run/held:$PATH");
        await Eventually.IsAsync(async () =>
            (await lab.TryAsync("host1", "test -s /run/held/pid")).ExitCode == 0
        );
        await terminal.InterruptAsync();
        await terminal.SaysAsync("press Ctrl-C again to end at once");
        await terminal.InterruptAsync();
        Assert.Equal(Libc.EndedBy(Libc.SigInt), (await terminal.EndedAsync()).ExitCode);
        await lab.RunAsync("host1", "kill $(cat /run/held/pid)");
    }

    /// <summary>The end state without what may rightly differ: row and link numbers.</summary>
    private static async Task<string> EndStateAsync(OverlayLab lab)
    {
        await lab.WeftDoneAsync("host1", "plan", "--exit-code");
        var rows = await lab.RunAsync(
            "host1",
            """
            rows=$(ovs-vsctl --format=csv -- --columns=name,datapath_type,external_ids list Bridge \
              -- --columns=name,tag,protected,external_ids list Port \
              -- --columns=name,type,options,mtu_request,mac,external_ids,error list Interface)
            echo "$rows" | sort
            ovs-vsctl show | sed 1d | sort
            # Names and addresses: whether a carrier is seen yet, and what the kernel gives itself, come in their own time.
            for inside in '' '-n wallabag'; do
              ip $inside -br addr show | sed 's/@[^ ]*//; s/fe80[^ ]*//g' | awk '{ $2 = ""; $1 = $1; print }' | sort
            done
            ip netns
            """
        );
        return rows;
    }
}
