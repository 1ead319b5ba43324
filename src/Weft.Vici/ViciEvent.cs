namespace Weft.Vici;

/// <summary>An event that the daemon raised (strongSwan, vici/README.md, Server-issued events).</summary>
/// <param name="Name">Its name, such as <c>child-updown</c>; see <see cref="EventNames"/>.</param>
/// <param name="Message">What it says.</param>
public sealed record ViciEvent(string Name, ViciMessage Message)
{
    /// <summary>What it occupies in memory, about, in bytes.</summary>
    internal int Weight { get; init; }

    /// <summary>The event as one about associations (<c>ike-updown</c>, <c>ike-rekey</c>, <c>ike-update</c>, <c>child-updown</c>, <c>child-rekey</c>).</summary>
    /// <returns>What happened to which association; null for any other event.</returns>
    /// <exception cref="ViciProtocolException">It lacks what its documentation promises.</exception>
    public AssociationEvent? ToAssociationEvent() => AssociationEvent.FromEvent(this);

    /// <summary>The name and the message, in one line.</summary>
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
