using Weft.Linux;

namespace Weft.LabTests;

/// <summary>The program as users run it.</summary>
internal static class WeftProgram
{
    public static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "weft");

    public static Task<ToolResult> RunAsync(params IEnumerable<string> arguments) =>
        Tool.RunAsync([Path, .. arguments], cancellationToken: Needs.Cancellation);
}
