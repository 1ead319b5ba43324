using System.ComponentModel;
using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>What has moved: the links of the host itself, or of a network namespace that it knows by a number.</summary>
/// <param name="Namespace">
/// The number, as <see cref="Link.PeerNamespace"/> has it of a veth pair into that namespace; null for the host itself.
/// </param>
/// <param name="IsOverrun">Whether the kernel had more to tell than it could keep: anything may have moved.</param>
public readonly record struct LinkEvent(int? Namespace, bool IsOverrun);

/// <summary>
/// Tells when links or addresses change, on the host and inside the network namespaces that it has a link into, and routes there
/// (rtnetlink(7), netlink(7) NETLINK_LISTEN_ALL_NSID).
/// </summary>
public static class LinkWatch
{
    // linux/rtnetlink.h.
    private const uint LinksAddressesRoutes = 0x1 | 0x10 | 0x100 | 0x40 | 0x400;
    private const ushort NewRoute = 24;
    private const ushort RouteGone = 25;
    private const byte BridgeFamily = 7;

    /// <summary>Watches until this process ends.</summary>
    /// <param name="changed">Is told, on a thread that does nothing else.</param>
    /// <exception cref="HostException">The kernel does not tell.</exception>
    public static void Start(Action<LinkEvent> changed)
    {
        try
        {
            NetlinkEvents.Listen(
                "links",
                Netlink.RouteProtocol,
                LinksAddressesRoutes,
                everywhere: true,
                Take
            );
        }
        catch (Win32Exception exception)
        {
            throw new HostException(
                $"the kernel does not tell of changes to links: {exception.Message}",
                exception
            );
        }

        void Take(int? space, NetlinkMessages messages)
        {
            var (isEmpty, isNews) = (true, false);
            foreach (var message in messages)
            {
                isEmpty = false;
                // What a bridge tells of its ports' states is no change of a link, and the host's own routes are not Weft's business.
                isNews |= message.Kind is NewRoute or RouteGone
                    ? space is not null
                    : message.Body[0] != BridgeFamily;
            }
            if (isEmpty || isNews)
            {
                changed(new LinkEvent(space, IsOverrun: isEmpty));
            }
        }
    }
}
