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

    /// <summary>The program, if it is one file; null for a development build, which consists of several.</summary>
    public static string? OneFile =>
        Command is [var program] && !File.Exists($"{program}.dll") ? program : null;

    /// <summary>Its version, with the commit that it was built from behind a <c>+</c>.</summary>
    public static string Version { get; } =
        typeof(Self)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion;

    /// <summary>How the user called it, for commands to type next: a path if it is not in PATH.</summary>
    public static string Name =>
        Environment.GetCommandLineArgs()[0] is var called
        && called.Contains('/', StringComparison.Ordinal)
        && !called.EndsWith(".dll", StringComparison.Ordinal)
            ? called
            : "weft";
}
