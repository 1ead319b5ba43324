namespace Weft.Ovsdb;

/// <summary>
/// The error names of RFC 7047 and ovsdb-server(7), spelt as the server sends them. These are strings instead of an enum, since a
/// server may send others.
/// </summary>
public static class ErrorNames
{
    /// <summary>An <c>abort</c> operation ended the transaction.</summary>
    public const string Aborted = "aborted";

    /// <summary>A <c>cancel</c> notification ended the request.</summary>
    public const string Canceled = "canceled";

    /// <summary>The cluster has no leader, or lost it in the meantime: try again.</summary>
    public const string ClusterError = "cluster error";

    /// <summary>A value violates a constraint of its type, of an index, or of an immutable column.</summary>
    public const string ConstraintViolation = "constraint violation";

    /// <summary>A division by zero in a mutation.</summary>
    public const string DomainError = "domain error";

    /// <summary>Two inserts have the same <see cref="Insert.Uuid"/>, or a row already has it.</summary>
    public const string DuplicateUuid = "duplicate uuid";

    /// <summary>Two inserts have the same <see cref="Insert.UuidName"/>.</summary>
    public const string DuplicateUuidName = "duplicate uuid-name";

    /// <summary>The database could not be written.</summary>
    public const string IoError = "I/O error";

    /// <summary>The parameters of the request do not fit the method.</summary>
    public const string InvalidParameters = "invalid parameters";

    /// <summary>This server does not allow the operation, such as a write on a backup.</summary>
    public const string NotAllowed = "not allowed";

    /// <summary>An <c>assert</c> operation names a lock that the client does not hold.</summary>
    public const string NotOwner = "not owner";

    /// <summary>The operation is not supported.</summary>
    public const string NotSupported = "not supported";

    /// <summary>The role of the client does not permit the operation.</summary>
    public const string PermissionError = "permission error";

    /// <summary>The result of a mutation does not fit the type.</summary>
    public const string RangeError = "range error";

    /// <summary>A reference points to a row that does not exist, or a deleted row is still referenced.</summary>
    public const string ReferentialIntegrityViolation = "referential integrity violation";

    /// <summary>The server is out of memory or disk.</summary>
    public const string ResourcesExhausted = "resources exhausted";

    /// <summary>The request, or an operation, could not be parsed.</summary>
    public const string SyntaxError = "syntax error";

    /// <summary>The condition of a <c>wait</c> operation was not met in time.</summary>
    public const string TimedOut = "timed out";

    /// <summary>The table has no such column.</summary>
    public const string UnknownColumn = "unknown column";

    /// <summary>The server has no such database.</summary>
    public const string UnknownDatabase = "unknown database";

    /// <summary>The server has no such method.</summary>
    public const string UnknownMethod = "unknown method";

    /// <summary>The database has no such table.</summary>
    public const string UnknownTable = "unknown table";
}
