using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>The comparison of a condition (RFC 7047, section 5.1, <c>&lt;function&gt;</c>).</summary>
public enum ConditionFunction
{
    /// <summary>The column equals the value.</summary>
    Equal,

    /// <summary>The column differs from the value.</summary>
    NotEqual,

    /// <summary>The column, a number, is less than the value.</summary>
    Less,

    /// <summary>The column, a number, is at most the value.</summary>
    LessOrEqual,

    /// <summary>The column, a number, is greater than the value.</summary>
    Greater,

    /// <summary>The column, a number, is at least the value.</summary>
    GreaterOrEqual,

    /// <summary>The column contains all of the value.</summary>
    Includes,

    /// <summary>The column contains nothing of the value.</summary>
    Excludes,
}

/// <summary>
/// A condition on a row (RFC 7047, section 5.1). Operations select the rows that meet <em>all</em> of their conditions, monitors
/// those that meet <em>any</em> (ovsdb-server(7), section 4.1.12).
/// </summary>
/// <param name="Column">The column, which may be <c>_uuid</c>.</param>
/// <param name="Function">The comparison.</param>
/// <param name="Value">The value to compare with.</param>
public sealed record Condition(string Column, ConditionFunction Function, Datum Value)
{
    /// <summary>A condition that every row meets. For monitors and newer servers: it is not in RFC 7047.</summary>
    public static Condition Always { get; } = new("", ConditionFunction.Equal, true);

    /// <summary>A condition that no row meets. For monitors and newer servers: it is not in RFC 7047.</summary>
    public static Condition Never { get; } = new("", ConditionFunction.Equal, false);

    /// <summary>Selects the row with this UUID.</summary>
    /// <param name="uuid">The UUID, or the name of a row inserted in the same transaction.</param>
    /// <returns>The condition.</returns>
    public static Condition UuidIs(Atom uuid) => new("_uuid", ConditionFunction.Equal, uuid);

    /// <summary>Selects the rows whose column equals the value.</summary>
    /// <param name="column">The column.</param>
    /// <param name="value">The value.</param>
    /// <returns>The condition.</returns>
    public static Condition Equal(string column, Datum value) =>
        new(column, ConditionFunction.Equal, value);

    /// <summary>Selects the rows whose column contains all of the value.</summary>
    /// <param name="column">The column.</param>
    /// <param name="value">The value.</param>
    /// <returns>The condition.</returns>
    public static Condition Includes(string column, Datum value) =>
        new(column, ConditionFunction.Includes, value);

    internal void WriteTo(Utf8JsonWriter writer)
    {
        if (Column.Length == 0)
        {
            writer.WriteBooleanValue(Value.AsBoolean());
            return;
        }

        writer.WriteStartArray();
        writer.WriteStringValue(Column);
        writer.WriteStringValue(
            Function switch
            {
                ConditionFunction.Equal => "=="u8,
                ConditionFunction.NotEqual => "!="u8,
                ConditionFunction.Less => "<"u8,
                ConditionFunction.LessOrEqual => "<="u8,
                ConditionFunction.Greater => ">"u8,
                ConditionFunction.GreaterOrEqual => ">="u8,
                ConditionFunction.Includes => "includes"u8,
                _ => "excludes"u8,
            }
        );
        Value.WriteTo(writer);
        writer.WriteEndArray();
    }
}
