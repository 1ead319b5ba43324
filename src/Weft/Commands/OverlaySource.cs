using Weft.Core.Overlays;
using Weft.Labs;

namespace Weft.Commands;

/// <summary>Where the commands get an overlay from.</summary>
internal static class OverlaySource
{
    /// <summary>Where a host has its overlay file.</summary>
    public const string HostFile = "/etc/weft/overlay.yaml";

    /// <summary>Reads an overlay file.</summary>
    /// <exception cref="InvalidOverlayException">The file has mistakes.</exception>
    public static (Overlay Overlay, byte[] File) Read(string path) =>
        (OverlayLoader.Load(path, null, null), File.ReadAllBytes(path));

    /// <summary>Makes up an overlay.</summary>
    public static (Overlay Overlay, byte[] File) MakeUp(int hosts)
    {
        var overlay = SampleOverlay.Of(hosts);
        return (overlay, OverlayYaml.Write(overlay));
    }

    /// <summary>The largest IP packet in bytes that fits the overlay's tunnels.</summary>
    public static int Mtu(Overlay overlay) => OverlayMtu.Of(overlay).Bytes;
}
