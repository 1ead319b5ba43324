using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Weft.Fleet;

namespace Weft.Reachability;

/// <summary>Who reached whom.</summary>
/// <param name="Overlay">The name of the overlay.</param>
/// <param name="Results">Each probe and what became of it, in the order of the overlay file.</param>
/// <param name="Time">When the results were complete; missing in reports of earlier versions.</param>
/// <param name="Silent">The hosts that could not be asked, and why: whom they reach is unknown.</param>
internal sealed record ReachabilityReport(
    string Overlay,
    ImmutableArray<ProbeResult> Results,
    DateTimeOffset Time = default,
    ImmutableArray<UnaskedHost> Silent = default
)
{
    /// <summary>The hosts that could not be asked, and why: whom they reach is unknown.</summary>
    public ImmutableArray<UnaskedHost> Silent { get; init; } = Silent.IsDefault ? [] : Silent;

    /// <summary>How many source-destination pairs were not tried.</summary>
    public long Unasked { get; init; }

    /// <summary>Whether every host was asked, and all who should reach each other do, at every size.</summary>
    public bool Reachable =>
        Silent.IsEmpty && Results.All(result => result.Outcome is Outcome.Reached);

    /// <summary>The report as JSON.</summary>
    public string ToJson() =>
        JsonSerializer.Serialize(this, ReachabilityJson.Default.ReachabilityReport);

    /// <summary>The report as JSON on one line.</summary>
    public string ToJsonLine() =>
        JsonSerializer.Serialize(this, ReachabilityJson.OneLine.ReachabilityReport);

    /// <summary>Reads a report.</summary>
    /// <exception cref="JsonException">It is not a report.</exception>
    public static ReachabilityReport FromJson(string json) =>
        JsonSerializer.Deserialize(json, ReachabilityJson.Default.ReachabilityReport)
        ?? throw new JsonException("null is no report");
}

/// <summary>A probe and what became of it.</summary>
internal sealed record ProbeResult(
    string Network,
    Endpoint From,
    Endpoint To,
    int Size,
    Outcome Outcome,
    double? Milliseconds = null,
    string? Detail = null
)
{
    /// <summary>
    /// The size in bytes of the largest packet that gets through, where a smaller one does and this one does not.
    /// </summary>
    public int? Fits { get; init; }

    /// <summary>Puts a probe and its answer together.</summary>
    public static ProbeResult Of(Probe probe, Answer answer) =>
        new(
            probe.Network,
            probe.From,
            probe.To,
            probe.Size,
            answer.Outcome,
            answer.Milliseconds is { } milliseconds ? Math.Round(milliseconds, 3) : null,
            answer.Detail
        );
}

/// <summary>How a report is written as JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    WriteIndented = true,
    Converters = [typeof(AddressConverter)]
)]
[JsonSerializable(typeof(ReachabilityReport))]
internal sealed partial class ReachabilityJson : JsonSerializerContext
{
    private static ReachabilityJson? oneLine;

    /// <summary>The same without line breaks.</summary>
    public static ReachabilityJson OneLine =>
        oneLine ??= new(new JsonSerializerOptions(Default.Options) { WriteIndented = false });
}

/// <summary>An IP address as a JSON string.</summary>
internal sealed class AddressConverter : JsonConverter<IPAddress>
{
    /// <inheritdoc/>
    public override IPAddress Read(
        ref Utf8JsonReader reader,
        Type typeToConvert,
        JsonSerializerOptions options
    ) =>
        IPAddress.TryParse(reader.GetString(), out var address)
            ? address
            : throw new JsonException("not an IP address");

    /// <inheritdoc/>
    public override void Write(
        Utf8JsonWriter writer,
        IPAddress value,
        JsonSerializerOptions options
    ) => writer.WriteStringValue(value.ToString());
}
