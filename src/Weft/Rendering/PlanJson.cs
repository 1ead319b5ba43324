using System.Text.Json;
using System.Text.Json.Serialization;
using Weft.Core.Intents;
using Weft.Core.Planning;

namespace Weft.Rendering;

/// <summary>Plans as JSON.</summary>
internal static class PlanJson
{
    /// <summary>Writes an array with one object per host.</summary>
    public static void Write(
        TextWriter writer,
        IEnumerable<(HostIntent Intent, Plan Plan)> planned
    ) => writer.WriteLine(Text([.. planned.Select(pair => Of(pair.Intent, pair.Plan))]));

    /// <summary>An array of plans.</summary>
    public static string Text(PlanDocument[] plans) =>
        JsonSerializer.Serialize(plans, PlanJsonContext.Default.PlanDocumentArray);

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="JsonException">It is something else.</exception>
    public static IReadOnlyList<PlanDocument> Read(string json) =>
        JsonSerializer.Deserialize(json, PlanJsonContext.Default.PlanDocumentArray)
        ?? throw new JsonException("null is no plan");

    /// <summary>Converts one plan.</summary>
    /// <param name="intent">The intent that it is for.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="withCommands">Whether to include the commands, which take longer to produce than all the rest.</param>
    public static PlanDocument Of(HostIntent intent, Plan plan, bool withCommands = true) =>
        new(
            plan.Overlay,
            plan.Host,
            intent.Mtu is { } mtu
                ? new MtuDocument(
                    mtu.Bytes,
                    plan.FormerMtu,
                    mtu.Explain(),
                    mtu.Underlay,
                    mtu.SmallestHost,
                    [
                        .. mtu
                            .Encapsulation.Breakdown(mtu.Underlay)
                            .Select(part => new HeaderDocument(part.What, part.Bytes)),
                    ]
                )
                : null,
            intent.Switch?.Datapath,
            [
                .. plan.Changes.Select(change => new ChangeDocument(
                    change.Action.Word,
                    change.What,
                    change.Name,
                    change.Detail,
                    withCommands ? [.. change.Commands] : []
                )),
            ],
            [.. plan.Conflicts.Select(conflict => conflict.Message)],
            plan.Notices,
            plan.Interruptions,
            withCommands ? [.. plan.Commands] : []
        );
}

internal sealed record PlanDocument(
    string Overlay,
    string Host,
    MtuDocument? Mtu,
    string? Datapath,
    IReadOnlyList<ChangeDocument> Changes,
    IReadOnlyList<string> Conflicts,
    IReadOnlyList<string> Notices,
    IReadOnlyList<string> Interruptions,
    IReadOnlyList<string> Commands
)
{
    /// <summary>Whether the plan makes the overlay's MTU on the host smaller.</summary>
    [JsonIgnore]
    public bool Shrinks => Mtu is { Before: { } before, Bytes: var after } && after < before;
}

internal sealed record MtuDocument(
    int Bytes,
    int? Before,
    string Words,
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
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    WriteIndented = true
)]
[JsonSerializable(typeof(PlanDocument[]))]
internal sealed partial class PlanJsonContext : JsonSerializerContext;
