using Spectre.Console;
using Way = (string Network, Weft.Reachability.Endpoint From, Weft.Reachability.Endpoint To);

namespace Weft.Reachability;

/// <summary>Counts what became of the packets of many rounds.</summary>
internal sealed class ReachabilityWatch
{
    private const int MostSentences = 12;

    private readonly Dictionary<Way, Dictionary<int, Count>> ways = [];
    private readonly HashSet<string> silent = [];
    private ReachabilityReport? last;

    /// <summary>How many rounds there were.</summary>
    public long Rounds { get; private set; }

    /// <summary>Whether every packet of every round was answered.</summary>
    public bool IsWhole => Rounds > 0 && silent.Count == 0 && Lost == 0;

    private long Lost => Counts.Sum(count => count.Lost);

    private IEnumerable<Count> Counts => ways.Values.SelectMany(sizes => sizes.Values);

    /// <summary>Adds the results of a round.</summary>
    /// <param name="report">Who reached whom, with one packet per probe.</param>
    /// <param name="rounds">How many successive rounds had exactly this result.</param>
    public void Add(ReachabilityReport report, long rounds = 1)
    {
        Rounds += rounds;
        last = report;
        silent.UnionWith(report.Silent.Select(host => host.Why));
        foreach (var result in report.Results)
        {
            var way = (result.Network, result.From, result.To);
            if (!ways.TryGetValue(way, out var sizes))
            {
                ways[way] = sizes = [];
            }
            if (!sizes.TryGetValue(result.Size, out var count))
            {
                sizes[result.Size] = count = new Count();
            }
            count.Add(result, rounds);
        }
    }

    /// <summary>The current matrix, as lines of markup: the times of the last round, and what was lost since the first.</summary>
    /// <param name="width">How many columns there are.</param>
    public IEnumerable<string> Matrix(int width) =>
        last is null ? [] : ReachabilityTable.Matrix(last, width, Cell);

    /// <summary>The last round in a sentence.</summary>
    public string Verdict()
    {
        var now = last!
            .Results.GroupBy(result => (result.Network, result.From, result.To))
            .ToArray();
        var broken = now.Where(way => way.Any(ReachabilityTable.IsBroken)).ToArray();
        var times = last.Results.Select(result => result.Milliseconds).OfType<double>().ToArray();
        return broken.Length == 0
            ? $"all {now.Length} ways are open{Times(times)}"
            : $"{broken.Length} of {now.Length} ways are not open{Times(times)}: {string.Join(", ", broken.Take(MostSentences).Select(way => $"{way.Key.From.Name} → {way.Key.To.Name}"))}{(broken.Length > MostSentences ? ", …" : "")}";
    }

    /// <summary>All rounds, as lines of markup: one line in total, and one for each path that lost packets.</summary>
    /// <param name="elapsed">How long they took.</param>
    public IEnumerable<string> Summary(TimeSpan elapsed)
    {
        var worst = ways.Select(way =>
                (way.Key, Sizes: way.Value, Lost: way.Value.Values.Sum(one => one.Lost))
            )
            .Where(way => way.Lost > 0)
            .OrderByDescending(way => way.Lost)
            .ToArray();
        foreach (var (way, sizes, _) in worst.Take(MostSentences))
        {
            var losses = sizes
                .Where(size => size.Value.Lost > 0)
                .Select(size =>
                    $"{size.Key} bytes: {size.Value.Lost} of {size.Value.Sent} lost{(size.Value.Fits is { } fits ? $", up to {fits} bytes got through" : "")}"
                );
            yield return Markup.Escape(
                $"{way.From.Name} → {way.To.Name} ({way.From.Address} → {way.To.Address}), {string.Join("; ", losses)}"
            );
        }
        if (worst.Length > MostSentences)
        {
            yield return $"[dim]and {worst.Length - MostSentences} ways more[/]";
        }
        foreach (var host in silent)
        {
            yield return Markup.Escape(host);
        }
        var sent = Counts.Sum(count => count.Sent);
        yield return Markup.Escape(
            $"{Rounds} {(Rounds == 1 ? "round" : "rounds")} in {elapsed.TotalSeconds:0.0} s, {sent} packets, {(Lost == 0 ? "none" : $"{Lost} ({Percent(Lost, sent)})")} lost{Times([.. Counts.Where(count => count.Sent > count.Lost).SelectMany(count => new[] { count.Least, count.Mean, count.Most })], Mean())}"
        );
    }

    private double? Mean()
    {
        var answered = Counts.Sum(count => count.Sent - count.Lost);
        return answered == 0
            ? null
            : Counts.Sum(count => count.Mean * (count.Sent - count.Lost)) / answered;
    }

    private string Cell(ProbeResult[] results)
    {
        if (results.Length == 0)
        {
            return ReachabilityTable.Sign(results);
        }
        var counts = results
            .Select(result => ways[(result.Network, result.From, result.To)][result.Size])
            .ToArray();
        var (sent, lost) = (counts.Sum(count => count.Sent), counts.Sum(count => count.Lost));
        var fastest = results.Min(result => result.Milliseconds);
        return string.Join(
            ' ',
            new[]
            {
                ReachabilityTable.Sign(results),
                fastest is { } time ? Number(time) : "",
                results.Max(result => result.Fits) is { } fits ? $"[yellow]≤{fits}[/]" : "",
                lost > 0 ? $"[red]{Percent(lost, sent)} lost[/]" : "",
            }.Where(part => part.Length > 0)
        );
    }

    private static string Times(double[] times, double? mean = null) =>
        times.Length == 0
            ? ""
            : $", {Number(times.Min())}/{Number(mean ?? times.Average())}/{Number(times.Max())} ms";

    private static string Number(double milliseconds) => milliseconds.ToString("0.00");

    // Never 0% if something was lost, nor 100% if something was not.
    private static string Percent(long lost, long sent) =>
        (100.0 * lost / sent) switch
        {
            < 1 => "<1%",
            > 99 and < 100 => ">99%",
            var percent => percent.ToString("0'%'"),
        };

    private sealed class Count
    {
        private double sum;

        public long Sent { get; private set; }

        public long Lost { get; private set; }

        public double Least { get; private set; } = double.MaxValue;

        public double Most { get; private set; }

        public double Mean => Sent > Lost ? sum / (Sent - Lost) : 0;

        /// <summary>The size that got through when this size last did not.</summary>
        public int? Fits { get; private set; }

        public void Add(ProbeResult result, long rounds)
        {
            Sent += rounds;
            if (result.Milliseconds is { } time && result.Outcome is Outcome.Reached)
            {
                sum += time * rounds;
                Least = Math.Min(Least, time);
                Most = Math.Max(Most, time);
            }
            else
            {
                Lost += rounds;
                Fits = result.Fits ?? Fits;
            }
        }
    }
}
