using Weft.Core.Linux;

namespace Weft.Core.Execution;

/// <summary>Asks ovs-vswitchd for what no database holds, as ovs-appctl(8) does.</summary>
internal static class SwitchControl
{
    /// <summary>Asks once.</summary>
    /// <param name="question">The command with its arguments (ovs-vswitchd(8), runtime management commands).</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The answer; what went wrong stands in its errors.</returns>
    public static async Task<ToolResult> AskAsync(
        string[] question,
        CancellationToken cancellationToken
    ) =>
        Tool.Find("ovs-appctl") is { } appctl
            ? await Tool.RunAsync(
                [appctl, "--timeout=5", .. question],
                cancellationToken: cancellationToken
            )
            : new ToolResult(
                1,
                "",
                "this host has no ovs-appctl: install the Debian package openvswitch-common"
            );
}
