using Weft.Core.Overlays;
using Weft.Labs;

namespace Weft.Commands;

/// <summary>Where the lab's commands get an overlay from.</summary>
internal static class OverlaySource
{
    /// <summary>Reads an overlay file.</summary>
    /// <exception cref="LabException">The file cannot be read or is not valid.</exception>
    public static (Overlay Overlay, byte[] File) Read(string path) =>
        throw new LabException($"{path}: reading overlay files is not wired up: use --hosts");
}
