using Weft.Core.Engines;
using Weft.Core.Linux;
using Weft.Core.Overlays;

namespace Weft.Labs;

/// <summary>Real engines in the hosts of a lab, running the containers that otherwise network namespaces stand in for.</summary>
internal static class LabEngines
{
    /// <summary>The programs that labs need for an engine, and the Debian package that each comes with.</summary>
    public static IReadOnlyDictionary<string, string> ProgramsOf(Engine engine) =>
        engine switch
        {
            Engine.Docker => With(
                ("dockerd", "docker.io"),
                // Since Debian 13 in a package of its own, which docker.io recommends.
                ("docker", Tool.Find("dockerd") is null ? "docker.io" : "docker-cli")
            ),
            Engine.Podman => With(("podman", "podman"), ("crun", "crun")),
            Engine.Lxd => With(("lxd", "lxd"), ("lxc", "lxd")),
            Engine.Incus => With(
                ("/usr/libexec/incus/incusd", "incus-base"),
                ("incus", "incus-client")
            ),
            _ => new Dictionary<string, string>(0),
        };

    /// <summary>The containers that engines are to make on a host.</summary>
    public static IReadOnlyList<ContainerKey> On(Host host, Overlay overlay) =>
        [
            .. overlay
                .Containers.Where(container =>
                    container.Host == host.Name && container.Engine is not Engine.Netns
                )
                .Select(container => container.Key),
        ];

    /// <summary>The command in a new host that starts the engines of these containers, and makes them.</summary>
    public static IEnumerable<string> Start(IEnumerable<ContainerKey> containers) =>
        [
            "sh",
            "-c",
            LabDirectory.Script("host-engines.sh"),
            "host-engines.sh",
            .. containers.Select(container => $"{container.Engine.Word}/{container.Name}"),
        ];

    /// <summary>The command in a host that runs a command in a container.</summary>
    public static IEnumerable<string> Enter(ContainerKey container, IEnumerable<string> command) =>
        [
            "sh",
            "-c",
            LabDirectory.Script("host-enter.sh"),
            "host-enter.sh",
            container.Engine.Word,
            container.Name,
            .. command,
        ];

    // Containers in labs consist of busybox alone.
    private static Dictionary<string, string> With(params (string, string)[] programs) =>
        programs
            .Append(("busybox", "busybox-static"))
            .ToDictionary(one => one.Item1, one => one.Item2);
}
