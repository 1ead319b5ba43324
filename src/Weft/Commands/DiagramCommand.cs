using System.CommandLine;
using Weft.Diagrams;

namespace Weft.Commands;

/// <summary><c>weft diagram</c>: the overlay as a picture.</summary>
internal static class DiagramCommand
{
    private const string Svg = "svg";
    private const string Mermaid = "mermaid";

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var file = CommonOptions.File();
        var format = new Option<string?>("--format")
        {
            Description =
                $"{Svg} for browsers and documents, {Mermaid} for pages in Markdown; if not given: as the name of --out says, else {Svg}.",
            HelpName = "FORMAT",
        };
        format.AcceptOnlyFromAmong(Svg, Mermaid);
        var output = new Option<string?>("--out")
        {
            Description = "The file to write; if not given: standard output.",
            HelpName = "FILE",
        };
        var command = new WeftCommand(
            "diagram",
            "Draw the overlay as its file says: hosts, networks by colour, containers, tunnels, addresses."
        )
        {
            Examples =
            [
                ("weft diagram overlay.yaml --out overlay.svg", "for a browser, light and dark"),
                ("weft diagram --format mermaid overlay.yaml", "to be pasted into Markdown"),
            ],
        };
        command.AddAll(file, format, output);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var overlay = OverlayLoader.Load(parsed.GetValue(file), null, null);
                var path = parsed.GetValue(output);
                var text = new StringWriter();
                if ((parsed.GetValue(format) ?? FormatOf(path)) == Mermaid)
                {
                    MermaidDiagram.Write(text, overlay);
                    if (text.GetStringBuilder().Length > MermaidDiagram.UsualLimit)
                    {
                        terminal.Notice(
                            $"the diagram has more than the {MermaidDiagram.UsualLimit} letters that Mermaid draws unless it is told to (maxTextSize): SVG has no limit"
                        );
                    }
                }
                else
                {
                    SvgDiagram.Write(text, overlay);
                }
                if (path is null)
                {
                    Console.Out.Write($"{text}");
                }
                else
                {
                    await File.WriteAllTextAsync(path, $"{text}", cancellationToken);
                }
                return ExitCode.Done;
            }
        );
        return command;
    }

    private static string FormatOf(string? path) =>
        Path.GetExtension(path) is ".mmd" or ".mermaid" or ".md" ? Mermaid : Svg;
}
