using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Weft.Rendering;

namespace Weft.Fleet;

/// <summary>What came of many hosts, for programs.</summary>
internal static class FleetJson
{
    /// <summary>Writes what was planned and done: one object a host.</summary>
    public static void Write(
        TextWriter writer,
        IReadOnlyList<HostPlan> planned,
        IReadOnlyList<HostAnswer> answers
    )
    {
        var carriedOut = answers.ToDictionary(answer => answer.Host, StringComparer.Ordinal);
        Write(
            writer,
            planned.Select(one =>
            {
                var answer = carriedOut.GetValueOrDefault(one.Host);
                return new HostOutcome(
                    one.Host,
                    answer?.ExitCode ?? ExitCode.Failed,
                    answer?.Unreached ?? one.Why,
                    answer?.Remarks ?? [.. one.Plan?.Conflicts ?? []],
                    one.Plan is null
                        ? null
                        : JsonNode.Parse(PlanJson.Text([one.Plan]))![0]!.DeepClone()
                );
            })
        );
    }

    /// <summary>Writes what each host answered, which is JSON itself.</summary>
    public static void Write(TextWriter writer, IReadOnlyList<HostAnswer> answers) =>
        Write(
            writer,
            answers.Select(answer => new HostOutcome(
                answer.Host,
                answer.ExitCode,
                answer.Unreached,
                answer.IsUnread ? [answer.Fault] : answer.Remarks,
                Parse(answer.Output)
            ))
        );

    private static void Write(TextWriter writer, IEnumerable<HostOutcome> hosts) =>
        writer.WriteLine(
            JsonSerializer.Serialize([.. hosts], FleetJsonContext.Default.HostOutcomeArray)
        );

    private static JsonNode? Parse(string json)
    {
        try
        {
            return JsonNode.Parse(json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>What came of one host.</summary>
/// <param name="Host">The host.</param>
/// <param name="ExitCode">Weft's exit code there; 1 where it was not run.</param>
/// <param name="Unreached">Why it was not run; null where it was.</param>
/// <param name="Remarks">What weft said beside it.</param>
/// <param name="Result">What the command alone writes on the host as JSON; for what changes a host, its plan.</param>
internal sealed record HostOutcome(
    string Host,
    int ExitCode,
    string? Unreached,
    IReadOnlyList<string> Remarks,
    JsonNode? Result
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true
)]
[JsonSerializable(typeof(HostOutcome[]))]
internal sealed partial class FleetJsonContext : JsonSerializerContext;
