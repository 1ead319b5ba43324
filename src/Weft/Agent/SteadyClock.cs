namespace Weft.Agent;

/// <summary>
/// Counts on from the time when this was made, whoever sets the clock. A machine may boot with a wrong clock that is put right
/// later, and what was to be done in a minute is then still done in a minute.
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

    /// <summary>Converts a time of this clock to the clock that may be set.</summary>
    public DateTimeOffset Shown(DateTimeOffset time) => clock.GetUtcNow() + (time - GetUtcNow());

    /// <summary>Converts a time of the clock that may be set to this clock.</summary>
    public DateTimeOffset Reckoned(DateTimeOffset time) => GetUtcNow() + (time - clock.GetUtcNow());
}
