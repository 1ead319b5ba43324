using System.Collections.Immutable;
using System.Net;
using Weft.Core.Overlays;

namespace Weft.Core.Importing;

/// <content>Networks: the destinations of ports with a VLAN, and the addresses there.</content>
public sealed partial record OverlayImport
{
    private sealed partial class Draft
    {
        private static Place? PlaceOf(HostReading reading, PortReading port, int vlan)
        {
            if (port.Type == "internal")
            {
                return LinkOf(reading, port.Name) is { Addresses.IsEmpty: false } link
                    ? new Place(reading, port, vlan, PlaceKind.Host, null, link.Addresses)
                    : null;
            }
            if (LinkOf(reading, port.Name) is not { } there)
            {
                return null;
            }
            if (there.Kind == "bridge")
            {
                return new Place(
                    reading,
                    port,
                    vlan,
                    PlaceKind.Direct,
                    there.Name,
                    there.Addresses
                );
            }
            if (
                LinkOf(reading, there.Peer)?.Master is { } master
                && LinkOf(reading, master) is { Kind: "bridge" } bridge
            )
            {
                return new Place(
                    reading,
                    port,
                    vlan,
                    PlaceKind.Veth,
                    bridge.Name,
                    bridge.Addresses
                );
            }
            return reading.Containers.Any(container =>
                container.Interfaces.Any(one => one.HostEnd == port.Name)
            )
                ? new Place(reading, port, vlan, PlaceKind.Container, null, [])
                : null;
        }

        private Network? NetworkOf(IGrouping<int, Place> vlan)
        {
            var bridges = vlan.Where(place => place.Bridge is not null).ToList();
            var ports = vlan.Where(place => place.Kind is PlaceKind.Host).ToList();
            var name =
                bridges.FirstOrDefault()?.Bridge
                ?? ports.FirstOrDefault()?.Port.Name
                ?? $"vlan{vlan.Key}";
            foreach (var place in vlan.Where(place => !Belongs(place, name, bridges.Count > 0)))
            {
                Note(
                    place.Host,
                    $"{(place.Bridge is { } bridge ? $"bridge '{bridge}'" : $"port '{place.Port.Name}'")} is in VLAN {vlan.Key} too, which is network '{name}': "
                        + (
                            place.Bridge is null && bridges.Count > 0
                                ? "a host's address is on the network's bridge, with `uplink: veth`"
                                : "a network has one name on all hosts"
                        )
                );
            }
            var hosts = vlan.Where(place =>
                    Belongs(place, name, bridges.Count > 0) && place.Kind is not PlaceKind.Container
                )
                .Select(place => new HostAddresses(place.Host.Name, HostAddressesOf(place)))
                .Where(host => !host.Addresses.IsEmpty)
                .ToImmutableArray();
            var subnets = SubnetsOf(vlan, name);
            if (subnets.IsEmpty)
            {
                notes.Add(
                    $"network '{name}' (VLAN {vlan.Key}) is left out: no address in it is to be seen, so its subnet is not known"
                );
                return null;
            }
            return new Network
            {
                Name = name,
                Vlan = vlan.Key,
                Subnets = subnets,
                Bridge = BridgeOf(bridges, name),
                Hosts =
                [
                    .. hosts
                        .Select(host =>
                            host with
                            {
                                Addresses =
                                [
                                    .. host.Addresses.Where(address =>
                                        subnets.Any(subnet => subnet.Contains(address))
                                    ),
                                ],
                            }
                        )
                        .Where(host => !host.Addresses.IsEmpty),
                ],
            };
        }

        private static bool Belongs(Place place, string network, bool hasBridge) =>
            place.Kind switch
            {
                PlaceKind.Container => true,
                PlaceKind.Host => !hasBridge && place.Port.Name == network,
                _ => place.Bridge == network,
            };

        private ImmutableArray<IPAddress> HostAddressesOf(Place place)
        {
            if (place.Kind is PlaceKind.Direct && !place.Addresses.IsEmpty)
            {
                Note(
                    place.Host,
                    $"bridge '{place.Bridge}' has {Words.List(place.Addresses)}, and is a port of the switch itself, where nothing reaches an address: it is left out, and goes when Weft takes the bridge over"
                );
                return [];
            }
            return OnePerFamily(place.Host, place.Port.Name, Read(place.Host, place.Addresses));
        }

        private ContainerBridge? BridgeOf(List<Place> bridges, string name)
        {
            var all = bridges.Where(place => place.Bridge == name).ToList();
            if (all.Count == 0)
            {
                return null;
            }
            var settings = all.Select(place =>
                    (
                        LinkOf(place.Host, name)!.Stp,
                        Delay: LinkOf(place.Host, name)!.ForwardDelay / 100,
                        place.Kind
                    )
                )
                .Distinct()
                .ToList();
            if (settings.Count > 1)
            {
                notes.Add(
                    $"bridge '{name}' differs from host to host in its spanning tree, its forward delay or its uplink: the file has what {all[0].Host.Name} has"
                );
            }
            var (stp, delay, kind) = settings[0];
            if (kind is PlaceKind.Direct)
            {
                notes.Add(
                    $"bridge '{name}' is a port of the switch itself (`uplink: direct`): each frame from another host goes to all of its containers. `uplink: veth` ends that; changing it cuts them off for a moment"
                );
            }
            return new ContainerBridge
            {
                Stp = stp,
                ForwardDelay = delay is >= 2 and <= 30 ? delay : new ContainerBridge().ForwardDelay,
                Uplink = kind is PlaceKind.Direct ? Uplink.Direct : Uplink.Veth,
            };
        }

        /// <summary>The subnet of each address family that most addresses in the network have.</summary>
        private ImmutableArray<IPNetwork> SubnetsOf(IEnumerable<Place> places, string name)
        {
            var said = places
                .Where(place => place.Kind is PlaceKind.Host or PlaceKind.Veth)
                .SelectMany(place => Read(place.Host, place.Addresses))
                .Concat(
                    places
                        .Select(place => place.Host)
                        .Distinct()
                        .SelectMany(host =>
                            host.Containers.SelectMany(container => container.Interfaces)
                                .Where(one => IsIn(host, one, places))
                                .SelectMany(one => Read(host, one.Addresses))
                        )
                )
                .Select(address => (Address: address, address.Subnet))
                .ToList();
            var chosen = said.GroupBy(one => one.Address.Address.AddressFamily)
                .OrderBy(family => family.Key)
                .Select(family =>
                    family
                        .GroupBy(one => one.Subnet)
                        .OrderByDescending(same => same.Count())
                        .ThenBy(same => same.Key.PrefixLength)
                        .First()
                        .Key
                )
                .ToImmutableArray();
            foreach (var (address, _) in said.Where(one => !chosen.Contains(one.Subnet)))
            {
                notes.Add(
                    $"address {address} is in network '{name}', whose subnet is {Words.List(chosen.Select(subnet => $"{subnet}"))}: it is {(chosen.Any(subnet => subnet.Contains(address.Address)) ? "written with that" : "left out")}"
                );
            }
            return chosen;
        }

        private static bool IsIn(
            HostReading host,
            InterfaceReading one,
            IEnumerable<Place> places
        ) =>
            places.Any(place =>
                place.Host == host
                && (
                    place.Port.Name == one.HostEnd
                    || place.Bridge is { } bridge
                        && (LinkOf(host, one.HostEnd)?.Master ?? one.Parent) == bridge
                )
            );
    }
}
