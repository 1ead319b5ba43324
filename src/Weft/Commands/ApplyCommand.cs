using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Weft.Agent;
using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Fleet;
using Weft.Health;
using Weft.Installation;
using Weft.Rendering;
using Weft.Trials;

namespace Weft.Commands;

/// <summary><c>weft apply</c>: makes this host match the overlay file.</summary>
internal static class ApplyCommand
{
    private static readonly TimeSpan NegotiationPatience = TimeSpan.FromSeconds(4);

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var boot = new Option<bool>("--boot")
        {
            Description =
                "As weft.service does at boot: wait for Open vSwitch and strongSwan to be there, and do not ask.",
        };
        var adopt = CommonOptions.Adopt();
        return Create(
            "apply",
            "Make this host match the overlay file: show the plan, ask, carry it out, read it back.",
            question: "Apply?",
            (session, adopts) => seen => session.Intend(seen, adopts),
            session => session.Source,
            boot,
            adopt,
            destroys: false,
            ("weft apply overlay.yaml", "show the plan and ask"),
            ("weft apply --yes overlay.yaml", "do not ask"),
            ("weft apply --as host1 overlay.yaml", "where the hostname is not the one in the file"),
            ("weft apply --adopt overlay.yaml", "take over what was set up by hand"),
            ("weft apply --boot", "restore what a reboot took"),
            ("weft apply --all overlay.yaml", "on all hosts, over SSH: one question for all")
        );
    }

    /// <summary>A command that changes this host to what <paramref name="intend"/> says.</summary>
    internal static Command Create(
        string name,
        string description,
        string question,
        Func<HostSession, bool, Func<HostObservation, HostIntent>> intend,
        Func<HostSession, ReadOnlyMemory<byte>?> source,
        Option<bool>? boot,
        Option<bool>? adopt,
        bool destroys,
        params IReadOnlyList<(string Line, string Does)> examples
    )
    {
        var options = new HostOptions();
        var yes = CommonOptions.Yes();
        var timeout = CommonOptions.Timeout();
        var store = new Option<bool>("--store")
        {
            Description =
                $"Keep the file as {HostFiles.Overlay}, where a boot and the agent find it, also where no such file is there yet.",
        };
        var json = new Option<bool>("--json")
        {
            Description = "With --host and --all: write what came of each as JSON; needs --yes.",
        };
        var fleet = new FleetOptions();
        var command = new WeftCommand(name, description)
        {
            ChangesHost = true,
            Examples = examples,
        };
        command.AddAll(
            options.With([
                yes,
                .. new[] { adopt, boot }.OfType<Option>(),
                .. destroys ? [] : (Symbol[])[store],
                json,
                timeout,
                .. fleet.All,
            ])
        );
        command.SetAction(
            async (parsed, terminal, cancellationToken) =>
            {
                if (fleet.IsMeant(parsed, options.Host))
                {
                    if (boot is not null && parsed.GetValue(boot))
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
                        Options =
                        [
                            timeout.Name,
                            parsed.GetValue(timeout).ToString(CultureInfo.InvariantCulture),
                        ],
                        Overrides =
                        [
                            .. options.Overrides(parsed),
                            .. adopt is not null && parsed.GetValue(adopt)
                                ? [adopt.Name]
                                : (string[])[],
                        ],
                    }.RunAsync(cancellationToken);
                }
                if (parsed.GetValue(json))
                {
                    throw new UsageException(
                        "--json is for --host and --all: `weft plan --json` and `weft status --json` tell of this host"
                    );
                }
                var patience = TimeSpan.FromSeconds(parsed.GetValue(timeout));
                var isBoot = boot is not null && parsed.GetValue(boot);
                var adopts = adopt is not null && parsed.GetValue(adopt);
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
                var intentOf = intend(session, adopts);
                if (
                    await ProposeAsync(
                        terminal,
                        session,
                        intentOf,
                        isBoot || parsed.GetValue(yes) ? null : (name, question),
                        patience,
                        cancellationToken,
                        Advise,
                        takesTheRest: isBoot
                    )
                    is not var (observation, plan)
                )
                {
                    return ExitCode.Failed;
                }
                if (
                    !destroys
                    && AgentSeat
                        .Taken()
                        .FirstOrDefault(seat => seat.Overlay == session.Overlay.Name)
                        is { } agent
                    && AgentSeat.WhyOther(agent.Version) is { } other
                )
                {
                    terminal.Notice(other);
                }
                if (
                    destroys
                    && await Keepers.EndAsync(session.Overlay.Name, cancellationToken) is { } ended
                )
                {
                    terminal.Notice(ended);
                }
                if (
                    options.FileOf(parsed) is not HostFiles.Overlay and var path
                    && source(session) is { } file
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
                var (code, _, _) = await CarryOutAsync(
                    terminal,
                    session,
                    intentOf,
                    observation,
                    plan,
                    patience,
                    cancellationToken,
                    () =>
                        Remembering.Note(
                            terminal,
                            session,
                            name,
                            source(session),
                            !plan.IsEmpty && !isBoot
                        )
                );
                return code;

                void Advise(HostObservation seen, Plan refused)
                {
                    if (
                        adopt is not null
                        && !adopts
                        && Adoption.Advice(refused, Planner.Plan(intend(session, true)(seen), seen))
                            is { } advice
                    )
                    {
                        terminal.Notice(advice);
                    }
                }
            }
        );
        return command;
    }

    /// <summary>
    /// Shows what would be changed, and asks whether to. The host is not locked while somebody thinks about it: where it is
    /// another by then, that is shown and asked about too.
    /// </summary>
    /// <param name="terminal">Where.</param>
    /// <param name="session">The host, locked.</param>
    /// <param name="intentOf">Observation → intent.</param>
    /// <param name="asking">The command that asks, and its question; null where nobody is to be asked.</param>
    /// <param name="patience">How long the switch may take to come to rest, once it is answered.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <param name="whatIsInTheWay">Called where something is, after that was said.</param>
    /// <param name="takesTheRest">
    /// Whether what nothing else depends on (<see cref="Conflict.StandsAlone"/>) is said, and keeps nothing else from being done:
    /// where nobody is there to take out of the way what is in it.
    /// </param>
    /// <returns>What the host looks like and what to do; null if that must or shall not be done.</returns>
    /// <exception cref="UsageException">There is nobody to ask.</exception>
    internal static async Task<(HostObservation Observation, Plan Plan)?> ProposeAsync(
        Output terminal,
        HostSession session,
        Func<HostObservation, HostIntent> intentOf,
        (string Command, string Question)? asking,
        TimeSpan patience,
        CancellationToken cancellationToken,
        Action<HostObservation, Plan>? whatIsInTheWay = null,
        bool takesTheRest = false
    )
    {
        var (observation, intent, plan) = await LookAsync();
        while (true)
        {
            PlanView.Write(terminal.Out, intent, plan);
            PlanView.WriteRemarks(terminal, plan);
            if (!plan.Conflicts.IsEmpty && !(takesTheRest && plan.HasClearWay))
            {
                whatIsInTheWay?.Invoke(observation, plan);
                await GuardAsync(terminal, session, plan, asking is not null, cancellationToken);
                return null;
            }
            if (plan.IsEmpty || asking is not var (command, question))
            {
                return (observation, plan);
            }
            if (!Output.CanAsk)
            {
                throw new UsageException(
                    $"{command} asks before it changes anything, and there is no terminal to ask on: add --yes"
                );
            }
            // The agent must not wait for somebody who has gone to lunch.
            await session.UnlockAsync();
            if (!await terminal.ConfirmAsync(question, cancellationToken))
            {
                terminal.Error.WriteLine("Nothing was changed.");
                return null;
            }
            await session.LockAsync(patience, new Notices(terminal), cancellationToken);
            var shown = plan;
            (observation, intent, plan) = await LookAsync();
            if (plan.SaysTheSameAs(shown))
            {
                return (observation, plan);
            }
            terminal.Notice("the host has changed since this was shown; now it is:");
        }

        async Task<(HostObservation, HostIntent, Plan)> LookAsync()
        {
            var seen = await session.ObserveAsync(cancellationToken);
            var wanted = intentOf(seen);
            return (seen, wanted, Planner.Plan(wanted, seen));
        }
    }

    /// <summary>
    /// Puts up what is missing of the guard of an overlay that was encrypted before, though something stands in the way of all
    /// else. A file that is the first to say that it is encrypted is refused as a whole: nothing of it is in force.
    /// </summary>
    /// <param name="terminal">Where to say so.</param>
    /// <param name="session">The host, locked.</param>
    /// <param name="refused">The plan that something stands in the way of.</param>
    /// <param name="asks">Whether to ask before.</param>
    /// <param name="cancellationToken">Stops it.</param>
    internal static async Task GuardAsync(
        Output terminal,
        HostSession session,
        Plan refused,
        bool asks,
        CancellationToken cancellationToken
    )
    {
        var overdue = refused.Overdue;
        if (
            overdue.IsEmpty
            || !LastApplied.Encrypted().Any(intent => intent.Overlay == session.Overlay.Name)
        )
        {
            return;
        }
        var peers = string.Join(", ", overdue.Changes.Select(change => change.Name));
        if (
            asks
            && !(
                Output.CanAsk
                && await terminal.ConfirmAsync(
                    $"The guard of {peers} is missing beside its tunnel. Put it up all the same?",
                    cancellationToken
                )
            )
        )
        {
            return;
        }
        await GuardKeeper.PutUpAsync(overdue, cancellationToken);
        terminal.Notice(
            $"the guard of {peers} was missing beside its tunnel and is put up all the same: nothing crosses in plaintext. Nothing else was changed"
        );
    }

    /// <summary>Makes the host match, and has peers negotiated with; says what came of both.</summary>
    /// <param name="terminal">Where.</param>
    /// <param name="session">The host, locked.</param>
    /// <param name="intentOf">Observation → intent.</param>
    /// <param name="observation">What the host looks like.</param>
    /// <param name="plan">What to do.</param>
    /// <param name="patience">How long ovs-vswitchd may take for it.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <param name="done">Called once the host matches, before peers are waited for: whoever stops that has changed the host.</param>
    /// <returns>
    /// The exit code, whether the host matches (<see cref="ApplyResult.Matches"/>), and the peers that agreed to nothing.
    /// </returns>
    internal static async Task<(
        int Code,
        bool Matches,
        ImmutableArray<FailedPeer> Down
    )> CarryOutAsync(
        Output terminal,
        HostSession session,
        Func<HostObservation, HostIntent> intentOf,
        HostObservation observation,
        Plan plan,
        TimeSpan patience,
        CancellationToken cancellationToken,
        Action? done = null
    )
    {
        var result = await RunAsync(
            terminal,
            progress =>
                session.ApplyAsync(
                    intentOf,
                    observation,
                    plan,
                    patience,
                    progress,
                    cancellationToken
                )
        );
        var code = Report(terminal, plan, result);
        if (!result.Matches)
        {
            return (code, false, []);
        }
        done?.Invoke();
        var intent = intentOf(observation);
        if (
            intent.Switch is { Userspace: false }
            && await SwitchDaemon.MendAsync(cancellationToken) is { } mended
        )
        {
            terminal.Notice(mended);
            await session.WaitUntilStartedAsync(patience, cancellationToken);
        }
        return (code, true, await EstablishAsync(terminal, session, intent, cancellationToken));
    }

    /// <summary>Runs with a spinner that names the step, on a terminal; the steps are too short for lines elsewhere.</summary>
    private static Task<ApplyResult> RunAsync(
        Output terminal,
        Func<IProgress<string>?, Task<ApplyResult>> apply
    ) =>
        LiveView.IsWatched(terminal.Error)
            ? terminal.Error.Status().StartAsync("applying", context => apply(new Steps(context)))
            : apply(null);

    /// <summary>
    /// Has peers negotiated with that nothing is exchanged with yet. What another host has not done yet is no failure of
    /// this one: it is said, and the first packet tries again.
    /// </summary>
    private static async Task<ImmutableArray<FailedPeer>> EstablishAsync(
        Output terminal,
        HostSession session,
        HostIntent intent,
        CancellationToken cancellationToken
    )
    {
        if (intent.Ipsec is not { } ipsec)
        {
            return [];
        }
        var down = await terminal.WhileAsync(
            "Negotiating keys with the other hosts",
            _ => session.EstablishAsync(intent, NegotiationPatience, cancellationToken)
        );
        string[] up =
        [
            .. ipsec.Peers.Select(peer => peer.Name).Except(down.Select(peer => peer.Peer)),
        ];
        if (up.Length > 0)
        {
            terminal.Out.Line($"[green]✓[/] encrypted: {string.Join(", ", up).EscapeMarkup()}");
        }
        foreach (var peer in down)
        {
            terminal.Notice(peer.ToString());
        }
        return down;
    }

    private static int Report(Output terminal, Plan plan, ApplyResult result)
    {
        if (result.Matches)
        {
            var isAll = result.Remaining.Conflicts.IsEmpty;
            if (!plan.IsEmpty)
            {
                terminal.Out.Line(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"[green]✓[/] done in {result.Elapsed.TotalMilliseconds:0} ms ({result.LinkCommands} link commands, {result.Operations} OVSDB operations), read back: as intended{(isAll ? "" : ", but for what waits")}"
                    )
                );
            }
            if (isAll)
            {
                return ExitCode.Done;
            }
        }
        foreach (var error in result.Errors)
        {
            terminal.Fail(error);
        }
        foreach (var change in result.Remaining.Changes)
        {
            terminal.Fail(ApplyResult.StillDiffers(change));
        }
        foreach (var conflict in result.Remaining.Conflicts)
        {
            terminal.Fail(conflict.Message);
        }
        return ExitCode.Failed;
    }

    private sealed class Steps(StatusContext context) : IProgress<string>
    {
        public void Report(string value) => context.Status(value.EscapeMarkup());
    }
}
