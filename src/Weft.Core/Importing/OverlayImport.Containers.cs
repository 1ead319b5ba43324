using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Overlays;

namespace Weft.Core.Importing;

/// <content>Containers and their attachments.</content>
public sealed partial record OverlayImport
{
    private sealed partial class Draft
    {
        private ImmutableArray<Container> Containers(ImmutableArray<Network> networks)
        {
            var containers = new Dictionary<string, Container>(StringComparer.Ordinal);
            foreach (var reading in readings)
            {
                var taken = new HashSet<string>(StringComparer.Ordinal);
                // Podman's containers also appear as named network namespaces; these come last, so that Podman is named.
                foreach (
                    var container in reading.Containers.OrderBy(one => one.Engine is Engine.Netns)
                )
                {
                    var attachments = container
                        .Interfaces.Where(one => one.HostEnd.Length == 0 || taken.Add(one.HostEnd))
                        .Select(one => AttachmentOf(reading, container, one, networks))
                        .OfType<Attachment>()
                        .ToImmutableArray();
                    if (attachments.IsEmpty)
                    {
                        continue;
                    }
                    if (
                        !containers.TryAdd(
                            container.Name,
                            new Container
                            {
                                Name = container.Name,
                                Host = reading.Name,
                                Engine = container.Engine,
                                Attachments = attachments,
                            }
                        )
                    )
                    {
                        Note(
                            reading,
                            $"its container '{container.Name}' is left out: {containers[container.Name].Host} has one of that name, and names are unique in an overlay"
                        );
                    }
                }
            }
            return [.. containers.Values];
        }

        private Attachment? AttachmentOf(
            HostReading reading,
            ContainerReading container,
            InterfaceReading one,
            ImmutableArray<Network> networks
        )
        {
            var vlan = places
                .Where(place => IsIn(reading, one, [place]))
                .Select(place => (int?)place.Vlan)
                .FirstOrDefault();
            if (
                vlan is null
                || networks.FirstOrDefault(network => network.Vlan == vlan) is not { } network
            )
            {
                return null;
            }
            var which = $"{one.Name} of container '{container.Name}'";
            if (!container.Runs)
            {
                Note(
                    reading,
                    $"{which} is for network '{network.Name}', and is left out: the container does not run, so its address is not known"
                );
                return null;
            }
            var addresses = OnePerFamily(
                reading,
                which,
                Read(reading, one.Addresses)
                    .Where(address =>
                        network.Subnets.Any(subnet => subnet.Contains(address.Address))
                    )
            );
            if (addresses.IsEmpty || !MacAddress.TryParse(one.Mac, out var mac))
            {
                Note(
                    reading,
                    $"{which} is in network '{network.Name}', and is left out: it has no address there. With it in the file, Weft would give it one"
                );
                return null;
            }
            return new Attachment
            {
                Network = network.Name,
                Interface = one.Name,
                Addresses = addresses,
                Mac = mac,
                To =
                    LinkOf(reading, one.HostEnd)?.Master == network.Name
                    && network.Bridge is not null
                        ? AttachTo.Bridge
                        : AttachTo.Switch,
                Routes = [.. one.Routes.Select(route => RouteOf(route, network)).OfType<Route>()],
            };
        }

        private static Route? RouteOf(RouteReading route, Network network) =>
            IPNetwork.TryParse(route.Destination, out var destination)
            && IPAddress.TryParse(route.Via, out var via)
            && network.Subnets.Any(subnet => subnet.Contains(via))
                ? new Route(destination, via)
                : null;
    }
}
