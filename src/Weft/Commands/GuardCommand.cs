using System.CommandLine;
using System.Net;
using Spectre.Console;
using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Core.Planning;
using Weft.Rendering;
using Weft.Trials;

namespace Weft.Commands;

/// <summary><c>weft guard</c>: the guard alone, from files alone.</summary>
internal static class GuardCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var file = CommonOptions.File();
        var host = CommonOptions.As();
        var command = new WeftCommand(
            "guard",
            "Put up the guard that blocks plaintext between hosts, before Open vSwitch is started."
        )
        {
            ChangesHost = true,
            Examples =
            [
                ("weft guard", "what weft-guard.service does at boot"),
                ("weft guard --as host1 overlay.yaml", "needs no Open vSwitch and no strongSwan"),
            ],
        };
        command.AddAll(file, host);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var notices = new Notices(terminal);
                var peers = new HashSet<IPAddress>();
                var (done, missing) = (new List<Plan>(), new List<Plan>());
                // First for tunnels that the file no longer has, or does not tell of because of a mistake: the switch makes
                // them again all the same.
                foreach (var former in LastApplied.Encrypted(notices))
                {
                    await PutUpAsync(former);
                }
                var overlay = OverlayLoader.Load(parsed.GetValue(file), null, null);
                var name = OverlayLoader.RequireHost(overlay, parsed.GetValue(host));
                // Which datapath the kernel has is no matter here: the guard blocks whoever sends.
                await PutUpAsync(IntentBuilder.Build(overlay, name, kernelDatapath: true));
                if (missing.Count == 0)
                {
                    terminal.Out.WriteLine(
                        $"overlay '{overlay.Name}' is not encrypted: it has no guard"
                    );
                    return ExitCode.Done;
                }
                PlanView.WriteRemarks(
                    terminal,
                    missing[^1] with
                    {
                        Conflicts = [.. missing.SelectMany(plan => plan.Conflicts).Distinct()],
                    }
                );
                foreach (
                    var change in missing
                        .SelectMany(plan => plan.Changes)
                        .DistinctBy(change => (change.Name, change.Detail))
                )
                {
                    terminal.Fail($"not there: {change.What} {change.Name}: {change.Detail}");
                }
                if (missing.Exists(plan => !plan.IsEmpty || !plan.Conflicts.IsEmpty))
                {
                    return ExitCode.Failed;
                }
                terminal.Out.Line(
                    $"[green]✓[/] the guard of {Counted.Of(peers.Count, "host")} {(done.TrueForAll(plan => plan.IsEmpty) ? "stood already" : "stands")}"
                );
                return ExitCode.Done;

                async Task PutUpAsync(HostIntent intent)
                {
                    if (intent.Ipsec is not { } ipsec)
                    {
                        return;
                    }
                    var (made, left) = await GuardKeeper.PutUpAsync(
                        intent,
                        notices,
                        cancellationToken
                    );
                    done.Add(made);
                    missing.Add(left);
                    peers.UnionWith(ipsec.Peers.Select(peer => peer.Address));
                }
            }
        );
        return command;
    }
}
