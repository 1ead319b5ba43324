using Weft.Core.Addressing;
using Weft.Labs;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>Hosts that were set up by hand, on kernels of their own.</summary>
public sealed class ImportTests
{
    [Fact]
    public async Task Hosts_are_taken_over_and_no_ping_is_lost()
    {
        Needs.ALab(Isolation.Uml);
        await using var lab = await OverlayLab.BareAsync(OverlayLab.TwoHosts, KernelLab.Options);
        await HandMade.SetUpAsync(lab, Datapath.Kernel);

        await TakeOverAsync(lab);

        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 1458);
        await lab.AllReachAllAsync();
    }

    [Theory]
    [InlineData(TunnelType.Gre, 1424)]
    [InlineData(TunnelType.Vxlan, 1412)]
    public async Task Encrypted_hosts_are_taken_over_with_what_they_have_agreed_on_and_no_ping_is_lost(
        TunnelType type,
        int mtu
    )
    {
        KernelLab.NeedsEncryption();
        KernelLab.NeedsMonitor();
        await using var lab = await OverlayLab.BareAsync(
            KernelLab.MonitoredHosts,
            KernelLab.Options
        );
        foreach (var host in lab.Hosts)
        {
            await lab.RunAsync(host.Name, "rm /etc/weft/psk");
        }
        await HandMade.SetUpAsync(lab, Datapath.Kernel, HandMade.WithKey, type);
        var agreed = await AssociationsAsync("host1");

        var crossed = await Wire.WatchAsync(lab, () => TakeOverAsync(lab));

        Wire.NothingPlain(crossed);
        // Where both hosts had begun at once, one of two is left.
        var left = await AssociationsAsync("host1");
        Assert.NotEmpty(left);
        Assert.Subset(agreed, left);
        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, mtu);
        await lab.AllReachAllAsync();
        foreach (var host in lab.Hosts)
        {
            Assert.Contains(
                "ESP AES_GCM_16-256",
                await lab.WeftDoneAsync(host.Name, "status"),
                StringComparison.Ordinal
            );
        }

        // With its connection a host loses what it had agreed on: the guard is left, and applying loads it again.
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                foreach (var connection in HandMade.ConnectionsOf(type))
                {
                    await lab.RunAsync(
                        "host2",
                        $"ipsec stroke delete {connection}; ipsec stroke down {connection}"
                    );
                }
                Assert.Equal(1, (await lab.WeftAsync("host2", "status")).ExitCode);
                await lab.WeftDoneAsync("host2", "apply", "--yes");
            }
        );

        // Another key is one that the hosts agree on anew, and the tunnel is told all that Weft has to say.
        foreach (var host in lab.Hosts)
        {
            await lab.RunAsync(host.Name, "echo another-unreal-key-4567 >/etc/weft/psk");
            await lab.WeftAsync(host.Name, "apply", "--yes");
        }
        await lab.AllReachAllAsync();
        Assert.Contains(
            "ipsec_dpdaction=hold",
            await lab.RunAsync("host1", $"ovs-vsctl get interface {HandMade.PortOf(type)} options"),
            StringComparison.Ordinal
        );

        async Task<HashSet<string>> AssociationsAsync(string host) =>
            [
                .. (
                    await lab.RunAsync(host, "ipsec status 2>/dev/null | grep -F 'ESP SPIs'")
                ).Split(
                    '\n',
                    StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries
                ),
            ];
    }

    /// <summary>Reads the hosts, and takes over the one and then the other while all ping one another.</summary>
    private static async Task TakeOverAsync(OverlayLab lab)
    {
        var imported = await WeftProgram.RunAsync("import", "--lab", lab.Name, "--name", "homelab");
        Assert.True(imported.ExitCode == 0, imported.Errors);
        await lab.WriteFileAsync(imported.Output);
        await using var there = ContinuousPing.Start(
            lab,
            "host1",
            TwoHosts.Wallabag,
            TwoHosts.MastodonAddress
        );
        await using var back = ContinuousPing.Start(
            lab,
            "host2",
            TwoHosts.Mastodon,
            TwoHosts.WallabagAddress
        );
        await using var hosts = ContinuousPing.Start(lab, "host1", null, "10.8.3.2");
        ContinuousPing[] pings = [there, back, hosts];
        await AnsweredAsync();
        foreach (var host in lab.Hosts)
        {
            var plan = await lab.WeftAsync(host.Name, "plan", "--adopt");
            Assert.Contains("0 to remove", plan.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("nothing crosses", plan.Errors, StringComparison.Ordinal);
            await lab.WeftDoneAsync(host.Name, "apply", "--adopt", "--yes");
            await AnsweredAsync();
        }
        foreach (var ping in pings)
        {
            var (sent, answered) = await ping.StopAsync();
            Assert.True(sent > 100, $"{sent} sent");
            Assert.Equal(sent, answered);
        }
        foreach (var host in lab.Hosts)
        {
            await lab.WeftDoneAsync(host.Name, "plan", "--exit-code");
        }

        async Task AnsweredAsync()
        {
            foreach (var ping in pings)
            {
                await ping.AnsweredAsync();
            }
        }
    }
}
