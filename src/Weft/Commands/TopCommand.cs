using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Weft.Fleet;
using Weft.Labs;
using Weft.Rendering;
using Weft.Traffic;

namespace Weft.Commands;

/// <summary><c>weft top</c>: what carries how much.</summary>
internal static class TopCommand
{
    private const double DefaultInterval = 1;
    private const double LongestInterval = 3600;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var options = new HostOptions();
        var lab = new Option<string?>("--lab")
        {
            Description = "All hosts of this lab; of the only one where no name is given.",
            HelpName = "NAME",
            Arity = ArgumentArity.ZeroOrOne,
        };
        lab.CompletionSources.Add(LabNames.Complete);
        var once = new Option<bool>("--once")
        {
            Description =
                "Show it once, and end: as soon as enough is known, up to ten seconds for tunnels. So it is where nobody watches.",
        };
        var interval = new Option<double>("--interval")
        {
            Description = "Seconds from one look to the next.",
            HelpName = "SECONDS",
            DefaultValueFactory = _ => DefaultInterval,
        };
        var json = new Option<bool>("--json") { Description = "Write JSON, a line each time." };
        var counters = new Option<bool>("--counters")
        {
            Description =
                "Write what this host's links and tunnels have carried since they were made, as JSON, and no rates.",
        };
        var command = new WeftCommand(
            "top",
            "Show how much tunnels and containers carry, live, what carries most first. IN is what arrives at the container, or by the tunnel at this host."
        )
        {
            Examples =
            [
                ("weft top", "this host, until Ctrl-C"),
                ("weft top --lab", "all hosts of the lab"),
                ("weft top --once", "one table, for scripts and mails"),
                ("weft top --json --interval 10", "for scripts: a line every ten seconds"),
            ],
        };
        command.AddAll(options.With(lab, once, interval, json, counters));
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var seconds = parsed.GetValue(interval);
                if (seconds is not (>= 0.1 and <= LongestInterval))
                {
                    throw new UsageException(
                        $"--interval takes seconds, from 0.1 to {LongestInterval}"
                    );
                }
                Machine.RequireRoot();
                await using var session = parsed.GetResult(lab) is null
                    ? await options.OpenAsync(parsed, cancellationToken)
                    : null;
                var fleet = session is null ? Lab.Open(parsed.GetValue(lab)) : null;
                if (parsed.GetValue(counters))
                {
                    foreach (var sample in await ReadAsync(cancellationToken))
                    {
                        Console.Out.WriteLine(sample.ToJson());
                    }
                    return ExitCode.Done;
                }
                var view = new TopView(ReadAsync, terminal, TimeProvider.System);
                await view.RunAsync(
                    TimeSpan.FromSeconds(seconds),
                    parsed.GetValue(once)
                        || !parsed.GetValue(json) && !LiveView.IsWatched(terminal.Out),
                    parsed.GetValue(json),
                    cancellationToken
                );
                return ExitCode.Done;

                async Task<IReadOnlyList<TrafficSample>> ReadAsync(CancellationToken token) =>
                    session is not null
                        ? [await TrafficSample.ReadAsync(session, TimeProvider.System, token)]
                        : await OfLabAsync(fleet!, token);
            }
        );
        return command;
    }

    private static async Task<IReadOnlyList<TrafficSample>> OfLabAsync(
        Lab lab,
        CancellationToken cancellationToken
    )
    {
        var answers = await new LabRunner(lab).AskAllAsync(
            host => ["top", "--counters", "--as", host],
            cancellationToken: cancellationToken
        );
        return
        [
            .. answers.Select(answer =>
            {
                try
                {
                    return TrafficSample.FromJson(answer.Output);
                }
                catch (JsonException)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    throw new LabException(answer.Why("could not be asked what it carries"));
                }
            }),
        ];
    }

    /// <summary>Looks again and again.</summary>
    private sealed class TopView(
        Func<CancellationToken, Task<IReadOnlyList<TrafficSample>>> read,
        Output terminal,
        TimeProvider time
    )
    {
        public async Task RunAsync(
            TimeSpan interval,
            bool isOnce,
            bool isJson,
            CancellationToken cancellationToken
        )
        {
            try
            {
                if (isOnce || isJson)
                {
                    await WriteAsync(interval, isOnce, isJson, cancellationToken);
                }
                else
                {
                    await LiveView.RunAsync(
                        terminal.Out,
                        show => ShowAsync(show, interval, cancellationToken)
                    );
                }
            }
            catch (OperationCanceledException)
                when (!isOnce && cancellationToken.IsCancellationRequested)
            {
                // Ctrl-C is how it ends.
            }
        }

        private async Task WriteAsync(
            TimeSpan interval,
            bool isOnce,
            bool isJson,
            CancellationToken cancellationToken
        )
        {
            await foreach (var report in ReportsAsync(interval, isOnce, cancellationToken))
            {
                if (isJson)
                {
                    Console.Out.WriteLine(report.ToJson());
                    continue;
                }
                foreach (var line in TrafficTable.Lines(report.Flows))
                {
                    terminal.Out.MarkupLine(line);
                }
            }
        }

        private async Task ShowAsync(
            Action<IReadOnlyList<string>> show,
            TimeSpan interval,
            CancellationToken cancellationToken
        )
        {
            await foreach (var report in ReportsAsync(interval, isOnce: false, cancellationToken))
            {
                show([Heading(report.Time, interval), "", .. TrafficTable.Lines(report.Flows)]);
            }
        }

        /// <summary>Reports without end; or the first one that has all, alone.</summary>
        private async IAsyncEnumerable<TrafficReport> ReportsAsync(
            TimeSpan interval,
            bool isOnce,
            [System.Runtime.CompilerServices.EnumeratorCancellation]
                CancellationToken cancellationToken
        )
        {
            var meter = new TrafficMeter();
            meter.Add(await read(cancellationToken));
            while (true)
            {
                await Task.Delay(interval, time, cancellationToken);
                var report = new TrafficReport(
                    time.GetUtcNow(),
                    meter.Add(await read(cancellationToken))
                );
                if (!isOnce)
                {
                    yield return report;
                }
                else if (meter.IsSettled)
                {
                    yield return report;
                    yield break;
                }
            }
        }

        private static string Heading(DateTimeOffset at, TimeSpan interval) =>
            string.Create(
                CultureInfo.InvariantCulture,
                $"[dim]{at.ToLocalTime():HH:mm:ss}, every {interval.TotalSeconds:0.#} s; tunnels as Open vSwitch counts them, every 5 s or as it is told; Ctrl-C ends it[/]"
            );
    }
}
