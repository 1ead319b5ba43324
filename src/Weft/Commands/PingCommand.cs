using System.CommandLine;
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
    private const double LongestTimeout = 3600;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var file = CommonOptions.File();
        var lab = new Option<string?>("--lab")
        {
            Description = "Ask every host of this lab; of the only one where no name is given.",
            HelpName = "NAME",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var host = CommonOptions.As();
        var engine = CommonOptions.Engine();
        var size = new Option<int?>("--size")
        {
            Description =
                "The size of the IP packets in bytes, headers and all. Without it two sizes are tried: a small one and the overlay's MTU.",
            HelpName = "BYTES",
        };
        var timeout = new Option<double>("--timeout")
        {
            Description =
                "Seconds that each answer is waited for; the question is repeated meanwhile.",
            HelpName = "SECONDS",
            DefaultValueFactory = _ => DefaultTimeout,
        };
        var json = CommonOptions.Json();
        lab.CompletionSources.Add(LabNames.Complete);
        var fleet = new FleetOptions();
        var command = new WeftCommand(
            "ping",
            "Show who reaches whom within each network, with packets that may not be fragmented. Exits with 1 if somebody is not reached."
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
            ],
        };
        command.AddAll([file, lab, host, size, timeout, engine, json, .. fleet.All]);
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                var seconds = parsed.GetValue(timeout);
                Check(parsed.GetValue(size), seconds);
                var overSsh = fleet.IsMeant(parsed, host);
                if (!overSsh)
                {
                    Machine.RequireRoot();
                }
                var (report, silent) =
                    overSsh ? await OverSshAsync()
                    : parsed.GetResult(lab) is not null
                        ? await InLabAsync(
                            Lab.Open(parsed.GetValue(lab)),
                            Options(parsed.GetValue(size), seconds),
                            cancellationToken
                        )
                    : (
                        await FromHereAsync(
                            OverlayLoader.Load(
                                parsed.GetValue(file),
                                parsed.GetValue(engine),
                                datapath: null
                            ),
                            parsed.GetValue(host),
                            parsed.GetValue(size),
                            TimeSpan.FromSeconds(seconds),
                            cancellationToken
                        ),
                        []
                    );
                if (parsed.GetValue(json))
                {
                    Console.WriteLine(report.ToJson());
                }
                else
                {
                    ReachabilityTable.Write(terminal.Out, report);
                    if (NeighbourTable.Shortage(report) is { } shortage)
                    {
                        terminal.Notice(shortage);
                    }
                }
                foreach (var one in silent)
                {
                    terminal.Fail(one);
                }
                return report.Reachable && silent.Count == 0 ? ExitCode.Done : ExitCode.Failed;

                async Task<(ReachabilityReport, IReadOnlyList<string>)> OverSshAsync()
                {
                    var overlay = OverlayLoader.Load(
                        parsed.GetValue(file),
                        parsed.GetValue(engine),
                        datapath: null
                    );
                    await using var hosts = fleet.Open(
                        parsed,
                        overlay,
                        OverlayLoader.PathOf(parsed.GetValue(file))
                    );
                    return await terminal.WhileAsync(
                        "Asking every host whom it reaches",
                        _ =>
                            FleetReachability.AskAsync(
                                hosts.Runner,
                                overlay.Name,
                                [
                                    "-",
                                    .. Options(parsed.GetValue(size), seconds),
                                    .. parsed.GetValue(engine) is { } standIn
                                        ? ["--engine", standIn.ToString().ToLowerInvariant()]
                                        : (string[])[],
                                ],
                                hosts.File,
                                hosts.Jobs,
                                cancellationToken
                            )
                    );
                }
            }
        );
        return command;
    }

    private static Task<(ReachabilityReport, IReadOnlyList<string>)> InLabAsync(
        Lab lab,
        string[] options,
        CancellationToken cancellationToken
    ) =>
        FleetReachability.AskAsync(
            new LabRunner(lab),
            lab.Record.Overlay,
            options,
            cancellationToken: cancellationToken
        );

    private static Task<ReachabilityReport> FromHereAsync(
        Overlay overlay,
        string? host,
        int? size,
        TimeSpan timeout,
        CancellationToken cancellationToken
    ) =>
        HostReachability.AskAsync(
            overlay,
            OverlayLoader.RequireHost(overlay, host),
            size is { } one ? [one] : [ReachabilityPlan.SmallSize, OverlayMtu.Of(overlay).Bytes],
            timeout,
            cancellationToken
        );

    private static void Check(int? size, double seconds)
    {
        if (size is < SmallestSize or > LargestSize)
        {
            throw new UsageException($"--size takes a number from {SmallestSize} to {LargestSize}");
        }
        if (seconds is not (> 0 and <= LongestTimeout))
        {
            throw new UsageException(
                $"--timeout takes seconds, more than 0 and at most {LongestTimeout}"
            );
        }
    }

    private static string[] Options(int? size, double seconds) =>
        [
            .. size is { } bytes ? ["--size", $"{bytes}"] : Array.Empty<string>(),
            "--timeout",
            $"{seconds}",
        ];
}
