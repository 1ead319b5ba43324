using System.Collections.Immutable;
using Weft.Core.Engines;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Core.Planning;

/// <summary>Plans the devices that LXD and Incus make containers' interfaces by.</summary>
internal sealed class NicPlanner(HostIntent intent, HostObservation observation)
{
    public List<Change> Additions { get; } = [];
    public List<Change> Removals { get; } = [];
    public List<Conflict> Conflicts { get; } = [];

    public void Plan()
    {
        RefuseToLeaveAny();
        var wanted = new HashSet<(ContainerKey, string)>();
        foreach (var attachment in intent.Attachments)
        {
            if (
                attachment.Nic is { } nic
                && Answers(attachment.Key)
                && observation.Containers.TryGetValue(attachment.Key, out var container)
            )
            {
                wanted.Add((container.Key, PlanNic(container, attachment, nic)));
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
            select Removal(container, device.Key, Waiting(device.Value))
        );
    }

    private NicChange Removal(
        ContainerSighting container,
        string device,
        List<AttachmentIntent> waiting
    ) =>
        new(ChangeAction.Remove, container.Key, device, null, Replugs: false, "")
        {
            CanWait = container.Namespace is null && !waiting.Exists(Runs),
            MakesWay = waiting.Count > 0,
        };

    private List<AttachmentIntent> Waiting(NicDevice leaving) =>
        [.. intent.Attachments.Where(attachment => IsKeptWaiting(attachment, leaving))];

    /// <summary>
    /// Whether an attachment's device is yet to have what another has that goes or becomes another: one that has it already was
    /// let have it beside that, as beside the device of a container that is a copy of its own.
    /// </summary>
    private bool IsKeptWaiting(AttachmentIntent attachment, NicDevice leaving)
    {
        if (
            attachment.Nic is not { } nic
            || !Answers(attachment.Key)
            || !observation.Containers.TryGetValue(attachment.Key, out var container)
        )
        {
            return false;
        }
        var there = container.DeviceOf(attachment.Interface, intent.Overlay)?.Nic;
        return nic.Mac == leaving.Mac && nic.Mac != there?.Mac
            || nic.HostEnd == leaving.HostEnd && nic.HostEnd != there?.HostEnd;
    }

    private bool Runs(AttachmentIntent attachment) =>
        observation.Containers.GetValueOrDefault(attachment.Key) is { Namespace: not null };

    /// <summary>Whether an engine answers: what a silent one had when it last answered is no reason to change anything.</summary>
    private bool Answers(ContainerKey container) =>
        !observation.SilentEngines.ContainsKey(container.Engine);

    /// <summary>
    /// Refuses to remove an overlay while an engine that keeps devices is silent: the devices would be left behind, and with
    /// them containers that no longer start once the bridge is gone.
    /// </summary>
    private void RefuseToLeaveAny()
    {
        if (intent.Switch is not null)
        {
            return;
        }
        Conflicts.AddRange(
            from engine in ContainerReader.Keepers
            where observation.SilentEngines.ContainsKey(engine)
            select new Conflict(
                engine.Word,
                $"{observation.SilentEngines[engine]}, and keeps devices of the overlay's, with which its containers could not start any more: "
                    + "start it first, or take its containers out of the file where it is gone for good"
            )
        );
    }

    /// <summary>Plans one device, and returns what it is called.</summary>
    private string PlanNic(ContainerSighting container, AttachmentIntent attachment, NicDevice nic)
    {
        var found = container.DeviceOf(attachment.Interface, intent.Overlay);
        var (device, there) = (found?.Name ?? attachment.Interface, found?.Nic);
        if (there is null && container.OtherDevices.Contains(device))
        {
            Refuse("a device", ", by a profile or of another type");
        }
        else if (there is null && container.ProfileInterfaces.Contains(device))
        {
            Refuse("an interface", ", by a profile");
        }
        else if (there is null)
        {
            Add(ChangeAction.Add, replugs: false, $"{nic.Interface} in {nic.Parent}");
        }
        else if (there.Mark is null && nic.IsAdopted)
        {
            Add(ChangeAction.Set, replugs: false, "take over");
        }
        else if (there.Mark != intent.Overlay)
        {
            Refuse("a device", $"{Giving(there)}, {Ownership.Describe(there.Mark)}");
        }
        else if (IsOfAnother(there))
        {
            Refuse("a device", Giving(there));
        }
        else if (there != nic && Waiting(there) is { Count: > 0 } waiting)
        {
            // As of two containers that change names: each is refused its address for as long as the other has it.
            Additions.Add(Removal(container, device, waiting));
            Add(ChangeAction.Add, replugs: false, $"{nic.Interface} in {nic.Parent}");
        }
        else if (there != nic)
        {
            Add(ChangeAction.Set, replugs: false, Differences(there, nic));
        }
        else if (IsLost(attachment))
        {
            Add(ChangeAction.Set, replugs: true, "the container has lost it");
        }
        return device;

        string Giving(NicDevice other) =>
            other.Interface == device ? "" : $", which gives {other.Interface}";

        bool IsOfAnother(NicDevice other) =>
            other.Interface != attachment.Interface
            && intent.Attachments.Any(one =>
                one.Key == attachment.Key && one.Interface == other.Interface
            );

        void Refuse(string what, string whose) =>
            Conflicts.Add(
                new(
                    $"{attachment.Interface} of {container.Key.Name}",
                    $"{container.Key} has {what} '{device}' already{whose}: "
                        + "give the attachment another `interface`, or take away what is there"
                )
                {
                    StandsAlone = true,
                }
            );

        void Add(ChangeAction action, bool replugs, string detail) =>
            Additions.Add(
                new NicChange(action, container.Key, device, nic, replugs, detail)
                {
                    CanWait = container.Namespace is null,
                }
            );
    }

    /// <summary>Whether a running container lacks the interface that its device should have made.</summary>
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
