using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Overlays;

namespace Weft.Health;

/// <summary>A host or container with a place in one network.</summary>
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
    /// <summary>What a person calls it.</summary>
    public string Name => Container ?? Host;

    /// <summary>All that the overlay file names, and all that a host itself has by their labels, in the order of the file.</summary>
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

    /// <summary>Where a host's bridge and switch must find it.</summary>
    public ExpectedPlace PlaceOn(HostIntent intent)
    {
        var bridge = intent
            .Links.OfType<BridgeLinkIntent>()
            .FirstOrDefault(link => link.Network == Network);
        var uplink = intent
            .Links.OfType<VethIntent>()
            .FirstOrDefault(veth => veth.Bridge == bridge?.Name);
        var place = AttachmentOn(intent);
        if (Host != intent.Host)
        {
            return new ExpectedPlace(
                uplink?.Peer,
                intent.Switch!.Ports.FirstOrDefault(port => port.Peer == Host)?.Name
            );
        }
        return place is { Bridge: null } ? new ExpectedPlace(uplink?.Peer, place.HostEnd)
            : bridge is null ? new ExpectedPlace(null, Network)
            : new ExpectedPlace(place?.HostEnd ?? bridge.Name, uplink?.Name ?? bridge.Name);
    }

    /// <summary>The container's interface on a host; null if it is no container of that host.</summary>
    public AttachmentIntent? AttachmentOn(HostIntent intent) =>
        Host == intent.Host && Container is not null
            ? intent.Attachments.FirstOrDefault(place =>
                place.Container == Container && place.Network == Network
            )
            : null;
}

/// <summary>Where a host must find a resident.</summary>
/// <param name="BridgePort">The port of the network's container bridge, or the bridge itself; null where there is none that learns.</param>
/// <param name="SwitchPort">The switch's port; null where there is none.</param>
internal sealed record ExpectedPlace(string? BridgePort, string? SwitchPort);
