using System.CommandLine;
using Spectre.Console;
using Weft.Core;
using Weft.Core.Observation;
using Weft.Installation;

namespace Weft.Commands;

/// <summary><c>weft uninstall</c>: removes what <c>weft install</c> put in place.</summary>
internal static class UninstallCommand
{
    // Where Debian's Open vSwitch keeps it.
    private const string SwitchDatabase = "/etc/openvswitch/conf.db";

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var root = InstallCommand.RootOption();
        var force = new Option<bool>("--force")
        {
            Description =
                "Do so though tunnels of an encrypted overlay are left, which send in plaintext from the next boot on.",
        };
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
        command.AddAll(force, root);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                if (parsed.GetValue(root) is null)
                {
                    HostSession.RequireRoot("uninstalling");
                }
                var placement = new Placement(InstallCommand.RootOf(parsed.GetValue(root)));
                var placed = placement.Placed;
                var isPackaged = HostFiles.ArePackaged(placement);
                if (placed.Count == 0 && !isPackaged)
                {
                    terminal.Out.WriteLine("`weft install` has put nothing here");
                    return ExitCode.Done;
                }
                if (
                    parsed.GetValue(root) is null
                    && placed.Contains(HostFiles.Hold)
                    && !parsed.GetValue(force)
                )
                {
                    await RefuseWhereTunnelsAreLeftAsync(cancellationToken);
                }
                var isRunning = parsed.GetValue(root) is null && Systemd.Runs;
                string[] services = [.. HostFiles.ServicesOn(placement)];
                if (isRunning && services.Length > 0)
                {
                    // The guard is not stopped: it stands as long as there are tunnels.
                    await Systemd.ControlAsync(
                        cancellationToken,
                        ["disable", "--quiet", .. services]
                    );
                    await Systemd.ControlAsync(cancellationToken, "stop", HostFiles.Agent);
                }
                // What runs elsewhere or later was enabled without systemd, and systemctl may be as far away as it.
                foreach (var link in isRunning ? [] : HostFiles.Enabling(placement, services))
                {
                    File.Delete(link);
                    InstallCommand.Say(terminal, '-', link);
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

    // Open vSwitch makes its tunnels again at each start, out of its database, and then nothing would guard them.
    private static async Task RefuseWhereTunnelsAreLeftAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(SwitchDatabase))
        {
            return;
        }
        string[] left;
        try
        {
            await using var host = await LocalHost.ConnectAsync(
                LocalHost.DefaultRemote,
                cancellationToken
            );
            left =
            [
                .. (await host.ReadSwitchAsync())
                    .Ports.Values.Where(port =>
                        port.Mark is not null
                        && port.Interfaces.Any(row => row.Options.ContainsKey("remote_ip"))
                    )
                    .Select(port => port.Name)
                    .Order(StringComparer.Ordinal),
            ];
        }
        catch (HostException exception)
        {
            throw new HostException(
                $"whether tunnels of the encrypted overlay are left is in {SwitchDatabase}, and without the guard they would send in plaintext from the next boot on: start Open vSwitch and run `weft destroy`, or do it all the same with `weft uninstall --force` ({exception.Message})",
                exception
            );
        }
        if (left.Length > 0)
        {
            throw new HostException(
                $"tunnels of the encrypted overlay are left ({string.Join(", ", left)}), and without the guard they would send in plaintext from the next boot on: run `weft destroy` first, or do it all the same with `weft uninstall --force`"
            );
        }
    }
}
