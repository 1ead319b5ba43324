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
        await EndsLeaveOneTrapAsync(lab);
    }

    /// <summary>
    /// What was agreed on before the new key goes on under the name of then. When the other host ends it, or is dead, nothing
    /// of that name is put up, the tunnel comes back by itself, and after destroy nothing asks for keys any more.
    /// </summary>
    private static async Task EndsLeaveOneTrapAsync(OverlayLab lab)
    {
        const string Settings = "/etc/strongswan.d/impatient.conf";
        var loaded = await lab.RunAsync(
            "host1",
            "swanctl --list-conns | sed -n 's/^ *\\(gre-[^:]*\\):.*/weft-homelab\\/host2\\/\\1/p'"
        );
        Assert.NotEmpty(loaded);
        Assert.DoesNotContain(
            loaded.Trim().Split('/')[^1],
            await lab.RunAsync("host1", "swanctl --list-sas"),
            StringComparison.Ordinal
        );
        try
        {
            // A dead host is given up on after minutes otherwise.
            await lab.RunAsync(
                "host1",
                $"printf 'charon {{\\n retransmit_tries = 1\\n retransmit_timeout = 1\\n}}\\n' >{Settings}; swanctl --reload-settings >/dev/null"
            );
            await lab.RunAsync(
                "host2",
                "swanctl --terminate --force --ike weft-homelab/host1 >/dev/null"
            );
            Assert.Equal(loaded, await TrapsAsync());
            await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);

            await lab.RunAsync("host2", "kill -STOP $(cat /run/charon.pid)");
            await lab.RunAsync(
                "host1",
                "while swanctl --list-sas | grep -q ESTABLISHED; do sleep 0.2; done"
            );
            await lab.RunAsync("host2", "kill -CONT $(cat /run/charon.pid)");
            Assert.Equal(loaded, await TrapsAsync());
            await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, 100);

            foreach (var host in lab.Hosts)
            {
                await lab.WeftDoneAsync(host.Name, "destroy", "--yes");
            }
            Assert.Empty(await TrapsAsync());
        }
        finally
        {
            await lab.RunAsync("host2", "kill -CONT $(cat /run/charon.pid)");
            await lab.RunAsync("host1", $"rm -f {Settings}; swanctl --reload-settings >/dev/null");
        }
        await lab.ApplyEverywhereAsync();
        await lab.AllReachAllAsync();

        Task<string> TrapsAsync() =>
            lab.RunAsync("host1", "swanctl --list-pols | sed -n 's/^\\(weft-[^,]*\\),.*/\\1/p'");
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
        const string FormerKey = "of a certificate that this host had";
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
        foreach (var host in lab.Hosts.Select(host => host.Name))
        {
            // strongSwan has the former key no more, and with the overlay the last one goes.
            var gone = await lab.WeftDoneAsync(host, "destroy", "--yes");
            Assert.Single(
                gone.Split('\n'),
                line => line.Contains(FormerKey, StringComparison.Ordinal)
            );
        }

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
                Assert.Equal(
                    step[0] == "renew" ? 1 : 0,
                    said.Split('\n')
                        .Count(line => line.Contains(FormerKey, StringComparison.Ordinal))
                );
            }
        }
    }
}
