using CsCheck;
using Weft.Core.Intents;

namespace Weft.Core.Tests.Planning.Model;

/// <summary>A host as it can be: with or without the kernel's datapath, with some of the containers there.</summary>
internal sealed record Setting(bool KernelDatapath, string[] Present)
{
    public static readonly Gen<Setting> Any =
        from kernelDatapath in Gen.Bool
        from present in RandomOverlay.Present
        select new Setting(kernelDatapath, present);

    public ModelHost Bare() => new(KernelDatapath, Present);

    public HostIntent Intend(RandomOverlay.Written written) =>
        IntentBuilder.Build(written.Overlay, RandomOverlay.Host, KernelDatapath);

    public override string ToString() =>
        $"kernel datapath {KernelDatapath}, containers {string.Join(' ', Present)}";
}
