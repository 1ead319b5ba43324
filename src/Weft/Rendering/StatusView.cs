using System.Text.Json.Serialization;
using Spectre.Console;
using Weft.Agent;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Planning;

namespace Weft.Rendering;

/// <summary>Shows the state of a host.</summary>
internal static class StatusView
{
    /// <summary>Writes the state for people.</summary>
    /// <param name="terminal">Where to.</param>
    /// <param name="host">The state.</param>
    /// <param name="mtu">How the MTU is computed.</param>
    /// <param name="agent">The host's agent; null where none answers.</param>
    public static void Write(Output terminal, StatusDocument host, string mtu, AgentDocument? agent)
    {
        var verdict = host.Healthy ? "[green]as intended[/]" : "[red]not as intended[/]";
        terminal.Out.Line(
            $"[bold]{host.Host.EscapeMarkup()}[/] in overlay [bold]{host.Overlay.EscapeMarkup()}[/]: {verdict}"
        );
        terminal.Out.LineInterpolated(
            $"  [grey]{(host.OpenVSwitch is { } version ? $"Open vSwitch {version}, " : "")}MTU {mtu}[/]"
        );
        if (agent is not null)
        {
            AgentView.Write(terminal, agent);
        }
        WriteItems(terminal.Out, host.Items);
        if (host.Blocked is { } blocked)
        {
            terminal.Out.LineInterpolated(
                $"  [grey]kept from crossing in plaintext since the host was started, packets of all tunnels: {new BlockedPackets(blocked.Out, blocked.In).ToString()}[/]"
            );
        }
        if (host.Foreign.Count > 0)
        {
            terminal.Out.LineInterpolated(
                $"  [grey]not Weft's, left alone: {string.Join(", ", host.Foreign)}[/]"
            );
        }
        foreach (var notice in host.Notices)
        {
            terminal.Notice(notice);
        }
        foreach (var conflict in host.Conflicts)
        {
            terminal.Fail(conflict);
        }
        if (host.Drift.Count > 0)
        {
            terminal.Out.WriteLine(
                agent is null ? "`weft apply` mends it." : "The agent mends what it can."
            );
        }
    }

    /// <summary>Writes a line for each item.</summary>
    internal static void WriteItems(IAnsiConsole console, IReadOnlyList<StatusItemDocument> items)
    {
        foreach (var line in AlignedRows.WithoutHeading([.. items.Select(Row)]))
        {
            console.Line(line);
        }
    }

    private static string[] Row(StatusItemDocument item)
    {
        var (sign, color) = item.State switch
        {
            "ok" => ("✓", "green"),
            "waiting" => ("…", "grey"),
            "missing" => ("-", "red"),
            "error" => ("✗", "red"),
            _ => ("~", "yellow"),
        };
        return
        [
            $"  [{color}]{sign}[/] {item.Kind}",
            $"[bold]{item.Name.EscapeMarkup()}[/]",
            item.Intended.EscapeMarkup(),
            item.Detail is null ? "" : $"[{color}]{item.Detail.EscapeMarkup()}[/]",
        ];
    }

    /// <summary>Warns of each tunnel that exists without its guard.</summary>
    public static void WarnOfPlaintext(Output terminal, HostStatus status)
    {
        foreach (var change in status.Drift.OfType<GuardChange>().Where(change => change.IsOverdue))
        {
            terminal.Fail(
                $"the guard of {change.Name} is MISSING and its tunnel is there: packets may cross in plaintext, now"
            );
        }
    }

    /// <summary>Converts the state for JSON.</summary>
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
            intent.Switch!.Datapath,
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
                    change.Action.Word,
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
    BlockedDocument? Blocked = null
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
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    WriteIndented = true
)]
[JsonSerializable(typeof(StatusDocument))]
internal sealed partial class StatusJsonContext : JsonSerializerContext;
