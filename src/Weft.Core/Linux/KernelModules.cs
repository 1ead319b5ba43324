namespace Weft.Core.Linux;

/// <summary>Finds out which modules the running kernel has, without loading any.</summary>
internal static class KernelModules
{
    /// <summary>Whether the kernel refuses to load any more (Documentation/admin-guide/sysctl/kernel.rst, modules_disabled).</summary>
    public static bool AreFixed =>
        File.Exists("/proc/sys/kernel/modules_disabled")
        && File.ReadAllText("/proc/sys/kernel/modules_disabled").Trim() == "1";

    /// <summary>Looks for a module.</summary>
    /// <param name="module">Its name, with underscores.</param>
    public static ModuleState StateOf(string module)
    {
        if (Directory.Exists($"/sys/module/{module}"))
        {
            return ModuleState.Present;
        }
        var modules = $"/lib/modules/{File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}";
        return Lists(Path.Combine(modules, "modules.builtin"), module) ? ModuleState.Present
            : Lists(Path.Combine(modules, "modules.dep"), module) ? ModuleState.Loadable
            // A built-in module without parameters shows nowhere else.
            : Directory.Exists(modules) ? ModuleState.Absent
            : ModuleState.Unknown;
    }

    private static bool Lists(string file, string module) =>
        File.Exists(file)
        && File.ReadLines(file)
            .Any(line =>
                Path.GetFileName(line.Split(':', 2)[0])
                    .Replace('-', '_')
                    .StartsWith($"{module}.ko", StringComparison.Ordinal)
            );
}

/// <summary>How a kernel stands to a module.</summary>
internal enum ModuleState
{
    /// <summary>Loaded or built in.</summary>
    Present,

    /// <summary>There, to be loaded when somebody needs it.</summary>
    Loadable,

    /// <summary>Not there.</summary>
    Absent,

    /// <summary>Not loaded, and nothing tells what the kernel has: it was not installed as a package.</summary>
    Unknown,
}
