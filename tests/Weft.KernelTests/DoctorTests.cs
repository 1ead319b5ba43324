using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>What stands between encrypted hosts is found and named.</summary>
public sealed class DoctorTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    [Fact]
    public async Task On_hosts_that_are_well_nothing_is_wrong()
    {
        var lab = await LabAsync();
        await lab.AllReachAllAsync();
        var words = await lab.WeftDoneAsync("host1", "doctor");
        Assert.Contains(
            "openvswitch, ip_gre, bridge, veth, xfrm_user, esp4",
            words,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "host2 at 10.8.3.2 answers, also packets of 1424 bytes",
            words,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task ESP_that_is_filtered_on_the_way_is_told_from_keys_that_are_not_agreed_on()
    {
        var lab = await LabAsync();
        await lab.AllReachAllAsync();
        await FilterAsync(lab, "ip protocol esp");
        try
        {
            var doctor = await lab.WeftAsync("host1", "doctor");
            Assert.Equal(1, doctor.ExitCode);
            Assert.Contains(
                "encrypted packets go out, and none come in. Let IP protocol 50 (ESP) pass",
                doctor.Output,
                StringComparison.Ordinal
            );
        }
        finally
        {
            await OpenAsync(lab);
        }
        await lab.AllReachAllAsync();
    }

    [Fact]
    public async Task IKE_that_is_filtered_on_the_way_is_told_from_a_host_that_is_down()
    {
        var lab = await LabAsync();
        await FilterAsync(lab, "udp dport { 500, 4500 }");
        try
        {
            await lab.RunAsync("host1", "swanctl --terminate --force --ike weft-homelab/host2");
            var doctor = await lab.WeftAsync("host1", "doctor");
            Assert.Equal(1, doctor.ExitCode);
            Assert.Contains(
                "192.0.2.2 answers, also packets of 1500 bytes",
                doctor.Output,
                StringComparison.Ordinal
            );
            Assert.Contains(
                "host2 does not answer at 192.0.2.2: apply the overlay there, and let UDP ports 500 and 4500",
                doctor.Output,
                StringComparison.Ordinal
            );
        }
        finally
        {
            await OpenAsync(lab);
        }
        await lab.ApplyEverywhereAsync();
        await lab.AllReachAllAsync();
    }

    [Fact]
    public async Task A_clock_that_is_wrong_is_said_to_be()
    {
        var lab = await LabAsync();
        await lab.RunAsync("host2", "date -s '+2 hours' >/dev/null");
        try
        {
            // It takes a moment to be set, and loses the rest of its second.
            Assert.Matches(
                "clock of host2 +(01:59:5|02:00:0)\\d ahead of this host's",
                await lab.WeftDoneAsync("host1", "doctor")
            );
        }
        finally
        {
            await lab.RunAsync("host2", "date -s '-2 hours' >/dev/null");
        }
    }

    /// <summary>Has something on the way drop what host2 sends.</summary>
    private static Task FilterAsync(OverlayLab lab, string what)
    {
        KernelLab.NeedsProgram("nft", "nftables");
        return WeftProgram.InNamespaceAsync(
            lab.Lab.Record.Segment.Init!.Value.Pid,
            $$"""nft 'table netdev way { chain drops { type filter hook ingress device port2 priority 0; {{what}} drop; }; }'"""
        );
    }

    private static Task OpenAsync(OverlayLab lab) =>
        WeftProgram.InNamespaceAsync(
            lab.Lab.Record.Segment.Init!.Value.Pid,
            "nft delete table netdev way"
        );
}
