using Weft.Core.Linux;

namespace Weft.LabTests;

/// <summary>The program as users run it: the published binary where the build script names it, else the one built with the tests.</summary>
internal static class WeftProgram
{
    public static string Path { get; } =
        Environment.GetEnvironmentVariable("WEFT_BINARY")
        ?? System.IO.Path.Combine(AppContext.BaseDirectory, "weft");

    public static Task<ToolResult> RunAsync(params IEnumerable<string> arguments) =>
        Tool.RunAsync([Path, .. arguments], cancellationToken: Needs.Cancellation);

    public static async Task<string> InNamespaceAsync(int pid, string script)
    {
        var result = await Tool.RunAsync(
            ["nsenter", $"--net=/proc/{pid}/ns/net", "sh", "-euc", script],
            cancellationToken: Needs.Cancellation
        );
        Assert.True(result.ExitCode == 0, result.Errors);
        return result.Output;
    }
}
