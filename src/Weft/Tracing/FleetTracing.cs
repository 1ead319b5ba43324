using System.Text.Json;
using Weft.Fleet;

namespace Weft.Tracing;

/// <summary>Traces in a lab or a fleet: asks the hosts at both ends for their halves of the path and joins them.</summary>
internal static class FleetTracing
{
    /// <summary>Runs <c>weft trace</c> on the hosts at both ends.</summary>
    /// <param name="runner">The hosts.</param>
    /// <param name="pair">The two ends.</param>
    /// <param name="arguments">More arguments for it, besides the two ends.</param>
    /// <param name="input">The standard input of each run.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<TraceReport> AskAsync(
        IHostRunner runner,
        TracePair pair,
        IReadOnlyList<string> arguments,
        ReadOnlyMemory<byte> input = default,
        CancellationToken cancellationToken = default
    )
    {
        var told = await HostRunners.EachAsync(
            [.. new[] { pair.From.Host, pair.To.Host }.Distinct()],
            HostRunners.DefaultJobs,
            async (host, cancellation) =>
                Read(
                    runner.Hosts.Contains(host)
                        ? await runner.AskAsync(
                            host,
                            [
                                "trace",
                                $"{pair.FromAddress}",
                                $"{pair.ToAddress}",
                                "--half",
                                "--as",
                                host,
                                .. arguments,
                            ],
                            input,
                            cancellation
                        )
                        : new HostAnswer(host, null, "it is none of those that were to be asked")
                ),
            done: null,
            cancellationToken
        );
        return TraceReport.Of(
            pair,
            [.. told.SelectMany(one => one.Halves)],
            told.Select(one => one.Unasked).OfType<UnaskedHost>(),
            asksSender: true
        );
    }

    /// <summary>Parses the answer of a host.</summary>
    internal static (TraceHalf[] Halves, UnaskedHost? Unasked) Read(HostAnswer answer)
    {
        try
        {
            return (
                JsonSerializer.Deserialize(answer.Output, TraceJson.Default.TraceHalfArray)
                    ?? throw new JsonException("null is no trace"),
                null
            );
        }
        catch (JsonException)
        {
            return ([], new UnaskedHost(answer.Host, answer.Fault));
        }
    }
}
