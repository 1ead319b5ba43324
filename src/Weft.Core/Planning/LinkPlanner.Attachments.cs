using System.Collections.Immutable;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

// Containers' interfaces.
internal sealed partial class LinkPlanner
{
    /// <summary>Plans what each container that is there still lacks.</summary>
    private void PlanAttachments()
    {
        foreach (var attachment in intent.Attachments)
        {
            if (IsLeftAsItIs(attachment))
            {
                // The container may be running, and using the interface that it has.
                wanted.Add(attachment.HostEnd);
                PresentHostEnds.Add(attachment.HostEnd);
                continue;
            }
            if (
                !observation.Inside.TryGetValue(attachment.Key, out var inside)
                || !observation.Containers.TryGetValue(attachment.Key, out var container)
                || !container.IsReady
            )
            {
                continue;
            }
            wanted.Add(attachment.HostEnd);
            var ends = new Settled.Ends(
                observation.Links.GetValueOrDefault(attachment.HostEnd),
                inside,
                container.Namespace!,
                observation.HasIpv6
            );
            if (settled.Holds(attachment, ends))
            {
                PresentHostEnds.Add(attachment.HostEnd);
                continue;
            }
            if (
                inside.TryGetValue(attachment.Interface, out var taken)
                && IsOfOneLeftAsItIs(taken, attachment)
            )
            {
                continue;
            }
            var found = (Changes.Count, Conflicts.Count, Notices.Count);
            CompareSubnets(attachment, inside, container);
            if (attachment.Nic is not null)
            {
                PlanDevice(attachment, inside, Named(ends.Namespace));
            }
            else
            {
                PresentHostEnds.Add(attachment.HostEnd);
                PlanAttachment(attachment, inside, Named(ends.Namespace));
            }
            if (
                (Changes.Count, Conflicts.Count, Notices.Count) == found
                && PresentHostEnds.Contains(attachment.HostEnd)
            )
            {
                settled.Add(attachment, ends);
            }
        }
        settled.Trim(intent.Attachments.Length);
    }

    /// <summary>
    /// Whether the engine does not report the state of an attachment's container, whose host end exists and may be in use.
    /// </summary>
    private bool IsLeftAsItIs(AttachmentIntent attachment) =>
        observation.Containers.GetValueOrDefault(attachment.Key) is { Silence: not null }
        && observation.Links.ContainsKey(attachment.HostEnd);

    /// <summary>
    /// Whether the interface with an attachment's name inside is another container's, whose state is unknown just now: the two
    /// share a network namespace, and the other has the place.
    /// </summary>
    private bool IsOfOneLeftAsItIs(Link inner, AttachmentIntent attachment) =>
        (pairs ??= new(observation.Links)).HostEndOf(inner) is { } outer
        && outer.Name != attachment.HostEnd
        && intent.Attachments.Any(other => other.HostEnd == outer.Name && IsLeftAsItIs(other));

    /// <summary>A network namespace as iproute2 takes it: a name, or the path of one that has none.</summary>
    private static string Named(string path)
    {
        const string Place = ContainerSighting.NamespaceDirectory + "/";
        return path.StartsWith(Place, StringComparison.Ordinal) ? path[Place.Length..] : path;
    }

    /// <summary>Plans what the interface that an engine's device made still lacks.</summary>
    private void PlanDevice(
        AttachmentIntent attachment,
        IReadOnlyDictionary<string, Link> inside,
        string space
    )
    {
        var (hostEnd, name) = (attachment.HostEnd, attachment.Interface);
        // If either end is missing, the device is to be plugged in first; the next round sees what that makes.
        if (
            !observation.Links.TryGetValue(hostEnd, out var outer)
            || !inside.TryGetValue(name, out var inner)
            || outer.PeerIndex != inner.Index
        )
        {
            return;
        }
        PresentHostEnds.Add(hostEnd);
        SetIfNeeded(
            "veth",
            hostEnd,
            [
                Master(hostEnd, attachment.Bridge, outer),
                BlockRoot(attachment, outer),
                Mtu(hostEnd, attachment.Mtu, outer, null),
                Up(hostEnd, outer, null),
            ],
            space
        );
        SetIfNeeded(
            "interface",
            attachment.InterfaceName,
            [
                Address(name, attachment.Mac, inner, space),
                Mtu(name, attachment.Mtu, inner, space),
                .. Carried(attachment, inside, space),
            ],
            space
        );
        PlanChecksums(
            Stage.AfterSwitch,
            space,
            name,
            attachment.Container,
            inSoftware: attachment.ChecksumAtContainer,
            inner
        );
    }

    private void PlanAttachment(
        AttachmentIntent attachment,
        IReadOnlyDictionary<string, Link> inside,
        string space
    )
    {
        var (hostEnd, name, container) = (
            attachment.HostEnd,
            attachment.Interface,
            attachment.Container
        );
        var outer = Existing(hostEnd, "veth");
        inside.TryGetValue(name, out var inner);
        var intact =
            outer is not null
            && inner is not null
            && outer.PeerIndex == inner.Index
            && inner.PeerIndex == outer.Index;
        if (!intact)
        {
            if (ConflictsWithForeign(hostEnd))
            {
                return;
            }
            if (StrangerInside(attachment, inside) is { } stranger)
            {
                Conflicts.Add(
                    new(attachment.InterfaceName, $"container '{container}' has {stranger}")
                    {
                        StandsAlone = true,
                    }
                );
                return;
            }
            Made.Add(hostEnd);
            var stage = StageToMake(hostEnd);
            var master = attachment.Bridge is null ? "" : $"master {attachment.Bridge} ";
            var masterStage = attachment.Bridge is null
                ? stage
                : Later(stage, StageToEnslave(hostEnd, attachment.Bridge));
            Add(
                ChangeAction.Add,
                "interface",
                attachment.InterfaceName,
                $"{attachment.Network} {attachment.Carries}",
                [
                    .. Replace(hostEnd),
                    .. ReplaceInside(inner, space),
                    Line(
                        stage,
                        null,
                        $"link add name {hostEnd} address {attachment.HostEndMac} mtu {attachment.Mtu} type veth "
                            + $"peer name {name} netns {space} address {attachment.Mac} mtu {attachment.Mtu}"
                    ),
                    .. Unswayed(stage, hostEnd, attachment.Mtu, []),
                    Line(
                        masterStage,
                        null,
                        $"link set dev {hostEnd} alias {ownership.Alias()} {Silently(attachment.Mtu)}{master}up"
                    ),
                    .. attachment.BlocksRoot
                        ? (ImmutableArray<LinkCommand>)[BlockRoot(masterStage, hostEnd)]
                        : [],
                    .. Ipv6In(attachment, space),
                    .. AddAddresses(name, attachment.Addresses, space),
                    After($"link set dev {name} alias {ownership.Alias()} up", space),
                    .. SetRoutes(
                            attachment,
                            attachment.Routes,
                            inside.Values.Where(link => link.Name != name),
                            space
                        )
                        .SelectMany(step => step.Lines),
                ],
                space
            );
        }
        else
        {
            SetIfNeeded(
                "veth",
                hostEnd,
                [
                    Master(hostEnd, attachment.Bridge, outer!),
                    BlockRoot(attachment, outer!),
                    .. OnHost(
                        hostEnd,
                        attachment.HostEndMac,
                        attachment.Mtu,
                        [],
                        outer!,
                        attachment.IsAdopted
                    ),
                ],
                space
            );
            SetIfNeeded(
                "interface",
                attachment.InterfaceName,
                [
                    .. Common(name, attachment.Mac, attachment.Mtu, inner!, space),
                    .. Carried(attachment, inside, space),
                ],
                space
            );
        }
        PlanChecksums(
            Stage.AfterSwitch,
            space,
            name,
            attachment.Container,
            inSoftware: attachment.ChecksumAtContainer,
            intact ? inner : null
        );
    }

    /// <summary>
    /// Describes what has an attachment's name inside a container and is not Weft's, and what to do about it; null if nothing
    /// has.
    /// </summary>
    private string? StrangerInside(
        AttachmentIntent attachment,
        IReadOnlyDictionary<string, Link> inside
    ) =>
        inside.TryGetValue(attachment.Interface, out var inner)
            ? IsOurs(inner, attachment)
                ? null
                : $"an interface '{inner.Name}' already, which Weft did not make: give the attachment another `interface`, or remove that interface"
            : Link.AlsoCalled(attachment.Interface, inside) is { } other
                ? $"an interface '{other.Name}' already, whose alternative name is '{attachment.Interface}': give the attachment another `interface`, or take that name away"
                : null;

    /// <summary>
    /// Whether the interface with an attachment's name inside a container is Weft's: by its alias or, if it has none, by its
    /// address and a host end that is Weft's (<see cref="Ownership.Owns(Link)"/>). The address alone proves nothing, as the
    /// file may give it.
    /// </summary>
    private bool IsOurs(Link inner, AttachmentIntent attachment) =>
        inner.Alias == ownership.Alias()
        || inner.Alias is null
            && inner.Mac == attachment.Mac
            && (pairs ??= new(observation.Links)).HostEndOf(inner) is { } outer
            && ownership.Owns(outer);

    /// <summary>Plans who completes checksums. A new link, for which <paramref name="actual"/> is null, leaves them undone.</summary>
    private void PlanChecksums(
        Stage stage,
        string? space,
        string name,
        string? container,
        bool inSoftware,
        Link? actual
    )
    {
        if ((actual?.LeavesChecksumsUndone ?? true) == inSoftware)
        {
            Changes.Add(
                new ChecksumChange(stage, space, name, container, LeavesUndone: !inSoftware)
            );
        }
    }
}
