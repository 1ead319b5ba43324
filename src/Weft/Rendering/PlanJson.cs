using System.Text.Json;
using System.Text.Json.Serialization;
using Weft.Core.Intents;
using Weft.Core.Planning;

namespace Weft.Rendering;

/// <summary>Plans as JSON.</summary>
internal static class PlanJson
{
    /// <summary>Writes an array with one object a host.</summary>
    public static void Write(
        TextWriter writer,
        IEnumerable<(HostIntent Intent, Plan Plan)> planned
    ) =>
        writer.WriteLine(
            JsonSerializer.Serialize(
                [.. planned.Select(pair => Of(pair.Intent, pair.Plan))],
                PlanJsonContext.Default.PlanDocumentArray
            )
        );

    /// <summary>One plan.</summary>
    public static PlanDocument Of(HostIntent intent, Plan plan) =>
        new(
            plan.Overlay,
            plan.Host,
            intent.Mtu is { } mtu
                ? new MtuDocument(
                    mtu.Bytes,
                    mtu.Underlay,
                    mtu.SmallestHost,
                    [
                        .. mtu
                            .Encapsulation.Breakdown(mtu.Underlay)
                            .Select(part => new HeaderDocument(part.What, part.Bytes)),
                    ]
                )
                : null,
            [
                .. plan.Changes.Select(change => new ChangeDocument(
                    change.Action.ToString().ToLowerInvariant(),
                    change.What,
                    change.Name,
                    change.Detail,
                    [.. change.Commands]
                )),
            ],
            [.. plan.Conflicts.Select(conflict => conflict.Message)],
            plan.Notices
        );
}

internal sealed record PlanDocument(
    string Overlay,
    string Host,
    MtuDocument? Mtu,
    IReadOnlyList<ChangeDocument> Changes,
    IReadOnlyList<string> Conflicts,
    IReadOnlyList<string> Notices
);

internal sealed record MtuDocument(
    int Bytes,
    int Underlay,
    string SmallestHost,
    IReadOnlyList<HeaderDocument> Headers
);

internal sealed record HeaderDocument(string What, int Bytes);

internal sealed record ChangeDocument(
    string Action,
    string What,
    string Name,
    string Detail,
    IReadOnlyList<string> Commands
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true
)]
[JsonSerializable(typeof(PlanDocument[]))]
internal sealed partial class PlanJsonContext : JsonSerializerContext;
