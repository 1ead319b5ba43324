using System.Collections.Immutable;
using System.CommandLine;
using Spectre.Console;
using Weft.Core.Linux;
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
        var lab = CommonOptions.Lab(
            "All hosts of this lab; of the only one where no name is given.",
            mayBeBare: true
        );
        var once = new Option<bool>("--once")
        {
            Description =
                "Show it once and end, as soon as enough is known: up to ten seconds for tunnels. This is the default without a terminal.",
        };
        var interval = new Option<double>("--interval")
        {
            Description = "Seconds between two readings.",
            HelpName = "SECONDS",
            DefaultValueFactory = _ => DefaultInterval,
        };
        var json = new Option<bool>("--json") { Description = "Write JSON, a line each time." };
        var counters = new Option<bool>("--counters")
        {
            Description =
                "Write what links and tunnels have carried since they were made, without rates, as JSON, one line for each host.",
        };
        var fleet = new FleetOptions();
        var command = new WeftCommand(
            "top",
            "Show live how much tunnels and containers carry, busiest first. IN is what arrives at the container, or through the tunnel at this host."
        )
        {
            Examples =
            [
                ("weft top", "this host, until Ctrl-C"),
                ("weft top --all", "all hosts of the overlay, over SSH"),
                ("weft top --lab", "all hosts of the lab"),
                ("weft top --once", "one table, for scripts and mails"),
                ("weft top --json --interval 10", "for scripts: a line every ten seconds"),
            ],
        };
        command.AddAll(options.With([lab, once, interval, json, counters, .. fleet.All]));
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
                var overSsh = fleet.IsMeant(parsed, options.Host, lab);
                if (!overSsh)
                {
                    HostSession.RequireRoot();
                }
                await using var hosts = overSsh ? fleet.Open(parsed, options) : null;
                var ofLab = parsed.GetResult(lab) is null ? null : Lab.Open(parsed.GetValue(lab));
                await using var session =
                    overSsh || ofLab is not null
                        ? null
                        : await options.OpenAsync(parsed, cancellationToken);
                if (parsed.GetValue(counters))
                {
                    var (samples, silent) = await ReadAsync(cancellationToken);
                    foreach (var sample in samples)
                    {
                        Console.Out.WriteLine(sample.ToJson());
                    }
                    foreach (var one in silent)
                    {
                        terminal.Fail(one.Why);
                    }
                    return silent.IsEmpty ? ExitCode.Done : ExitCode.Failed;
                }
                return await new TopView(ReadAsync, terminal, TimeProvider.System).RunAsync(
                    TimeSpan.FromSeconds(seconds),
                    parsed.GetValue(once)
                        || !parsed.GetValue(json) && !LiveView.IsWatched(terminal.Out),
                    parsed.GetValue(json),
                    cancellationToken
                );

                async Task<(IReadOnlyList<TrafficSample>, ImmutableArray<UnaskedHost>)> ReadAsync(
                    CancellationToken token
                ) =>
                    session is not null
                        ? ([await TrafficSample.ReadAsync(session, TimeProvider.System, token)], [])
                    : hosts is not null
                        ? await OfHostsAsync(
                            hosts.Runner,
                            ["-", .. options.Overrides(parsed)],
                            hosts.File,
                            hosts.Jobs,
                            token
                        )
                    : await OfHostsAsync(
                        new LabRunner(ofLab!),
                        [],
                        default,
                        HostRunners.DefaultJobs,
                        token
                    );
            }
        );
        return command;
    }

    private static Task<(IReadOnlyList<TrafficSample>, ImmutableArray<UnaskedHost>)> OfHostsAsync(
        IHostRunner runner,
        IEnumerable<string> arguments,
        ReadOnlyMemory<byte> input,
        int jobs,
        CancellationToken cancellationToken
    ) =>
        runner.ReadAllAsync(
            host => ["top", "--counters", "--as", host, .. arguments],
            TrafficSample.FromJson,
            "could not be asked what it carries",
            input,
            jobs,
            cancellationToken
        );

    /// <summary>Looks again and again.</summary>
    private sealed class TopView(
        Func<
            CancellationToken,
            Task<(IReadOnlyList<TrafficSample> Samples, ImmutableArray<UnaskedHost> Silent)>
        > read,
        Output terminal,
        TimeProvider time
    )
    {
        public async Task<int> RunAsync(
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
                    return await WriteAsync(interval, isOnce, isJson, cancellationToken);
                }
                await LiveView.RunAsync(
                    terminal.Out,
                    show => ShowAsync(show, interval, cancellationToken)
                );
            }
            catch (OperationCanceledException)
                when (!isOnce && cancellationToken.IsCancellationRequested)
            {
                // Ctrl-C is how it ends.
            }
            return ExitCode.Done;
        }

        private async Task<int> WriteAsync(
            TimeSpan interval,
            bool isOnce,
            bool isJson,
            CancellationToken cancellationToken
        )
        {
            var code = ExitCode.Done;
            await foreach (var report in ReportsAsync(interval, isOnce, cancellationToken))
            {
                foreach (var host in report.Silent)
                {
                    terminal.Fail(host.Why);
                }
                code = isOnce && !report.Silent.IsEmpty ? ExitCode.Failed : ExitCode.Done;
                if (isJson)
                {
                    Console.Out.WriteLine(report.ToJson());
                    continue;
                }
                foreach (var line in TrafficTable.Lines(report.Flows, terminal.Out.Profile.Width))
                {
                    terminal.Out.Line(line);
                }
            }
            return code;
        }

        private async Task ShowAsync(
            Action<IReadOnlyList<string>> show,
            TimeSpan interval,
            CancellationToken cancellationToken
        )
        {
            await foreach (var report in ReportsAsync(interval, isOnce: false, cancellationToken))
            {
                show([
                    Heading(report.Time, interval),
                    .. report.Silent.Select(host => $"[red]✗[/] {Markup.Escape(host.Why)}"),
                    "",
                    .. TrafficTable.Lines(report.Flows, terminal.Out.Profile.Width),
                ]);
            }
        }

        /// <summary>Gives reports as long as somebody reads them; or only the first report that is complete.</summary>
        private async IAsyncEnumerable<TrafficReport> ReportsAsync(
            TimeSpan interval,
            bool isOnce,
            [System.Runtime.CompilerServices.EnumeratorCancellation]
                CancellationToken cancellationToken
        )
        {
            var meter = new TrafficMeter();
            meter.Add((await read(cancellationToken)).Samples);
            while (true)
            {
                await Task.Delay(interval, time, cancellationToken);
                if (!isOnce && !StandardStreams.IsOutputRead)
                {
                    yield break;
                }
                var (samples, silent) = await read(cancellationToken);
                var report = new TrafficReport(time.GetUtcNow(), meter.Add(samples), silent);
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
            $"[dim]{at.ToLocalTime():HH:mm:ss}, every {interval.TotalSeconds:0.#} s; tunnels as Open vSwitch counts them; Ctrl-C ends it[/]";
    }
}
