using System.CommandLine;
using Spectre.Console;
using Weft.Installation;

namespace Weft.Commands;

/// <summary><c>weft uninstall</c>: removes what <c>weft install</c> put in place.</summary>
internal static class UninstallCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var root = InstallCommand.RootOption();
        var command = new WeftCommand(
            "uninstall",
            "Remove what weft install put in place, and nothing else: the overlay file stays, and what Weft made on the host."
        )
        {
            Examples =
            [
                ("weft destroy && weft uninstall", "leave no trace but the overlay file"),
                ("weft uninstall", "keep the overlay until the next reboot"),
            ],
        };
        command.AddAll(root);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var placement = new Placement(InstallCommand.RootOf(parsed.GetValue(root)));
                var placed = placement.Placed;
                if (placed.Count == 0)
                {
                    terminal.Out.WriteLine("`weft install` has put nothing here");
                    return ExitCode.Done;
                }
                var isRunning = parsed.GetValue(root) is null && Systemd.Runs;
                string[] services =
                [
                    .. HostFiles.Services.Where(service =>
                        placed.Any(path => path.EndsWith($"/{service}", StringComparison.Ordinal))
                    ),
                ];
                if (isRunning && services.Length > 0)
                {
                    // Disabled and not stopped: the guard stands as long as there are tunnels.
                    await Systemd.ControlAsync(
                        cancellationToken,
                        ["disable", "--quiet", .. services]
                    );
                }
                foreach (var path in placed)
                {
                    if (placement.Remove(path))
                    {
                        InstallCommand.Say(terminal, '-', placement.At(path));
                    }
                }
                if (File.Exists(placement.At(HostFiles.Overlay)))
                {
                    InstallCommand.Say(terminal, '=', placement.At(HostFiles.Overlay), "kept");
                }
                if (isRunning)
                {
                    await Systemd.ControlAsync(cancellationToken, "daemon-reload");
                }
                return ExitCode.Done;
            }
        );
        return command;
    }
}
