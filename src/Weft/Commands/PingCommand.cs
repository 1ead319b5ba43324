using System.CommandLine;
using System.CommandLine.Parsing;
using Weft.Core.Overlays;
using Weft.Fleet;
using Weft.Labs;
using Weft.Reachability;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft ping</c>: the reachability matrix.</summary>
internal static class PingCommand
{
    private const int SmallestSize = 64;
    private const int LargestSize = 65_535;
    private const double DefaultTimeout = 6;
    private const double WatchTimeout = 1;
    private const double DefaultInterval = 1;
    private const double LongestInterval = 3600;
    private const string Ways = "--ways";

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var file = CommonOptions.File();
        var lab = CommonOptions.Lab(
            "Ask every host of this lab; of the only one where no name is given.",
            mayBeBare: true
        );
        var host = CommonOptions.As();
        var engine = CommonOptions.Engine();
        var size = Size();
        var timeout = new Option<double?>("--timeout")
        {
            Description =
                $"Seconds that each answer is waited for; the question is repeated meanwhile, but not with --watch. If not given: {DefaultTimeout}, with --watch {WatchTimeout}.",
            HelpName = "SECONDS",
        };
        var watch = new Option<bool>("--watch")
        {
            Description =
                "Ask again and again, by one packet of each size, and count what is lost, until Ctrl-C. On a terminal the matrix is live; else there is a line a round.",
        };
        var interval = new Option<double>("--interval")
        {
            Description = "With --watch: seconds from one round to the next.",
            HelpName = "SECONDS",
            DefaultValueFactory = _ => DefaultInterval,
        };
        var count = new Option<int?>("--count")
        {
            Description = "With --watch: how many rounds, instead of until Ctrl-C.",
            HelpName = "ROUNDS",
        };
        var ways = new Option<int?>(Ways)
        {
            Description =
                "How many pairs to ask from each host. If there are more, each address asks some of the others, spread evenly. Default: as many as the kernel keeps neighbours for (gc_thresh3 of arp(7)).",
            HelpName = "NUMBER",
        };
        var json = CommonOptions.Json();
        var fleet = new FleetOptions();
        var command = new WeftCommand(
            "ping",
            "Show who reaches whom within each network, with packets that must not be fragmented. Exits with 1 if anybody is not reached; with --watch, if any packet was lost."
        )
        {
            Examples =
            [
                ("weft ping", "from this host and its containers to everything"),
                ("weft ping --lab", "between all hosts and containers of the lab"),
                (
                    "weft ping --all",
                    "between all hosts and containers, by asking each host over SSH"
                ),
                ("weft ping --size 1400", "with IP packets of 1400 bytes"),
                ("weft ping --watch", "live, until Ctrl-C: loss, latency and MTU of each way"),
                ("weft ping --watch --count 60 > log", "a line a round, for a minute"),
            ],
        };
        command.AddAll([
            file,
            lab,
            host,
            size,
            ways,
            timeout,
            watch,
            interval,
            count,
            engine,
            json,
            .. fleet.All,
        ]);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var isWatch = parsed.GetValue(watch);
                var seconds = parsed.GetValue(timeout) ?? (isWatch ? WatchTimeout : DefaultTimeout);
                Check(parsed.GetValue(size), seconds);
                if (parsed.GetValue(ways) is < 1)
                {
                    throw new UsageException($"{Ways} takes a number from 1 on");
                }
                CheckRounds(
                    isWatch,
                    parsed.GetResult(interval),
                    parsed.GetValue(interval),
                    parsed.GetValue(count)
                );
                var isLab = parsed.GetResult(lab) is not null;
                var overSsh = fleet.IsMeant(parsed, host, lab);
                if (!overSsh)
                {
                    HostSession.RequireRoot();
                }
                var overlay = isLab
                    ? null
                    : OverlayLoader.Load(
                        parsed.GetValue(file),
                        parsed.GetValue(engine),
                        datapath: null
                    );
                await using var hosts = overSsh
                    ? fleet.Open(parsed, overlay!, OverlayLoader.PathOf(parsed.GetValue(file)))
                    : null;
                if (isWatch)
                {
                    return await new PingWatch(AskAsync, terminal, TimeProvider.System).RunAsync(
                        TimeSpan.FromSeconds(parsed.GetValue(interval)),
                        parsed.GetValue(count),
                        parsed.GetValue(json),
                        cancellationToken
                    );
                }
                var report = hosts is null
                    ? await AskAsync(cancellationToken)
                    : await terminal.WhileAsync(
                        "Asking every host whom it reaches",
                        _ => AskAsync(cancellationToken)
                    );
                if (parsed.GetValue(json))
                {
                    Console.WriteLine(report.ToJson());
                }
                else
                {
                    ReachabilityTable.Write(terminal.Out, report, parsed.GetValue(ways));
                    if (NeighbourTable.Shortage(report) is { } shortage)
                    {
                        terminal.Notice(shortage);
                    }
                }
                foreach (var silent in report.Silent)
                {
                    terminal.Fail(silent.Why);
                }
                return report.Reachable ? ExitCode.Done : ExitCode.Failed;

                async Task<ReachabilityReport> AskAsync(CancellationToken token) =>
                    hosts is not null
                        ? await FleetReachability.AskAsync(
                            hosts.Runner,
                            overlay!.Name,
                            TimeProvider.System,
                            [
                                "-",
                                .. Asking(),
                                .. parsed.GetValue(engine) is { } standIn
                                    ? ["--engine", standIn.Word]
                                    : (string[])[],
                            ],
                            hosts.File,
                            hosts.Jobs,
                            token
                        )
                    : overlay is null
                        ? await InLabAsync(
                            Lab.Open(parsed.GetValue(lab)),
                            Asking(),
                            parsed.GetValue(ways),
                            token
                        )
                    : await FromHereAsync(
                        overlay,
                        parsed.GetValue(host),
                        parsed.GetValue(size),
                        TimeSpan.FromSeconds(seconds),
                        isWatch,
                        parsed.GetValue(ways) ?? NeighbourTable.MostWays(hosts: 1),
                        token
                    );

                string[] Asking() =>
                    [
                        .. Options(parsed.GetValue(size), seconds, isWatch),
                        .. parsed.GetValue(ways) is { } most ? WaysOf(most) : Array.Empty<string>(),
                    ];
            }
        );
        return command;
    }

    private static Task<ReachabilityReport> InLabAsync(
        Lab lab,
        string[] options,
        int? ways,
        CancellationToken cancellationToken
    ) =>
        FleetReachability.AskAsync(
            new LabRunner(lab),
            lab.Record.Overlay,
            TimeProvider.System,
            [.. options, .. ways is null ? WaysIn(lab) : []],
            cancellationToken: cancellationToken
        );

    /// <summary>The size of the packets that are sent.</summary>
    public static Option<int?> Size() =>
        new("--size")
        {
            Description =
                "The size of the IP packets in bytes, headers included. Default: two sizes, a small one and the overlay's MTU.",
            HelpName = "BYTES",
        };

    private static Task<ReachabilityReport> FromHereAsync(
        Overlay overlay,
        string? host,
        int? size,
        TimeSpan timeout,
        bool isOnce,
        int mostWays,
        CancellationToken cancellationToken
    ) =>
        HostReachability.AskAsync(
            overlay,
            OverlayLoader.RequireHost(overlay, host),
            size is { } one ? [one] : [ReachabilityPlan.SmallSize, OverlayMtu.Of(overlay).Bytes],
            timeout,
            isOnce,
            mostWays,
            cancellationToken
        );

    /// <summary>Refuses sizes and times that cannot be.</summary>
    /// <exception cref="UsageException">One of them cannot be.</exception>
    public static void Check(int? size, double seconds)
    {
        if (size is < SmallestSize or > LargestSize)
        {
            throw new UsageException($"--size takes a number from {SmallestSize} to {LargestSize}");
        }
        if (!CommonOptions.IsTimeout(seconds))
        {
            throw new UsageException(CommonOptions.WhatTimeoutTakes);
        }
    }

    private static void CheckRounds(
        bool isWatch,
        OptionResult? interval,
        double seconds,
        int? count
    )
    {
        if (!isWatch && (count is not null || interval is { Implicit: false }))
        {
            throw new UsageException("--interval and --count are for --watch");
        }
        if (seconds is not (>= 0 and <= LongestInterval) || count is < 1)
        {
            throw new UsageException(
                $"--interval takes seconds, at most {LongestInterval}, and --count a number from 1 on"
            );
        }
    }

    // A host that is asked for one round of a watch asks by one packet each.
    /// <summary>The options for sizes and times that other hosts are asked with.</summary>
    public static string[] Options(int? size, double seconds, bool isOnce = false) =>
        [
            .. isOnce ? ["--watch", "--count", "1"] : Array.Empty<string>(),
            .. size is { } bytes ? ["--size", $"{bytes}"] : Array.Empty<string>(),
            "--timeout",
            $"{seconds}",
        ];

    /// <summary>How many ways each host of a lab asks about: none can see how many neighbours its kernel keeps.</summary>
    public static string[] WaysIn(Lab lab) => WaysOf(NeighbourTable.MostWays(lab.Hosts.Count));

    private static string[] WaysOf(int most) => [Ways, $"{most}"];
}
