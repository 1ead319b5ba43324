using Weft.Core.Linux;

namespace Weft.Tests;

/// <summary>The program as users run it: the published binary where the build script names it, else the one built with the tests.</summary>
internal static class WeftProgram
{
    public static readonly string Path =
        Environment.GetEnvironmentVariable("WEFT_BINARY")
        ?? System.IO.Path.Combine(AppContext.BaseDirectory, "weft");

    public static Task<ToolResult> RunAsync(params IEnumerable<string> arguments) =>
        Tool.RunAsync(
            [Path, .. arguments],
            cancellationToken: TestContext.Current.CancellationToken
        );

    /// <summary>Runs it with an overlay file of that content, whose path is the last argument.</summary>
    public static async Task<ToolResult> RunOnAsync(
        string yaml,
        params IEnumerable<string> arguments
    )
    {
        var file = System.IO.Path.Combine(
            System.IO.Path.GetTempPath(),
            $"weft-test-{Guid.NewGuid():N}.yaml"
        );
        await File.WriteAllTextAsync(file, yaml, TestContext.Current.CancellationToken);
        try
        {
            return await RunAsync([.. arguments, file]);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
