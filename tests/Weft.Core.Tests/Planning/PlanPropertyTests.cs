using CsCheck;
using Weft.Core.Intents;
using Weft.Core.Overlays;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Planning;

/// <summary>What holds for all overlays, on all hosts, whatever was there before.</summary>
public sealed class PlanPropertyTests
{
    private static readonly Gen<Setting> Settings =
        from kernelDatapath in Gen.Bool
        from present in RandomOverlay.Present
        select new Setting(kernelDatapath, present);

    [Fact]
    public void Applied_once_in_one_round_it_is_as_intended() =>
        Gen.Select(Settings, RandomOverlay.Overlay)
            .Sample(
                (setting, overlay) =>
                {
                    var host = setting.Host();
                    host.Apply(setting.Intend(overlay));
                    Assert.Empty(host.PlanFor(setting.Intend(overlay)).Changes);
                },
                iter: 1000
            );

    [Fact]
    public void The_way_from_one_overlay_to_another_leaves_nothing_of_the_first() =>
        Gen.Select(Settings, RandomOverlay.Overlay, RandomOverlay.Overlay)
            .Sample(
                (setting, before, after) =>
                {
                    var (changed, fresh) = (setting.Host(), setting.Host());
                    changed.Apply(setting.Intend(before));
                    changed.Apply(setting.Intend(after));
                    fresh.Apply(setting.Intend(after));
                    Assert.Equal(fresh.Describe(), changed.Describe());
                    Assert.Empty(changed.PlanFor(setting.Intend(after)).Changes);
                },
                iter: 1000
            );

    /// <summary>A host as it can be: with or without the kernel's datapath, with some of the containers there.</summary>
    private sealed record Setting(bool KernelDatapath, string[] Present)
    {
        public ModelHost Host() => new(KernelDatapath, Present);

        public HostIntent Intend(Overlay overlay) =>
            IntentBuilder.Build(overlay, RandomOverlay.Host, KernelDatapath);
    }
}
