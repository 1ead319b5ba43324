using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Weft.Health;
using Weft.Reachability;

namespace Weft.Tracing;

/// <summary>One host's half of a path: everything between the end that lives there and the wire.</summary>
/// <param name="Host">The host.</param>
/// <param name="Name">The end that lives there.</param>
/// <param name="Hops">The hops from that end to the wire.</param>
/// <param name="Answers">What became of the packets that it sent to the other end.</param>
/// <param name="Told">The finding about these packets; null where none were sent.</param>
internal sealed record TraceHalf(
    string Host,
    string Name,
    ImmutableArray<TraceHop> Hops,
    ImmutableArray<ProbeResult> Answers,
    TraceHop? Told = null
)
{
    /// <summary>The half of a host about which nothing but one finding is known.</summary>
    public static TraceHalf Of(string host, string name, Finding finding) =>
        new(host, name, [TraceHop.Of(host, Way.Both, finding)], []);
}

/// <summary>Which packets pass a hop: those that leave from the end on this host, those for it, or both.</summary>
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

/// <summary>One hop of a path, and its state.</summary>
/// <param name="Host">The host that reports it.</param>
/// <param name="Way">Which packets pass it.</param>
/// <param name="What">What it is, in two or three words.</param>
/// <param name="Verdict">How well it is.</param>
/// <param name="Words">What was seen, and what to do about it where something is wrong.</param>
/// <param name="Beyond">Whether it says what the host sees of others.</param>
internal sealed record TraceHop(
    string Host,
    Way Way,
    string What,
    Verdict Verdict,
    string Words,
    bool Beyond
)
{
    /// <summary>Makes a finding a hop of a path.</summary>
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
