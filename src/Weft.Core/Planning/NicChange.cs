using Weft.Core.Engines;
using Weft.Core.Overlays;

namespace Weft.Core.Planning;

/// <summary>A change of a container's device by the container's engine (LXD, Incus), which keeps the device from then on.</summary>
/// <param name="Action">What it does.</param>
/// <param name="Container">The container.</param>
/// <param name="Device">The device's name.</param>
/// <param name="Nic">What the device must be; null where it goes.</param>
/// <param name="Replugs">Whether to remove the device first, as the container has lost the interface that it made.</param>
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
    /// <summary>Whether the container is stopped, so that it lacks nothing yet, and no running one needs what the device has.</summary>
    public bool CanWait { get; init; }

    /// <summary>
    /// Whether another device is to have this one's Ethernet address or host end, which the engine refuses until this one is
    /// gone.
    /// </summary>
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
