namespace Weft.Vici;

/// <summary>An event from the daemon (strongSwan, vici/README.md, Server-issued events).</summary>
/// <param name="Name">The event's name, such as <c>child-updown</c>; see <see cref="EventNames"/>.</param>
/// <param name="Message">The event's content.</param>
public sealed record ViciEvent(string Name, ViciMessage Message)
{
    /// <summary>The approximate size in memory, in bytes.</summary>
    internal int Weight { get; init; }

    /// <summary>
    /// Interprets an event about associations (<c>ike-updown</c>, <c>ike-rekey</c>, <c>ike-update</c>, <c>child-updown</c>,
    /// <c>child-rekey</c>).
    /// </summary>
    /// <returns>The event; null if it is not about associations.</returns>
    /// <exception cref="ViciProtocolException">It lacks documented fields.</exception>
    public AssociationEvent? ToAssociationEvent() => AssociationEvent.FromEvent(this);

    /// <summary>The name and the message in one line.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Name} {Message}";
}

/// <summary>The events that a client can subscribe to (strongSwan, vici/README.md, Server-issued events).</summary>
public static class EventNames
{
    /// <summary>An IKE SA came up or went down.</summary>
    public const string IkeUpdown = "ike-updown";

    /// <summary>An IKE SA was replaced by a new one.</summary>
    public const string IkeRekey = "ike-rekey";

    /// <summary>An IKE SA is about to change an address or a port.</summary>
    public const string IkeUpdate = "ike-update";

    /// <summary>A CHILD SA came up or went down.</summary>
    public const string ChildUpdown = "child-updown";

    /// <summary>A CHILD SA was replaced by a new one.</summary>
    public const string ChildRekey = "child-rekey";

    /// <summary>A line of the daemon's log.</summary>
    public const string Log = "log";

    /// <summary>Something failed, such as an authentication (strongSwan 5.9.9 and later).</summary>
    public const string Alert = "alert";
}
