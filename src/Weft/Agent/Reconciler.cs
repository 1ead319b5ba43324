using System.Collections.Immutable;
using Weft.Core;
using Weft.Core.Execution;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Planning;

namespace Weft.Agent;

/// <summary>One round of the straight line: observe, plan, apply, read back.</summary>
/// <param name="host">The doors to the host.</param>
/// <param name="mirror">What is known of it.</param>
/// <param name="restraint">What is left for later.</param>
/// <param name="clock">The clock.</param>
internal sealed class Reconciler(
    LocalHost host,
    HostMirror mirror,
    Restraint restraint,
    TimeProvider clock
)
{
    /// <summary>How long ovs-vswitchd may take, and another Weft.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Settled settled = new();

    /// <summary>Makes the host match.</summary>
    /// <param name="on">The overlay.</param>
    /// <param name="isNewFile">Whether the overlay file has just changed.</param>
    /// <param name="isOutdated">Whether another file is in force than the one that the overlay was read from.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <returns>What was found and done; never throws for what the host may do.</returns>
    public async Task<Round> RunAsync(
        HostOverlay on,
        bool isNewFile,
        Func<bool> isOutdated,
        CancellationToken cancellationToken
    )
    {
        var started = clock.GetTimestamp();
        var done = new List<Change>();
        Plan? underWay = null;
        HostObservation? observation = null;
        (HostObservation For, HostIntent Intent, Plan Plan)? last = null;
        try
        {
            if (host.SwitchProblem is { } problem)
            {
                done.AddRange(await GuardAloneAsync(on, cancellationToken));
                throw new HostException(problem);
            }
            observation = await mirror.ObserveAsync(on, cancellationToken);
            if (!PlanNow(observation).IsEmpty || on.HasLeavers(observation))
            {
                var isUndisturbed = await host.LockAsync(Patience, null, cancellationToken);
                try
                {
                    if (isOutdated())
                    {
                        restraint.WentThrough();
                        // Whoever had the lock put another file in force: the next round is by that one.
                        return new Round(
                            observation,
                            on.Intend(observation),
                            done,
                            Elapsed(),
                            Problem: null
                        );
                    }
                    if (!isUndisturbed)
                    {
                        // Whoever had the lock may have changed something a moment ago.
                        observation = await mirror.ObserveAsync(on, cancellationToken);
                    }
                    underWay = null;
                    var result = await new Applier(
                        host,
                        async token => observation = await mirror.ObserveAsync(on, token),
                        seen => PlanNow(observation = on.Record(seen)),
                        Patience,
                        // The switch reports a port once it opens it, and nobody should wait for that here.
                        notice: TimeSpan.Zero,
                        clock,
                        done.AddRange
                    ).ApplyAsync(observation, null, cancellationToken);
                    ThrowIfUndone(result.Remaining);
                }
                finally
                {
                    await host.UnlockAsync();
                }
            }
            var (intent, plan) = Planned(observation);
            restraint.WentThrough();
            return new Round(observation, intent, done, Elapsed(), InTheWay(plan)) { Plan = plan };
        }
        catch (Exception exception) when (HostFault.Is(exception))
        {
            ImmutableArray<string> items = exception
                is HostException { Items: { IsEmpty: false } named }
                ? named
                : [.. (underWay?.Changes ?? []).Select(change => change.Name)];
            done.RemoveAll(change => items.Contains(change.Name));
            if (items is [])
            {
                items = [Restraint.Host];
            }
            restraint.Failed(items, exception.Message);
            mirror.Everything();
            return new Round(
                observation,
                observation is null ? null : on.Intend(observation),
                done,
                Elapsed(),
                exception.Message
            )
            {
                Failed = items,
            };
        }

        // What came up meanwhile is for the next round; what was carried out and is due again does not hold.
        void ThrowIfUndone(Plan remaining)
        {
            var tooOften = restraint.CarriedOut(done);
            var undone = remaining
                .Changes.Where(change => done.Exists(former => former.Deed == change.Deed))
                .Concat(tooOften)
                .DistinctBy(change => (change.What, change.Name))
                .ToList();
            if (undone.Count > 0)
            {
                throw new HostException(string.Join("; ", undone.Select(ApplyResult.StillDiffers)))
                {
                    Items = [.. undone.Select(change => change.Name)],
                };
            }
        }

        Plan PlanNow(HostObservation seen)
        {
            var (intent, whole) = Planned(seen);
            mirror.Know(intent, whole);
            var plan = restraint.Apply(whole, isNewFile);
            mirror.Touch(plan);
            underWay = plan;
            return plan;
        }

        // The plan for the last observation is needed again when the round ends.
        (HostIntent Intent, Plan Plan) Planned(HostObservation seen)
        {
            if (last is { } known && ReferenceEquals(known.For, seen))
            {
                return (known.Intent, known.Plan);
            }
            var intent = on.Intend(seen);
            var plan = Planner.Plan(intent, seen, settled);
            last = (seen, intent, plan);
            return (intent, plan);
        }

        TimeSpan Elapsed() => clock.GetElapsedTime(started);
    }

    /// <summary>
    /// Puts up the guard where it is missing, as before Open vSwitch is started: its database does not say which tunnels there
    /// are, and the kernel may have them all the same.
    /// </summary>
    private static async Task<ImmutableArray<Change>> GuardAloneAsync(
        HostOverlay on,
        CancellationToken cancellationToken
    )
    {
        // Which datapath the kernel has is no matter here: the guard blocks whoever sends.
        var intent = IntentBuilder.Build(on.Overlay, on.Host, kernelDatapath: true);
        if (!GuardKeeper.IsMissing(intent))
        {
            return [];
        }
        var (done, _) = await GuardKeeper.PutUpAsync(intent, null, cancellationToken, Patience);
        return done.Changes;
    }

    private static string? InTheWay(Plan plan) =>
        plan.Conflicts.IsEmpty
            ? null
            : string.Join("; ", plan.Conflicts.Select(conflict => conflict.Message));
}

/// <summary>What one round found and did.</summary>
/// <param name="Observation">What the host looks like now; null if it could not be read.</param>
/// <param name="Intent">What it must look like.</param>
/// <param name="Done">What was changed.</param>
/// <param name="Elapsed">How long it took.</param>
/// <param name="Problem">What failed, in words; null if nothing did.</param>
internal sealed record Round(
    HostObservation? Observation,
    HostIntent? Intent,
    IReadOnlyList<Change> Done,
    TimeSpan Elapsed,
    string? Problem
)
{
    /// <summary>What the host still differs in; null where that was not worked out.</summary>
    public Plan? Plan { get; init; }

    /// <summary>What could not be carried out, by name; <see cref="Restraint.Host"/> where it is no single thing.</summary>
    public ImmutableArray<string> Failed { get; init; } = [];

    /// <summary>Whether the file is in force: all of it that nothing stands in the way of was carried out, or is held back for a moment.</summary>
    public bool IsInForce => Plan is { HasClearWay: true };
}
