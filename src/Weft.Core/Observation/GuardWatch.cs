using System.ComponentModel;
using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>
/// Reports that the kernel's IPsec policies or associations have changed: a guard that somebody removes must not go unnoticed
/// until the next look.
/// </summary>
public static class GuardWatch
{
    // XFRMGRP_SA and XFRMGRP_POLICY (linux/xfrm.h).
    private const uint AssociationsPolicies = 0x4 | 0x8;

    /// <summary>Watches until this process ends; not at all where the kernel has no IPsec, which observing reports.</summary>
    /// <param name="changed">Is told, on a thread that does nothing else.</param>
    public static void Start(Action changed)
    {
        try
        {
            NetlinkEvents.Listen(
                "guard",
                Netlink.XfrmProtocol,
                AssociationsPolicies,
                everywhere: false,
                (_, _) => changed()
            );
        }
        catch (Win32Exception) { }
    }
}
