namespace Weft.KernelTests;

/// <summary>Keys and certificates are replaced while packets cross.</summary>
public sealed class RotationTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    private const string New = "/etc/weft/new.psk";

    [Fact]
    public async Task A_new_key_takes_the_old_ones_place_and_no_packet_is_lost()
    {
        var lab = await LabAsync();
        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
        foreach (var host in lab.Hosts)
        {
            await lab.RunAsync(
                host.Name,
                $"umask 077; echo the-key-of-all-hosts-from-now-on >{New}"
            );
        }
        var (sent, answered) = await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                foreach (var step in (string[])["accept", "use", "finish"])
                {
                    foreach (var host in lab.Hosts)
                    {
                        await lab.WeftDoneAsync(host.Name, "rotate", step, New);
                    }
                }
            }
        );
        Assert.True(answered == sent, $"{answered} of {sent} were answered");
        foreach (var host in lab.Hosts)
        {
            await lab.RunAsync(host.Name, $"cmp {New} /etc/weft/psk");
            await lab.WeftDoneAsync(host.Name, "status");
        }
    }

    [Fact]
    public async Task A_step_that_another_host_has_not_taken_costs_nothing()
    {
        var lab = await LabAsync();
        await lab.RunAsync("host1", $"umask 077; echo a-key-that-host2-never-hears-of >{New}");
        await lab.RunAsync("host1", "cp -p /etc/weft/psk /etc/weft/psk.before");
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await lab.WeftDoneAsync("host1", "rotate", "accept", New);
                var early = await lab.WeftAsync("host1", "rotate", "finish", New);
                Assert.Equal(1, early.ExitCode);
                Assert.Contains("`weft rotate use`", early.Errors, StringComparison.Ordinal);

                var alone = await lab.WeftAsync("host1", "rotate", "use", New);
                Assert.Equal(1, alone.ExitCode);
                Assert.Contains(
                    "packets to host2 are still encrypted as agreed before the change",
                    alone.Errors,
                    StringComparison.Ordinal
                );
                await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
                await lab.RunAsync("host1", "mv /etc/weft/psk.before /etc/weft/psk");
                await lab.WeftDoneAsync("host1", "apply", "--yes");
            }
        );
    }
}
