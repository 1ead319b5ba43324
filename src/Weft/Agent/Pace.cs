namespace Weft.Agent;

/// <summary>
/// Limits how soon rounds follow each other. Root in a container may change its links as often as they like, and wakes the
/// agent each time: beyond a burst, as when many containers are started at once, all that happens meanwhile is the work of one
/// round.
/// </summary>
/// <param name="clock">The clock.</param>
internal sealed class Pace(TimeProvider clock)
{
    /// <summary>How many rounds may follow each other without a pause.</summary>
    public const int Burst = 200;

    /// <summary>How many there may be in a second from then on.</summary>
    public const int PerSecond = 20;

    private double left = Burst;
    private long last = clock.GetTimestamp();

    /// <summary>Takes a round.</summary>
    /// <returns>How long to wait before it begins.</returns>
    public TimeSpan Take()
    {
        var now = clock.GetTimestamp();
        var earned = clock.GetElapsedTime(last, now).TotalSeconds * PerSecond;
        left = Math.Min(Burst, left + earned) - 1;
        last = now;
        return left >= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(-left / PerSecond);
    }
}
