using Weft.Agent;
using Weft.Core;
using Weft.Core.Overlays;

namespace Weft.Installation;

/// <summary>Ends what would bring back an overlay that was removed: the agent at once, weft.service at the next boot.</summary>
internal static class Keepers
{
    /// <summary>Ends those of an overlay. The guard is not among them: it stays as long as there are tunnels.</summary>
    /// <param name="overlay">The overlay's name.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>A message about what was done; null if there was nothing to do.</returns>
    /// <exception cref="HostException">An agent runs that is no service, so that whoever started it must end it.</exception>
    public static async Task<string?> EndAsync(string overlay, CancellationToken cancellationToken)
    {
        string[] services =
        [
            .. HostFiles
                .ServicesOn(new Placement("/"))
                .Where(service => service is HostFiles.Restoring or HostFiles.Agent),
        ];
        var ended = false;
        if (Systemd.Runs && services.Length > 0 && IsFor(overlay))
        {
            ended =
                HostFiles.Enabling(new Placement("/"), services).Length > 0
                || AgentSeat.IsTaken(overlay);
            await Systemd.ControlAsync(
                cancellationToken,
                ["disable", "--quiet", "--now", .. services]
            );
        }
        if (AgentSeat.IsTaken(overlay))
        {
            throw new HostException(
                "an agent that is no service of this machine's keeps the overlay, and would make again what is removed: end it first"
            );
        }
        return ended
            ? $"{string.Join(" and ", services)}, which would bring it back, {(services.Length == 1 ? "is" : "are")} stopped and disabled: `weft install` is the way back"
            : null;
    }

    /// <summary>Whether the services restore this overlay, or their file is missing or invalid.</summary>
    private static bool IsFor(string overlay) =>
        !File.Exists(HostFiles.Overlay)
        || OverlayFile.Parse(HostFiles.Overlay, File.ReadAllBytes(HostFiles.Overlay)).Overlay
            is not { } other
        || other.Name == overlay;
}
