using Weft.Core.Intents;

namespace Weft.Health;

/// <summary>
/// Where a host must find everybody, according to its intent. It is made once for all look-ups: a host may have thousands of
/// containers.
/// </summary>
internal sealed class HostPlaces
{
    private readonly HostIntent intent;
    private readonly ILookup<string, AttachmentIntent> attachments;
    private readonly ILookup<string, BridgeLinkIntent> bridges;
    private readonly ILookup<string, VethIntent> uplinks;
    private readonly ILookup<string?, PortIntent> tunnels;

    /// <summary>Indexes the intent of a host.</summary>
    public HostPlaces(HostIntent intent)
    {
        this.intent = intent;
        attachments = intent.Attachments.ToLookup(place => place.Container, StringComparer.Ordinal);
        bridges = intent
            .Links.OfType<BridgeLinkIntent>()
            .ToLookup(bridge => bridge.Network, StringComparer.Ordinal);
        uplinks = intent
            .Links.OfType<VethIntent>()
            .ToLookup(veth => veth.Bridge, StringComparer.Ordinal);
        tunnels = (intent.Switch?.Ports ?? []).ToLookup(port => port.Peer, StringComparer.Ordinal);
    }

    /// <summary>The interfaces of a container of this host; none if it has no such container.</summary>
    public IEnumerable<AttachmentIntent> Of(string container) => attachments[container];

    /// <summary>The container's interface on this host; null if the resident is not a container of this host.</summary>
    public AttachmentIntent? AttachmentOf(Resident resident) =>
        resident.Host == intent.Host && resident.Container is { } container
            ? Of(container).FirstOrDefault(place => place.Network == resident.Network)
            : null;

    /// <summary>A network's container bridge; null where it has none.</summary>
    public BridgeLinkIntent? BridgeOf(string network) => bridges[network].FirstOrDefault();

    /// <summary>
    /// The veth pair that connects a container bridge to the switch; null where the bridge itself is the switch's port.
    /// </summary>
    public VethIntent? UplinkOf(BridgeLinkIntent bridge) => uplinks[bridge.Name].FirstOrDefault();

    /// <summary>The ports at which the host's bridge and switch must learn somebody.</summary>
    public ExpectedPlace Expect(Resident resident)
    {
        var bridge = BridgeOf(resident.Network);
        var uplink = bridge is null ? null : UplinkOf(bridge);
        if (resident.Host != intent.Host)
        {
            return new ExpectedPlace(uplink?.Peer, tunnels[resident.Host].FirstOrDefault()?.Name);
        }
        var place = AttachmentOf(resident);
        return place is { Bridge: null } ? new ExpectedPlace(uplink?.Peer, place.HostEnd)
            : bridge is null ? new ExpectedPlace(null, resident.Network)
            : new ExpectedPlace(place?.HostEnd ?? bridge.Name, uplink?.Name ?? bridge.Name);
    }
}

/// <summary>The ports at which a host must learn a resident.</summary>
/// <param name="BridgePort">
/// The port of the network's container bridge, or the bridge itself; null where there is no bridge that learns.
/// </param>
/// <param name="SwitchPort">The switch's port; null where there is none.</param>
internal sealed record ExpectedPlace(string? BridgePort, string? SwitchPort);
