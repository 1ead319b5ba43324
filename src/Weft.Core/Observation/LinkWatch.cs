using System.ComponentModel;
using System.Runtime.InteropServices;
using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>What has moved: the links of the host itself, or of a network namespace that it knows by a number.</summary>
/// <param name="Namespace">
/// The number, as <see cref="Link.PeerNamespace"/> has it of a veth pair into that namespace; null for the host itself.
/// </param>
/// <param name="Index">The number of the one link of the host itself that it is about; null for any.</param>
/// <param name="IsOverrun">Whether the kernel had more to tell than it could keep: anything may have moved.</param>
public readonly record struct LinkEvent(int? Namespace, int? Index, bool IsOverrun);

/// <summary>
/// Reports changes of links and addresses, on the host and inside the network namespaces that it has a link into, and of routes
/// in those (rtnetlink(7), netlink(7) NETLINK_LISTEN_ALL_NSID).
/// </summary>
public sealed class LinkWatch
{
    // linux/rtnetlink.h.
    private const uint LinksAddressesRoutes = 0x1 | 0x10 | 0x100 | 0x40 | 0x400;
    private const uint Ipv4Settings = 1u << 23;
    private const ushort NewSettings = 80;
    private const ushort SettingsGone = 81;
    private const ushort NewRoute = 24;
    private const ushort RouteGone = 25;
    private const byte BridgeFamily = 7;

    // In both struct ifinfomsg and struct ifaddrmsg.
    private const int IndexAt = 4;

    // Behind a struct netconfmsg the first attribute is the link's number, or a negative one that stands for all (linux/netconf.h).
    private const int IndexOfSettingsAt = 8;

    private readonly NetlinkEvents events;

    private LinkWatch(NetlinkEvents events) => this.events = events;

    /// <summary>Watches until this process ends.</summary>
    /// <param name="changed">Is told, on a thread that does nothing else, or by <see cref="Drain"/>; never twice at once.</param>
    /// <exception cref="HostException">The kernel does not tell.</exception>
    public static LinkWatch Start(Action<LinkEvent> changed)
    {
        try
        {
            return new LinkWatch(
                NetlinkEvents.Listen(
                    "links",
                    Netlink.RouteProtocol,
                    LinksAddressesRoutes | Ipv4Settings,
                    everywhere: true,
                    Take
                )
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
            var isEmpty = true;
            foreach (var message in messages)
            {
                isEmpty = false;
                if (message.Kind is NewSettings or SettingsGone)
                {
                    // Settings go with their link, whose removal the kernel reports too.
                    if (
                        message.Kind == NewSettings
                        && space is null
                        && MemoryMarshal.Read<int>(message.Body[IndexOfSettingsAt..])
                            is > 0
                                and var link
                    )
                    {
                        changed(new LinkEvent(space, link, IsOverrun: false));
                    }
                    continue;
                }
                // A bridge's report of its ports' states is no change of a link, and the host's own routes are not Weft's
                // business.
                if (
                    message.Kind is NewRoute or RouteGone
                        ? space is not null
                        : message.Body[0] != BridgeFamily
                )
                {
                    changed(
                        new LinkEvent(
                            space,
                            space is null ? MemoryMarshal.Read<int>(message.Body[IndexAt..]) : null,
                            IsOverrun: false
                        )
                    );
                }
            }
            if (isEmpty)
            {
                changed(new LinkEvent(space, Index: null, IsOverrun: true));
            }
        }
    }

    /// <summary>Reports all changes so far, including all that a program made that has ended.</summary>
    public void Drain() => events.Drain();
}
