using Spectre.Console;
using Weft.Core.Linux;
using Weft.Reachability;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft ping --watch</c>: round after round, until it is stopped.</summary>
/// <param name="ask">Asks everybody once, by one packet each.</param>
/// <param name="terminal">Where to show it.</param>
/// <param name="time">The clock.</param>
internal sealed class PingWatch(
    Func<CancellationToken, Task<ReachabilityReport>> ask,
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
    /// <returns>The exit code: failure if a packet was not answered, but success if nobody reads to the end.</returns>
    public async Task<int> RunAsync(
        TimeSpan interval,
        int? rounds,
        bool isJson,
        CancellationToken cancellationToken
    )
    {
        var started = time.GetTimestamp();
        if (!isJson && LiveView.IsWatched(terminal.Out))
        {
            await LiveView.RunAsync(
                terminal.Out,
                show =>
                    RoundsAsync(
                        interval,
                        rounds,
                        report => show([.. Lines(interval, report)]),
                        cancellationToken
                    )
            );
        }
        else if (
            !await RoundsAsync(
                interval,
                rounds,
                report =>
                {
                    Console.Out.WriteLine(isJson ? report.ToJsonLine() : Line());
                    foreach (var host in report.Silent)
                    {
                        terminal.Notice(host.Why);
                    }
                },
                cancellationToken
            )
        )
        {
            return ExitCode.Done;
        }
        if (!isJson)
        {
            Summarise(time.GetElapsedTime(started));
        }
        return watch.IsWhole ? ExitCode.Done : ExitCode.Failed;
    }

    /// <summary>Asks again and again.</summary>
    /// <returns>Whether somebody read to the end.</returns>
    private async Task<bool> RoundsAsync(
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
                if (!StandardStreams.IsOutputRead)
                {
                    return false;
                }
                var began = time.GetTimestamp();
                var report = await ask(cancellationToken);
                cancellationToken.ThrowIfCancellationRequested();
                watch.Add(report);
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
        return true;
    }

    private string Line() =>
        $"{time.GetLocalNow():HH:mm:ss}  round {watch.Rounds}: {watch.Verdict()}";

    private IEnumerable<string> Lines(TimeSpan interval, ReachabilityReport report) =>
        [
            .. watch.Matrix(terminal.Out.Profile.Width),
            .. report.Silent.Select(host => $"[red]✗[/] {Markup.Escape(host.Why)}"),
            Markup.Escape(Line()),
            $"[dim]one every {interval.TotalSeconds:0.#} s since {since:HH:mm:ss}; Ctrl-C ends it[/]",
        ];

    private void Summarise(TimeSpan elapsed)
    {
        var (sign, color) = watch.IsWhole ? ("✓", "green") : ("✗", "red");
        foreach (var line in watch.Summary(elapsed))
        {
            terminal.Out.Line($"[{color}]{sign}[/] {line}");
        }
    }
}
