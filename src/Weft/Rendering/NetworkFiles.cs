using System.Net.Sockets;
using System.Text;
using Weft.Core.Intents;

namespace Weft.Rendering;

/// <summary>
/// Writes a host's container bridges as configuration of ifupdown and systemd-networkd. Bridges made from it have the Ethernet
/// address that Weft would give them, by which Weft recognizes them as its own.
/// </summary>
internal static class NetworkFiles
{
    /// <summary>Writes one file for ifupdown (interfaces(5), bridge-utils-interfaces(5)).</summary>
    public static IEnumerable<(string Name, string Text)> Ifupdown(HostIntent intent)
    {
        var text = new StringBuilder(Headline(intent));
        foreach (var bridge in intent.Links.OfType<BridgeLinkIntent>())
        {
            text.Append($"\nauto {bridge.Name}\n");
            string[] settings =
            [
                "bridge_ports none",
                $"bridge_hw {bridge.Mac}",
                $"bridge_stp {(bridge.Stp ? "on" : "off")}",
                .. bridge.Stp
                    ? [$"bridge_bridgeprio {BridgeLinkIntent.TreePriority}"]
                    : Array.Empty<string>(),
                $"bridge_fd {bridge.ForwardDelay}",
                $"mtu {bridge.Mtu}",
            ];
            // In an IPv6 stanza `mtu` sets the MTU of IPv6, not of the link (interfaces(5)).
            var isIpv4First =
                bridge.Addresses is [{ Address.AddressFamily: AddressFamily.InterNetwork }, ..];
            text.Append(
                $"iface {bridge.Name} {(isIpv4First ? Static(bridge.Addresses[0]) : "inet manual")}\n"
            );
            foreach (var setting in settings)
            {
                text.Append($"    {setting}\n");
            }
            foreach (var more in bridge.Addresses.Skip(isIpv4First ? 1 : 0))
            {
                text.Append($"iface {bridge.Name} {Static(more)}\n");
            }
        }
        yield return ($"weft-{intent.Overlay}", text.ToString());
    }

    /// <summary>Writes two files per bridge for systemd-networkd (systemd.netdev(5), systemd.network(5)).</summary>
    public static IEnumerable<(string Name, string Text)> Networkd(HostIntent intent)
    {
        foreach (var bridge in intent.Links.OfType<BridgeLinkIntent>())
        {
            yield return (
                $"10-weft-{bridge.Name}.netdev",
                $"""
                {Headline(intent)}
                [NetDev]
                Name={bridge.Name}
                Kind=bridge
                MACAddress={bridge.Mac}
                MTUBytes={bridge.Mtu}

                [Bridge]
                STP={(bridge.Stp ? "yes" : "no")}{(
                    bridge.Stp ? $"\nPriority={BridgeLinkIntent.TreePriority}" : ""
                )}
                ForwardDelaySec={bridge.ForwardDelay}
                MulticastSnooping=no

                """
            );
            var addresses = string.Concat(
                bridge.Addresses.Select(address => $"Address={address}\n")
            );
            yield return (
                $"10-weft-{bridge.Name}.network",
                $"""
                {Headline(intent)}
                [Match]
                Name={bridge.Name}

                [Link]
                RequiredForOnline=no

                [Network]
                ConfigureWithoutCarrier=yes
                LinkLocalAddressing={(bridge.HasIpv6Address ? "ipv6" : "no")}
                IPv6AcceptRA=no
                IPv4ReversePathFilter=strict
                {addresses}
                """.TrimEnd('\n') + "\n"
            );
        }
    }

    private static string Headline(HostIntent intent) =>
        $"# Container bridges of overlay {intent.Overlay} on {intent.Host}, by `weft export`.\n";

    // A bridge without ports has no carrier, so duplicate address detection (RFC 4862, section 5.4) cannot finish: ifup would
    // wait for it, and fail.
    private static string Static(InterfaceAddress address) =>
        address.Address.AddressFamily is AddressFamily.InterNetworkV6
            ? $"inet6 static\n    address {address}\n    dad-attempts 0"
            : $"inet static\n    address {address}";
}
