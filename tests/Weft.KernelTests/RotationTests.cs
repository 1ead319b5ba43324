using Weft.Labs;
using Weft.LabTests;

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
            await lab.RunAsync(host.Name, $"cmp {New} /etc/weft/psk && rm {New}");
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
                    "packets to host2 are still encrypted as agreed before, and nothing new is agreed on",
                    alone.Errors,
                    StringComparison.Ordinal
                );
                await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
                await lab.RunAsync("host1", $"mv /etc/weft/psk.before /etc/weft/psk; rm {New}");
                await lab.WeftDoneAsync("host1", "apply", "--yes");
            }
        );
    }

    /// <summary>The steps of docs/certificates.md, each on every host before the next.</summary>
    [Fact]
    public async Task A_new_authority_and_new_certificates_take_the_old_ones_place_and_no_packet_is_lost()
    {
        await using var lab = await KernelLab.UpAsync(
            KernelLab.TwoHosts.Replace(
                "psk: { file: /etc/weft/psk }",
                "certificates: true",
                StringComparison.Ordinal
            )
        );
        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);
        var directory = new LabDirectory(lab.Name);
        var (sent, answered) = await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await RotateAsync("init", "--next");
                await RotateAsync("renew", "--all", "--file", directory.OverlayFile);
                await RotateAsync("init", "--retire");
            }
        );
        Assert.True(answered == sent, $"{answered} of {sent} were answered");

        async Task RotateAsync(params string[] step)
        {
            var made = await WeftProgram.RunAsync(["pki", .. step, "--directory", directory.Pki]);
            Assert.True(made.ExitCode == 0, made.Output + made.Errors);
            foreach (var host in lab.Hosts.Select(host => host.Name))
            {
                foreach (var file in (string[])["ca.pem", $"{host}.pem", $"{host}.key"])
                {
                    var text = await File.ReadAllTextAsync(
                        Path.Combine(directory.Pki, file),
                        Needs.Cancellation
                    );
                    await lab.RunAsync(
                        host,
                        $"umask 077; cat >/etc/weft/pki/{file} <<'END'\n{text}END"
                    );
                }
                var said = await lab.WeftDoneAsync(host, "apply", "--yes");
                Assert.Contains("encrypted: host", said, StringComparison.Ordinal);
            }
        }
    }
}
