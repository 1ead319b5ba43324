using Weft.Core.Intents;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Planning;

namespace Weft.Core.Execution;

/// <summary>
/// Puts up the guard by itself, with neither Open vSwitch nor strongSwan: at boot it must stand before the switch, which
/// restores its tunnel ports as soon as it runs.
/// </summary>
public static class GuardKeeper
{
    /// <summary>Puts up what is missing. What stands in the way of one policy keeps it from no other.</summary>
    /// <param name="intent">What this host must look like.</param>
    /// <param name="progress">Is told what is waited for.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What was done, and what is missing still.</returns>
    /// <exception cref="HostException">Root's rights are missing, or the kernel refused a policy.</exception>
    public static async Task<(Plan Done, Plan Missing)> PutUpAsync(
        HostIntent intent,
        IProgress<string>? progress,
        CancellationToken cancellationToken
    )
    {
        using var only = await HostLock.TakeAsync(progress, cancellationToken);
        var seen = GuardReader.Read();
        var plan = Planner.PlanGuard(intent, seen);
        if (seen.Problem is not null)
        {
            return (plan, plan);
        }
        await LinkBatch.RunAsync([.. plan.LinesOf(Stage.First)], cancellationToken);
        return (plan, Planner.PlanGuard(intent, GuardReader.Read()));
    }
}
