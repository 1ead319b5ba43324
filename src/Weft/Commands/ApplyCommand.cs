using System.CommandLine;
using Spectre.Console;
using Weft.Agent;
using Weft.Core.Intents;
using Weft.Core.Planning;
using Weft.Fleet;
using Weft.Installation;
using Weft.Rendering;
using Weft.Trials;

namespace Weft.Commands;

/// <summary><c>weft apply</c>: makes this host match the overlay file.</summary>
internal static class ApplyCommand
{
    /// <summary>The command.</summary>
    public static Command Create() =>
        Create(
            "apply",
            "Make this host match the overlay file: show the plan, ask, carry it out, read it back.",
            question: "Apply?",
            destroys: false,
            ("weft apply overlay.yaml", "show the plan and ask"),
            ("weft apply --yes overlay.yaml", "do not ask"),
            ("weft apply --as host1 overlay.yaml", "where the hostname is not the one in the file"),
            ("weft apply --adopt overlay.yaml", "take over what was set up by hand"),
            ("weft apply --boot", "restore what a reboot took"),
            ("weft apply --all overlay.yaml", "on all hosts, over SSH: one question for all")
        );

    /// <summary>A command that changes hosts to what the overlay file says, or to nothing of it.</summary>
    internal static Command Create(
        string name,
        string description,
        string question,
        bool destroys,
        params IReadOnlyList<(string Line, string Does)> examples
    )
    {
        var options = new HostOptions();
        var yes = CommonOptions.Yes();
        var adopt = CommonOptions.Adopt();
        var boot = new Option<bool>("--boot")
        {
            Description =
                "As weft.service does at boot: wait for Open vSwitch and strongSwan to start, and do not ask.",
        };
        var store = new Option<bool>("--store")
        {
            Description =
                $"Store the file as {HostFiles.Overlay}, which a boot and the agent read, even if no file is there yet.",
        };
        var json = new Option<bool>("--json")
        {
            Description = "With --host and --all: write what came of each as JSON; needs --yes.",
        };
        var timeout = CommonOptions.Timeout();
        var fleet = new FleetOptions();
        var command = new WeftCommand(name, description)
        {
            ChangesHost = true,
            Examples = examples,
        };
        command.AddAll(
            options.With([
                yes,
                .. destroys ? [] : (Symbol[])[adopt, boot, store],
                json,
                timeout,
                .. fleet.All,
            ])
        );
        command.SetAction(
            (parsed, terminal, cancellationToken) =>
                fleet.IsMeant(parsed, options.Host)
                    ? OnOthersAsync(parsed, terminal, cancellationToken)
                    : HereAsync(parsed, terminal, cancellationToken)
        );
        return command;

        async Task<int> OnOthersAsync(
            ParseResult parsed,
            Output terminal,
            CancellationToken cancellationToken
        )
        {
            if (Has(parsed, boot))
            {
                throw new UsageException(
                    "--boot is for this machine, and --host and --all are for others: say one of them"
                );
            }
            await using var hosts = fleet.Open(parsed, options);
            return await new FleetApply(terminal, hosts, name, destroys)
            {
                Question = question,
                Asks = !parsed.GetValue(yes),
                Json = parsed.GetValue(json),
                Options = [timeout.Name, $"{parsed.GetValue(timeout)}"],
                Overrides =
                [
                    .. options.Overrides(parsed),
                    .. Has(parsed, adopt) ? [adopt.Name] : (string[])[],
                ],
            }.RunAsync(cancellationToken);
        }

        async Task<int> HereAsync(
            ParseResult parsed,
            Output terminal,
            CancellationToken cancellationToken
        )
        {
            if (parsed.GetValue(json))
            {
                throw new UsageException(
                    "--json is for --host and --all: `weft plan --json` and `weft status --json` tell of this host"
                );
            }
            var patience = TimeSpan.FromSeconds(parsed.GetValue(timeout));
            var isBoot = Has(parsed, boot);
            var adopts = Has(parsed, adopt);
            await using var session = await options.OpenAsync(
                parsed,
                isBoot ? patience : TimeSpan.Zero,
                cancellationToken
            );
            await session.LockAsync(
                patience,
                new Notices(terminal),
                cancellationToken,
                keepsTrial: isBoot
            );
            if (isBoot)
            {
                await session.WaitUntilStartedAsync(patience, cancellationToken);
            }
            var run = new ApplyRun(terminal, session, patience)
            {
                Intend = destroys
                    ? _ => HostIntent.Nothing(session.Overlay.Name, session.Host)
                    : seen => session.Intend(seen, adopts),
                TakesTheRest = isBoot,
            };
            if (
                await run.ProposeAsync(
                    isBoot || parsed.GetValue(yes) ? null : (name, question),
                    cancellationToken,
                    Advise
                )
                is not { Plan: var plan } proposal
            )
            {
                return ExitCode.Failed;
            }
            if (destroys)
            {
                if (await Keepers.EndAsync(session.Overlay.Name, cancellationToken) is { } ended)
                {
                    terminal.Notice(ended);
                }
            }
            else
            {
                TellOfOtherAgent(terminal, session.Overlay.Name);
                KeepFile(parsed, terminal, session, plan);
            }
            var outcome = await run.CarryOutAsync(
                proposal,
                cancellationToken,
                () =>
                    Remembering.Note(
                        terminal,
                        session,
                        name,
                        destroys ? null : session.Source,
                        !plan.IsEmpty && !isBoot
                    )
            );
            return outcome.Code;

            void Advise(Proposal refused)
            {
                if (
                    !destroys
                    && !adopts
                    && Adoption.Advice(
                        refused.Plan,
                        Planner.Plan(
                            session.Intend(refused.Observation, adopt: true),
                            refused.Observation
                        )
                    )
                        is { } advice
                )
                {
                    terminal.Notice(advice);
                }
            }
        }

        // An option that the command does not have was not given.
        bool Has(ParseResult parsed, Option<bool> option) => !destroys && parsed.GetValue(option);

        void KeepFile(ParseResult parsed, Output terminal, HostSession session, Plan plan)
        {
            if (
                options.FileOf(parsed) is not HostFiles.Overlay and var path
                && session.Source is { } file
                && TrialGate.KeepOwn(session.Overlay.Name, file, parsed.GetValue(store))
            )
            {
                if (path is not OverlayLoader.StandardInput)
                {
                    terminal.Out.WriteLine($"{HostFiles.Overlay} is {path} now");
                }
                if (
                    HostFiles.WhyUnheld(new Placement("/")) is { } unheld
                    && !plan.Notices.Contains(unheld)
                )
                {
                    terminal.Notice(unheld);
                }
            }
        }
    }

    private static void TellOfOtherAgent(Output terminal, string overlay)
    {
        if (
            AgentSeat.Taken().FirstOrDefault(seat => seat.Overlay == overlay) is { } agent
            && AgentSeat.WhyOther(agent.Version) is { } other
        )
        {
            terminal.Notice(other);
        }
    }
}
