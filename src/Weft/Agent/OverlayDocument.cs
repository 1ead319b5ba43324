using System.Collections.Immutable;
using System.Net;
using Weft.Core.Ipsec;
using Weft.Core.Overlays;

namespace Weft.Agent;

/// <summary>The overlay in force, as far as this host knows it.</summary>
internal sealed record OverlayDocument(
    string Name,
    string Host,
    int Mtu,
    TunnelsDocument Tunnels,
    IReadOnlyList<HostDocument> Hosts,
    IReadOnlyList<NetworkDocument> Networks,
    IReadOnlyList<ContainerDocument> Containers,
    IReadOnlyList<SelectionDocument> Selections
)
{
    /// <summary>What there is to say now.</summary>
    public static OverlayDocument Of(AgentState state)
    {
        var on = state.On!;
        var overlay = state.Last?.Observation is { } seen ? on.With(seen) : on.Overlay;
        return new OverlayDocument(
            overlay.Name,
            on.Host,
            OverlayMtu.Of(overlay).Bytes,
            new TunnelsDocument(
                overlay.Tunnels.Type.ToString().ToLowerInvariant(),
                overlay.Tunnels.Key,
                overlay.Tunnels.Port,
                overlay.Tunnels.Ipsec is { } ipsec
                    ? new EncryptionDocument(
                        ipsec.Manager.Word,
                        ipsec.Credentials is CertificateFiles ? "certificates" : "psk"
                    )
                    : null
            ),
            [
                .. overlay.Hosts.Select(host => new HostDocument(
                    host.Name,
                    host.Address,
                    host.Local,
                    host.Mtu
                )),
            ],
            [
                .. overlay.Networks.Select(network => new NetworkDocument(
                    network.Name,
                    network.Vlan,
                    [.. network.Subnets.Select(subnet => subnet.ToString())],
                    network.Bridge is not null,
                    [
                        .. network.Hosts.Select(host => new HostAddressesDocument(
                            host.Host,
                            host.Addresses
                        )),
                    ]
                )),
            ],
            [
                .. overlay.Containers.Select(container => new ContainerDocument(
                    container.Name,
                    container.Host,
                    container.Engine.Word,
                    [
                        .. container.Attachments.Select(place => new AttachmentDocument(
                            place.Network,
                            place.Interface,
                            place.Addresses
                        )),
                    ]
                )),
            ],
            [
                .. overlay.Selections.Select(selection => new SelectionDocument(
                    selection.Name,
                    selection.Host,
                    selection.Engine?.Word,
                    [.. selection.Labels.Select(label => $"{label.Key}={label.Value}")],
                    [.. selection.Attachments.Select(place => place.Network)]
                )),
            ]
        );
    }
}

/// <summary>How the switches are joined.</summary>
internal sealed record TunnelsDocument(
    string Type,
    uint? Key,
    ushort? Port,
    EncryptionDocument? Encryption
);

/// <summary>How the tunnels are encrypted.</summary>
internal sealed record EncryptionDocument(string Manager, string Credentials);

/// <summary>A host.</summary>
internal sealed record HostDocument(string Name, IPAddress Address, IPAddress? Local, int Mtu);

/// <summary>A network.</summary>
internal sealed record NetworkDocument(
    string Name,
    int Vlan,
    IReadOnlyList<string> Subnets,
    bool Bridge,
    IReadOnlyList<HostAddressesDocument> Hosts
);

/// <summary>A host's own addresses in a network.</summary>
internal sealed record HostAddressesDocument(string Host, ImmutableArray<IPAddress> Addresses);

/// <summary>A container.</summary>
internal sealed record ContainerDocument(
    string Name,
    string Host,
    string Engine,
    IReadOnlyList<AttachmentDocument> Attachments
);

/// <summary>A container's place in a network.</summary>
internal sealed record AttachmentDocument(
    string Network,
    string Interface,
    ImmutableArray<IPAddress> Addresses
);

/// <summary>Which containers that the file does not name attach too.</summary>
internal sealed record SelectionDocument(
    string Name,
    string? Host,
    string? Engine,
    IReadOnlyList<string> Labels,
    IReadOnlyList<string> Networks
);
