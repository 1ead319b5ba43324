using CsCheck;
using Weft.Core.Intents;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Planning.Model;

/// <summary>A host as it can be: with or without the kernel's datapath, with some of the containers there.</summary>
internal sealed record Setting(bool KernelDatapath, string[] Present)
{
    public static readonly Gen<Setting> Any =
        from kernelDatapath in Gen.Bool
        from present in RandomOverlay.Present
        select new Setting(kernelDatapath, present);

    public ModelHost Bare() => new(KernelDatapath, Present);

    /// <summary>The intent; where the switch has the userspace datapath, which cannot be encrypted, without encryption.</summary>
    public HostIntent Intend(RandomOverlay.Written written)
    {
        var intent = Build(written.Overlay);
        return intent is { Ipsec: not null, Switch.Userspace: true }
            ? Build(
                written.Overlay with
                {
                    Tunnels = written.Overlay.Tunnels with { Ipsec = null },
                }
            )
            : intent;
    }

    private HostIntent Build(Overlay overlay) =>
        IntentBuilder.Build(overlay, RandomOverlay.Host, KernelDatapath);

    public override string ToString() =>
        $"kernel datapath {KernelDatapath}, containers {string.Join(' ', Present)}";
}
