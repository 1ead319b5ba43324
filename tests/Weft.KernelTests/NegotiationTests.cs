using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>What keeps two hosts from agreeing is named, and once it is mended they agree at once.</summary>
public sealed class NegotiationTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    /// <summary>
    /// A packet that waits for keys leaves an association without any in the kernel, for 165 s (net.core.xfrm_acq_expires),
    /// in which the kernel asks for no other.
    /// </summary>
    [Fact]
    public async Task The_very_first_keys_differ_and_then_are_the_same()
    {
        var lab = await LabAsync();
        foreach (var host in lab.Hosts)
        {
            await lab.WeftDoneAsync(host.Name, "destroy", "--yes");
        }
        await Mishap.WrongKeyAsync(lab, "host2");
        var crossed = await Wire.WatchAsync(
            lab,
            async () =>
            {
                await lab.WeftAsync("host1", "apply", "--yes");
                var wrong = await lab.WeftAsync("host2", "apply", "--yes");
                Assert.Contains(
                    "nothing crosses to host1 yet: host1 has another key, or does not accept this host's",
                    wrong.Errors,
                    StringComparison.Ordinal
                );
                await using var ping = ContinuousPing.Start(
                    lab,
                    "host2",
                    TwoHosts.Mastodon,
                    TwoHosts.WallabagAddress
                );
                await lab.RunAsync(
                    "host2",
                    "while ! ip xfrm state | grep -q 'spi 0x00000000'; do sleep 0.1; done"
                );
                await Mishap.RightKeyAsync(lab, "host2");
                var right = await lab.WeftDoneAsync("host2", "apply", "--yes");
                Assert.Contains("encrypted: host1", right, StringComparison.Ordinal);
                await lab.AllReachAllAsync();
            }
        );
        Wire.NothingPlain(crossed);
    }

    /// <summary>The daemon asks once more after 4 s, after 7 more, and so on for minutes: whoever has mended the way would wait for that.</summary>
    [Fact]
    public async Task A_host_that_did_not_answer_is_asked_anew_by_each_apply()
    {
        const string Deaf =
            "ip route add blackhole 192.0.2.1/32; swanctl --terminate --force --ike weft-homelab/host1 >/dev/null || true";
        var lab = await LabAsync();
        await lab.RunAsync("host2", Deaf);
        try
        {
            await lab.RunAsync(
                "host1",
                "swanctl --terminate --force --ike weft-homelab/host2 >/dev/null || true"
            );
            var first = await InVainAsync();
            var second = await InVainAsync();
            Assert.NotEqual(first, second);
        }
        finally
        {
            await lab.RunAsync("host2", "ip route del blackhole 192.0.2.1/32");
        }
        var heard = await lab.WeftDoneAsync("host1", "apply", "--yes");
        Assert.Contains("encrypted: host2", heard, StringComparison.Ordinal);
        await lab.AllReachAllAsync();

        // The daemon numbers its associations.
        async Task<string> InVainAsync()
        {
            var vain = await lab.WeftAsync("host1", "apply", "--yes");
            Assert.Contains("host2 does not answer", vain.Errors, StringComparison.Ordinal);
            return await lab.RunAsync(
                "host1",
                "swanctl --list-sas | grep -o 'host2: #[0-9]*, CONNECTING'"
            );
        }
    }

    /// <summary>strongSwan itself says what its connections are between.</summary>
    [Fact]
    public async Task A_second_overlay_between_the_same_hosts_is_refused_while_the_first_is_encrypted()
    {
        const string File = "/tmp/second.yaml";
        var lab = await LabAsync();
        await lab.RunAsync(
            "host1",
            $"sed 's/^name: .*/name: second/' {OverlayLab.File} >{File}; grep -q second {File}"
        );
        var planned = await lab.WeftAsync("host1", "plan", File);
        Assert.Equal(1, planned.ExitCode);
        Assert.Contains(
            "strongSwan has 'weft-homelab/host2' of another overlay loaded",
            planned.Output + planned.Errors,
            StringComparison.Ordinal
        );
        await lab.RunAsync("host1", $"rm {File}");
    }

    [Fact]
    public async Task The_daemon_of_one_host_is_stopped_in_order_and_started_again()
    {
        var lab = await LabAsync();
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await Mishap.EndCharonAsync(lab, "host2", "TERM");
                // It has told the other host, which asks for keys in vain now, and has taken its policies with it.
                await lab.RunAsync(
                    "host1",
                    "while ! ip xfrm state | grep -q 'spi 0x00000000'; do sleep 0.1; done"
                );
                var policies = await lab.RunAsync(
                    "host2",
                    "ip xfrm policy list nosock | grep -c tmpl || true"
                );
                Assert.Equal("0", policies.Trim());
                await Mishap.StartCharonAsync(lab, "host2");
                await lab.WeftDoneAsync("host2", "apply", "--yes");
            }
        );
    }

    [Fact]
    public async Task What_was_agreed_on_ends_with_the_overlay_though_somebody_has_unloaded_its_connection()
    {
        var lab = await LabAsync();
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                // It unloads what no file of its own names.
                await lab.RunAsync("host2", "swanctl --load-conns");
                Assert.Contains("weft-homelab/host1", await ListAsync(), StringComparison.Ordinal);

                await lab.WeftDoneAsync("host2", "destroy", "--yes");

                Assert.DoesNotContain("weft-", await ListAsync(), StringComparison.Ordinal);
                await lab.WeftDoneAsync("host2", "apply", "--yes");
            }
        );

        Task<string> ListAsync() => lab.RunAsync("host2", "swanctl --list-sas 2>/dev/null");
    }
}
