using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft guard</c>: the guard alone, from the overlay file alone.</summary>
internal static class GuardCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var file = CommonOptions.File();
        var host = CommonOptions.As();
        var command = new WeftCommand(
            "guard",
            "Put up the guard that lets nothing cross in plaintext, before Open vSwitch is started."
        )
        {
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
                var overlay = OverlayLoader.Load(parsed.GetValue(file), null, null);
                var name = OverlayLoader.RequireHost(overlay, parsed.GetValue(host));
                // Which datapath the kernel has is no matter here: the guard blocks whoever sends.
                var intent = IntentBuilder.Build(overlay, name, kernelDatapath: true);
                if (intent.Ipsec is not { } ipsec)
                {
                    terminal.Out.WriteLine(
                        $"overlay '{overlay.Name}' is not encrypted: it has no guard"
                    );
                    return ExitCode.Done;
                }
                var (done, missing) = await GuardKeeper.PutUpAsync(
                    intent,
                    new Notices(terminal),
                    cancellationToken
                );
                PlanView.WriteRemarks(terminal, missing);
                foreach (var change in missing.Changes)
                {
                    terminal.Fail($"not there: {change.What} {change.Name}: {change.Detail}");
                }
                if (!missing.IsEmpty || !missing.Conflicts.IsEmpty)
                {
                    return ExitCode.Failed;
                }
                terminal.Out.MarkupLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"[green]✓[/] the guard of {ipsec.Peers.Length} {(ipsec.Peers.Length == 1 ? "host" : "hosts")} {(done.IsEmpty ? "stood already" : "stands")}"
                    )
                );
                return ExitCode.Done;
            }
        );
        return command;
    }
}
