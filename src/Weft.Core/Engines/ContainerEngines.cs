using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>The doors to the engines of a host.</summary>
public static class ContainerEngines
{
    /// <summary>The door to an engine, where it listens unless it is told otherwise; nothing is asked yet.</summary>
    /// <param name="engine">Which.</param>
    /// <param name="root">The root directory of the host that it runs on: none for this one, else such as <c>/proc/PID/root</c>.</param>
    public static IContainerEngine Of(Engine engine, string root = "") =>
        engine switch
        {
            Engine.Netns => new NetnsEngine(root),
            Engine.Lxd or Engine.Incus => new LxdEngine(engine, root),
            Engine.Docker or Engine.Podman => new DockerEngine(engine, root),
            _ => throw new ArgumentOutOfRangeException(nameof(engine), engine, null),
        };
}
