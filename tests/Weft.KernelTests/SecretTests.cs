namespace Weft.KernelTests;

/// <summary>The hosts' key is in the file that the administrator put it in, and nowhere else.</summary>
public sealed class SecretTests(TwoHosts hosts) : TwoHostsTests(hosts)
{
    [Fact]
    public async Task The_key_is_in_no_command_line_no_file_no_database_and_no_output()
    {
        var lab = await LabAsync();
        var key = (await lab.RunAsync("host1", "cat /etc/weft/psk")).Trim();
        await lab.WeftDoneAsync("host1", "destroy", "--yes");
        // bash reads them without starting a program of its own for each.
        await lab.RunAsync(
            "host1",
            """
            touch /run/begun
            setsid bash -c 'while [ ! -e /run/sampled ]; do
              for file in /proc/[0-9]*/cmdline; do mapfile -d "" -t words 2>/dev/null <$file; echo "${words[@]}"; done
            done >/run/command-lines 2>/dev/null' </dev/null >/dev/null 2>&1 &
            """
        );
        var said = await lab.WeftAsync("host1", "apply", "--yes");
        var status = await lab.WeftAsync("host1", "status", "--json");
        var found = await lab.RunAsync(
            "host1",
            """
            touch /run/sampled
            ovsdb-client dump >/run/database
            grep -c 'weft apply --yes' /run/command-lines
            key=$(cat /etc/weft/psk)
            grep -rlF -D skip -e "$key" /etc/weft /etc/swanctl /etc/ipsec.* /etc/strongswan.d /run /var/log /var/lib/openvswitch || true
            find /tmp -type f -newer /run/begun -exec grep -lF -e "$key" {} + || true
            rm -f /run/begun /run/sampled /run/command-lines /run/database
            """
        );
        var lines = found.Trim().Split('\n');
        Assert.True(int.Parse(lines[0], null) > 0, found);
        Assert.Equal(["/etc/weft/psk"], lines[1..]);
        Assert.DoesNotContain(
            key,
            said.Output + said.Errors + status.Output + status.Errors,
            StringComparison.Ordinal
        );
        await lab.AllReachAllAsync();
    }
}
