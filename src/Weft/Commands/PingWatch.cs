using System.Globalization;
using Spectre.Console;
using Weft.Reachability;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft ping --watch</c>: round after round, until it is stopped.</summary>
/// <param name="ask">Asks everybody once, by one packet each; and tells who could not be asked, and why.</param>
/// <param name="terminal">Where to show it.</param>
/// <param name="time">The clock.</param>
internal sealed class PingWatch(
    Func<CancellationToken, Task<(ReachabilityReport Report, IReadOnlyList<string> Silent)>> ask,
    Output terminal,
    TimeProvider time
)
{
    private readonly ReachabilityWatch watch = new();
    private readonly DateTimeOffset since = time.GetLocalNow();

    /// <summary>Watches.</summary>
    /// <param name="interval">From the beginning of one round to that of the next, unless the round takes longer.</param>
    /// <param name="rounds">How many rounds; null until it is stopped.</param>
    /// <param name="isJson">Whether each round is a line of JSON.</param>
    /// <param name="cancellationToken">Stops it, which is its end and no failure.</param>
    /// <returns>The exit code: whether every packet was answered.</returns>
    public async Task<int> RunAsync(
        TimeSpan interval,
        int? rounds,
        bool isJson,
        CancellationToken cancellationToken
    )
    {
        var started = time.GetTimestamp();
        if (isJson)
        {
            await RoundsAsync(
                interval,
                rounds,
                report => Console.Out.WriteLine(report.ToJsonLine()),
                cancellationToken
            );
        }
        else
        {
            if (LiveView.IsWatched(terminal.Out))
            {
                await LiveView.RunAsync(
                    terminal.Out,
                    show =>
                        RoundsAsync(
                            interval,
                            rounds,
                            _ => show([.. Lines(interval)]),
                            cancellationToken
                        )
                );
            }
            else
            {
                await RoundsAsync(
                    interval,
                    rounds,
                    _ =>
                        Console.Out.WriteLine(
                            $"{time.GetLocalNow():HH:mm:ss}  {watch.Rounds}  {watch.Verdict()}"
                        ),
                    cancellationToken
                );
            }
            Summarise(time.GetElapsedTime(started));
        }
        return watch.IsWhole ? ExitCode.Done : ExitCode.Failed;
    }

    private async Task RoundsAsync(
        TimeSpan interval,
        int? rounds,
        Action<ReachabilityReport> show,
        CancellationToken cancellationToken
    )
    {
        try
        {
            while (rounds is not { } most || watch.Rounds < most)
            {
                var began = time.GetTimestamp();
                var (report, silent) = await ask(cancellationToken);
                cancellationToken.ThrowIfCancellationRequested();
                watch.Add(report, silent);
                foreach (var host in silent)
                {
                    if (!LiveView.IsWatched(terminal.Out))
                    {
                        terminal.Notice(host);
                    }
                }
                show(report);
                var left = interval - time.GetElapsedTime(began);
                if (left > TimeSpan.Zero && watch.Rounds != rounds)
                {
                    await Task.Delay(left, time, cancellationToken);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Ctrl-C is how a watch ends.
        }
    }

    private IEnumerable<string> Lines(TimeSpan interval) =>
        [
            .. watch.Matrix(terminal.Out.Profile.Width),
            $"{time.GetLocalNow():HH:mm:ss}  {Markup.Escape(watch.Verdict())}",
            string.Create(
                CultureInfo.InvariantCulture,
                $"[dim]round {watch.Rounds} since {since:HH:mm:ss}, one every {interval.TotalSeconds:0.#} s; Ctrl-C ends it[/]"
            ),
        ];

    private void Summarise(TimeSpan elapsed)
    {
        var (sign, color) = watch.IsWhole ? ("✓", "green") : ("✗", "red");
        foreach (var line in watch.Summary(elapsed))
        {
            terminal.Out.MarkupLine($"[{color}]{sign}[/] {line}");
        }
    }
}
