using System.CommandLine;
using Weft.Core.Overlays;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft check</c>: is the overlay file right?</summary>
internal static class CheckCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var file = CommonOptions.File();
        var command = new WeftCommand(
            "check",
            "Check an overlay file: every mistake with its place and what to do."
        )
        {
            Examples = [("weft check overlay.yaml", "exit code 2 if there is a mistake")],
        };
        command.Add(file);
        command.SetAction(
            (parsed, terminal, _) =>
            {
                var overlay = OverlayLoader.Load(parsed.GetValue(file), null, null);
                terminal.Out.LineInterpolated(
                    $"[green]✓[/] overlay [bold]{overlay.Name}[/]: {Counted.Of(overlay.Hosts.Length, "host")}, {Counted.Of(overlay.Networks.Length, "network")}, {Counted.Of(overlay.Containers.Length, "container")}"
                );
                terminal.Out.LineInterpolated($"  MTU {OverlayMtu.Of(overlay).Explain()}");
                return Task.FromResult(ExitCode.Done);
            }
        );
        return command;
    }
}
