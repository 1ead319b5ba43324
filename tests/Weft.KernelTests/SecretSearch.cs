using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>Looks for what nobody may see: in the command lines of a host while something runs in it, and in its files after that.</summary>
internal sealed class SecretSearch
{
    private readonly OverlayLab lab;
    private readonly string host;

    private SecretSearch(OverlayLab lab, string host)
    {
        this.lab = lab;
        this.host = host;
    }

    /// <summary>Begins to look at command lines.</summary>
    public static async Task<SecretSearch> BeginAsync(OverlayLab lab, string host)
    {
        // bash reads them without starting a program of its own for each.
        await lab.RunAsync(
            host,
            """
            touch /run/begun
            setsid bash -c 'while [ ! -e /run/sampled ]; do
              for file in /proc/[0-9]*/cmdline; do mapfile -d "" -t words 2>/dev/null <$file; echo "${words[@]}"; done
            done >/run/command-lines 2>/dev/null' </dev/null >/dev/null 2>&1 &
            """
        );
        return new SecretSearch(lab, host);
    }

    /// <summary>Ends it, after <c>weft apply --yes</c> has run.</summary>
    /// <param name="secrets">The script that writes the secrets, one on each line.</param>
    /// <param name="said">What was said meanwhile, in which there must be none.</param>
    /// <returns>The files that have one.</returns>
    public async Task<string[]> EndAsync(string secrets, string said)
    {
        var found = await lab.RunAsync(
            host,
            $$"""
            touch /run/sampled
            mkdir -p /opt
            { {{secrets}}; } >/opt/secrets
            grep -c . /opt/secrets
            ovsdb-client dump >/run/database
            grep -c 'weft apply --yes' /run/command-lines
            cat >/run/said <<'SAID'
            {{said}}
            SAID
            grep -rlF -D skip -f /opt/secrets /etc/weft /etc/swanctl /etc/ipsec.* /etc/strongswan.d /run /var/log /var/lib/openvswitch || true
            find /tmp -type f -newer /run/begun -exec grep -lF -f /opt/secrets {} + || true
            rm -f /run/begun /run/sampled /run/command-lines /run/database /run/said /opt/secrets
            """
        );
        var lines = found.Trim().Split('\n');
        // Nothing is found where nothing was looked for, or at.
        Assert.All(lines[..2], line => Assert.True(int.Parse(line) > 0, found));
        return lines[2..];
    }
}
