using System.Collections.Immutable;

namespace Weft.Ovsdb;

/// <summary>The part of a database that a replica holds.</summary>
public sealed record MonitorSpec
{
    /// <summary>Every table, every column, every row.</summary>
    public static MonitorSpec Everything { get; } = new();

    /// <summary>The tables; default for all of them.</summary>
    public ImmutableArray<TableMonitor> Tables { get; init; }

    /// <summary>Selects these tables.</summary>
    /// <param name="tables">The tables.</param>
    /// <returns>The specification.</returns>
    public static MonitorSpec Of(params ReadOnlySpan<TableMonitor> tables) =>
        new() { Tables = [.. tables] };
}

/// <summary>The part of a table that a replica holds.</summary>
/// <param name="Table">The table's name.</param>
public sealed record TableMonitor(string Table)
{
    /// <summary>The columns; default for all of them. Duplicates are ignored.</summary>
    public ImmutableArray<string> Columns { get; init; }

    /// <summary>
    /// The conditions, of which a row must meet any; default or empty for every row, <see cref="Condition.Never"/> for none.
    /// </summary>
    public ImmutableArray<Condition> Where { get; init; }

    /// <summary>Selects these columns of a table.</summary>
    /// <param name="table">The table's name.</param>
    /// <param name="columns">The columns.</param>
    /// <returns>The specification.</returns>
    public static TableMonitor Of(string table, params ReadOnlySpan<string> columns) =>
        new(table) { Columns = [.. columns] };
}
