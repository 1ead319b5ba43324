using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Planning;

namespace Weft.Rendering;

/// <summary>Shows how a host stands.</summary>
internal static class StatusView
{
    /// <summary>Writes for people.</summary>
    public static void Write(
        Output terminal,
        HostIntent intent,
        HostObservation observation,
        HostStatus status
    )
    {
        var verdict = status.IsHealthy ? "[green]as intended[/]" : "[red]not as intended[/]";
        terminal.Out.MarkupLine(
            $"[bold]{intent.Host.EscapeMarkup()}[/] in overlay [bold]{intent.Overlay.EscapeMarkup()}[/]: {verdict}"
        );
        terminal.Out.MarkupLineInterpolated(
            $"  [grey]{(observation.Switch.Version is { } version ? $"Open vSwitch {version}, " : "")}MTU {intent.Mtu!.Explain()}[/]"
        );
        var table = new Table().Border(TableBorder.None).HideHeaders();
        table.AddColumns("", "", "", "", "");
        foreach (var column in table.Columns)
        {
            column.NoWrap().Padding(0, 0, 2, 0);
        }
        table.Columns[4].NoWrap = false;
        foreach (var item in status.Items)
        {
            var (sign, color) = item.State switch
            {
                ItemState.Ok => ("✓", "green"),
                ItemState.Waiting => ("…", "grey"),
                ItemState.Missing => ("-", "red"),
                ItemState.Error => ("✗", "red"),
                _ => ("~", "yellow"),
            };
            table.AddRow(
                $"  [{color}]{sign}[/]",
                item.Kind,
                $"[bold]{item.Name.EscapeMarkup()}[/]",
                item.Intended.EscapeMarkup(),
                item.Detail is null ? "" : $"[{color}]{item.Detail.EscapeMarkup()}[/]"
            );
        }
        terminal.Out.Write(table);
        if (status.Blocked is { } blocked)
        {
            terminal.Out.MarkupLineInterpolated(
                $"  [grey]kept from crossing in plaintext since the host was started, packets of all tunnels: {blocked.ToString()}[/]"
            );
        }
        if (!status.Foreign.IsEmpty)
        {
            terminal.Out.MarkupLineInterpolated(
                $"  [grey]not Weft's, left alone: {string.Join(", ", status.Foreign)}[/]"
            );
        }
        foreach (var notice in status.Notices)
        {
            terminal.Notice(notice);
        }
        foreach (var conflict in status.Conflicts)
        {
            terminal.Fail(conflict.Message);
        }
        foreach (var change in status.Drift.OfType<GuardChange>().Where(change => change.IsOverdue))
        {
            terminal.Fail(
                $"the guard of {change.Name} is MISSING and its tunnel is there: packets may cross in plaintext, now"
            );
        }
        if (!status.Drift.IsEmpty)
        {
            terminal.Out.WriteLine("`weft apply` mends it.");
        }
    }

    /// <summary>Writes JSON.</summary>
    public static void WriteJson(
        TextWriter writer,
        HostIntent intent,
        HostObservation observation,
        HostStatus status
    ) =>
        writer.WriteLine(
            JsonSerializer.Serialize(
                Document(intent, observation, status),
                StatusJsonContext.Default.StatusDocument
            )
        );

    /// <summary>What there is to say, for programs.</summary>
    public static StatusDocument Document(
        HostIntent intent,
        HostObservation observation,
        HostStatus status
    ) =>
        new(
            intent.Overlay,
            intent.Host,
            status.IsHealthy,
            observation.Switch.Version,
            intent.Switch!.Userspace ? "userspace" : "kernel",
            intent.Mtu!.Bytes,
            [
                .. status.Items.Select(item => new StatusItemDocument(
                    item.Kind,
                    item.Name,
                    item.State.ToString().ToLowerInvariant(),
                    item.Intended,
                    item.Detail
                )),
            ],
            [
                .. status.Drift.Select(change => new DriftDocument(
                    change.Action.ToString().ToLowerInvariant(),
                    change.What,
                    change.Name,
                    change.Detail
                )),
            ],
            [.. status.Conflicts.Select(conflict => conflict.Message)],
            status.Notices,
            status.Foreign,
            status.Blocked is { } blocked ? new BlockedDocument(blocked.Out, blocked.In) : null
        );
}

internal sealed record StatusDocument(
    string Overlay,
    string Host,
    bool Healthy,
    string? OpenVSwitch,
    string Datapath,
    int Mtu,
    IReadOnlyList<StatusItemDocument> Items,
    IReadOnlyList<DriftDocument> Drift,
    IReadOnlyList<string> Conflicts,
    IReadOnlyList<string> Notices,
    IReadOnlyList<string> Foreign,
    BlockedDocument? Blocked
);

internal sealed record BlockedDocument(long Out, long In);

internal sealed record StatusItemDocument(
    string Kind,
    string Name,
    string State,
    string Intended,
    string? Detail
);

internal sealed record DriftDocument(string Action, string What, string Name, string Detail);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true
)]
[JsonSerializable(typeof(StatusDocument))]
internal sealed partial class StatusJsonContext : JsonSerializerContext;
