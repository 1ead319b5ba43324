using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>How a condition compares (RFC 7047, section 5.1, <c>&lt;function&gt;</c>).</summary>
public enum ConditionFunction
{
    /// <summary>The column equals the value.</summary>
    Equal,

    /// <summary>The column differs from the value.</summary>
    NotEqual,

    /// <summary>The column, a number, is below the value.</summary>
    Less,

    /// <summary>The column, a number, is the value or below.</summary>
    LessOrEqual,

    /// <summary>The column, a number, is above the value.</summary>
    Greater,

    /// <summary>The column, a number, is the value or above.</summary>
    GreaterOrEqual,

    /// <summary>The column holds all of the value.</summary>
    Includes,

    /// <summary>The column holds nothing of the value.</summary>
    Excludes,
}

/// <summary>
/// A condition on a row (RFC 7047, section 5.1). An operation takes the rows that meet <em>all</em> of its
/// conditions; a monitor those that meet <em>any</em> (ovsdb-server(7), section 4.1.12).
/// </summary>
/// <param name="Column">The column; <c>_uuid</c> is one too.</param>
/// <param name="Function">How to compare.</param>
/// <param name="Value">What with.</param>
public sealed record Condition(string Column, ConditionFunction Function, Datum Value)
{
    /// <summary>Is met by every row. For monitors and newer servers: RFC 7047 does not know it.</summary>
    public static Condition Always { get; } = new("", ConditionFunction.Equal, true);

    /// <summary>Is met by no row. For monitors and newer servers: RFC 7047 does not know it.</summary>
    public static Condition Never { get; } = new("", ConditionFunction.Equal, false);

    /// <summary>The row with this UUID.</summary>
    /// <param name="uuid">The UUID, or the name of a row inserted by the same transaction.</param>
    /// <returns>The condition.</returns>
    public static Condition UuidIs(Atom uuid) => new("_uuid", ConditionFunction.Equal, uuid);

    /// <summary>The rows whose column equals the value.</summary>
    /// <param name="column">The column.</param>
    /// <param name="value">The value.</param>
    /// <returns>The condition.</returns>
    public static Condition Equal(string column, Datum value) =>
        new(column, ConditionFunction.Equal, value);

    /// <summary>The rows whose column holds all of the value.</summary>
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
