using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Core.Planning;

/// <summary>A change of a device of a container, by the container's engine (LXD, Incus), which keeps it from then on.</summary>
/// <param name="Action">What it does.</param>
/// <param name="Container">The container.</param>
/// <param name="Device">The device's name.</param>
/// <param name="Nic">What the device must be; null where it goes.</param>
/// <param name="Replugs">Whether a device that is there is to be taken away first, since the container has lost what it made.</param>
/// <param name="Detail">What is being done to it, in words.</param>
public sealed record NicChange(
    ChangeAction Action,
    ContainerKey Container,
    string Device,
    NicDevice? Nic,
    bool Replugs,
    string Detail
) : Change(Action, "device", $"{Device} of {Container.Name}", Detail)
{
    /// <summary>Whether the container does not run, so that nothing is missing in it yet, and no container that does needs what it has.</summary>
    public bool CanWait { get; init; }

    /// <summary>Whether another device is to have the Ethernet address or the host's end of one that goes, which the engine refuses before it is gone.</summary>
    public bool MakesWay { get; init; }

    private string Program => Container.Engine is Engine.Incus ? "incus" : "lxc";

    private string Removal => $"{Program} config device remove {Container.Name} {Device}";

    /// <inheritdoc/>
    public override IEnumerable<string> Commands =>
        [
            .. Action is ChangeAction.Remove || Replugs ? [Removal] : (string[])[],
            .. Nic is null ? []
            : Nic.IsAdopted
                ? (string[])
                    [$"{Program} config set {Container.Name} user.weft-adopted.{Device} {Nic.Mark}"]
            :
            [
                $"{Program} config set {Container.Name} volatile.{Device}.hwaddr {Nic.Mac}",
                Action is ChangeAction.Set && !Replugs
                    ? $"{Program} config device set {Container.Name} {Device} {Settings(Nic)}"
                    : $"{Program} config device add {Container.Name} {Device} nic nictype=bridged {Settings(Nic)}",
            ],
        ];

    private static string Settings(NicDevice nic) =>
        $"parent={nic.Parent} name={nic.Interface} host_name={nic.HostEnd} mtu={nic.Mtu}"
        + (nic.Vlan is { } vlan ? $" vlan={vlan}" : "")
        + $" user.weft={nic.Mark}";
}
