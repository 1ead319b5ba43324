using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>What a host stands, whoever negotiates its keys: none of it lets anything cross in plaintext, and applying opens the way again.</summary>
internal static class AnyManager
{
    /// <summary>Open vSwitch is killed and started again.</summary>
    public static async Task StandsOpenVSwitchKilledAsync(OverlayLab lab)
    {
        await Wire.StaysEncryptedAsync(
            lab,
            () =>
                lab.RunAsync(
                    "host2",
                    """
                    kill -KILL $(cat /run/openvswitch/ovs-vswitchd.pid) $(cat /run/openvswitch/ovsdb-server.pid)
                    ovsdb-server --remote=punix:/run/openvswitch/db.sock --pidfile --detach --log-file -vconsole:off
                    ovs-vswitchd --pidfile --detach --log-file -vconsole:off
                    """
                )
        );
        await lab.WeftDoneAsync("host2", "status");
    }

    /// <summary>What was agreed on is flushed from the kernel by hand.</summary>
    public static Task StandsAssociationsFlushedAsync(OverlayLab lab) =>
        Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await lab.RunAsync("host2", "ip xfrm state flush");
                await lab.WeftDoneAsync("host2", "apply", "--yes");
            }
        );

    /// <summary>The guard is deleted by hand.</summary>
    public static async Task StandsGuardDeletedAsync(OverlayLab lab)
    {
        await Wire.StaysEncryptedAsync(
            lab,
            async () =>
            {
                await Mishap.DeleteGuardAsync(lab);
                var status = await lab.WeftAsync("host1", "status");
                Assert.Equal(1, status.ExitCode);
                Assert.Contains(
                    "packets may cross in plaintext, now",
                    status.Errors,
                    StringComparison.Ordinal
                );
                await lab.WeftDoneAsync("host1", "apply", "--yes");
            }
        );
        await lab.WeftDoneAsync("host1", "status");
    }
}
