using System.CommandLine;
using System.Text.Json;
using Weft.Core;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Fleet;
using Weft.Health;
using Weft.Labs;
using Weft.Ovsdb;
using Weft.Reachability;
using Weft.Rendering;
using Weft.Tracing;

namespace Weft.Commands;

/// <summary><c>weft trace</c>: the whole way of a packet between two, and the first thing on it that is wrong.</summary>
internal sealed class TraceCommand
{
    private const double DefaultTimeout = 5;

    private readonly Argument<string> from = new("FROM")
    {
        Description =
            "Who sends: a container, a host that has an address of its own in a network, or an address.",
        HelpName = "FROM",
    };

    private readonly Argument<string> to = new("TO")
    {
        Description = "Who answers.",
        HelpName = "TO",
    };

    private readonly HostOptions options = new(
        fileOption: new("--file")
        {
            Description =
                $"The overlay file; if not given: {string.Join(", else ", CommonOptions.DefaultFiles)}.",
            HelpName = "FILE",
        }
    );

    private readonly Option<string?> lab = CommonOptions.Lab(
        "In this lab; in the only one where no name is given.",
        mayBeBare: true
    );

    private readonly FleetOptions fleet = new();
    private readonly Option<int?> size = PingCommand.Size();

    private readonly Option<double> timeout = new("--timeout")
    {
        Description = "Seconds to wait for answers.",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => DefaultTimeout,
    };

    // For weft on another host, which tells its half to whoever puts the halves together.
    private readonly Option<bool> half = new("--half")
    {
        Description = "Write this host's half as JSON.",
        Hidden = true,
    };

    private readonly Option<bool> json = CommonOptions.Json();

    private TraceCommand() { }

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var trace = new TraceCommand();
        var command = new WeftCommand(
            "trace",
            "Follow a packet from one end to the other and back, hop by hop, and name the first thing that is wrong. Exits with 1 if something is. A single host can tell its own half only."
        )
        {
            Examples =
            [
                ("weft trace wallabag mastodon", "from one container to another"),
                ("weft trace wallabag mastodon --size 1458", "with a packet of 1458 bytes"),
                ("weft trace 10.8.3.1 10.8.3.2 --json", "between two addresses, for scripts"),
                ("weft trace wallabag mastodon --lab", "in the lab: both hosts tell"),
                ("weft trace wallabag mastodon --all", "over SSH: both hosts tell"),
            ],
        };
        trace.from.CompletionSources.Add(HostNames.CompleteWithContainers);
        trace.to.CompletionSources.Add(HostNames.CompleteWithContainers);
        command.AddAll([
            trace.from,
            trace.to,
            trace.size,
            trace.lab,
            .. trace.options.With(trace.timeout, trace.json, trace.half),
            .. trace.fleet.All,
        ]);
        command.SetAction(trace.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(
        ParseResult parsed,
        Output terminal,
        CancellationToken cancellationToken
    )
    {
        var (named, seconds) = (parsed.GetValue(size), parsed.GetValue(timeout));
        PingCommand.Check(named, seconds);
        var overSsh = fleet.IsMeant(parsed, options.Host, lab);
        if (!overSsh)
        {
            HostSession.RequireRoot();
        }
        if (parsed.GetValue(half))
        {
            var halves = await new Here(this, parsed).HalvesAsync(cancellationToken);
            Console.Out.WriteLine(
                JsonSerializer.Serialize(halves.Halves, TraceJson.Default.TraceHalfArray)
            );
            return ExitCode.Done;
        }
        var report = await terminal.WhileAsync(
            "Tracing",
            _ =>
                parsed.GetResult(lab) is not null
                    ? InLabAsync(parsed, named, seconds, cancellationToken)
                : overSsh ? OverSshAsync(parsed, named, seconds, cancellationToken)
                : new Here(this, parsed).ReportAsync(cancellationToken)
        );
        if (parsed.GetValue(json))
        {
            Console.Out.WriteLine(report.ToJson());
        }
        else
        {
            TraceView.Write(terminal.Out, report);
        }
        return report.Wrong is null ? ExitCode.Done : ExitCode.Failed;
    }

    private async Task<TraceReport> InLabAsync(
        ParseResult parsed,
        int? named,
        double seconds,
        CancellationToken cancellationToken
    )
    {
        var opened = Lab.Open(parsed.GetValue(lab));
        return await AskAsync(
            parsed,
            OverlayLoader.Load(opened.OverlayFile, engine: null, datapath: null),
            new LabRunner(opened),
            PingCommand.Options(named, seconds),
            input: default,
            cancellationToken
        );
    }

    private async Task<TraceReport> OverSshAsync(
        ParseResult parsed,
        int? named,
        double seconds,
        CancellationToken cancellationToken
    )
    {
        await using var hosts = fleet.Open(parsed, options);
        return await AskAsync(
            parsed,
            hosts.Overlay,
            hosts.Runner,
            ["--file", "-", .. PingCommand.Options(named, seconds), .. options.Overrides(parsed)],
            hosts.File,
            cancellationToken
        );
    }

    private async Task<TraceReport> AskAsync(
        ParseResult parsed,
        Overlay overlay,
        IHostRunner runner,
        IReadOnlyList<string> arguments,
        ReadOnlyMemory<byte> input,
        CancellationToken cancellationToken
    )
    {
        var residents = Resident.AllOf(overlay, HostIntent.Nothing(overlay.Name, host: ""));
        var (one, other) = (parsed.GetRequiredValue(from), parsed.GetRequiredValue(to));
        return TracePair.Find(residents, one, other) is { } pair
            ? await FleetTracing.AskAsync(runner, pair, arguments, input, cancellationToken)
            : Strangers(residents, one, other);
    }

    private static TraceReport Strangers(
        IReadOnlyCollection<Resident> residents,
        string one,
        string other
    ) =>
        TraceReport.OfStrangers(
            one,
            other,
            $"{one} is in {TracePair.NetworksOf(residents, one)} and {other} in {TracePair.NetworksOf(residents, other)}: networks are kept apart, and nothing crosses from one to the other. Give the two a network in common in the overlay file"
        );

    /// <summary>A trace by the host that this is.</summary>
    private sealed class Here(TraceCommand command, ParseResult parsed)
    {
        private readonly Overlay overlay = command.options.Load(parsed);

        private string From => parsed.GetRequiredValue(command.from);

        private string To => parsed.GetRequiredValue(command.to);

        /// <summary>The halves that this host knows, put together.</summary>
        public async Task<TraceReport> ReportAsync(CancellationToken cancellationToken)
        {
            var (pair, residents, halves) = await HalvesAsync(cancellationToken);
            if (pair is null)
            {
                return Strangers(residents, From, To);
            }
            var hosts = new[] { pair.From.Host, pair.To.Host }.Distinct().ToList();
            return halves.Length == 0
                ? throw new UsageException(
                    $"neither of the two is on this host: run it on {string.Join(" or ", hosts)}"
                )
                : TraceReport.Of(
                    pair,
                    halves,
                    hosts
                        .Where(host => !Array.Exists(halves, half => half.Host == host))
                        .Select(host => new UnaskedHost(
                            host,
                            $"run `weft trace {From} {To}` there too"
                        )),
                    asksSender: false
                );
        }

        /// <summary>The halves that this host knows.</summary>
        public async Task<(
            TracePair? Pair,
            IReadOnlyCollection<Resident> Residents,
            TraceHalf[] Halves
        )> HalvesAsync(CancellationToken cancellationToken)
        {
            var name = OverlayLoader.RequireHost(overlay, parsed.GetValue(command.options.Host));
            try
            {
                await using var session = await command.options.OpenAsync(
                    parsed,
                    overlay,
                    name,
                    cancellationToken
                );
                var intent = session.Intend(await session.ObserveAsync(cancellationToken));
                var residents = Resident.AllOf(overlay, intent);
                var pair = TracePair.Find(residents, From, To);
                var tracer = new HalfTracer(
                    session,
                    parsed.GetValue(command.size) is { } one
                        ? [one]
                        : [ReachabilityPlan.SmallSize, intent.Mtu!.Bytes],
                    TimeSpan.FromSeconds(parsed.GetValue(command.timeout)),
                    TimeProvider.System
                );
                return (
                    pair,
                    residents,
                    await Task.WhenAll(
                        WaysFrom(pair, name)
                            .Select(way => tracer.TraceAsync(way, cancellationToken))
                    )
                );
            }
            catch (HostException exception)
                when (exception.InnerException is OvsdbConnectionException)
            {
                var residents = Resident.AllOf(
                    overlay,
                    IntentBuilder.Build(overlay, name, KernelDatapath.IsThere() ?? false)
                );
                var pair = TracePair.Find(residents, From, To);
                return (
                    pair,
                    residents,
                    [
                        .. WaysFrom(pair, name)
                            .Select(way =>
                                TraceHalf.Of(name, way.From.Name, Finding.OfSilentSwitch(exception))
                            ),
                    ]
                );
            }
        }

        private static IEnumerable<TracePair> WaysFrom(TracePair? pair, string host) =>
            pair is null ? [] : new[] { pair, pair.Reversed }.Where(way => way.From.Host == host);
    }
}
