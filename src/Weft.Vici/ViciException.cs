using System.Collections.Immutable;

namespace Weft.Vici;

/// <summary>What every error of this library is.</summary>
public abstract class ViciException : Exception
{
    private protected ViciException(string message, Exception? cause = null)
        : base(message, cause) { }
}

/// <summary>There is no connection, or there is no longer one.</summary>
public sealed class ViciConnectionException : ViciException
{
    internal ViciConnectionException(
        string message,
        Exception? cause = null,
        bool outcomeUnknown = false
    )
        : base(message, cause) => OutcomeUnknown = outcomeUnknown;

    /// <summary>
    /// Was the request on its way already? Then charon may or may not have carried it out: read back before trying
    /// again. When false, nothing was sent.
    /// </summary>
    public bool OutcomeUnknown { get; }
}

/// <summary>
/// The daemon sent what the protocol does not allow, more than the limits of the client do, or a message without what
/// its documentation promises.
/// </summary>
public sealed class ViciProtocolException : ViciException
{
    internal ViciProtocolException(string message, Exception? cause = null)
        : base(message, cause) { }
}

/// <summary>Events came faster than they were read, and some are lost: read the state again and subscribe anew.</summary>
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

    /// <summary>The command, or the event that was to be registered for.</summary>
    public string Command { get; }

    /// <summary>The daemon's own words (<c>errmsg</c>), such as <c>establishing CHILD_SA 'net' failed</c>.</summary>
    public string Error { get; }

    /// <summary>The whole reply; empty where there was none.</summary>
    public ViciMessage Reply { get; }

    /// <summary>
    /// The last lines that the daemon logged while it carried out the command, oldest first: why a negotiation failed
    /// is said there and nowhere else. Only <c>initiate</c> and <c>terminate</c> have them.
    /// </summary>
    public ImmutableArray<ControlLog> Log { get; }

    // The daemon tells the reason shortly before it gives up; what came before are the packets of a negotiation.
    private static string Tail(ImmutableArray<ControlLog> log) =>
        log.IsDefaultOrEmpty
            ? ""
            : $"; it logged: {string.Join("; ", log.TakeLast(3).Select(static line => line.Text))}";
}
