using System.Collections.Immutable;

namespace Weft.Ovsdb;

/// <summary>The kind of change to a row.</summary>
public enum RowChangeKind
{
    /// <summary>The row is new: it was inserted, or now meets the conditions.</summary>
    Inserted,

    /// <summary>Columns of the row have other values.</summary>
    Updated,

    /// <summary>The row is gone: it was deleted, or no longer meets the conditions.</summary>
    Deleted,
}

/// <summary>A change to a row.</summary>
/// <param name="Table">The row's table.</param>
/// <param name="Uuid">The row's UUID.</param>
/// <param name="Old">The row before the change; null if there was none.</param>
/// <param name="New">The row after the change; null if there is none.</param>
public readonly record struct RowChange(string Table, Guid Uuid, Row? Old, Row? New)
{
    /// <summary>The kind of change.</summary>
    public RowChangeKind Kind =>
        Old is null ? RowChangeKind.Inserted
        : New is null ? RowChangeKind.Deleted
        : RowChangeKind.Updated;
}

/// <summary>
/// The changes since the previous one: those of one transaction, or of several merged into one if the reader was slower than the
/// server. Each row occurs once.
/// </summary>
/// <param name="Rows">The changed rows, at least one, in no particular order.</param>
/// <param name="Snapshot">The state after the changes.</param>
public sealed record ReplicaChange(ImmutableArray<RowChange> Rows, Snapshot Snapshot);

/// <summary>The state of a replica.</summary>
/// <param name="IsLive">
/// Whether it follows the server. If not, it is stale: it shows the state at <paramref name="Since"/>.
/// </param>
/// <param name="Since">The time since which it is live or stale.</param>
/// <param name="Reason">Why it is stale; null if it is live.</param>
public sealed record ReplicaState(bool IsLive, DateTimeOffset Since, string? Reason);
