using System.CommandLine;
using Weft.Core.Overlays;
using Weft.Rendering;
using Weft.Reporting;

namespace Weft.Commands;

/// <summary><c>weft report</c>: everything a maintainer would ask for, in one file.</summary>
internal static class ReportCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var options = new HostOptions(takesInput: false);
        var output = new Option<string?>("--out")
        {
            Description =
                "The archive to write; if not given: one named after host and time, here.",
            HelpName = "FILE.tar.gz",
        };
        var command = new WeftCommand(
            "report",
            "Pack what a maintainer would ask for into one archive, without keys and passwords: versions, the overlay file, status, plan, doctor, the switch's database, links, routes, policies, logs. It contains names and addresses: look into it before you pass it on."
        )
        {
            Examples =
            [
                ("weft report", "leaves weft-report-HOST-TIME.tar.gz here"),
                ("weft report --out /tmp/report.tar.gz", "in a file of that name"),
            ],
        };
        command.AddAll(options.With(output));
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var (file, words) = FileOf(options, parsed);
                var overlay = file is null ? null : OverlayOf(options, parsed);
                var host = overlay is null
                    ? null
                    : OverlayLoader.FindHost(overlay, parsed.GetValue(options.Host));
                var now = TimeProvider.System.GetUtcNow();
                var name = $"weft-report-{host ?? Environment.MachineName}-{now:yyyyMMdd-HHmmss}";
                var path = parsed.GetValue(output) ?? $"{name}.tar.gz";
                var report = new Report(file, overlay, host, options.DatabaseOf(parsed), words);
                var parts = await terminal.WhileAsync(
                    "Reading",
                    progress => report.ReadAsync(progress, cancellationToken)
                );
                await ReportArchive.WriteAsync(path, name, parts, now, cancellationToken);
                Show(terminal, path, parts);
                return ExitCode.Done;
            }
        );
        return command;
    }

    // A host without an overlay file has much to tell too.
    private static (string? File, IReadOnlyList<string> Words) FileOf(
        HostOptions options,
        ParseResult parsed
    )
    {
        try
        {
            return (options.FileInForceOf(parsed), options.Again(parsed));
        }
        catch (UsageException)
        {
            return (null, []);
        }
    }

    private static Overlay? OverlayOf(HostOptions options, ParseResult parsed)
    {
        try
        {
            return options.Load(parsed);
        }
        catch (InvalidOverlayException)
        {
            return null;
        }
    }

    private static void Show(Output terminal, string path, IReadOnlyList<ReportPart> parts)
    {
        var missing = parts.Where(part => part.Text is null).ToArray();
        foreach (var part in missing)
        {
            terminal.Notice($"{part.Name} is not in it: {part.Problem}");
        }
        terminal.Out.LineInterpolated(
            $"[green]✓[/] {path}: {parts.Count - missing.Length} files, {ReportArchive.Contents} lists them"
        );
        terminal.Out.Line(
            "  [dim]Keys and passwords were taken out; names and addresses are in it. Look before you give it away.[/]"
        );
    }
}
