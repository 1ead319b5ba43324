using System.Collections.Immutable;
using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;
using Weft.Core;
using Weft.Fleet;
using Weft.Health;
using Weft.Ovsdb;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft doctor</c>: looks for what kills an overlay in practice.</summary>
internal static class DoctorCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var options = new HostOptions();
        var json = CommonOptions.Json();
        var fleet = new FleetOptions();
        var command = new WeftCommand(
            "doctor",
            "Look for what keeps the overlay from working on this host, or on others, and say what to do."
        )
        {
            Examples =
            [
                ("weft doctor", "exit code 1 if something is wrong"),
                ("weft doctor --json", "for scripts"),
                ("weft doctor --all", "on all hosts, over SSH"),
            ],
        };
        command.AddAll(options.With([json, .. fleet.All]));
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                if (fleet.IsMeant(parsed, options.Host))
                {
                    await using var hosts = fleet.Open(parsed, options);
                    return await FleetAsk.DoctorAsync(
                        terminal,
                        hosts,
                        options.Overrides(parsed),
                        parsed.GetValue(json),
                        cancellationToken
                    );
                }
                var findings = await terminal.WhileAsync(
                    "Looking",
                    _ => ExamineAsync(options, parsed, cancellationToken)
                );
                if (parsed.GetValue(json))
                {
                    Console.Out.WriteLine(
                        JsonSerializer.Serialize([.. findings], FindingJson.Default.FindingArray)
                    );
                }
                else
                {
                    Write(terminal, findings);
                }
                return findings.Any(finding => finding.Verdict is Verdict.Wrong)
                    ? ExitCode.Failed
                    : ExitCode.Done;
            }
        );
        return command;
    }

    private static async Task<ImmutableArray<Finding>> ExamineAsync(
        HostOptions options,
        ParseResult parsed,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await using var session = await options.OpenAsync(parsed, cancellationToken);
            return await new Doctor(session, TimeProvider.System).ExamineAsync(cancellationToken);
        }
        catch (HostException exception) when (exception.InnerException is OvsdbConnectionException)
        {
            return [Finding.OfSilentSwitch(exception)];
        }
    }

    /// <summary>Writes findings under one another.</summary>
    internal static void WriteLines(Output terminal, IReadOnlyCollection<Finding> findings)
    {
        var width = findings.Select(finding => finding.What.Length).DefaultIfEmpty().Max();
        foreach (var finding in findings)
        {
            terminal.Out.Line(
                $"{finding.Verdict.Mark} {finding.What.PadRight(width).EscapeMarkup()}  {finding.Words.EscapeMarkup()}"
            );
        }
    }

    private static void Write(Output terminal, IReadOnlyList<Finding> findings)
    {
        WriteLines(terminal, findings);
        var wrong = findings.Count(finding => finding.Verdict is Verdict.Wrong);
        terminal.Out.WriteLine();
        terminal.Out.Line(wrong == 0 ? "[green]nothing is wrong[/]" : $"[red]{wrong} wrong[/]");
    }
}

/// <summary>How findings are written as JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    UseStringEnumConverter = true,
    WriteIndented = true
)]
[JsonSerializable(typeof(Finding[]))]
internal sealed partial class FindingJson : JsonSerializerContext;
