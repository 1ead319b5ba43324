using Weft.Core.Intents;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Planning;

namespace Weft.Core.Execution;

/// <summary>
/// Puts up the guard by itself, without Open vSwitch or strongSwan: at boot it must stand before the switch, which restores its
/// tunnel ports as soon as it runs.
/// </summary>
public static class GuardKeeper
{
    /// <summary>Puts up what is missing. A conflict over one policy keeps no other from being put up.</summary>
    /// <param name="intent">What this host must look like.</param>
    /// <param name="progress">Is told what is waited for.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="patience">How long another Weft may take; for ever unless given.</param>
    /// <returns>What was done, and what is missing still.</returns>
    /// <exception cref="HostException">Root's rights are missing, another Weft takes too long, or the kernel refused a policy.</exception>
    public static async Task<(Plan Done, Plan Missing)> PutUpAsync(
        HostIntent intent,
        IProgress<string>? progress,
        CancellationToken cancellationToken,
        TimeSpan? patience = null
    )
    {
        using var only = await HostLock.TakeAsync(progress, cancellationToken, patience: patience);
        var seen = GuardReader.Read();
        var plan = Planner.PlanGuard(intent, seen);
        if (seen.Problem is not null)
        {
            return (plan, plan);
        }
        await PutUpAsync(plan, cancellationToken);
        return (plan, Planner.PlanGuard(intent, GuardReader.Read()));
    }

    /// <summary>Whether any is missing, as far as the kernel says so.</summary>
    /// <param name="intent">What this host must look like.</param>
    public static bool IsMissing(HostIntent intent) =>
        intent.Ipsec is not null
        && GuardReader.Read() is { Problem: null } seen
        && !Planner.PlanGuard(intent, seen).IsEmpty;

    /// <summary>Puts up what a plan has of the guard. The host's lock must be held.</summary>
    /// <param name="plan">The plan; nothing else of it is carried out.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HostException">The kernel refused a policy.</exception>
    public static Task PutUpAsync(Plan plan, CancellationToken cancellationToken) =>
        LinkBatch.RunAsync([.. plan.LinesOf(Stage.First)], cancellationToken);
}
