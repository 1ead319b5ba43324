namespace Weft.Agent;

/// <summary>
/// The time that it was when this was made, and what has passed since: nobody sets it. A machine may boot by a wrong clock
/// that is put right later, and what was to be done in a minute is then still done in a minute.
/// </summary>
/// <param name="clock">The clock that may be set.</param>
internal sealed class SteadyClock(TimeProvider clock) : TimeProvider
{
    private readonly DateTimeOffset begun = clock.GetUtcNow();
    private readonly long started = clock.GetTimestamp();

    /// <inheritdoc/>
    public override long TimestampFrequency => clock.TimestampFrequency;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => begun + clock.GetElapsedTime(started);

    /// <inheritdoc/>
    public override long GetTimestamp() => clock.GetTimestamp();

    /// <summary>A time of this clock's, by the clock that may be set.</summary>
    public DateTimeOffset Shown(DateTimeOffset time) => clock.GetUtcNow() + (time - GetUtcNow());

    /// <summary>A time by the clock that may be set, by this one.</summary>
    public DateTimeOffset Reckoned(DateTimeOffset time) => GetUtcNow() + (time - clock.GetUtcNow());
}
