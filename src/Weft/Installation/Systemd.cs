using Weft.Core.Linux;

namespace Weft.Installation;

/// <summary>The machine's service manager.</summary>
internal static class Systemd
{
    /// <summary>Whether it runs (sd_booted(3)).</summary>
    public static bool Runs => Directory.Exists("/run/systemd/system");

    /// <summary>Runs systemctl.</summary>
    /// <exception cref="Core.HostException">systemctl failed.</exception>
    public static async Task ControlAsync(
        CancellationToken cancellationToken,
        params string[] arguments
    )
    {
        var result = await Tool.RunAsync(
            ["systemctl", .. arguments],
            cancellationToken: cancellationToken
        );
        if (result.ExitCode != 0)
        {
            throw new Core.HostException(
                $"`systemctl {string.Join(' ', arguments)}` failed: {result.Errors.Trim()}"
            );
        }
    }
}
