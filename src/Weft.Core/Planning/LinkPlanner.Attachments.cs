using System.Collections.Immutable;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

// Containers' interfaces.
internal sealed partial class LinkPlanner
{
    private void PlanAttachment(
        AttachmentIntent attachment,
        ImmutableDictionary<string, Link> inside
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
            if (inner is not null && !IsOurs(inner, attachment))
            {
                Conflicts.Add(
                    new(
                        $"{name} in {container}",
                        $"container '{container}' has an interface '{name}' already, which Weft did not make: "
                            + "give the attachment another `interface`, or remove that interface"
                    )
                );
                return;
            }
            var stage = StageToMake(hostEnd);
            var master = attachment.Bridge is null ? "" : $"master {attachment.Bridge} ";
            var masterStage = attachment.Bridge is null
                ? stage
                : Later(stage, StageToEnslave(hostEnd, attachment.Bridge));
            Add(
                ChangeAction.Add,
                "interface",
                $"{name} in {container}",
                $"{attachment.Network} {string.Join(", ", attachment.Addresses)}",
                [
                    .. Replace(hostEnd),
                    .. ReplaceInside(inner, container),
                    Line(
                        stage,
                        null,
                        $"link add name {hostEnd} address {attachment.HostEndMac} mtu {attachment.Mtu} type veth "
                            + $"peer name {name} netns {container} address {attachment.Mac} mtu {attachment.Mtu}"
                    ),
                    Line(
                        masterStage,
                        null,
                        $"link set dev {hostEnd} alias {ownership.Alias} {silently}{master}up"
                    ),
                    .. AddAddresses(name, attachment.Addresses, container),
                    After($"link set dev {name} alias {ownership.Alias} up", container),
                ]
            );
        }
        else
        {
            SetIfNeeded(
                "veth",
                hostEnd,
                [
                    Master(hostEnd, attachment.Bridge, outer!),
                    .. OnHost(hostEnd, attachment.HostEndMac, attachment.Mtu, [], outer!),
                ]
            );
            SetIfNeeded(
                "interface",
                $"{name} in {container}",
                [
                    .. Common(name, attachment.Mac, attachment.Mtu, inner!, container),
                    .. Addresses(name, attachment.Addresses, inner!.Addresses, container),
                    Up(name, inner!, container),
                ]
            );
        }
        PlanChecksums(
            Stage.AfterSwitch,
            container,
            name,
            inSoftware: attachment.ChecksumAtContainer,
            intact ? inner : null
        );
    }

    /// <summary>Whether what has an attachment's name inside a container is Weft's: as <see cref="Ownership.Owns(Link)"/> tells it on the host.</summary>
    private bool IsOurs(Link inner, AttachmentIntent attachment) =>
        inner.Alias == ownership.Alias || inner.Alias is null && inner.Mac == attachment.Mac;

    /// <summary>Plans who completes checksums; a link that is made, not <paramref name="actual"/> yet, leaves them undone.</summary>
    private void PlanChecksums(
        Stage stage,
        string? container,
        string name,
        bool inSoftware,
        Link? actual
    )
    {
        if ((actual?.LeavesChecksumsUndone ?? true) == inSoftware)
        {
            Changes.Add(new ChecksumChange(stage, container, name, LeavesUndone: !inSoftware));
        }
    }
}
