using System.CommandLine;
using Spectre.Console;
using Weft.Fleet;
using Weft.Installation;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft upgrade</c>: puts this weft on hosts in place of the one that is there.</summary>
internal static class UpgradeCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var file = CommonOptions.File();
        var refresh = new Option<bool>("--refresh") { Hidden = true };
        var fleet = new FleetOptions();
        var command = new WeftCommand(
            "upgrade",
            "Replace the weft that is installed on hosts by this one, and restart their agents with it. Traffic goes on."
        )
        {
            Examples =
            [
                ("weft upgrade --all overlay.yaml", "all hosts of the overlay"),
                (
                    "weft upgrade --all --binary weft-arm64 overlay.yaml",
                    "where some are of another kind than this machine"
                ),
            ],
        };
        command.AddAll([file, refresh, .. fleet.All]);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                if (parsed.GetValue(refresh))
                {
                    return await RefreshAsync(terminal, cancellationToken);
                }
                if (!fleet.IsMeant(parsed))
                {
                    throw new UsageException(
                        "upgrade puts this weft on other machines: say on which with --host or --all (on this one `weft install` does)"
                    );
                }
                if (fleet.IsInstalled(parsed))
                {
                    throw new UsageException(
                        "--installed leaves weft on the hosts as it is, which is no upgrade"
                    );
                }
                await using var hosts = fleet.Open(parsed, parsed.GetValue(file));
                return await UpgradeAsync(terminal, hosts, cancellationToken);
            }
        );
        return command;
    }

    private static async Task<int> UpgradeAsync(
        Output terminal,
        FleetSession fleet,
        CancellationToken cancellationToken
    )
    {
        var put = new HashSet<string>(StringComparer.Ordinal);
        var answers = await FleetBoard.ShowAsync(
            terminal,
            fleet.Hosts,
            terminal.Out,
            board =>
                fleet.EachAsync(
                    board,
                    fleet.Hosts,
                    async (host, cancellation) =>
                    {
                        if (await fleet.WasPutAsync(host, cancellation))
                        {
                            lock (put)
                            {
                                put.Add(host);
                            }
                        }
                        board.Step(host, "restarting the agent, if there is one");
                        return await fleet.AskAsync(
                            host,
                            ["upgrade", "--refresh"],
                            default,
                            cancellation
                        );
                    },
                    answer =>
                        answer.ExitCode == ExitCode.Done
                            ? (true, $"{WordsOf(answer.Host)}; {answer.Output.Trim()}")
                            : (false, answer.LastRemark ?? "failed"),
                    cancellationToken
                )
        );
        return FleetAsk.Conclude(terminal, answers, null);

        string WordsOf(string host)
        {
            lock (put)
            {
                return put.Contains(host) ? "replaced" : "the same already";
            }
        }
    }

    /// <summary>
    /// On the host itself: restarts its agent, which then goes on with this version. What the agent made stays meanwhile.
    /// </summary>
    private static async Task<int> RefreshAsync(
        Output terminal,
        CancellationToken cancellationToken
    )
    {
        var placement = new Placement("/");
        var isPackaged = HostFiles.RunPackaged(placement);
        if (isPackaged && Self.Command is not [HostFiles.PackagedProgram])
        {
            terminal.Fail(
                $"this host's services are the Debian package's, and run {HostFiles.PackagedProgram}: put the newer package there with apt-get"
            );
            return ExitCode.Failed;
        }
        if (!Systemd.Runs || !(isPackaged || File.Exists($"{HostFiles.Units}/{HostFiles.Agent}")))
        {
            terminal.Out.WriteLine("no agent is installed");
            return ExitCode.Done;
        }
        await Systemd.ControlAsync(cancellationToken, "try-restart", HostFiles.Agent);
        terminal.Out.WriteLine("its agent goes on with it, if it runs");
        return ExitCode.Done;
    }
}
