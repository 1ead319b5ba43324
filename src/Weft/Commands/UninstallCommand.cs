using System.CommandLine;
using Spectre.Console;
using Weft.Core;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Fleet;
using Weft.Installation;
using Weft.Rendering;
using Weft.Trials;

namespace Weft.Commands;

/// <summary><c>weft uninstall</c>: removes what <c>weft install</c> put in place.</summary>
internal static class UninstallCommand
{
    // Where Debian's Open vSwitch keeps it.
    private const string SwitchDatabase = "/etc/openvswitch/conf.db";

    private const string NothingPut = "`weft install` has put nothing here";

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var file = CommonOptions.File();
        file.Description =
            $"With --host and --all: the overlay file, or - for standard input; if not given: {string.Join(", else ", CommonOptions.DefaultFiles)}.";
        var root = InstallCommand.RootOption();
        var yes = new Option<bool>("--yes", "-y")
        {
            Description = "With --host and --all: do not ask before anything is removed.",
        };
        var fleet = new FleetOptions();
        var force = new Option<bool>("--force")
        {
            Description =
                "Uninstall even if tunnels of an encrypted overlay are left, which send plaintext from the next boot on.",
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
                ("weft uninstall --host host3 overlay.yaml", "from another host, over SSH"),
            ],
        };
        command.AddAll([file, yes, force, root, .. fleet.All]);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                if (fleet.IsMeant(parsed))
                {
                    if (parsed.GetValue(root) is not null)
                    {
                        throw new UsageException(
                            "--root is for a file system of this machine, and --host and --all for hosts that run: say one of them"
                        );
                    }
                    await using var hosts = fleet.Open(parsed, parsed.GetValue(file));
                    return await FromHostsAsync(
                        terminal,
                        hosts,
                        asks: !parsed.GetValue(yes),
                        parsed.GetValue(force) ? [force.Name] : [],
                        cancellationToken
                    );
                }
                if (parsed.GetValue(file) is { } unused)
                {
                    throw new UsageException(
                        $"what `weft install` put on this machine goes whatever {unused} says: name a file only with --host or --all"
                    );
                }
                if (parsed.GetValue(root) is null)
                {
                    HostSession.RequireRoot("uninstalling");
                }
                var placement = new Placement(InstallCommand.RootOf(parsed.GetValue(root)));
                var placed = placement.Placed;
                var isPackaged = HostFiles.ArePackaged(placement);
                if (placed.Count == 0 && !isPackaged)
                {
                    terminal.Out.WriteLine(NothingPut);
                    SayKept(terminal, placement);
                    return ExitCode.Done;
                }
                if (
                    parsed.GetValue(root) is null
                    && !parsed.GetValue(force)
                    && IsEncrypted(placement)
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
                // On another root, or where systemd does not run, services are enabled by links alone, and systemctl may be
                // missing too.
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
                SayKept(terminal, placement);
                if (isRunning)
                {
                    await Systemd.ControlAsync(cancellationToken, "daemon-reload");
                }
                return ExitCode.Done;
            }
        );
        return command;
    }

    /// <summary>On many hosts, after one question for all. A host that refuses holds up no other.</summary>
    private static async Task<int> FromHostsAsync(
        Output terminal,
        FleetSession fleet,
        bool asks,
        IReadOnlyList<string> options,
        CancellationToken cancellationToken
    )
    {
        if (asks && !Output.CanAsk)
        {
            throw new UsageException(
                "uninstall asks before it removes anything from other machines, and there is no terminal to ask on: add --yes"
            );
        }
        var where = fleet.Hosts is [var only] ? only : $"{fleet.Hosts.Count} hosts";
        if (
            asks
            && !await terminal.ConfirmAsync(
                $"Remove what `weft install` put on {where}?",
                cancellationToken
            )
        )
        {
            terminal.Error.WriteLine("Nothing was changed.");
            return ExitCode.Failed;
        }
        return await FleetAsk.DoAsync(
            terminal,
            fleet,
            "uninstalling",
            _ => ["uninstall", .. options],
            input: default,
            "What the hosts keep besides: the keys in /etc/weft, and in /var/lib/weft what Weft remembers.",
            withKeys: false,
            cancellationToken,
            Words
        );
    }

    /// <summary>Sums up what a host removed and kept, from what it printed.</summary>
    private static string Words(HostAnswer answer)
    {
        var lines = answer.Output.Split('\n', StringSplitOptions.TrimEntries);
        var removed = lines.Count(line => line.StartsWith("- ", StringComparison.Ordinal));
        string[] kept =
        [
            .. lines
                .Where(line => line.StartsWith("= ", StringComparison.Ordinal))
                .Select(line => line.Split(' ')[1]),
        ];
        // The Debian package's services are not removed, but disabled.
        return (
                lines.Contains(NothingPut) ? "nothing was installed"
                : removed == 0 ? "done"
                : $"{removed} removed"
            ) + (kept is [] ? "" : $", kept: {string.Join(", ", kept)}");
    }

    /// <summary>Says what stays though it is Weft's; also the program that only commands with --host and --all put there.</summary>
    private static void SayKept(Output terminal, Placement placement)
    {
        foreach (
            var path in new[] { HostFiles.Overlay, SshRunner.Program }
                .Select(placement.At)
                .Where(File.Exists)
        )
        {
            InstallCommand.Say(terminal, '=', path, "kept");
        }
    }

    /// <summary>
    /// Whether an encrypted overlay is here, or may be: one may have become encrypted after it was installed, its file may have
    /// changed after it was applied, and a guard that could not be put up does not mean that none is needed.
    /// </summary>
    private static bool IsEncrypted(Placement placement) =>
        placement.Placed.Contains(HostFiles.Hold)
        || GuardReader.Read().Policies.Any(policy => policy.Priority == OwnershipMark.GuardPriority)
        || HostFiles.IsEncrypted(placement)
        || LastApplied.Encrypted().Count > 0;

    // At each start Open vSwitch makes its tunnels again from its database, and then nothing would guard them.
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
