using Weft.Core.Linux;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>Shell scripts that have a lab's hosts reached by SSH from one of them.</summary>
internal static class SshServer
{
    /// <summary>
    /// Gives root on a host another home. SSH goes by the password file, not by $HOME; a host's /etc is its own. What this
    /// machine's root has its shell do at each start is no part of a lab: it may wait for what can only be written here.
    /// </summary>
    public const string OwnHome = """
        mkdir -p -m 700 /run/home/.ssh
        sed -i 's|^\(root:[^:]*:[^:]*:[^:]*:[^:]*\):[^:]*:|\1:/run/home:|' /etc/passwd
        """;

    /// <summary>Makes a key to log in by, and prints its public half.</summary>
    public const string NewKey = """
        ssh-keygen -q -t ed25519 -N '' -f /run/home/.ssh/id_ed25519
        cat /run/home/.ssh/id_ed25519.pub
        """;

    /// <summary>Has the one whose key it is let in once a host's server runs, to whom weft may be brought there.</summary>
    public static string LetIn(string key) =>
        $"""
            mount -t tmpfs tmpfs /usr/local/bin
            mkdir -p /run/sshd
            ssh-keygen -q -t ed25519 -N '' -f /run/hostkey
            printf '%s' '{key}' >/run/authorized
            """;

    /// <summary>Starts a host's server, which is told what weft is told in a lab.</summary>
    public static string Start(LabHost host)
    {
        var environment = string.Join(
            ' ',
            host.Environment.Where(one => one.Key.StartsWith("WEFT_", StringComparison.Ordinal))
                .Select(one => $"{one.Key}={one.Value}")
        );
        // It must be started by its path (sshd(8)).
        var sshd = Tool.Find("sshd");
        return $"""
            {sshd} -f /dev/null -h /run/hostkey -o AuthorizedKeysFile=/run/authorized -o StrictModes=no \
              -o PermitRootLogin=yes -o UsePAM=no -o PidFile=/run/sshd.pid -o MaxStartups=100 \
              -o "SetEnv={environment}" </dev/null >/dev/null 2>&1
            """;
    }

    /// <summary>Fails until the server listens: it goes into the background before, and writes this then (sshd(8)).</summary>
    public const string Listens = "test -s /run/sshd.pid";

    /// <summary>Takes the keys that hosts show for theirs.</summary>
    public static string Trust(IEnumerable<LabHost> hosts) =>
        $"ssh-keyscan -T 30 {string.Join(' ', hosts.Select(host => host.Address))} 2>/dev/null >>/run/home/.ssh/known_hosts";
}
