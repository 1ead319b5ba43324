using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>Finds out which datapath the kernel offers.</summary>
internal static class Datapath
{
    /// <summary>Whether the running kernel has Open vSwitch's datapath: loaded, built in, or as a module that can be loaded; null where nothing tells.</summary>
    public static bool? KernelHasIt() =>
        KernelModules.StateOf("openvswitch") switch
        {
            ModuleState.Present or ModuleState.Loadable => true,
            ModuleState.Absent => false,
            _ => null,
        };
}
