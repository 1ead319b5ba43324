namespace Weft.Ovsdb;

/// <summary>
/// The errors of RFC 7047 and of ovsdb-server(7), letter by letter as the server writes them: a server is free to
/// use others, so these are strings to compare with and no enumeration.
/// </summary>
public static class ErrorNames
{
    /// <summary>An <c>abort</c> operation ended the transaction.</summary>
    public const string Aborted = "aborted";

    /// <summary>A <c>cancel</c> notification ended the request.</summary>
    public const string Canceled = "canceled";

    /// <summary>The cluster has no leader, or lost it meanwhile: try again.</summary>
    public const string ClusterError = "cluster error";

    /// <summary>A value violates a constraint: of its type, of an index, of an immutable column.</summary>
    public const string ConstraintViolation = "constraint violation";

    /// <summary>A division by zero in a mutation.</summary>
    public const string DomainError = "domain error";

    /// <summary>Two inserts bear the same <see cref="Insert.Uuid"/>, or a row bears it already.</summary>
    public const string DuplicateUuid = "duplicate uuid";

    /// <summary>Two inserts bear the same <see cref="Insert.UuidName"/>.</summary>
    public const string DuplicateUuidName = "duplicate uuid-name";

    /// <summary>The database could not be written.</summary>
    public const string IoError = "I/O error";

    /// <summary>The request is not what the method expects.</summary>
    public const string InvalidParameters = "invalid parameters";

    /// <summary>The operation is not for this server, such as a write on a backup.</summary>
    public const string NotAllowed = "not allowed";

    /// <summary>An <c>assert</c> operation names a lock that the client does not hold.</summary>
    public const string NotOwner = "not owner";

    /// <summary>The operation is not supported.</summary>
    public const string NotSupported = "not supported";

    /// <summary>The role of the client does not permit the operation.</summary>
    public const string PermissionError = "permission error";

    /// <summary>The result of a mutation does not fit the type.</summary>
    public const string RangeError = "range error";

    /// <summary>A reference points to a row that does not exist, or a row is deleted that is still referred to.</summary>
    public const string ReferentialIntegrityViolation = "referential integrity violation";

    /// <summary>The server is out of memory or disk.</summary>
    public const string ResourcesExhausted = "resources exhausted";

    /// <summary>The request, or an operation, could not be parsed.</summary>
    public const string SyntaxError = "syntax error";

    /// <summary>A <c>wait</c> operation did not come true in time.</summary>
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
