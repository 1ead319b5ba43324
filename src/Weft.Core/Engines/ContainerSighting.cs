using System.Collections.Immutable;
using Weft.Core.Addressing;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>Which container: names are unique within an engine.</summary>
/// <param name="Engine">What runs it.</param>
/// <param name="Name">The name that its engine knows it by.</param>
public readonly record struct ContainerKey(Engine Engine, string Name)
{
    /// <summary>How many digits of an id engines put into names.</summary>
    internal const int ShortId = 12;

    /// <summary>
    /// The name that a container had before Docker Compose 1 put the beginning of its id in front, as it does with one that it
    /// is about to replace; otherwise its present name.
    /// </summary>
    /// <param name="id">The container's own id.</param>
    public ContainerKey BeforeReplaced(string id) =>
        Engine is Engine.Docker or Engine.Podman
        && id.Length >= ShortId
        && Name.StartsWith($"{id[..ShortId]}_", StringComparison.Ordinal)
            ? this with
            {
                Name = Name[(ShortId + 1)..],
            }
            : this;

    /// <summary>As people say it: <c>docker container web</c>.</summary>
    public override string ToString() => $"{Engine.Word} container {Name}";
}

/// <summary>Which containers the overlay's are.</summary>
public static class ContainerKeys
{
    extension(Container container)
    {
        /// <summary>The container, as its engine knows it.</summary>
        public ContainerKey Key => new(container.Engine, container.Name);
    }
}

/// <summary>A container as its engine knows it.</summary>
public sealed record ContainerSighting
{
    /// <summary>Where <c>ip netns</c> keeps its named network namespaces.</summary>
    public const string NamespaceDirectory = "/run/netns";

    /// <summary>What runs it, and its name there.</summary>
    public required ContainerKey Key { get; init; }

    /// <summary>
    /// What stays the same while the container is renamed and differs once it is made again: Docker's and Podman's id,
    /// <c>volatile.uuid</c> of LXD and Incus, the name of a network namespace.
    /// </summary>
    public required string Id { get; init; }

    /// <summary>
    /// The file of the container's network namespace: <c>/run/netns/NAME</c> or <c>/proc/PID/ns/net</c>; null while it
    /// does not run.
    /// </summary>
    public string? Namespace { get; init; }

    /// <summary>
    /// What tells that namespace from all others (<c>net:[4026532574]</c>, namespaces(7)): containers may share one, and
    /// a file name of <c>/proc</c> may come to be another's. Null while it does not run, and for a namespace that has a name.
    /// </summary>
    public string? NamespaceId { get; init; }

    /// <summary>
    /// The <see cref="Id"/> of the container in whose network this one was started, as those of a pod are (<c>--network
    /// container:NAME</c>); null for one with a network of its own.
    /// </summary>
    public string? SharesNetworkOf { get; init; }

    /// <summary>
    /// Whether the engine leaves open what <see cref="SharesNetworkOf"/> and <see cref="SharesHostNetwork"/> are, as Podman's
    /// list does.
    /// </summary>
    public bool IsNetworkUnknown { get; init; }

    /// <summary>
    /// Whether the container does not run but its network lives on: <see cref="Namespace"/> is that of another that shares it.
    /// Or may live on: <see cref="Silence"/> is that of another of which nobody knows whether it runs.
    /// </summary>
    public bool IsKeptByOthers { get; init; }

    /// <summary>Whether it is known not to run itself.</summary>
    internal bool HasEnded =>
        this is { Namespace: null, Silence: null } or { IsKeptByOthers: true };

    /// <summary>Identifies the network that containers share, whether they run or not.</summary>
    internal (Engine, string) Group => (Key.Engine, SharesNetworkOf ?? Id);

    /// <summary>
    /// Gives containers that do not run the network that they share with others, if one of these runs: it lives on, with what
    /// it was given, whichever of them comes and goes.
    /// </summary>
    /// <remarks>
    /// If none is known to run and the state of one is unknown, it is unknown whether the network lives: the unknown is not
    /// taken for gone.
    /// </remarks>
    /// <returns>Those that have changed.</returns>
    public static IReadOnlyList<ContainerSighting> Shared(
        IReadOnlyCollection<ContainerSighting> sightings
    )
    {
        var groups = sightings
            .Where(one => one.SharesNetworkOf is not null)
            .Select(one => one.Group)
            .ToHashSet();
        if (groups.Count == 0 && !sightings.Any(one => one.IsKeptByOthers))
        {
            return [];
        }
        var running = sightings
            .Where(one => one is { IsReady: true, IsKeptByOthers: false })
            .OrderBy(one => one.Key.Name, StringComparer.Ordinal)
            .ToLookup(one => one.Group);
        var unknown = sightings
            .Where(one => one is { Silence: not null, IsKeptByOthers: false })
            .OrderBy(one => one.Key.Name, StringComparer.Ordinal)
            .ToLookup(one => one.Group);
        return
        [
            .. from one in sightings
            where
                one.IsKeptByOthers
                || one is { Namespace: null, Silence: null } && groups.Contains(one.Group)
            let other = running[one.Group].FirstOrDefault()
            let doubt = other is null ? unknown[one.Group].FirstOrDefault() : null
            let silence = doubt is null
                ? null
                : $"it lives in the network of {doubt.Key}: {doubt.Silence}"
            where
                (other?.Namespace, other?.NamespaceId, silence)
                != (one.Namespace, one.NamespaceId, one.Silence)
            select one with
            {
                Namespace = other?.Namespace,
                NamespaceId = other?.NamespaceId,
                Silence = silence,
                IsKeptByOthers = other is not null || silence is not null,
            },
        ];
    }

    /// <summary>
    /// The containers whose state is unknown and that matter, themselves or to others that share their network.
    /// </summary>
    /// <param name="sightings">All containers.</param>
    /// <param name="matters">Whether the overlay has a place for one.</param>
    public static IEnumerable<ContainerKey> Unknown(
        IReadOnlyCollection<ContainerSighting> sightings,
        Func<ContainerSighting, bool> matters
    )
    {
        var silent = sightings.Where(one => one.Silence is not null).ToList();
        if (silent.Count == 0)
        {
            return [];
        }
        var groups = silent.Select(one => one.Group).ToHashSet();
        groups.IntersectWith(
            sightings
                .Where(one => groups.Contains(one.Group) && matters(one))
                .Select(one => one.Group)
        );
        return silent.Where(one => groups.Contains(one.Group)).Select(one => one.Key);
    }

    /// <summary>Adds what was known of the container before and never changes, where its engine does not say it now.</summary>
    /// <param name="before">The container of that name as it was seen before; null where none was.</param>
    public ContainerSighting With(ContainerSighting? before) =>
        IsNetworkUnknown && before is { IsNetworkUnknown: false } && before.Id == Id
            ? this with
            {
                SharesNetworkOf = before.SharesNetworkOf,
                SharesHostNetwork = before.SharesHostNetwork,
                IsNetworkUnknown = false,
            }
            : this;

    /// <summary>
    /// Why the engine, though it answers, says no more of the container just now, as the end of a sentence: then nobody knows
    /// whether it runs. Null if it does say.
    /// </summary>
    public string? Silence { get; init; }

    /// <summary>Whether the container lives in the host's own network namespace, where it can be given nothing.</summary>
    public bool SharesHostNetwork { get; init; }

    /// <summary>
    /// What people say of the container: labels of Docker and Podman; of LXD and Incus the configuration's keys below
    /// <c>user.</c>, without that.
    /// </summary>
    public ImmutableSortedDictionary<string, string> Labels { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>The container's own devices of type <c>nic</c>, by name; only LXD and Incus have devices.</summary>
    public ImmutableSortedDictionary<string, NicDevice> Nics { get; init; } =
        ImmutableSortedDictionary<string, NicDevice>.Empty;

    /// <summary>The names of the interfaces that profiles give the container; only LXD and Incus have profiles.</summary>
    public ImmutableSortedSet<string> ProfileInterfaces { get; init; } = [];

    /// <summary>
    /// The names of all other devices, by profiles or of other types: no device can be given one of these. Only LXD and Incus
    /// have devices.
    /// </summary>
    public ImmutableSortedSet<string> OtherDevices { get; init; } = [];

    /// <summary>
    /// The container's own device that gives it an interface, whatever the device is called; else the device of that name; null
    /// if there is neither.
    /// </summary>
    /// <param name="interface">The interface's name inside.</param>
    /// <param name="overlay">The overlay whose device is preferred to another's.</param>
    public (string Name, NicDevice Nic)? DeviceOf(string @interface, string overlay) =>
        Nics.Where(device => device.Value.Interface == @interface || device.Key == @interface)
            .OrderByDescending(device => device.Value.Interface == @interface)
            .ThenByDescending(device => device.Value.Mark == overlay)
            .Select((string, NicDevice)? (device) => (device.Key, device.Value))
            .FirstOrDefault();

    /// <summary>The file of a network namespace as iproute2 names it: by a name, or by a path.</summary>
    public static string PathOf(string name) =>
        name.Contains('/') ? name : $"{NamespaceDirectory}/{name}";

    /// <summary>Whether it runs in a network namespace of its own, so that it can be given interfaces.</summary>
    public bool IsReady => Namespace is not null && !SharesHostNetwork;

    /// <summary>A named network namespace (ip-netns(8)), which is a container of engine <see cref="Overlays.Engine.Netns"/>.</summary>
    public static ContainerSighting OfNamespace(string name) =>
        new()
        {
            Key = new ContainerKey(Overlays.Engine.Netns, name),
            Id = name,
            Namespace = $"{NamespaceDirectory}/{name}",
        };
}

/// <summary>A device of type <c>nic</c> of an LXD or Incus container, as far as Weft has to do with it.</summary>
/// <remarks>The keys are those of the engines' own documentation of <c>nictype=bridged</c>.</remarks>
public sealed record NicDevice
{
    /// <summary>The bridge, Linux's or Open vSwitch's, that the host's end goes into (<c>parent</c>).</summary>
    public required string Parent { get; init; }

    /// <summary>The interface's name inside (<c>name</c>).</summary>
    public required string Interface { get; init; }

    /// <summary>The name of the host's end (<c>host_name</c>).</summary>
    public required string HostEnd { get; init; }

    /// <summary>The interface's Ethernet address (<c>hwaddr</c>).</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>The MTU in bytes (<c>mtu</c>).</summary>
    public required int Mtu { get; init; }

    /// <summary>The VLAN of the port where the parent is a switch (<c>vlan</c>).</summary>
    public int? Vlan { get; init; }

    /// <summary>The overlay whose device it is (<c>user.weft</c>, or <c>user.weft-adopted.DEVICE</c> of the container); null for a device that is not Weft's.</summary>
    public string? Mark { get; init; }

    /// <summary>
    /// Whether the overlay took the device over as it is. Changing a device takes it from the container and adds it again, so
    /// the mark is in the container's own configuration.
    /// </summary>
    public bool IsAdopted { get; init; }
}
