using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Health;

/// <summary>
/// Finds whether Podman runs containers that Weft does not see. Podman has no daemon: they are seen only through its socket,
/// which its package does not enable. Containers of a user's own Podman are never seen. Without this check, an overlay that
/// selects containers by label would miss them silently.
/// </summary>
internal static class PodmanSocket
{
    // Where Podman keeps its running containers, the system's and each user's, by storage driver (containers-storage.conf(5)).
    private const string Running = "/run/containers/storage";
    private const string Users = "/run/user";
    private const string RunningOfUser = "containers";

    // CRI-O keeps its running containers in the same place. Its file with the PID of a container's monitor has this name,
    // Podman's another.
    private const string CriosMark = "conmon-pidfile";

    /// <summary>Judges by files on the host; Podman is not run.</summary>
    /// <param name="interest">Which containers matter.</param>
    /// <param name="observation">What the host looks like.</param>
    /// <param name="absence">The message for a Podman that cannot be asked, with the remedy.</param>
    /// <param name="root">A directory to take as the host's root; empty for this host's own.</param>
    public static IEnumerable<Finding> Judge(
        ContainerInterest interest,
        HostObservation observation,
        string absence,
        string root = ""
    )
    {
        if (!interest.Engines.Contains(Engine.Podman))
        {
            yield break;
        }
        if (
            !observation.SilentEngines.ContainsKey(Engine.Podman)
            && observation.Containers.Keys.All(container => container.Engine is not Engine.Podman)
            && HasRunning($"{root}{Running}")
        )
        {
            yield return new Finding(
                "podman",
                Verdict.Doubtful,
                $"containers run here that cannot be seen, and get no place by their labels: {absence}"
            );
        }
        foreach (var user in UsersWithRunning(root))
        {
            yield return new Finding(
                "podman",
                Verdict.Doubtful,
                $"containers of user {user}'s own Podman run here, which are not seen and get no place: run those of the overlay as root's, by `sudo podman` or a unit of the system"
            );
        }
    }

    private static IEnumerable<string> UsersWithRunning(string root) =>
        Listed(() => Directory.EnumerateDirectories($"{root}{Users}"))
            .Where(user => HasRunning($"{user}/{RunningOfUser}"))
            .Select(user => Path.GetFileName(user))
            .Order(StringComparer.Ordinal)
            .Select(id =>
                Listed(() => File.ReadLines($"{root}/etc/passwd"))
                    .Select(line => line.Split(':'))
                    .FirstOrDefault(fields => fields.Length > 2 && fields[2] == id)
                    ?[0]
                ?? id
            );

    private static bool HasRunning(string storage) =>
        Listed(() =>
                Directory
                    .EnumerateDirectories(storage, "*-containers")
                    .SelectMany(Directory.EnumerateDirectories)
            )
            .Any(container =>
                File.Exists($"{container}/userdata/pidfile")
                && !File.Exists($"{container}/userdata/{CriosMark}")
            );

    private static string[] Listed(Func<IEnumerable<string>> list)
    {
        try
        {
            return [.. list()];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
