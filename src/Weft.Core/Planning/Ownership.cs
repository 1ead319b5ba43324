using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>Whose a thing on a host is. Weft touches only what carries the overlay's mark.</summary>
internal sealed class Ownership(string overlay, string host, SwitchObservation seen)
{
    /// <summary>The alias of every link that belongs to the overlay.</summary>
    public string Alias { get; } = OwnershipMark.Alias(overlay);

    /// <summary>
    /// Whether a link is the overlay's: by its alias, or as the switch made it, or, where a run ended between making
    /// the link and naming its owner, by the Ethernet address that only this overlay would have given it.
    /// </summary>
    public bool Owns(Link link) =>
        link.Alias == Alias
        || IsOfSwitch(link)
        || link.Alias is null
            && link.Mac is { } mac
            && mac == IntentBuilder.LinkMac(overlay, host, link.Name);

    /// <summary>Whether the switch made the link, for an internal port of the overlay's: it comes and goes with that port.</summary>
    public bool IsOfSwitch(Link link) =>
        link.Kind is "openvswitch" or "tun"
        && seen.Ports.TryGetValue(link.Name, out var port)
        && port.Interfaces.Any(row => row.Type == "internal")
        && Owns(port);

    /// <summary>Whether a bridge is the overlay's: it and its local port bear the mark for each other.</summary>
    public bool Owns(BridgeRow bridge) => IsOurs(bridge.Mark ?? LocalPort(bridge)?.Mark);

    /// <summary>Whether a port is the overlay's.</summary>
    public bool Owns(PortRow port) =>
        IsOurs(port.Mark ?? (port.Name == port.Bridge ? seen.Bridges[port.Bridge].Mark : null));

    /// <summary>Whose a marked thing is, in words.</summary>
    public static string Describe(string? mark) =>
        mark is null ? "which Weft did not make" : $"which belongs to overlay '{mark}'";

    private bool IsOurs(string? mark) => mark == overlay;

    private PortRow? LocalPort(BridgeRow bridge) =>
        seen.Ports.TryGetValue(bridge.Name, out var port) && port.Bridge == bridge.Name
            ? port
            : null;
}
