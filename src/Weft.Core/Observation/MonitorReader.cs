using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>Looks whether ovs-monitor-ipsec can do its work.</summary>
internal static class MonitorReader
{
    /// <summary>Where strongSwan's starter notes its number.</summary>
    public const string StarterPidFile = "/run/starter.charon.pid";

    private const string PidFile = "/run/openvswitch/ovs-monitor-ipsec.pid";

    /// <summary>Why it does nothing and what to do; null if it works.</summary>
    public static string? Problem() =>
        !Runs(PidFile)
            ? "ovs-monitor-ipsec does not run: install the Debian package openvswitch-ipsec and start it with `systemctl start openvswitch-ipsec`"
        : !Runs(StarterPidFile)
            ? "strongSwan does not run by its starter (`ipsec start`), which ovs-monitor-ipsec has read its files: "
                + "install the Debian package strongswan-starter, stop another strongSwan that runs, and `systemctl restart openvswitch-ipsec`"
        : null;

    private static bool Runs(string pidFile) =>
        ProcessIdentity.OfPidFile(pidFile) is { IsAlive: true };
}
