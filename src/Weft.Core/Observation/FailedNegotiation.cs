namespace Weft.Core.Observation;

/// <summary>Why keys could not be agreed on with another host, as whoever negotiated last was told: strongSwan's daemon tells nobody else, and keeps nothing of it.</summary>
/// <param name="Peer">The other host's name.</param>
/// <param name="Loaded">What the daemon had loaded for it then, by name. Of anything else it says nothing.</param>
/// <param name="Time">When it was tried, by the host's clock.</param>
/// <param name="Why">What stood in the way, and what to do.</param>
public sealed record FailedNegotiation(string Peer, string Loaded, DateTimeOffset Time, string Why)
{
    /// <summary>All of it, in words.</summary>
    public override string ToString() => $"{Why} (tried at {Time:u})";
}
