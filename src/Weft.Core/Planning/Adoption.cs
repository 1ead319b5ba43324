using System.Collections.Immutable;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>
/// Fits an intent to a host that was set up by hand: what was taken over keeps its name and Ethernet address. Open vSwitch
/// cannot rename a port without removing it first, Linux before 6.2 renames no link that is up, and neighbours keep sending to
/// the address that they know. So the intent is given these names and addresses, and the planners compare it with the host as
/// ever.
/// </summary>
public static class Adoption
{
    /// <summary>The intent with the names and addresses of what the overlay has taken over on this host. Pure.</summary>
    /// <param name="intent">What the host must look like.</param>
    /// <param name="observation">What it looks like.</param>
    /// <param name="adopt">
    /// Whether to take over what is nobody's yet, is of the kind that the overlay needs, and is in the right place: a port in
    /// the same switch with the same VLAN, a tunnel to the same address, a veth pair between the same two things.
    /// </param>
    public static HostIntent Fit(HostIntent intent, HostObservation observation, bool adopt) =>
        intent.Switch is not null && (adopt || HasAny(observation))
            ? new Fitting(intent, observation, adopt).Run()
            : intent;

    /// <summary>Advises to take over what is in the way; null if that would leave as many conflicts.</summary>
    /// <param name="refused">The plan without it.</param>
    /// <param name="taking">The plan with it.</param>
    public static string? Advice(Plan refused, Plan taking) =>
        taking.Conflicts.Length < refused.Conflicts.Length
            ? $"{(taking.Conflicts.IsEmpty ? "all of this" : "some of this")} is of the kind and in the place that the overlay needs: "
                + "`weft plan --adopt` shows what becomes of it when Weft takes it over"
            : null;

    private static bool HasAny(HostObservation observation) =>
        observation.Switch.Ports.Values.Any(port => port.IsAdopted)
        || observation.Links.Values.Any(link => OwnershipMark.IsAdopted(link.Alias))
        || observation.Containers.Values.Any(container =>
            !container.Nics.IsEmpty && container.Nics.Values.Any(nic => nic.IsAdopted)
        );

    private sealed class Fitting(HostIntent intent, HostObservation observation, bool adopt)
    {
        private readonly SwitchObservation seen = observation.Switch;
        private readonly string @switch = intent.Switch!.Name;
        private readonly Dictionary<string, string> names = new(StringComparer.Ordinal);
        private readonly LinkPairs pairs = new(observation.Links);

        // Tunnel ports whose names are not Weft's: taken over already, or to be taken over.
        private readonly List<PortRow> tunnels =
        [
            .. observation
                .Switch.Ports.Values.Where(row =>
                    row.Bridge == intent.Switch!.Name
                    && row.Interfaces is [{ Type.Length: > 0 }]
                    && (row.Mark is null ? adopt : row.Mark == intent.Overlay && row.IsAdopted)
                )
                .OrderBy(row => row.Name, StringComparer.Ordinal),
        ];

        public HostIntent Run()
        {
            var links = intent.Links.Select(FitLink).ToImmutableArray();
            var attachments = intent.Attachments.Select(FitAttachment).ToImmutableArray();
            return intent with
            {
                Links = links,
                Attachments = attachments,
                Switch = intent.Switch! with
                {
                    IsAdopted = TakesSwitch(),
                    Ports = [.. intent.Switch.Ports.Select(FitPort)],
                },
            };
        }

        /// <summary>Whether the switch is nobody's yet and forwards by the datapath that it should.</summary>
        private bool TakesSwitch() =>
            adopt
            && seen.Bridges.TryGetValue(@switch, out var bridge)
            && bridge.Mark is null
            && bridge.IsUserspace == intent.Switch!.Userspace
            && seen.Ports.GetValueOrDefault(@switch)?.Mark is null;

        private PortIntent FitPort(PortIntent port)
        {
            port = port with { Name = names.GetValueOrDefault(port.Name, port.Name) };
            var row = seen.Ports.GetValueOrDefault(port.Name);
            if (row is null && port.Peer is not null)
            {
                row = tunnels.Find(other => SwitchPlanner.IsTunnel(other.Interfaces[0], port));
            }
            if (
                row is not { Interfaces: [var wire] }
                || row.Bridge != @switch
                || !(row.Mark is null ? adopt && IsAlike(row, wire, port) : IsTaken(row))
            )
            {
                return port;
            }
            return port with
            {
                Name = row.Name,
                IsAdopted = true,
                Mac =
                    MacAddress.TryParse(wire.Mac ?? "", out var mac) ? mac
                    // Unless it is told this address, the switch chooses another when it next makes the link.
                    : port.Mac is not null && observation.Links.TryGetValue(row.Name, out var link)
                        ? link.Mac
                    : port.Mac,
            };
        }

        private bool IsTaken(PortRow row) => row.Mark == intent.Overlay && row.IsAdopted;

        private static bool IsAlike(PortRow row, InterfaceRow wire, PortIntent port) =>
            row.Tag == port.Tag
            && wire.Type == port.Type
            && (port.Peer is null || SwitchPlanner.IsTunnel(wire, port));

        private LinkIntent FitLink(LinkIntent link) =>
            link switch
            {
                BridgeLinkIntent bridge => FitBridge(bridge),
                VethIntent veth => FitUplink(veth),
                _ => link,
            };

        private BridgeLinkIntent FitBridge(BridgeLinkIntent bridge) =>
            observation.Links.TryGetValue(bridge.Name, out var link)
            && link.Kind == "bridge"
            && (IsTaken(link) || (IsNobodys(link) || IsBack(link)) && IsTiedAsIntended(bridge.Name))
            && link.Mac is { } mac
                ? bridge with
                {
                    IsAdopted = true,
                    Mac = mac,
                }
                : bridge;

        /// <summary>
        /// Whether a bridge is tied to the switch as intended: one that is a port of a switch itself would loop with a veth
        /// uplink.
        /// </summary>
        private bool IsTiedAsIntended(string bridge) =>
            !seen.Ports.ContainsKey(bridge)
            || intent.Switch!.Ports.Any(port => port.Name == bridge);

        private VethIntent FitUplink(VethIntent veth)
        {
            if (
                observation.Links.TryGetValue(veth.Name, out var own)
                && own.Alias == OwnershipMark.Alias(intent.Overlay)
            )
            {
                return veth;
            }
            var (outer, inner) = observation
                .Links.Values.Where(link =>
                    link is { Kind: "veth", Peer: not null, Mac: not null }
                    && seen.Ports.TryGetValue(link.Name, out var port)
                    && port.Bridge == @switch
                )
                .OrderBy(link => link.Name, StringComparer.Ordinal)
                .Select(link => (link, observation.Links[link.Peer!]))
                .FirstOrDefault(pair =>
                    pair.Item2 is { Mac: not null } end
                    && end.Master == veth.Bridge
                    && (
                        IsTaken(pair.link) && IsTaken(end)
                        || IsNobodys(pair.link)
                            && IsNobodys(end)
                            && seen.Ports[pair.link.Name].Tag == TagOf(veth.Name)
                    )
                );
            if (outer is null)
            {
                return veth;
            }
            names[veth.Name] = outer.Name;
            return veth with
            {
                IsAdopted = true,
                Name = outer.Name,
                Mac = outer.Mac!.Value,
                Peer = inner.Name,
                PeerMac = inner.Mac!.Value,
            };
        }

        private AttachmentIntent FitAttachment(AttachmentIntent attachment)
        {
            if (attachment.Nic is { } nic)
            {
                return FitDevice(attachment, nic);
            }
            if (
                HostEndOf(attachment) is not { Mac: { } mac } outer
                || !(IsTaken(outer) || IsNobodys(outer) && IsInPlace(outer, attachment))
            )
            {
                return attachment;
            }
            names[attachment.HostEnd] = outer.Name;
            return attachment with { IsAdopted = true, HostEnd = outer.Name, HostEndMac = mac };
        }

        /// <summary>
        /// Keeps a device as it is while the container still has the interface that it made. Changing a device makes the engine
        /// take the interface away, which is harmless only while the container is stopped.
        /// </summary>
        private AttachmentIntent FitDevice(AttachmentIntent attachment, NicDevice nic)
        {
            if (
                !observation.Containers.TryGetValue(attachment.Key, out var container)
                || container.DeviceOf(attachment.Interface, intent.Overlay) is not var (_, there)
                || there.Interface != nic.Interface
                || there.Parent != nic.Parent
                || there.Vlan != nic.Vlan
                || there.Mac != nic.Mac
            )
            {
                return attachment;
            }
            var intact = HostEndOf(attachment)?.Name == there.HostEnd;
            var takes = there.Mark is null
                ? adopt && (intact || container.Namespace is null)
                : there.Mark == intent.Overlay && there.IsAdopted && intact;
            if (!takes)
            {
                return attachment;
            }
            if (there.HostEnd.Length > 0)
            {
                names[attachment.HostEnd] = there.HostEnd;
            }
            return attachment with
            {
                HostEnd = names.GetValueOrDefault(attachment.HostEnd, attachment.HostEnd),
                Nic = there with { Mark = intent.Overlay, IsAdopted = true },
            };
        }

        /// <summary>The host's end of the pair whose other end has an attachment's name inside the container.</summary>
        private Link? HostEndOf(AttachmentIntent attachment) =>
            observation.Inside.TryGetValue(attachment.Key, out var inside)
            && inside.TryGetValue(attachment.Interface, out var inner)
                ? pairs.HostEndOf(inner)
                : null;

        private bool IsInPlace(Link outer, AttachmentIntent attachment) =>
            attachment.Bridge is { } bridge
                ? outer.Master == bridge
                : seen.Ports.TryGetValue(outer.Name, out var port)
                    && port.Bridge == @switch
                    && port.Tag == TagOf(attachment.HostEnd);

        private int? TagOf(string port) =>
            intent.Switch!.Ports.FirstOrDefault(one => one.Name == port)?.Tag;

        private bool IsTaken(Link link) => link.Alias == OwnershipMark.AdoptedAlias(intent.Overlay);

        private bool IsNobodys(Link link) => adopt && link.Alias is null;

        /// <summary>
        /// Whether a link was taken over before the host restarted, and whoever makes it has made it again since. The restart
        /// loses the alias, but not the mark of the link's port in the switch.
        /// </summary>
        private bool IsBack(Link link) =>
            link.Alias is null
            && seen.Ports.TryGetValue(link.Name, out var port)
            && port.Bridge == @switch
            && IsTaken(port);
    }
}
