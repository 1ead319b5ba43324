using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Weft.Fleet;
using Weft.Health;
using Weft.Reachability;

namespace Weft.Tracing;

/// <summary>The whole path between two ends, as far as the hosts that were asked know it.</summary>
/// <param name="From">The sender's name.</param>
/// <param name="To">The receiver's name.</param>
/// <param name="Network">The network that both are in; null where there is none.</param>
/// <param name="There">The hops from sender to receiver.</param>
/// <param name="Back">The hops of the path back, where they differ.</param>
/// <param name="Answers">What became of the packets that were sent.</param>
/// <param name="Unasked">The hosts that gave no answer, and why.</param>
/// <param name="Wrong">The first thing that is wrong, which includes that nothing is known; null if nothing is wrong.</param>
internal sealed record TraceReport(
    string From,
    string To,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Network,
    ImmutableArray<TraceHop> There,
    ImmutableArray<TraceHop> Back,
    ImmutableArray<ProbeResult> Answers,
    ImmutableArray<UnaskedHost> Unasked,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] TraceHop? Wrong
)
{
    /// <summary>The report for two that share no network.</summary>
    public static TraceReport OfStrangers(string from, string to, string why) =>
        Of(
            from,
            to,
            null,
            [TraceHop.Of("any host", Way.Both, new Finding("overlay file", Verdict.Wrong, why))],
            [],
            [],
            []
        );

    /// <summary>Joins the halves. Pure.</summary>
    /// <param name="pair">The two ends.</param>
    /// <param name="halves">The halves that the hosts of both ends have returned, at most one for each end.</param>
    /// <param name="unasked">The hosts that gave no answer, and why.</param>
    /// <param name="asksSender">Whether the sender's host was to be asked: without its half the trace has failed.</param>
    public static TraceReport Of(
        TracePair pair,
        IReadOnlyCollection<TraceHalf> halves,
        IEnumerable<UnaskedHost> unasked,
        bool asksSender
    )
    {
        var (near, far) = (HalfOf(pair.From), HalfOf(pair.To));
        var report = Of(
            pair.From.Name,
            pair.To.Name,
            pair.Network,
            [
                // Two ends on one host share hops; the sender's half has reported them already.
                .. Leaving(near, own: false)
                    .Concat(Arriving(far, own: false))
                    .Concat(Told(near))
                    .DistinctBy(hop => (hop.Host, hop.What, hop.Words)),
            ],
            [
                .. Leaving(far, own: true)
                    .Concat(Arriving(near, own: true))
                    .Concat(Told(far))
                    .DistinctBy(hop => (hop.Host, hop.What, hop.Words)),
            ],
            [.. (near?.Answers ?? []).Concat(far?.Answers ?? [])],
            [.. unasked]
        );
        return report.Wrong is null && (report.Answers.IsEmpty || asksSender && near is null)
            ? report with
            {
                Wrong = TraceHop.Of(
                    pair.From.Host,
                    Way.Out,
                    new Finding(
                        $"packets of {pair.From.Name}",
                        Verdict.Wrong,
                        $"nothing is known of their way to {pair.To.Name}: "
                            + (
                                near is null
                                    ? $"{pair.From.Host} has not told its half"
                                    : "none were sent"
                            )
                    )
                ),
            }
            : report;

        TraceHalf? HalfOf(Resident one) =>
            halves.FirstOrDefault(half => half.Host == one.Host && half.Name == one.Name);
    }

    /// <summary>The report as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, TraceJson.Default.TraceReport);

    private static TraceReport Of(
        string from,
        string to,
        string? network,
        ImmutableArray<TraceHop> there,
        ImmutableArray<TraceHop> back,
        ImmutableArray<ProbeResult> answers,
        ImmutableArray<UnaskedHost> unasked
    ) =>
        new(
            from,
            to,
            network,
            there,
            back,
            answers,
            unasked,
            FirstWrong(
                [.. there, .. back],
                isLost: answers.Any(answer => answer.Outcome is not Outcome.Reached)
            )
        );

    // What a host knows of itself explains what another host sees of it. A doubt is to blame only where packets are lost.
    private static TraceHop? FirstWrong(TraceHop[] hops, bool isLost)
    {
        var wrong = Array.FindAll(hops, hop => hop.Verdict is Verdict.Wrong);
        return Array.Find(wrong, hop => !hop.Beyond)
            ?? (
                isLost
                    ? Array.Find(hops, hop => hop is { Verdict: Verdict.Doubtful, Beyond: false })
                    : null
            )
            ?? wrong.FirstOrDefault()
            ?? (isLost ? Array.Find(hops, hop => hop.Verdict is Verdict.Doubtful) : null);
    }

    private static IEnumerable<TraceHop> Leaving(TraceHalf? half, bool own) =>
        (half?.Hops ?? []).Where(hop => hop.Way is Way.Out || !own && hop.Way is Way.Both);

    private static IEnumerable<TraceHop> Arriving(TraceHalf? half, bool own) =>
        (half?.Hops ?? []).Reverse().Where(hop => hop.Way is Way.In || !own && hop.Way is Way.Both);

    private static IEnumerable<TraceHop> Told(TraceHalf? half) =>
        half?.Told is { } told ? [told] : [];
}
