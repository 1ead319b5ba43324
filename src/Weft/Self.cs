using System.Reflection;

namespace Weft;

/// <summary>This very program, to be run again in a host.</summary>
internal static class Self
{
    /// <summary>The beginning of its command line: the program, or <c>dotnet</c> and the assembly.</summary>
    public static IReadOnlyList<string> Command =>
        Path.GetFileName(Environment.ProcessPath) is "dotnet"
            ? [Environment.ProcessPath!, Path.GetFullPath(Environment.GetCommandLineArgs()[0])]
            : [Environment.ProcessPath!];

    /// <summary>The program, where it is one file; null where it is a build for development, which is more than one.</summary>
    public static string? OneFile =>
        Command is [var program] && !File.Exists($"{program}.dll") ? program : null;

    /// <summary>Which weft it is, with the commit that it was built of behind a <c>+</c>.</summary>
    public static string Version { get; } =
        typeof(Self)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion;

    /// <summary>How the user called it, to be shown in what to type next: a path where it is not in PATH.</summary>
    public static string Name =>
        Environment.GetCommandLineArgs()[0] is var called
        && called.Contains('/', StringComparison.Ordinal)
        && !called.EndsWith(".dll", StringComparison.Ordinal)
            ? called
            : "weft";
}
