using System.Collections.Immutable;

namespace Weft.Ovsdb;

/// <summary>What every error of this library is.</summary>
public abstract class OvsdbException : Exception
{
    private protected OvsdbException(string message, Exception? cause = null)
        : base(message, cause) { }
}

/// <summary>A value is not what was asked for: of another type, several instead of one, malformed on the wire.</summary>
public sealed class OvsdbValueException : OvsdbException
{
    /// <summary>Says what was wanted and what was found.</summary>
    /// <param name="expected">What was wanted.</param>
    /// <param name="got">What was found.</param>
    public OvsdbValueException(string expected, string got)
        : base($"expected {expected}, got {got}")
    {
        Expected = expected;
        Got = got;
    }

    /// <summary>What was wanted.</summary>
    public string Expected { get; }

    /// <summary>What was found.</summary>
    public string Got { get; }
}

/// <summary>There is no connection, or there is no longer one.</summary>
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

    /// <summary>The remote that was connected or tried last; null where none was.</summary>
    public Remote? Remote { get; }

    /// <summary>Is the server there, but not in the role that is wanted?</summary>
    internal bool IsOfRole { get; init; }

    /// <summary>
    /// Was the request on its way already? Then the server may or may not have carried it out: read back before
    /// trying again. When false, nothing was sent.
    /// </summary>
    public bool OutcomeUnknown { get; }
}

/// <summary>The server sent what the protocol does not allow, or more than the limits of the client do.</summary>
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

    /// <summary>The error in the server's own words, such as those in <see cref="ErrorNames"/>.</summary>
    public string Error { get; }

    /// <summary>The server's explanation, where it gave one.</summary>
    public string? Details { get; }

    /// <summary>The JSON that the server took offence at, where it said so (ovsdb-server(7), section 3.1).</summary>
    public string? Syntax { get; }
}

/// <summary>A transaction failed; nothing of it was carried out.</summary>
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
/// <param name="Index">Which operation failed, from 0; null when all succeeded and the commit as a whole failed.</param>
/// <param name="Operation">That operation; null for the commit.</param>
/// <param name="Error">The error in the server's own words, such as those in <see cref="ErrorNames"/>.</param>
/// <param name="Details">The server's explanation, where it gave one.</param>
/// <param name="Syntax">The JSON that the server took offence at, where it said so (ovsdb-server(7), section 3.1).</param>
public sealed record OperationError(
    int? Index,
    Operation? Operation,
    string Error,
    string? Details,
    string? Syntax
)
{
    /// <summary>Where, and the server's words.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        $"{(Index is null ? "commit" : $"operation {Index} ({Operation?.Name})")}: {ServerWords.Phrase(Error, Details, Syntax)}";
}
