using System.Collections.Immutable;
using Weft.Core.Planning;

namespace Weft.Agent;

/// <summary>
/// Decides what of a plan is carried out now. Something is removed, or plugged in again for a container that has lost it, only
/// if a second observation says so too (an engine may be at it). A container that does not run is left to whoever is making it.
/// What failed is tried again after a pause, longer each time, and holds up nothing else, but for this: no tunnel comes before
/// its guard, and no guard goes before its tunnel. If something stands in the way of everything, only guards that are missing beside
/// their tunnels are put up.
/// </summary>
/// <param name="clock">The clock.</param>
internal sealed class Restraint(TimeProvider clock)
{
    /// <summary>How long after the first observation the second one is made: engines and kernel need moments to agree.</summary>
    public static readonly TimeSpan SecondLook = TimeSpan.FromMilliseconds(300);

    /// <summary>
    /// How long a container that does not run is left alone: LXD refuses to start one that is being changed, and whoever makes
    /// or renames a container starts it next. Once it runs nothing waits.
    /// </summary>
    public static readonly TimeSpan HandsOff = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The name of a failure of no single thing: the host could not be read, or not be changed at all. No link can have it.
    /// </summary>
    public const string Host = "the host";

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    // If something is put right this often within this time, somebody takes it back.
    private const int TooOften = 3;
    private static readonly TimeSpan Lately = TimeSpan.FromSeconds(10);

    private readonly Dictionary<(string What, string Name), DateTimeOffset> held = [];
    private readonly Dictionary<string, Failure> failures = new(StringComparer.Ordinal);

    // Failures that are over, or only seem to be.
    private readonly Dictionary<string, Failure> former = new(StringComparer.Ordinal);
    private readonly List<(Change Change, DateTimeOffset At)> mended = [];
    private DateTimeOffset lastLook;

    /// <summary>What failed and is tried again later.</summary>
    public IReadOnlyDictionary<string, Failure> Failures => failures;

    /// <summary>
    /// The next time a round is needed only because a pause has ended; null if none is. A change whose pause was over at the
    /// last round and that still was not made is blocked by something else, whose end wakes us. While the host cannot be read,
    /// everything waits for that.
    /// </summary>
    public DateTimeOffset? Due =>
        failures.TryGetValue(Host, out var whole) ? whole.Until : DueOfThings;

    private DateTimeOffset? DueOfThings =>
        held.Select(pair =>
                failures.TryGetValue(pair.Key.Name, out var failure) && failure.Until > pair.Value
                    ? failure.Until
                    : pair.Value
            )
            .Concat(failures.Values.Select(failure => failure.Until))
            .Where(due => due > lastLook)
            .Order()
            .Cast<DateTimeOffset?>()
            .FirstOrDefault();

    /// <summary>The part of a plan that is carried out now.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="isNewFile">Whether the overlay file has just changed: what it no longer has was left out on purpose.</param>
    public Plan Apply(Plan plan, bool isNewFile)
    {
        var now = lastLook = clock.GetUtcNow();
        Recall(plan.Changes.Select(change => change.Name).ToHashSet(StringComparer.Ordinal), now);
        var added = plan
            .Changes.Where(change => change.Action is not ChangeAction.Remove)
            .Select(change => change.Name)
            .ToHashSet(StringComparer.Ordinal);
        var waiting = plan
            .Changes.Where(change => PatienceWith(change) > TimeSpan.Zero)
            .Select(KeyOf)
            .ToHashSet();
        foreach (var wanted in held.Keys.Where(key => !waiting.Contains(key)).ToList())
        {
            held.Remove(wanted);
        }
        return plan.HasClearWay
            ? plan with
            {
                Changes = [.. Guarded(plan.Changes.ToLookup(IsDue))],
                Conflicts = [],
            }
            : plan.Overdue;

        static IEnumerable<Change> Guarded(ILookup<bool, Change> isDue)
        {
            var unguarded = isDue[false]
                .OfType<GuardChange>()
                .Where(guard => guard.Action is not ChangeAction.Remove)
                .Select(guard => guard.Name)
                .ToHashSet(StringComparer.Ordinal);
            var isGuarded = isDue[true]
                .ToLookup(change =>
                    change is not SwitchChange { Action: not ChangeAction.Remove } tunnel
                    || !unguarded.Overlaps(tunnel.Remotes)
                );
            var left = isDue[false].Concat(isGuarded[false]).OfType<SwitchChange>().ToList();
            return isGuarded[true]
                .Where(change =>
                    change is not GuardChange { Action: ChangeAction.Remove } guard
                    || !left.Exists(tunnel =>
                        tunnel is RemoveBridge || tunnel.Remotes.Contains(guard.Name)
                    )
                );
        }

        bool IsDue(Change change)
        {
            // Even if somebody removes it again and again: until it is back, what its tunnel sends is not encrypted.
            if (change is GuardChange { IsOverdue: true })
            {
                return true;
            }
            if (failures.TryGetValue(change.Name, out var failure) && now < failure.Until)
            {
                return false;
            }
            var patience = PatienceWith(change);
            if (patience == TimeSpan.Zero)
            {
                return true;
            }
            var until = held.TryGetValue(KeyOf(change), out var before)
                ? before
                : held[KeyOf(change)] = now + patience;
            return now >= until;
        }

        TimeSpan PatienceWith(Change change) =>
            change is NicChange { CanWait: true } ? HandsOff
            : change is NicChange { Replugs: true } ? SecondLook
            : change is NicChange { MakesWay: true } ? TimeSpan.Zero
            : change.Action is ChangeAction.Remove && !isNewFile && !added.Contains(change.Name)
                ? SecondLook
            : TimeSpan.Zero;
    }

    /// <summary>Something could not be carried out.</summary>
    /// <param name="names">What: names of changes, or <see cref="Host"/>.</param>
    /// <param name="reason">Why not.</param>
    public void Failed(IEnumerable<string> names, string reason)
    {
        foreach (var name in names)
        {
            if (
                name == Host
                && failures.TryGetValue(name, out var early)
                && clock.GetUtcNow() < early.Until
            )
            {
                // Something else caused this round before the pause was over. On a busy host that must not make the pause ever
                // longer.
                failures[name] = early with
                {
                    Reason = reason,
                };
                continue;
            }
            former.Remove(name, out var once);
            var times =
                failures.TryGetValue(name, out var before) ? before.Times + 1
                : once is not null && IsRecent(once, clock.GetUtcNow()) ? once.Times + 1
                : 1;
            failures[name] = new Failure(times, clock.GetUtcNow() + PauseAfter(times), reason)
            {
                IsTakenBack = mended.Exists(one =>
                    one.Change.Name == name && IsTooOften(one.Change)
                ),
            };
        }
    }

    /// <summary>A round has gone through: the host can be read, and changed.</summary>
    public void WentThrough() => failures.Remove(Host);

    /// <summary>Something was carried out.</summary>
    /// <param name="changes">What.</param>
    /// <returns>What of it has been put right again and again lately, so that somebody takes it back.</returns>
    public ImmutableArray<Change> CarriedOut(IEnumerable<Change> changes)
    {
        var now = clock.GetUtcNow();
        mended.RemoveAll(one => one.At + Lately <= now);
        var all = changes.ToList();
        // What is made in the same round does not count: with containers, things come and go many times, and are set each time.
        var made = all.Where(change => change.Action is ChangeAction.Add)
            .Select(change => change.Name)
            .ToHashSet(StringComparer.Ordinal);
        List<Change> set =
        [
            .. all.Where(change =>
                change.Action is ChangeAction.Set && !made.Contains(change.Name)
            ),
        ];
        mended.AddRange(set.Select(change => (change, now)));
        return [.. set.Where(IsTooOften)];
    }

    /// <summary>
    /// Whether the same thing was put right in the same way too often lately; another that has its name since does not count.
    /// </summary>
    private bool IsTooOften(Change change) =>
        mended.Count(one => one.Change.Deed == change.Deed) >= TooOften;

    /// <summary>Sorts failures: those that are still to be done from those that are over, or only seem to be.</summary>
    private void Recall(HashSet<string> names, DateTimeOffset now)
    {
        foreach (var over in former.Where(one => !IsRecent(one.Value, now)).ToList())
        {
            former.Remove(over.Key);
        }
        // It only looked right for a moment: its pause is not over.
        foreach (
            var again in former
                .Where(one =>
                    one.Value.IsTakenBack && now < one.Value.Until && names.Contains(one.Key)
                )
                .ToList()
        )
        {
            former.Remove(again.Key);
            failures[again.Key] = again.Value;
        }
        foreach (
            var healed in failures
                .Keys.Where(name => name != Host && !names.Contains(name))
                .ToList()
        )
        {
            failures.Remove(healed, out var failure);
            former[healed] = failure!;
        }
    }

    /// <summary>Whether something that is right again has not yet been so for as long as its last pause.</summary>
    private static bool IsRecent(Failure failure, DateTimeOffset now) =>
        now < failure.Until + PauseAfter(failure.Times);

    private static TimeSpan PauseAfter(int times)
    {
        var pause = FirstPause * Math.Pow(2, Math.Min(times - 1, 10));
        return pause < LongestPause ? pause : LongestPause;
    }

    private static (string, string) KeyOf(Change change) => (change.What, change.Name);
}

/// <summary>Something that failed.</summary>
/// <param name="Times">How often in a row.</param>
/// <param name="Until">When it is tried again.</param>
/// <param name="Reason">Why it failed.</param>
internal sealed record Failure(int Times, DateTimeOffset Until, string Reason)
{
    /// <summary>Whether it was carried out again and again, and taken back by somebody each time.</summary>
    public bool IsTakenBack { get; init; }
}
