using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Health;

/// <summary>
/// Whether Podman runs containers that nobody tells Weft of: it has no daemon, and its socket, which its package does not
/// enable, has to be there for what it runs to be known. What a user's own Podman runs is never known. Who selects containers by
/// their labels is told of none that is missed.
/// </summary>
internal static class PodmanSocket
{
    // Where Podman, of the system and of each user, keeps what it runs, by the kind of its storage (containers-storage.conf(5)).
    private const string Running = "/run/containers/storage";
    private const string Users = "/run/user";
    private const string RunningOfUser = "containers";

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
