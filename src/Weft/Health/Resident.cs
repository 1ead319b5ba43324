using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Overlays;

namespace Weft.Health;

/// <summary>A host or container with an address in one network.</summary>
/// <param name="Network">The network.</param>
/// <param name="Host">The host, or the one that the container runs on.</param>
/// <param name="Container">The container; null for the host itself.</param>
/// <param name="Mac">Its Ethernet address there.</param>
/// <param name="Addresses">Its addresses there.</param>
internal sealed record Resident(
    string Network,
    string Host,
    string? Container,
    MacAddress Mac,
    ImmutableArray<IPAddress> Addresses
)
{
    /// <summary>The name by which people know it.</summary>
    public string Name => Container ?? Host;

    /// <summary>
    /// All that the overlay file names, and the containers that this host itself selects by label, in the order of the file.
    /// </summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="intent">What the host must look like.</param>
    public static ImmutableArray<Resident> AllOf(Overlay overlay, HostIntent intent) =>
        [
            .. overlay.Networks.SelectMany(network =>
                network
                    .Hosts.Select(host => new Resident(
                        network.Name,
                        host.Host,
                        null,
                        IntentBuilder.LinkMac(overlay.Name, host.Host, network.Name),
                        host.Addresses
                    ))
                    .Concat(
                        intent
                            .Attachments.Where(place => place.Network == network.Name)
                            .Select(place => new Resident(
                                network.Name,
                                intent.Host,
                                place.Container,
                                place.Mac,
                                [.. place.Addresses.Select(address => address.Address)]
                            ))
                    )
                    .Concat(
                        from container in overlay.Containers
                        where container.Host != intent.Host
                        from place in container.Attachments
                        where place.Network == network.Name
                        select new Resident(
                            network.Name,
                            container.Host,
                            container.Name,
                            place.Mac,
                            place.Addresses
                        )
                    )
            ),
        ];
}
