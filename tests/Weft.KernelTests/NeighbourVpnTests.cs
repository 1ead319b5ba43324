using System.Text.RegularExpressions;

namespace Weft.KernelTests;

/// <summary>Weft is not alone in the daemon: what others have there stays as it is.</summary>
public sealed partial class NeighbourVpnTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    private const string File = "/etc/swanctl/conf.d/office.conf";

    [Fact]
    public async Task Another_connection_of_the_daemon_survives_apply_a_new_key_and_destroy()
    {
        var lab = await LabAsync();
        try
        {
            foreach (var (host, here, there) in Ends)
            {
                await lab.RunAsync(
                    host,
                    $$"""
                    cat >{{File}} <<'LINES'
                    connections {
                      office {
                        version = 2
                        local_addrs = {{here}}
                        remote_addrs = {{there}}
                        local { auth = psk
                          id = office-{{host}} }
                        remote { auth = psk }
                        children { icmp { mode = transport
                          local_ts = dynamic[icmp]
                          remote_ts = dynamic[icmp] } }
                      }
                    }
                    secrets { ike-office { secret = the-office-has-its-own } }
                    LINES
                    swanctl --load-all >/dev/null
                    """
                );
            }
            // That unloaded what is not in swanctl's files: Weft's connections.
            await lab.ApplyEverywhereAsync();
            await lab.RunAsync("host1", "swanctl --initiate --child icmp >/dev/null");
            var before = await OfficeAsync();
            Assert.Equal(2, before.Length);

            await lab.WeftDoneAsync("host1", "apply", "--yes");
            Assert.Equal(before, await OfficeAsync());
            var key = await lab.RunAsync("host1", "cat /etc/weft/psk");
            foreach (var host in lab.Hosts)
            {
                await lab.RunAsync(host.Name, "echo another-key-for-both >/etc/weft/psk");
                await lab.WeftAsync(host.Name, "apply", "--yes");
            }
            await lab.AllReachAllAsync();
            Assert.Equal(before, await OfficeAsync());
            foreach (var host in lab.Hosts)
            {
                await lab.RunAsync(host.Name, $"echo {key.Trim()} >/etc/weft/psk");
                await lab.WeftDoneAsync(host.Name, "destroy", "--yes");
            }
            Assert.Equal(before, await OfficeAsync());
            Assert.DoesNotContain(
                "weft-",
                await lab.RunAsync("host1", "swanctl --list-conns; swanctl --list-sas"),
                StringComparison.Ordinal
            );
            await lab.RunAsync("host1", "ping -n -c 1 -W 5 192.0.2.2");
        }
        finally
        {
            foreach (var host in lab.Hosts)
            {
                await lab.RunAsync(
                    host.Name,
                    $"rm -f {File}; swanctl --terminate --force --ike office >/dev/null || true; swanctl --load-all >/dev/null"
                );
            }
            await lab.ApplyEverywhereAsync();
        }
        await lab.AllReachAllAsync();

        async Task<string[]> OfficeAsync() =>
            [
                .. Spis()
                    .Matches(await lab.RunAsync("host1", "swanctl --list-sas --ike office"))
                    .Select(match => match.Value),
            ];
    }

    private static (string Host, string Here, string There)[] Ends { get; } =
    [("host1", "192.0.2.1", "192.0.2.2"), ("host2", "192.0.2.2", "192.0.2.1")];

    [GeneratedRegex("(in|out) +[0-9a-f]{8}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Spis();
}
