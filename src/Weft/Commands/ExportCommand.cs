using System.CommandLine;
using Spectre.Console;
using Weft.Core.Intents;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft export</c>: this host's container bridges, for the program that configures its network.</summary>
internal static class ExportCommand
{
    private const string Ifupdown = "ifupdown";
    private const string Networkd = "systemd-networkd";

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var format = new Argument<string>("FORMAT") { Description = $"{Ifupdown} or {Networkd}." };
        format.AcceptOnlyFromAmong(Ifupdown, Networkd);
        var file = CommonOptions.File();
        var host = CommonOptions.As();
        var directory = new Option<string?>("--directory", "-d")
        {
            Description = "Write files into this directory, which must be there.",
            HelpName = "DIRECTORY",
        };
        var command = new WeftCommand(
            "export",
            "Print this host's container bridges as configuration of ifupdown or systemd-networkd, for those who want them there."
        )
        {
            Examples =
            [
                (
                    "weft export ifupdown -d /etc/network/interfaces.d",
                    "bridges that are there before anything of Weft's runs"
                ),
                ("weft export systemd-networkd -d /etc/systemd/network", "the same"),
                ("weft export ifupdown --as host1 overlay.yaml", "print it"),
            ],
        };
        command.AddAll(format, file, host, directory);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var overlay = OverlayLoader.Load(parsed.GetValue(file), null, null);
                var name = OverlayLoader.RequireHost(overlay, parsed.GetValue(host));
                // Bridges are the same whichever datapath there is.
                var intent = IntentBuilder.Build(overlay, name, kernelDatapath: true);
                if (!intent.Links.OfType<BridgeLinkIntent>().Any())
                {
                    terminal.Notice($"overlay '{overlay.Name}' has no container bridge");
                    return ExitCode.Done;
                }
                var files =
                    parsed.GetValue(format) == Ifupdown
                        ? NetworkFiles.Ifupdown(intent)
                        : NetworkFiles.Networkd(intent);
                foreach (var (fileName, text) in files)
                {
                    if (parsed.GetValue(directory) is { } into)
                    {
                        var path = Path.Combine(into, fileName);
                        await File.WriteAllTextAsync(path, text, cancellationToken);
                        terminal.Out.WriteLine(path);
                    }
                    else
                    {
                        Console.Out.Write(
                            parsed.GetValue(format) == Ifupdown ? text : $"# {fileName}\n{text}\n"
                        );
                    }
                }
                return ExitCode.Done;
            }
        );
        return command;
    }
}
