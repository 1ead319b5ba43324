using Weft.Agent;
using Weft.Core;
using Weft.Core.Overlays;

namespace Weft.Installation;

/// <summary>What brings an overlay back that was taken off a host: the agent at once, and weft.service at the next boot.</summary>
internal static class Keepers
{
    /// <summary>Ends those of an overlay. The guard is none of them: it stands for as long as there are tunnels.</summary>
    /// <param name="overlay">The overlay's name.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>What was done, in words; null where there was nothing to do.</returns>
    /// <exception cref="HostException">An agent runs that is no service, and whoever started it must end it.</exception>
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

    /// <summary>Whether the services go by this overlay, or by a file that nobody can read.</summary>
    private static bool IsFor(string overlay) =>
        !File.Exists(HostFiles.Overlay)
        || OverlayFile.Parse(HostFiles.Overlay, File.ReadAllBytes(HostFiles.Overlay)).Overlay
            is not { } other
        || other.Name == overlay;
}
