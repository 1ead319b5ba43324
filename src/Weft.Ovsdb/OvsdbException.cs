using System.Collections.Immutable;

namespace Weft.Ovsdb;

/// <summary>The base class of all errors of this library.</summary>
public abstract class OvsdbException : Exception
{
    private protected OvsdbException(string message, Exception? cause = null)
        : base(message, cause) { }
}

/// <summary>A value is not as requested: of another type, several instead of one, or malformed on the wire.</summary>
public sealed class OvsdbValueException : OvsdbException
{
    /// <summary>Creates the exception from what was expected and what was found.</summary>
    /// <param name="expected">What was expected.</param>
    /// <param name="got">What was found.</param>
    public OvsdbValueException(string expected, string got)
        : base($"expected {expected}, got {got}")
    {
        Expected = expected;
        Got = got;
    }

    /// <summary>What was expected.</summary>
    public string Expected { get; }

    /// <summary>What was found.</summary>
    public string Got { get; }
}

/// <summary>There is no connection, or it was lost.</summary>
public sealed class OvsdbConnectionException : OvsdbException
{
    internal OvsdbConnectionException(
        string message,
        Remote? remote,
        bool outcomeUnknown = false,
        Exception? cause = null
    )
        : base(message, cause)
    {
        Remote = remote;
        OutcomeUnknown = outcomeUnknown;
    }

    /// <summary>The remote that was connected or last tried; null if there was none.</summary>
    public Remote? Remote { get; }

    /// <summary>Whether the server was reached, but does not have the required role.</summary>
    internal bool IsOfRole { get; init; }

    /// <summary>
    /// Whether the request was already sent. If so, the server may or may not have carried it out: read back before trying again.
    /// If false, nothing was sent.
    /// </summary>
    public bool OutcomeUnknown { get; }
}

/// <summary>The server violated the protocol, or exceeded the limits of the client.</summary>
public sealed class OvsdbProtocolException : OvsdbException
{
    internal OvsdbProtocolException(string message, Exception? cause = null)
        : base(message, cause) { }
}

/// <summary>The server answered a request with an error.</summary>
public sealed class OvsdbRemoteException : OvsdbException
{
    internal OvsdbRemoteException(
        string method,
        Remote remote,
        ServerWords words,
        string? hint = null
    )
        : base($"{remote} answered '{method}' with: {words}{(hint is null ? "" : $"; {hint}")}")
    {
        Method = method;
        Remote = remote;
        Error = words.Error;
        Details = words.Details;
        Syntax = words.Syntax;
    }

    /// <summary>The method that was called.</summary>
    public string Method { get; }

    /// <summary>The remote that answered.</summary>
    public Remote Remote { get; }

    /// <summary>The server's name for the error, usually one of <see cref="ErrorNames"/>.</summary>
    public string Error { get; }

    /// <summary>The server's explanation; null if it gave none.</summary>
    public string? Details { get; }

    /// <summary>The JSON to which the server objects; null if it does not say (ovsdb-server(7), section 3.1).</summary>
    public string? Syntax { get; }
}

/// <summary>A transaction failed; nothing was changed.</summary>
public sealed class OvsdbTransactionException : OvsdbException
{
    internal OvsdbTransactionException(
        string database,
        Remote remote,
        ImmutableArray<OperationError> errors
    )
        : base($"{remote} refused a transaction on {database}: {string.Join("; ", errors)}")
    {
        Database = database;
        Remote = remote;
        Errors = errors;
    }

    /// <summary>The database.</summary>
    public string Database { get; }

    /// <summary>The remote that answered.</summary>
    public Remote Remote { get; }

    /// <summary>Every error that the server reported, at least one, in the order of the operations.</summary>
    public ImmutableArray<OperationError> Errors { get; }
}

/// <summary>One error in the result of a transaction (RFC 7047, section 4.1.3).</summary>
/// <param name="Index">The index of the failed operation, from 0; null if all succeeded and the commit failed.</param>
/// <param name="Operation">That operation; null for the commit.</param>
/// <param name="Error">The server's name for the error, usually one of <see cref="ErrorNames"/>.</param>
/// <param name="Details">The server's explanation; null if it gave none.</param>
/// <param name="Syntax">The JSON to which the server objects; null if it does not say (ovsdb-server(7), section 3.1).</param>
public sealed record OperationError(
    int? Index,
    Operation? Operation,
    string Error,
    string? Details,
    string? Syntax
)
{
    /// <summary>The operation, and the server's words.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        $"{(Index is null ? "commit" : $"operation {Index} ({Operation?.Name})")}: {ServerWords.Phrase(Error, Details, Syntax)}";
}
