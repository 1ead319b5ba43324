using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Weft.Ovsdb;

/// <summary>
/// The replicated tables as they were after one transaction. It is immutable, so a reader that holds one sees one consistent
/// state for as long as it likes.
/// </summary>
public sealed class Snapshot
{
    internal Snapshot(
        ImmutableDictionary<string, ImmutableDictionary<Guid, Row>> tables,
        long version,
        Guid? lastTransaction
    )
    {
        Tables = tables;
        Version = version;
        LastTransaction = lastTransaction;
    }

    /// <summary>A snapshot of no tables.</summary>
    public static Snapshot Empty { get; } =
        new(
            ImmutableDictionary.Create<string, ImmutableDictionary<Guid, Row>>(
                StringComparer.Ordinal
            ),
            0,
            null
        );

    /// <summary>For each table its rows by UUID.</summary>
    public ImmutableDictionary<string, ImmutableDictionary<Guid, Row>> Tables { get; }

    /// <summary>The version, which rises by one with each snapshot of a replica.</summary>
    public long Version { get; }

    /// <summary>The last transaction in the snapshot; null if the server does not number them (clusters do).</summary>
    public Guid? LastTransaction { get; }

    /// <summary>The rows of a table by UUID.</summary>
    /// <param name="table">The table's name.</param>
    /// <returns>The rows.</returns>
    /// <exception cref="OvsdbValueException">The table is not in the replica.</exception>
    public ImmutableDictionary<Guid, Row> this[string table] =>
        Tables.TryGetValue(table, out var rows)
            ? rows
            : throw new OvsdbValueException(
                $"a replica of the table \"{table}\"",
                $"one of {(Tables.IsEmpty ? "none" : Json.Shorten(string.Join(", ", Tables.Keys.Order(StringComparer.Ordinal))))}"
            );

    /// <summary>Gets a row.</summary>
    /// <param name="table">The table's name.</param>
    /// <param name="uuid">The row's UUID.</param>
    /// <param name="row">The row, if it exists.</param>
    /// <returns>Whether it exists.</returns>
    /// <exception cref="OvsdbValueException">The table is not in the replica.</exception>
    public bool TryGetRow(string table, Guid uuid, [MaybeNullWhen(false)] out Row row) =>
        this[table].TryGetValue(uuid, out row);

    /// <summary>The differences from an older snapshot, found by comparing every row.</summary>
    internal List<RowChange> ChangesSince(Snapshot old)
    {
        var changes = new List<RowChange>();
        foreach (var (table, rows) in Tables)
        {
            var oldRows = old.Tables.GetValueOrDefault(table, ImmutableDictionary<Guid, Row>.Empty);
            if (ReferenceEquals(rows, oldRows))
            {
                continue;
            }

            foreach (var (uuid, row) in rows)
            {
                oldRows.TryGetValue(uuid, out var oldRow);
                if (!ReferenceEquals(row, oldRow) && !row.Equals(oldRow))
                {
                    changes.Add(new(table, uuid, oldRow, row));
                }
            }

            foreach (var (uuid, oldRow) in oldRows)
            {
                if (!rows.ContainsKey(uuid))
                {
                    changes.Add(new(table, uuid, oldRow, null));
                }
            }
        }

        foreach (var (table, oldRows) in old.Tables)
        {
            if (!Tables.ContainsKey(table))
            {
                foreach (var (uuid, oldRow) in oldRows)
                {
                    changes.Add(new(table, uuid, oldRow, null));
                }
            }
        }

        return changes;
    }
}
