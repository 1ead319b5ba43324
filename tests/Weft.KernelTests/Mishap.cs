using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>What befalls a host in a test, and how it is put right.</summary>
internal static class Mishap
{
    private const string Key = "/etc/weft/psk";

    /// <summary>Gives a host a key that no other has.</summary>
    public static Task WrongKeyAsync(OverlayLab lab, string host) =>
        lab.RunAsync(host, $"cp -p {Key} {Key}.right; echo another-key-altogether >{Key}");

    /// <summary>Gives it the right one again.</summary>
    public static Task RightKeyAsync(OverlayLab lab, string host) =>
        lab.RunAsync(host, $"mv {Key}.right {Key}");

    /// <summary>Succeeds on host1 where what the next takes away is there.</summary>
    public const string GuardStands = "ip xfrm policy | grep -c 'action block' | grep -x 2";

    /// <summary>Takes away what keeps host1's packets to host2, and host2's, from crossing in plaintext.</summary>
    public static Task DeleteGuardAsync(OverlayLab lab) =>
        lab.RunAsync(
            "host1",
            """
            ip xfrm policy delete src 0.0.0.0/0 dst 192.0.2.2/32 proto gre dir out
            ip xfrm policy delete src 192.0.2.2/32 dst 0.0.0.0/0 proto gre dir in
            """
        );

    /// <summary>Ends strongSwan's daemon on a host.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="host">The host.</param>
    /// <param name="signal">By which signal: <c>TERM</c>, on which it takes its leave of the others, or <c>KILL</c>.</param>
    public static Task EndCharonAsync(OverlayLab lab, string host, string signal) =>
        lab.RunAsync(
            host,
            $"pid=$(cat /run/charon.pid); kill -{signal} $pid; while [ -d /proc/$pid ]; do sleep 0.1; done"
        );

    /// <summary>Starts it again, with nothing loaded.</summary>
    public static Task StartCharonAsync(OverlayLab lab, string host) =>
        lab.RunAsync(
            host,
            "setsid /usr/lib/ipsec/charon --use-syslog no </dev/null >>/var/log/charon.log 2>&1 & while ! swanctl --stats >/dev/null 2>&1; do sleep 0.1; done"
        );
}
