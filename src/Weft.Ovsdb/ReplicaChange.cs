using System.Collections.Immutable;

namespace Weft.Ovsdb;

/// <summary>What happened to a row.</summary>
public enum RowChangeKind
{
    /// <summary>It is new: inserted, or it meets the conditions now.</summary>
    Inserted,

    /// <summary>Columns of it have other values.</summary>
    Updated,

    /// <summary>It is gone: deleted, or it meets the conditions no more.</summary>
    Deleted,
}

/// <summary>What happened to a row.</summary>
/// <param name="Table">The row's table.</param>
/// <param name="Uuid">The row's UUID.</param>
/// <param name="Old">The row before; null if there was none.</param>
/// <param name="New">The row after; null if there is none.</param>
public readonly record struct RowChange(string Table, Guid Uuid, Row? Old, Row? New)
{
    /// <summary>What happened.</summary>
    public RowChangeKind Kind =>
        Old is null ? RowChangeKind.Inserted
        : New is null ? RowChangeKind.Deleted
        : RowChangeKind.Updated;
}

/// <summary>
/// What happened since the change before this one: one transaction, or several made into one when the reader was
/// slower than the server. A row occurs once.
/// </summary>
/// <param name="Rows">The rows, in no particular order; never none.</param>
/// <param name="Snapshot">The state after it.</param>
public sealed record ReplicaChange(ImmutableArray<RowChange> Rows, Snapshot Snapshot);

/// <summary>How far a replica can be relied on.</summary>
/// <param name="IsLive">Does it follow the server? If not, it is stale: it shows the state of <paramref name="Since"/>.</param>
/// <param name="Since">Since when it is live or stale.</param>
/// <param name="Reason">Why it is stale; null while live.</param>
public sealed record ReplicaState(bool IsLive, DateTimeOffset Since, string? Reason);
