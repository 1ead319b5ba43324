using Weft.Core.Addressing;
using Weft.Core.Overlays;
using Weft.Labs;

namespace Weft.Commands;

/// <summary>Where the commands get an overlay from.</summary>
internal static class OverlaySource
{
    /// <summary>Where a host has its overlay file.</summary>
    public const string HostFile = "/etc/weft/overlay.yaml";

    /// <summary>Reads an overlay file.</summary>
    /// <exception cref="LabException">The file cannot be read or is not valid.</exception>
    public static (Overlay Overlay, byte[] File) Read(string path) =>
        throw new LabException($"{path}: reading overlay files is not wired up: use --hosts");

    /// <summary>Makes up an overlay.</summary>
    public static (Overlay Overlay, byte[] File) MakeUp(int hosts)
    {
        var overlay = SampleOverlay.Of(hosts);
        return (overlay, OverlayYaml.Write(overlay));
    }

    /// <summary>The largest IP packet in bytes that fits the overlay's tunnels.</summary>
    public static int Mtu(Overlay overlay) =>
        new Encapsulation(
            overlay.Tunnels.Type,
            overlay.Hosts[0].Address.AddressFamily
                is System.Net.Sockets.AddressFamily.InterNetworkV6,
            overlay.Tunnels.Key is not null,
            Vlan: true,
            EspMode.None
        ).OverlayMtu(overlay.Hosts.Min(host => host.Mtu));
}
