using System.Collections.Immutable;

namespace Weft.Ovsdb;

/// <summary>What of a database a replica holds.</summary>
public sealed record MonitorSpec
{
    /// <summary>Every table, every column, every row.</summary>
    public static MonitorSpec Everything { get; } = new();

    /// <summary>The tables; default means all of them.</summary>
    public ImmutableArray<TableMonitor> Tables { get; init; }

    /// <summary>These tables.</summary>
    /// <param name="tables">The tables.</param>
    /// <returns>The specification.</returns>
    public static MonitorSpec Of(params ReadOnlySpan<TableMonitor> tables) =>
        new() { Tables = [.. tables] };
}

/// <summary>What of a table a replica holds.</summary>
/// <param name="Table">The table's name.</param>
public sealed record TableMonitor(string Table)
{
    /// <summary>The columns; default means all of them. One that is named twice counts once.</summary>
    public ImmutableArray<string> Columns { get; init; }

    /// <summary>The rows that meet any of these; default or empty means every row, and <see cref="Condition.Never"/> none.</summary>
    public ImmutableArray<Condition> Where { get; init; }

    /// <summary>These columns of a table.</summary>
    /// <param name="table">The table's name.</param>
    /// <param name="columns">The columns.</param>
    /// <returns>The specification.</returns>
    public static TableMonitor Of(string table, params ReadOnlySpan<string> columns) =>
        new(table) { Columns = [.. columns] };
}
