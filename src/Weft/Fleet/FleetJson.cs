using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Weft.Rendering;

namespace Weft.Fleet;

/// <summary>Writes the results of many hosts as JSON.</summary>
internal static class FleetJson
{
    /// <summary>Writes what was planned and done: one object per host.</summary>
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

    /// <summary>Writes the hosts' answers, which are JSON themselves.</summary>
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

/// <summary>The result of one host.</summary>
/// <param name="Host">The host.</param>
/// <param name="ExitCode">Weft's exit code there; 1 where it was not run.</param>
/// <param name="Unreached">Why it was not run; null where it was.</param>
/// <param name="Remarks">What weft wrote to standard error.</param>
/// <param name="Result">The JSON that the command itself writes on the host; for a command that changes a host, its plan.</param>
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
