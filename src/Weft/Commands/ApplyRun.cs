using System.Collections.Immutable;
using Spectre.Console;
using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Planning;
using Weft.Health;
using Weft.Rendering;
using Weft.Trials;

namespace Weft.Commands;

/// <summary>
/// The way from what a host looks like to what it must look like, on a terminal: propose, ask, carry out, say what came of it.
/// Every command that changes a host goes it.
/// </summary>
/// <param name="terminal">Where.</param>
/// <param name="session">The host, locked.</param>
/// <param name="patience">How long the switch may take for what it is asked, each time.</param>
internal sealed class ApplyRun(Output terminal, HostSession session, TimeSpan patience)
{
    private static readonly TimeSpan NegotiationPatience = TimeSpan.FromSeconds(4);

    /// <summary>Observation → intent; what the overlay says, unless given.</summary>
    public Func<HostObservation, HostIntent> Intend { get; init; } = session.Intend;

    /// <summary>
    /// Whether what nothing else depends on (<see cref="Conflict.StandsAlone"/>) is said, and keeps nothing else from being done:
    /// where nobody is there to take out of the way what is in it.
    /// </summary>
    public bool TakesTheRest { get; init; }

    /// <summary>Works out what is to be done, and shows it.</summary>
    public async Task<Proposal> LookAsync(CancellationToken cancellationToken)
    {
        var proposal = await ReadAsync(cancellationToken);
        Show(proposal);
        return proposal;
    }

    /// <summary>
    /// Shows what would be changed, and asks whether to. The host is not locked while somebody thinks about it: where it is
    /// another by then, that is shown and asked about too.
    /// </summary>
    /// <param name="asking">The command that asks, and its question; null where nobody is to be asked.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <param name="whatIsInTheWay">Called where something is, after that was said.</param>
    /// <returns>What the host looks like and what to do; null if that must or shall not be done.</returns>
    /// <exception cref="UsageException">There is nobody to ask.</exception>
    public async Task<Proposal?> ProposeAsync(
        (string Command, string Question)? asking,
        CancellationToken cancellationToken,
        Action<Proposal>? whatIsInTheWay = null
    )
    {
        var proposal = await ReadAsync(cancellationToken);
        while (true)
        {
            Show(proposal);
            if (!proposal.Plan.Conflicts.IsEmpty && !(TakesTheRest && proposal.Plan.HasClearWay))
            {
                whatIsInTheWay?.Invoke(proposal);
                await GuardAsync(proposal.Plan, asking is not null, cancellationToken);
                return null;
            }
            if (proposal.Plan.IsEmpty || asking is not var (command, question))
            {
                return proposal;
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
            var shown = proposal.Plan;
            proposal = await ReadAsync(cancellationToken);
            if (proposal.Plan.SaysTheSameAs(shown))
            {
                return proposal;
            }
            terminal.Notice("the host has changed since this was shown; now it is:");
        }
    }

    /// <summary>
    /// Puts up guards that are missing beside their tunnels, though something stands in the way of everything else. Not for a file
    /// that is the first of its overlay to be encrypted: that is refused as a whole.
    /// </summary>
    /// <param name="refused">The plan that something stands in the way of.</param>
    /// <param name="asks">Whether to ask first.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task GuardAsync(Plan refused, bool asks, CancellationToken cancellationToken)
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
    /// <param name="proposal">What to do.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <param name="done">Called once the host matches, before peers are waited for: whoever stops that has changed the host.</param>
    public async Task<Applied> CarryOutAsync(
        Proposal proposal,
        CancellationToken cancellationToken,
        Action? done = null
    )
    {
        var result = await WatchedAsync(progress =>
            session.ApplyAsync(
                Intend,
                proposal.Observation,
                proposal.Plan,
                patience,
                progress,
                cancellationToken
            )
        );
        var code = Report(proposal.Plan, result);
        if (!result.Matches)
        {
            return new(code, Matches: false, []);
        }
        done?.Invoke();
        if (
            proposal.Intent.Switch is { Userspace: false }
            && await SwitchDaemon.MendAsync(cancellationToken) is { } mended
        )
        {
            terminal.Notice(mended);
            await session.WaitUntilStartedAsync(patience, cancellationToken);
        }
        return new(code, Matches: true, await EstablishAsync(proposal.Intent, cancellationToken));
    }

    private async Task<Proposal> ReadAsync(CancellationToken cancellationToken)
    {
        var seen = await session.ObserveAsync(cancellationToken);
        var wanted = Intend(seen);
        return new(seen, wanted, Planner.Plan(wanted, seen));
    }

    private void Show(Proposal proposal)
    {
        PlanView.Write(terminal.Out, proposal.Intent, proposal.Plan);
        PlanView.WriteRemarks(terminal, proposal.Plan);
    }

    /// <summary>Runs with a spinner that names the step, on a terminal; the steps are too short for lines elsewhere.</summary>
    private Task<ApplyResult> WatchedAsync(Func<IProgress<string>?, Task<ApplyResult>> apply) =>
        LiveView.IsWatched(terminal.Error)
            ? terminal.Error.Status().StartAsync("applying", context => apply(new Steps(context)))
            : apply(null);

    /// <summary>
    /// Has peers negotiated with that nothing is exchanged with yet. What another host has not done yet is no failure of
    /// this one: it is said, and the first packet tries again.
    /// </summary>
    private async Task<ImmutableArray<FailedPeer>> EstablishAsync(
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

    private int Report(Plan plan, ApplyResult result)
    {
        if (result.Matches)
        {
            var isAll = result.Remaining.Conflicts.IsEmpty;
            if (!plan.IsEmpty)
            {
                terminal.Out.Line(
                    $"[green]✓[/] done in {result.Elapsed.TotalMilliseconds:0} ms ({result.LinkCommands} link commands, {result.Operations} OVSDB operations), read back: as intended{(isAll ? "" : ", but for what waits")}"
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

/// <summary>What a host looks like, what it must look like, and what is to be done about it.</summary>
internal sealed record Proposal(HostObservation Observation, HostIntent Intent, Plan Plan);

/// <summary>What came of a plan that was carried out.</summary>
/// <param name="Code">The exit code.</param>
/// <param name="Matches"><see cref="ApplyResult.Matches"/>.</param>
/// <param name="Down">The peers that agreed to nothing.</param>
internal sealed record Applied(int Code, bool Matches, ImmutableArray<FailedPeer> Down);
