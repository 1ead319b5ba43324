using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>
/// Whose a thing on a host is. Weft touches only what carries the overlay's mark, and what an intent takes over
/// (<see cref="Adoption"/>).
/// </summary>
internal sealed class Ownership(HostIntent intent, SwitchObservation seen)
{
    private readonly HashSet<string> adoptedPorts =
    [
        .. (intent.Switch?.Ports ?? []).Where(port => port.IsAdopted).Select(port => port.Name),
    ];

    private readonly HashSet<string> adoptedLinks =
    [
        .. intent
            .Links.Where(link => link.IsAdopted)
            .SelectMany(link =>
                link is VethIntent veth ? [veth.Name, veth.Peer] : (string[])[link.Name]
            ),
        .. intent
            .Attachments.Where(attachment => attachment.IsAdopted)
            .Select(attachment => attachment.HostEnd),
    ];

    private readonly string alias = OwnershipMark.Alias(intent.Overlay);
    private readonly string adoptedAlias = OwnershipMark.AdoptedAlias(intent.Overlay);

    /// <summary>The alias of a link of the overlay's, which it has made or taken over.</summary>
    public string Alias(bool isAdopted = false) => isAdopted ? adoptedAlias : alias;

    /// <summary>
    /// Whether a link is the overlay's: by its alias, as one that the switch made, or, if a run ended between making the link
    /// and marking it, by the Ethernet address that only this overlay would have given it.
    /// </summary>
    public bool Owns(Link link) =>
        link.Alias == alias
        || link.Alias == adoptedAlias
        || IsOfSwitch(link)
        || link.Alias is null
            && (
                adoptedLinks.Contains(link.Name)
                || link.Mac is { } mac
                    && mac == IntentBuilder.LinkMac(intent.Overlay, intent.Host, link.Name)
            );

    /// <summary>
    /// What keeps a link of that name from being made: one that is not the overlay's, or one that has it as an alternative
    /// name; null if nothing does.
    /// </summary>
    public Conflict? ConflictOver(string name, IReadOnlyDictionary<string, Link> links) =>
        links.TryGetValue(name, out var link)
            ? Owns(link)
                ? null
                : Conflict.WithLink(link)
            : Link.AlsoCalled(name, links) is { } other
                ? Conflict.WithAlternativeName(other, name)
                : null;

    /// <summary>Whether the switch made the link, for an internal port of the overlay's: it comes and goes with that port.</summary>
    public bool IsOfSwitch(Link link) =>
        link.Kind is "openvswitch" or "tun"
        && seen.Ports.TryGetValue(link.Name, out var port)
        && port.Interfaces.Any(row => row.Type == "internal")
        && Owns(port);

    /// <summary>Whether a bridge is the overlay's, by its own mark or else by that of its local port.</summary>
    public bool Owns(BridgeRow bridge) =>
        (bridge.Mark ?? LocalPort(bridge)?.Mark) is { } mark
            ? IsOurs(mark)
            : intent.Switch is { IsAdopted: true } taken && taken.Name == bridge.Name;

    /// <summary>Whether a port is the overlay's.</summary>
    public bool Owns(PortRow port) =>
        (port.Mark ?? (port.Name == port.Bridge ? seen.Bridges[port.Bridge].Mark : null))
            is { } mark
            ? IsOurs(mark)
            : adoptedPorts.Contains(port.Name);

    /// <summary>What to do about a thing that is in the way: an overlay gives up what it has only as a whole.</summary>
    /// <param name="mark">The mark; null for none.</param>
    /// <param name="byHand">What to do with a thing that no overlay has.</param>
    public static string Remedy(string? mark, string byHand) =>
        mark is null
            ? byHand
            : $"if this overlay is to be in place of '{mark}', run `weft destroy` with the file of that one first; else change the name in this file";

    /// <summary>Whose a thing is, in words.</summary>
    /// <param name="mark">The mark; null for none.</param>
    public static string Describe(string? mark) =>
        mark is null ? "which Weft did not make" : $"which belongs to overlay '{mark}'";

    private bool IsOurs(string? mark) => mark == intent.Overlay;

    private PortRow? LocalPort(BridgeRow bridge) =>
        seen.Ports.TryGetValue(bridge.Name, out var port) && port.Bridge == bridge.Name
            ? port
            : null;
}
