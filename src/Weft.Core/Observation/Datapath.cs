namespace Weft.Core.Observation;

/// <summary>Finds out which datapath the kernel offers.</summary>
internal static class Datapath
{
    private const string Module = "openvswitch";

    /// <summary>Whether the running kernel has Open vSwitch's datapath: loaded, built in, or as a module that can be loaded.</summary>
    public static bool KernelHasIt()
    {
        if (Directory.Exists($"/sys/module/{Module}"))
        {
            return true;
        }
        var modules = $"/lib/modules/{File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}";
        return Lists(Path.Combine(modules, "modules.builtin"))
            || Lists(Path.Combine(modules, "modules.dep"));

        static bool Lists(string file) =>
            File.Exists(file)
            && File.ReadLines(file)
                .Any(line =>
                    line.Split(':', 2)[0] is var path
                    && Path.GetFileName(path).StartsWith($"{Module}.ko", StringComparison.Ordinal)
                );
    }
}
