using System.Collections.Immutable;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;

namespace Weft.Core.Planning;

/// <summary>Plans the devices that LXD and Incus make containers' interfaces by.</summary>
internal sealed class NicPlanner(HostIntent intent, HostObservation observation)
{
    public List<Change> Additions { get; } = [];
    public List<Change> Removals { get; } = [];
    public List<Conflict> Conflicts { get; } = [];

    public void Plan()
    {
        var wanted = new HashSet<(ContainerKey, string)>();
        foreach (var attachment in intent.Attachments)
        {
            if (
                attachment.Nic is { } nic
                && Answers(attachment.Key)
                && observation.Containers.TryGetValue(attachment.Key, out var container)
            )
            {
                wanted.Add((container.Key, attachment.Interface));
                PlanNic(container, attachment, nic);
            }
        }
        Removals.AddRange(
            from container in observation.Containers.Values
            from device in container.Nics
            where
                Answers(container.Key)
                && device.Value.Mark == intent.Overlay
                && !wanted.Contains((container.Key, device.Key))
            orderby container.Key.Name, device.Key
            select new NicChange(
                ChangeAction.Remove,
                container.Key,
                device.Key,
                null,
                Replugs: false,
                ""
            )
            {
                CanWait = container.Namespace is null,
            }
        );
    }

    /// <summary>What an engine that is silent had when it last answered is no reason to change anything.</summary>
    private bool Answers(ContainerKey container) =>
        !observation.SilentEngines.ContainsKey(container.Engine);

    private void PlanNic(ContainerSighting container, AttachmentIntent attachment, NicDevice nic)
    {
        var device = attachment.Interface;
        if (!container.Nics.TryGetValue(device, out var there))
        {
            Add(ChangeAction.Add, replugs: false, $"{nic.Interface} in {nic.Parent}");
        }
        else if (there.Mark is null && nic.IsAdopted)
        {
            Add(ChangeAction.Set, replugs: false, "take over");
        }
        else if (there.Mark != intent.Overlay)
        {
            Conflicts.Add(
                new(
                    $"{device} of {container.Key.Name}",
                    $"{container.Key} has a device '{device}' already, {Ownership.Describe(there.Mark)}: "
                        + "give the attachment another `interface`, or remove that device"
                )
                {
                    StandsAlone = true,
                }
            );
        }
        else if (there != nic)
        {
            Add(ChangeAction.Set, replugs: false, Differences(there, nic));
        }
        else if (IsLost(attachment))
        {
            Add(ChangeAction.Set, replugs: true, "the container has lost it");
        }

        void Add(ChangeAction action, bool replugs, string detail) =>
            Additions.Add(
                new NicChange(action, container.Key, device, nic, replugs, detail)
                {
                    CanWait = container.Namespace is null,
                }
            );
    }

    /// <summary>Whether a container that runs has not what its device is to have made.</summary>
    private bool IsLost(AttachmentIntent attachment)
    {
        if (!observation.Inside.TryGetValue(attachment.Key, out var inside))
        {
            return false;
        }
        return !inside.TryGetValue(attachment.Interface, out var inner)
            || !observation.Links.TryGetValue(attachment.HostEnd, out var outer)
            || outer.PeerIndex != inner.Index;
    }

    private static string Differences(NicDevice there, NicDevice nic)
    {
        var words = ImmutableArray.CreateBuilder<string>();
        Compare("parent", there.Parent, nic.Parent);
        Compare("interface", there.Interface, nic.Interface);
        Compare("host's end", there.HostEnd, nic.HostEnd);
        Compare("address", there.Mac, nic.Mac);
        Compare("MTU", there.Mtu, nic.Mtu);
        Compare("VLAN", there.Vlan?.ToString() ?? "none", nic.Vlan?.ToString() ?? "none");
        if (there.IsAdopted)
        {
            words.Add("Weft's from now on");
        }
        return string.Join(", ", words);

        void Compare<T>(string what, T seen, T wanted)
            where T : IEquatable<T>
        {
            if (!seen.Equals(wanted))
            {
                words.Add($"{what} {seen} → {wanted}");
            }
        }
    }
}
