using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Health;

/// <summary>
/// Whether Podman runs containers that nobody tells Weft of: it has no daemon, and its socket, which its package does not
/// enable, has to be there for what it runs to be known. Who selects containers by their labels is told of none that is missed.
/// </summary>
internal static class PodmanSocket
{
    // Where Podman, of the system and not of a user, keeps what it runs, by the kind of its storage (containers-storage.conf(5)).
    private const string Running = "/run/containers/storage";

    // CRI-O keeps what it runs in the same place, and there the number of each one's monitor, whose file has another name by
    // Podman.
    private const string CriosMark = "conmon-pidfile";

    /// <summary>Judges by what lies on the host; Podman is not run.</summary>
    /// <param name="interest">Which containers matter.</param>
    /// <param name="observation">What the host looks like.</param>
    /// <param name="absence">What to say where Podman cannot be asked, and what to do.</param>
    /// <param name="root">The host's root directory; none for this one.</param>
    public static IEnumerable<Finding> Judge(
        ContainerInterest interest,
        HostObservation observation,
        string absence,
        string root = ""
    ) =>
        interest.Engines.Contains(Engine.Podman)
        && !observation.SilentEngines.ContainsKey(Engine.Podman)
        && observation.Containers.Keys.All(container => container.Engine is not Engine.Podman)
        && HasRunning($"{root}{Running}")
            ?
            [
                new Finding(
                    "podman",
                    Verdict.Doubtful,
                    $"containers run here that cannot be seen, and get no place by their labels: {absence}"
                ),
            ]
            : [];

    private static bool HasRunning(string storage)
    {
        try
        {
            return Directory
                .EnumerateDirectories(storage, "*-containers")
                .SelectMany(Directory.EnumerateDirectories)
                .Any(container =>
                    File.Exists($"{container}/userdata/pidfile")
                    && !File.Exists($"{container}/userdata/{CriosMark}")
                );
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
