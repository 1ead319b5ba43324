using System.Collections.Immutable;
using Weft.Core.Addressing;
using Weft.Core.Overlays;

namespace Weft.Core.Engines;

/// <summary>Finds the containers of one host: those that the file names, and those whose labels it selects.</summary>
internal sealed class Selector(Overlay overlay, string host, ImmutableArray<string>.Builder notices)
{
    // Whose each link of this host is, in words.
    private readonly Dictionary<string, string> links = new(StringComparer.Ordinal);

    // The container whose places all have that live in one network: by its namespace, and by its group while they do not run.
    private readonly Dictionary<string, ContainerKey> networks = new(StringComparer.Ordinal);
    private readonly Dictionary<(Engine, string), ContainerSighting> groups = [];

    // By engine: a container with a place that may share its network with any that shares one, as the engine does not say with
    // which.
    private readonly Dictionary<Engine, ContainerKey> unknown = [];
    private HashSet<(Engine, string)> shared = [];

    // Whose the networks are that others share.
    private Dictionary<(Engine, string), ContainerSighting> owners = [];
    private HashSet<(Engine, string)> placed = [];

    /// <summary>The containers, with addresses only where the file gives them.</summary>
    /// <param name="sightings">What the engines have.</param>
    /// <param name="records">Who has been here before, and so keeps a name that two want.</param>
    public ImmutableArray<Container> Resolve(
        IReadOnlyCollection<ContainerSighting> sightings,
        ImmutableArray<AddressRecord> records
    )
    {
        foreach (
            var sighting in sightings.Where(sighting =>
                sighting.SharesHostNetwork && IsWanted(sighting)
            )
        )
        {
            notices.Add(
                $"{sighting.Key} shares this host's network, where it can be given nothing: start it with a network of its own, or take it out of the overlay"
            );
        }
        var named = overlay.Containers.Where(container => container.Host == host).ToList();
        var seen = sightings.ToDictionary(sighting => sighting.Key);
        TakeLinks(named);
        var names = named.Select(KeyOf).ToHashSet();
        var since = records
            .Where(record => record.GoneSince is null)
            .GroupBy(record => (record.Container.Engine, record.Id))
            .ToDictionary(group => group.Key, group => group.Min(record => record.Since));
        placed = [.. since.Keys];
        shared =
        [
            .. sightings
                .Where(sighting => sighting.SharesNetworkOf is not null)
                .Select(sighting => sighting.Group),
        ];
        owners = sightings
            .Where(sighting => sighting.SharesNetworkOf is null && shared.Contains(sighting.Group))
            .DistinctBy(sighting => sighting.Group)
            .ToDictionary(sighting => sighting.Group);
        foreach (
            var sighting in sightings.Where(sighting =>
                sighting is { IsNetworkUnknown: true, Silence: not null }
                && (names.Contains(sighting.Key) || placed.Contains(IdOf(sighting)))
            )
        )
        {
            unknown.TryAdd(sighting.Key.Engine, sighting.Key);
        }
        var attachable = named
            .Where(container =>
                !seen.TryGetValue(KeyOf(container), out var sighting)
                || !sighting.SharesHostNetwork && TakeNetwork(sighting)
            )
            .ToList();
        var candidates = sightings
            .Where(sighting => !names.Contains(sighting.Key) && !sighting.SharesHostNetwork)
            .ToList();
        candidates.Sort(
            (one, other) =>
                RankOf(one).CompareTo(RankOf(other)) is not 0 and var byRank
                    ? byRank
                    : ByName(one.Key, other.Key)
        );
        var selected = candidates.Select(Select).OfType<Container>().ToList();
        selected.Sort((one, other) => ByName(KeyOf(one), KeyOf(other)));
        return [.. attachable, .. selected];

        (bool, DateTimeOffset) RankOf(ContainerSighting sighting) =>
            (
                IsNamedByPod(sighting),
                since.GetValueOrDefault(IdOf(sighting), DateTimeOffset.MaxValue)
            );

        static int ByName(ContainerKey one, ContainerKey other) =>
            one.Engine == other.Engine
                ? string.CompareOrdinal(one.Name, other.Name)
                : one.Engine.CompareTo(other.Engine);
    }

    /// <summary>The MAC address of the interface that a container which the file does not name has in a network.</summary>
    /// <remarks>The names of such containers are unique in one engine of one host only.</remarks>
    public static MacAddress MacOf(
        Overlay overlay,
        string host,
        ContainerKey container,
        string network
    ) =>
        MacAddress.Derive(overlay.Name, host, container.Engine.ToString(), container.Name, network);

    private static (Engine, string) IdOf(ContainerSighting sighting) =>
        (sighting.Key.Engine, sighting.Id);

    /// <summary>
    /// Whether it holds the network of a pod of Podman's and is named by the pod's id, which changes whenever the pod is made
    /// anew: a container of the pod with a lasting name comes before it.
    /// </summary>
    private static bool IsNamedByPod(ContainerSighting sighting)
    {
        const string End = "-infra";
        return sighting.Key is { Engine: Engine.Podman, Name: var name }
            && name.Length == ContainerKey.ShortId + End.Length
            && name.EndsWith(End, StringComparison.Ordinal)
            && name[..^End.Length].All(char.IsAsciiHexDigitLower);
    }

    private static ContainerKey KeyOf(Container container) => new(container.Engine, container.Name);

    private bool IsWanted(ContainerSighting sighting) =>
        overlay.Containers.Any(container =>
            container.Host == host && KeyOf(container) == sighting.Key
        ) || overlay.Selections.Any(selection => Matches(selection, sighting));

    private bool Matches(Selection selection, ContainerSighting sighting) =>
        (selection.Host ?? host) == host && selection.Selects(sighting);

    /// <summary>The container with the places that all selections that match it give it; null if none does.</summary>
    private Container? Select(ContainerSighting sighting)
    {
        var places = Union(sighting);
        if (places.Count == 0)
        {
            return null;
        }
        var key = sighting.Key;
        if (
            !key.Name.All(letter =>
                char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_'
            )
        )
        {
            notices.Add(
                $"{key} has a name of which no link can be called safely: rename it with letters, digits, dots, dashes and underscores"
            );
            return null;
        }
        if (
            unknown.TryGetValue(key.Engine, out var holder)
            && holder != key
            && shared.Contains(sighting.Group)
            && !placed.Contains(IdOf(sighting))
            && !groups.ContainsKey(sighting.Group)
        )
        {
            notices.Add(
                $"{key} shares its network with others, and waits for its place: perhaps {holder} has it, of which nothing is known just now"
            );
            return null;
        }
        if (!TakeNetwork(sighting))
        {
            return null;
        }
        // Only LXD and Incus report interfaces that a container has by itself. A device may have another name than its
        // interface.
        var own = sighting
            .Nics.Values.Where(nic => nic.Mark != overlay.Name)
            .Select(nic => nic.Interface)
            .Concat(sighting.ProfileInterfaces)
            .ToHashSet(StringComparer.Ordinal);
        var devices = sighting
            .Nics.Where(nic => nic.Value.Mark != overlay.Name || nic.Key != nic.Value.Interface)
            .Select(nic => nic.Key)
            .Concat(sighting.OtherDevices)
            .ToHashSet(StringComparer.Ordinal);
        using var free = InterfaceNames
            .Free([.. own, .. devices, .. places.Select(place => place.Interface).OfType<string>()])
            .GetEnumerator();
        var routes = new HashSet<System.Net.IPNetwork>(
            places.SelectMany(place => NetworkOf(place.Network).Subnets)
        );
        var attachments = ImmutableArray.CreateBuilder<Attachment>();
        foreach (var place in places)
        {
            var @interface = place.Interface;
            if (@interface is null)
            {
                free.MoveNext();
                @interface = free.Current;
            }
            var isDevice =
                devices.Contains(@interface)
                && sighting.DeviceOf(@interface, overlay.Name)?.Nic.Mark != overlay.Name;
            if (own.Contains(@interface) || isDevice)
            {
                notices.Add(
                    $"{key} has {(own.Contains(@interface) ? "an interface" : "a device")} {@interface} of its own and does not attach to network {place.Network}: give the selection another 'interface'"
                );
                continue;
            }
            if (!TakePort(key, @interface, place.Network))
            {
                continue;
            }
            attachments.Add(
                new Attachment
                {
                    Network = place.Network,
                    Interface = @interface,
                    Addresses = [],
                    Mac = MacOf(overlay, host, key, place.Network),
                    To = place.To,
                    Routes = [.. place.Routes.Where(route => routes.Add(route.Destination))],
                }
            );
        }
        return attachments.Count == 0
            ? null
            : new Container
            {
                Name = key.Name,
                Host = host,
                Engine = key.Engine,
                Attachments = attachments.ToImmutable(),
            };
    }

    /// <summary>The places that selections give a container; of two for one network or one interface the first in the file.</summary>
    private List<SelectedAttachment> Union(ContainerSighting sighting)
    {
        var places = new List<SelectedAttachment>();
        foreach (
            var place in overlay
                .Selections.Where(selection => Matches(selection, sighting))
                .SelectMany(selection => selection.Attachments)
        )
        {
            if (places.Any(one => one.Network == place.Network))
            {
                continue;
            }
            if (
                place.Interface is { } name
                && places.Find(one => one.Interface == name) is { } first
            )
            {
                notices.Add(
                    $"{sighting.Key} is selected twice with interface {name}, and has it in network {first.Network}, not in {place.Network}: give the selections two names, or none"
                );
                continue;
            }
            places.Add(place);
        }
        return places;
    }

    /// <summary>
    /// Of containers that live in one network, as those of a pod do, the first gets its places, which so are those of all.
    /// </summary>
    private bool TakeNetwork(ContainerSighting sighting)
    {
        // The containers of a pod that is restarted live in two namespaces until the last has restarted: a place in between
        // would be another address.
        if (
            groups.TryGetValue(sighting.Group, out var first)
            && (sighting.SharesNetworkOf ?? first.SharesNetworkOf) is not null
        )
        {
            return (first.NamespaceId, sighting.NamespaceId) is not ({ } one, { } other)
                || one == other
                    ? Refuse(InNetworkOf(first.Key))
                : owners.TryGetValue(sighting.Group, out var owner) && owner.NamespaceId == other
                    ? Refuse(
                        $"waits for its places in the overlay: {first.Key} has them, which is still in the network that {owner.Key} had before: start {first.Key} anew"
                    )
                : Refuse(
                    $"was started in the network of {first.Key}, which has another now, and its places in the overlay there: start it anew too"
                );
        }
        if (sighting.NamespaceId is { } network && !networks.TryAdd(network, sighting.Key))
        {
            return Refuse(InNetworkOf(networks[network]));
        }
        groups.TryAdd(sighting.Group, sighting);
        return true;

        static string InNetworkOf(ContainerKey other) =>
            $"lives in the network of {other}, whose places in the overlay are its own too: start it with a network of its own, or take one of them out of the overlay";

        bool Refuse(string why)
        {
            notices.Add($"{sighting.Key} {why}");
            return false;
        }
    }

    private bool TakePort(ContainerKey key, string @interface, string network)
    {
        var port = LinkNames.ContainerPort(key.Name, @interface);
        if (!LinkNames.IsValid(port, out var wrong))
        {
            notices.Add(
                $"{key} does not attach to network {network}: its port would be called '{port}', which {wrong}"
            );
            return false;
        }
        if (links.TryAdd(port, $"{key}"))
        {
            return true;
        }
        notices.Add(
            $"{key} does not attach to network {network}: its port would be called '{port}', as {links[port]} has it: rename one of them, or give the selection another 'interface'"
        );
        return false;
    }

    private void TakeLinks(IEnumerable<Container> named)
    {
        links[overlay.Switch] = "the switch";
        foreach (var peer in overlay.Hosts.Where(peer => peer.Name != host))
        {
            links[LinkNames.Tunnel(peer.Name, overlay.Tunnels.Key)] = $"the tunnel to {peer.Name}";
        }
        foreach (var network in overlay.Networks)
        {
            links[network.Name] = $"network {network.Name}";
            if (network.Bridge is { Uplink: Uplink.Veth })
            {
                links[LinkNames.UplinkAtSwitch(network.Name)] = $"the uplink of {network.Name}";
                links[LinkNames.UplinkAtBridge(network.Name)] = $"the uplink of {network.Name}";
            }
        }
        foreach (var container in named)
        {
            foreach (var place in container.Attachments)
            {
                links[LinkNames.ContainerPort(container.Name, place.Interface)] =
                    $"{KeyOf(container)}";
            }
        }
    }

    private Network NetworkOf(string name) =>
        overlay.Networks.First(network => network.Name == name);
}
