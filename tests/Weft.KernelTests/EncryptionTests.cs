using Weft.Labs;

namespace Weft.KernelTests;

/// <summary>DESIGN's main job with encryption, on the kernel's datapath, judged by what is seen on the wire.</summary>
public sealed class EncryptionTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    // Ethernet 14, VLAN 4, GRE 4, ESP 8 with IV 8, ICV 16 and 2 bytes of trailer on a multiple of 4, IPv4 20.
    private const int Mtu = 1424;

    [Fact]
    public async Task All_ways_are_open_and_nothing_crosses_but_what_is_encrypted()
    {
        var lab = await LabAsync();
        var crossed = await Wire.WatchAsync(lab, lab.AllReachAllAsync);
        Wire.NothingPlain(crossed);
    }

    /// <summary>Not all numbers that a kernel was told to take it takes: what counts is what it has.</summary>
    [Fact]
    public async Task The_kernel_stands_reordering_and_counts_packets_by_64_bits()
    {
        var lab = await LabAsync();
        foreach (
            var (host, address) in (ValueTuple<string, string>[])
                [("host1", "192.0.2.1"), ("host2", "192.0.2.2")]
        )
        {
            var into = (await lab.RunAsync(host, $"ip xfrm state list dst {address}"))
                .Split("src ", StringSplitOptions.RemoveEmptyEntries)
                .Where(state => state.Contains("proto esp", StringComparison.Ordinal))
                .ToArray();
            Assert.NotEmpty(into);
            Assert.All(
                into,
                state =>
                {
                    Assert.Contains("flag esn", state, StringComparison.Ordinal);
                    Assert.Contains("replay_window 1024,", state, StringComparison.Ordinal);
                }
            );
            Assert.Matches(
                @"ESP AES_GCM_16-256(/ECP_384)?/ESN, ",
                await lab.WeftDoneAsync(host, "status")
            );
        }
    }

    [Fact]
    public async Task The_mtu_is_what_fits_to_the_byte()
    {
        var lab = await LabAsync();
        var crossed = await Wire.WatchAsync(
            lab,
            async () =>
            {
                await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, Mtu);
                await lab.ReachesAsync("host2", TwoHosts.Mastodon, TwoHosts.WallabagAddress, Mtu);
                await lab.ReachesAsync("host1", null, "10.8.3.2", Mtu);
            }
        );
        Wire.NothingPlain(crossed);
        await lab.RefusesLargerAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, Mtu);
    }

    [Fact]
    public async Task Networks_are_apart()
    {
        var lab = await LabAsync();
        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
        await TwoHosts.NetworksAreApartAsync(lab);
    }

    [Fact]
    public async Task Applying_again_changes_nothing()
    {
        var lab = await LabAsync();
        foreach (var host in lab.Hosts)
        {
            var plan = await lab.WeftAsync(host.Name, "plan", "--exit-code");
            Assert.True(plan.ExitCode == 0, plan.Output + plan.Errors);
            var applied = await lab.WeftDoneAsync(host.Name, "apply", "--yes");
            Assert.DoesNotContain("done in", applied, StringComparison.Ordinal);
            Assert.Contains("encrypted: ", applied, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_stands_in_the_way_of_all_else_keeps_no_guard_from_its_place()
    {
        var lab = await LabAsync();
        await Mishap.EndCharonAsync(lab, "host1", "KILL");
        await Mishap.DeleteGuardAsync(lab);
        var refused = await lab.WeftAsync("host1", "apply", "--yes");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(
            "the guard of 192.0.2.2 was missing beside its tunnel and is put up all the same",
            refused.Errors,
            StringComparison.Ordinal
        );
        await lab.RunAsync("host1", Mishap.GuardStands);
        await Mishap.StartCharonAsync(lab, "host1");
        await lab.ApplyEverywhereAsync();
        await Wire.StaysEncryptedAsync(lab, lab.AllReachAllAsync);
    }

    /// <summary>All the tests of what does not cross would show nothing if the capture could not see it.</summary>
    [Fact]
    public async Task Without_the_guard_and_the_daemon_plaintext_is_seen_until_apply_puts_them_back()
    {
        var lab = await LabAsync();
        foreach (var host in lab.Hosts)
        {
            // What is loaded and not in swanctl's files is unloaded by this.
            await lab.RunAsync(
                host.Name,
                """
                swanctl --load-conns
                for peer in host1 host2; do swanctl --terminate --force --ike weft-homelab/$peer || true; done
                ip xfrm state flush
                ip xfrm policy flush
                """
            );
        }
        var plain = await Wire.WatchAsync(
            lab,
            () => lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100)
        );
        Assert.True(plain[WireKind.Tunnel] > 0, plain.ToString());
        Assert.True(plain[WireKind.Esp] == 0, plain.ToString());

        var status = await lab.WeftAsync("host1", "status");
        Assert.Equal(1, status.ExitCode);
        Assert.Contains(
            "packets may cross in plaintext, now",
            status.Errors,
            StringComparison.Ordinal
        );

        await lab.ApplyEverywhereAsync();
        await Wire.StaysEncryptedAsync(lab, lab.AllReachAllAsync);
    }
}
