using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>Finds out whether the kernel has a datapath to offer.</summary>
internal static class KernelDatapath
{
    /// <summary>Whether the running kernel has Open vSwitch's datapath: loaded, built in, or as a module that can be loaded; null where nothing tells.</summary>
    public static bool? IsThere() =>
        KernelModules.StateOf("openvswitch") switch
        {
            ModuleState.Present or ModuleState.Loadable => true,
            ModuleState.Absent => false,
            _ => null,
        };
}
