using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>The base class of all errors of this library.</summary>
public abstract class ViciException : Exception
{
    private protected ViciException(string message, Exception? cause = null)
        : base(message, cause) { }
}

/// <summary>There is no connection, or it was lost.</summary>
public sealed class ViciConnectionException : ViciException
{
    internal ViciConnectionException(
        string message,
        Exception? cause = null,
        bool outcomeUnknown = false
    )
        : base(message, cause) => OutcomeUnknown = outcomeUnknown;

    /// <summary>
    /// Whether the request was already sent. If so, charon may or may not have carried it out: read back before trying again. If
    /// false, nothing was sent.
    /// </summary>
    public bool OutcomeUnknown { get; }
}

/// <summary>
/// The daemon violated the protocol, exceeded the limits of the client, or sent a message without documented fields.
/// </summary>
public sealed class ViciProtocolException : ViciException
{
    internal ViciProtocolException(string message, Exception? cause = null)
        : base(message, cause) { }
}

/// <summary>Events came faster than they were read, and some were lost: read the state again and subscribe anew.</summary>
public sealed class ViciOverflowException : ViciException
{
    internal ViciOverflowException(string message)
        : base(message) { }
}

/// <summary>The daemon refused a command, or does not know it.</summary>
public sealed class ViciCommandException : ViciException
{
    internal ViciCommandException(
        string command,
        string error,
        ViciMessage? reply = null,
        ImmutableArray<ControlLog> log = default
    )
        : base($"charon refused '{command}': {error}{Tail(log)}")
    {
        Command = command;
        Error = error;
        Reply = reply ?? ViciMessage.Empty;
        Log = log.IsDefault ? [] : log;
    }

    /// <summary>The command, or the event to register for.</summary>
    public string Command { get; }

    /// <summary>The daemon's own words (<c>errmsg</c>), such as <c>establishing CHILD_SA 'net' failed</c>.</summary>
    public string Error { get; }

    /// <summary>The whole reply; empty if there was none.</summary>
    public ViciMessage Reply { get; }

    /// <summary>
    /// The last lines that the daemon logged during the command, oldest first. They are the only place that says why a
    /// negotiation failed. Only <c>initiate</c> and <c>terminate</c> have them.
    /// </summary>
    public ImmutableArray<ControlLog> Log { get; }

    // The daemon logs the reason just before it gives up; the lines before are about the packets of the negotiation.
    private static string Tail(ImmutableArray<ControlLog> log) =>
        log.IsDefaultOrEmpty
            ? ""
            : $"; it logged: {string.Join("; ", log.TakeLast(3).Select(static line => line.Text))}";
}
