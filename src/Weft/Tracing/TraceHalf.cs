using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Weft.Health;
using Weft.Reachability;

namespace Weft.Tracing;

/// <summary>What one host tells of its part of a way: everything between the one of the two that lives there and the wire.</summary>
/// <param name="Host">The host.</param>
/// <param name="Name">The one of the two.</param>
/// <param name="Hops">From that one to the wire.</param>
/// <param name="Answers">What became of the packets that it sent to the other.</param>
/// <param name="Told">What that means; null where none were sent.</param>
internal sealed record TraceHalf(
    string Host,
    string Name,
    ImmutableArray<TraceHop> Hops,
    ImmutableArray<ProbeResult> Answers,
    TraceHop? Told = null
)
{
    /// <summary>The half of a host of which nothing more can be known.</summary>
    public static TraceHalf Of(string host, string name, Finding finding) =>
        new(host, name, [TraceHop.Of(host, Way.Both, finding)], []);
}

/// <summary>Which packets pass something: those that leave from who lives on the host, or those for it.</summary>
internal enum Way
{
    /// <summary>Both.</summary>
    [JsonStringEnumMemberName("both")]
    Both,

    /// <summary>Those that leave.</summary>
    [JsonStringEnumMemberName("out")]
    Out,

    /// <summary>Those that arrive.</summary>
    [JsonStringEnumMemberName("in")]
    In,
}

/// <summary>One thing on the way, and what is true of it.</summary>
/// <param name="Host">The host that tells.</param>
/// <param name="Way">Which packets pass it.</param>
/// <param name="What">What it is, in two or three words.</param>
/// <param name="Verdict">How it is.</param>
/// <param name="Words">What was seen, and what to do about it where something is wrong.</param>
/// <param name="Beyond">Whether it tells what the host sees of others.</param>
internal sealed record TraceHop(
    string Host,
    Way Way,
    string What,
    Verdict Verdict,
    string Words,
    bool Beyond
)
{
    /// <summary>A finding as a part of a way.</summary>
    public static TraceHop Of(string host, Way way, Finding finding) =>
        new(host, way, finding.What, finding.Verdict, finding.Words, finding.Beyond);
}

/// <summary>How traces are written as JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    WriteIndented = true,
    Converters = [typeof(AddressConverter)]
)]
[JsonSerializable(typeof(TraceHalf[]))]
[JsonSerializable(typeof(TraceReport))]
internal sealed partial class TraceJson : JsonSerializerContext;
