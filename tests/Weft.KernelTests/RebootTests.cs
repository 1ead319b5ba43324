using System.Text.RegularExpressions;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>A host is turned off and on again.</summary>
public sealed class RebootTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_on_its_disk_is_there_again_and_applying_opens_all_ways(bool cut)
    {
        var lab = await LabAsync();
        // What host1 has begun it would rather keep than what host2 begins, were both of the same moment.
        await lab.RunAsync("host1", "swanctl --terminate --ike weft-homelab/host2");
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        await lab.RunAsync("host2", "date +%N >/etc/a-trace; sync");
        var trace = await lab.RunAsync("host2", "cat /etc/a-trace");
        var ports = await lab.RunAsync("host2", "ovs-vsctl list-ports ovsbr0");
        await Eventually.IsAsync(async () =>
            Regex.IsMatch(
                await lab.RunAsync("host1", "swanctl --list-sas"),
                "established [1-9][0-9]+s ago"
            )
        );
        await lab.RebootAsync("host2", cut);
        Assert.Equal(trace, await lab.RunAsync("host2", "cat /etc/a-trace"));
        Assert.Equal(ports, await lab.RunAsync("host2", "ovs-vsctl list-ports ovsbr0"));
        await lab.WeftDoneAsync("host2", "apply", "--yes");
        await Wire.StaysEncryptedAsync(lab, lab.AllReachAllAsync);
        // It has what host2 has lost, beside what is new.
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        var across = await lab.PingAsync(
            "host1",
            TwoHosts.Wallabag,
            TwoHosts.MastodonAddress,
            1424
        );
        Assert.True(across.ExitCode == 0, across.Output);
        await lab.WeftDoneAsync("host1", "doctor");
    }

    /// <summary>What the switch's database holds survives, as it was tried: what restores the host goes by the file of before.</summary>
    [Fact]
    public async Task In_the_middle_of_a_try_it_comes_back_as_it_was_before()
    {
        const string Tag = "ovs-vsctl get port cont-mgmnt0-sw tag";
        var lab = await LabAsync();
        // The key has been on the disk for long, on a host that is worth a try.
        await lab.RunAsync("host2", "sync");
        await lab.WeftDoneAsync("host2", "install", "--in-place");
        await lab.RunAsync(
            "host2",
            "sed 's/vlan: 200/vlan: 201/' /etc/weft/overlay.yaml >/run/new.yaml"
        );
        await lab.WeftDoneAsync(
            "host2",
            "try",
            "--yes",
            "--until-deadline",
            "--within",
            "1h",
            "/run/new.yaml"
        );
        Assert.Equal("201", (await lab.RunAsync("host2", Tag)).Trim());

        await lab.RebootAsync("host2", cut: true);

        Assert.Equal("200", (await lab.RunAsync("host2", Tag)).Trim());
        await lab.WeftDoneAsync("host2", "plan", "--exit-code");
        Assert.Contains(
            "went back: the machine was started anew",
            await lab.WeftDoneAsync("host2", "history"),
            StringComparison.Ordinal
        );
        Assert.Equal(1, (await lab.WeftAsync("host2", "confirm")).ExitCode);
        await Wire.StaysEncryptedAsync(lab, lab.AllReachAllAsync);
        // The overlay stays for the tests that come after, and with it tunnels that the lab guards.
        await lab.WeftDoneAsync("host2", "uninstall", "--force");
    }
}
