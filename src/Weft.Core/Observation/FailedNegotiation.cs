namespace Weft.Core.Observation;

/// <summary>
/// Records why keys could not be agreed on with another host: strongSwan's daemon tells only whoever had it negotiate, and
/// keeps nothing.
/// </summary>
/// <param name="Peer">The other host's name.</param>
/// <param name="Loaded">What the daemon had loaded for it then, by name; the reason says nothing of anything else.</param>
/// <param name="Time">When it was tried, by the host's clock.</param>
/// <param name="Why">What stood in the way, and what to do.</param>
public sealed record FailedNegotiation(string Peer, string Loaded, DateTimeOffset Time, string Why)
{
    /// <summary>All of it, in words.</summary>
    public override string ToString() => $"{Why} (tried at {Time:u})";
}
