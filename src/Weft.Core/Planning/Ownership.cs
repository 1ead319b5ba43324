using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>Whose a thing on a host is. Weft touches only what carries the overlay's mark.</summary>
public sealed class Ownership(string overlay, string host)
{
    /// <summary>The alias of every link that belongs to the overlay.</summary>
    public string Alias { get; } = OwnershipMark.Alias(overlay);

    /// <summary>
    /// Whether a link is the overlay's: by its alias, or, where a run ended between making the link and naming its
    /// owner, by the Ethernet address that only this overlay would have given it.
    /// </summary>
    public bool Owns(Link link) =>
        link.Alias == Alias
        || link.Alias is null
            && link.Mac is { } mac
            && mac == IntentBuilder.LinkMac(overlay, host, link.Name);

    /// <summary>Whether a bridge is the overlay's.</summary>
    public bool Owns(BridgeRow bridge) => bridge.Mark == overlay;

    /// <summary>Whether a port is the overlay's.</summary>
    public bool Owns(PortRow port) => port.Mark == overlay;

    /// <summary>Whose a marked thing is, in words.</summary>
    public static string Describe(string? mark) =>
        mark is null ? "which Weft did not make" : $"which belongs to overlay '{mark}'";
}
