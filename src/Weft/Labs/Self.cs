namespace Weft.Labs;

/// <summary>This very program, to be run again in a host.</summary>
internal static class Self
{
    /// <summary>The beginning of its command line: the program, or <c>dotnet</c> and the assembly.</summary>
    public static IReadOnlyList<string> Command =>
        Path.GetFileName(Environment.ProcessPath) is "dotnet"
            ? [Environment.ProcessPath!, Path.GetFullPath(Environment.GetCommandLineArgs()[0])]
            : [Environment.ProcessPath!];
}
