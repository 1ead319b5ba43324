using System.Text.Json;
using Weft.Fleet;

namespace Weft.Tracing;

/// <summary>Traces in a lab or a fleet: the hosts of the two are asked for their halves, which are put together.</summary>
internal static class FleetTracing
{
    /// <summary>Runs <c>weft trace</c> on each host of the two.</summary>
    /// <param name="runner">The hosts.</param>
    /// <param name="pair">The two.</param>
    /// <param name="arguments">What follows, besides who they are.</param>
    /// <param name="input">What each host reads.</param>
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

    /// <summary>Reads what a host has answered.</summary>
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
