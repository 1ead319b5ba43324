using System.CommandLine;
using Spectre.Console;
using Weft.Core.Intents;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;
using Weft.Fleet;
using Weft.Rendering;

namespace Weft.Commands;

/// <summary><c>weft plan</c>: what would <c>apply</c> do?</summary>
internal static class PlanCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var options = new HostOptions();
        var json = CommonOptions.Json();
        var commands = new Option<bool>("--commands")
        {
            Description = "Print the shell commands that an administrator would type instead.",
        };
        var exitCode = new Option<bool>("--exit-code")
        {
            Description = "Exit with 3 if there is anything to change.",
        };
        var adopt = CommonOptions.Adopt();
        var bare = new Option<bool>("--bare")
        {
            Description =
                "Plan for fresh hosts without reading this machine: all of the overlay's, or the one of --as.",
        };
        var destroy = new Option<bool>("--destroy")
        {
            Description = "Show what destroy would change instead.",
        };
        var fleet = new FleetOptions();
        var command = new WeftCommand(
            "plan",
            "Show what apply would change on this host, or on others, and change nothing."
        )
        {
            Examples =
            [
                ("weft plan overlay.yaml", "what would change here"),
                ("weft plan --commands overlay.yaml", "the same as commands to read, or to type"),
                ("weft plan --adopt overlay.yaml", "what would be taken over of a set-up by hand"),
                ("weft plan --bare overlay.yaml", "what fresh hosts would get, on any machine"),
                ("weft plan --exit-code overlay.yaml", "for scripts: 3 if there is anything to do"),
                ("weft plan --all overlay.yaml", "of all hosts, over SSH"),
            ],
        };
        command.AddAll(
            options.With([adopt, bare, destroy, commands, json, exitCode, .. fleet.All])
        );
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                if (fleet.IsMeant(parsed, options.Host))
                {
                    if (parsed.GetValue(bare))
                    {
                        throw new UsageException(
                            "--bare reads no host, and --host and --all name hosts to read: say one of them"
                        );
                    }
                    await using var hosts = fleet.Open(parsed, options);
                    return await FleetPlan.ShowAsync(
                        terminal,
                        hosts,
                        [
                            .. options.Overrides(parsed),
                            .. parsed.GetValue(adopt) ? [adopt.Name] : (string[])[],
                        ],
                        parsed.GetValue(destroy),
                        parsed.GetValue(json) ? PlanFormat.Json
                            : parsed.GetValue(commands) ? PlanFormat.Commands
                            : PlanFormat.Words,
                        parsed.GetValue(exitCode),
                        cancellationToken
                    );
                }
                var overlay = options.Load(parsed);
                var named = parsed.GetValue(options.Host);
                var here = OverlayLoader.FindHost(overlay, named);
                var planned = new List<(HostIntent Intent, Plan Plan)>();
                Plan? taking = null;
                if (parsed.GetValue(bare) || here is null)
                {
                    if (parsed.GetValue(destroy))
                    {
                        throw new UsageException(
                            "--destroy plans what goes from a host, which must be read: say which with --as or --host"
                        );
                    }
                    if (!parsed.GetValue(bare))
                    {
                        terminal.Notice(
                            $"this machine ({Hostname.Own}) is none of the overlay's hosts: planned as if each were fresh"
                        );
                    }
                    planned.AddRange(
                        overlay
                            .Hosts.Where(candidate => named is null || candidate.Name == here)
                            .Select(candidate => PlanBare(overlay, candidate.Name))
                    );
                }
                else
                {
                    await using var session = await options.OpenAsync(
                        parsed,
                        overlay,
                        here,
                        cancellationToken
                    );
                    await session.KnockAsync(new Notices(terminal), cancellationToken);
                    var observation = await session.ObserveAsync(cancellationToken);
                    var adopts = parsed.GetValue(adopt);
                    var intent = parsed.GetValue(destroy)
                        ? HostIntent.Nothing(overlay.Name, here)
                        : session.Intend(observation, adopts);
                    planned.Add((intent, Planner.Plan(intent, observation)));
                    if (!adopts && !planned[0].Plan.Conflicts.IsEmpty)
                    {
                        taking = Planner.Plan(
                            session.Intend(observation, adopt: true),
                            observation
                        );
                    }
                }
                if (parsed.GetValue(json))
                {
                    PlanJson.Write(Console.Out, planned);
                }
                else
                {
                    Show(terminal, planned, parsed.GetValue(commands));
                }
                if (taking is not null && Adoption.Advice(planned[0].Plan, taking) is { } advice)
                {
                    terminal.Notice(advice);
                }
                return planned.Exists(pair => !pair.Plan.Conflicts.IsEmpty) ? ExitCode.Failed
                    : parsed.GetValue(exitCode) && planned.Exists(pair => !pair.Plan.IsEmpty)
                        ? ExitCode.Differences
                    : ExitCode.Done;
            }
        );
        return command;
    }

    private static (HostIntent Intent, Plan Plan) PlanBare(Overlay overlay, string host)
    {
        var observation = HostObservation.Bare(
            kernelDatapath: true,
            namespaces:
            [
                .. overlay
                    .Containers.Where(container =>
                        container.Host == host && container.Engine is Engine.Netns
                    )
                    .Select(container => container.Name),
            ]
        );
        var intent = IntentBuilder.Build(
            overlay,
            host,
            observation.HasKernelDatapathFor(overlay.Switch)
        );
        return (intent, Planner.Plan(intent, observation));
    }

    private static void Show(
        Output terminal,
        List<(HostIntent Intent, Plan Plan)> planned,
        bool commands
    )
    {
        var first = true;
        foreach (var (intent, plan) in planned)
        {
            if (!first)
            {
                terminal.Out.WriteLine();
            }
            first = false;
            if (commands)
            {
                PlanView.WriteCommands(Console.Out, PlanJson.Of(intent, plan));
            }
            else
            {
                PlanView.Write(terminal.Out, intent, plan);
                PlanView.WriteRemarks(terminal, plan);
            }
        }
    }
}
