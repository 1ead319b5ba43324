using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>The kind of a mutation (RFC 7047, section 5.1, <c>&lt;mutator&gt;</c>).</summary>
public enum Mutator
{
    /// <summary>Adds to each number.</summary>
    Add,

    /// <summary>Subtracts from each number.</summary>
    Subtract,

    /// <summary>Multiplies each number.</summary>
    Multiply,

    /// <summary>Divides each number; integers are rounded towards zero.</summary>
    Divide,

    /// <summary>Replaces each integer by the remainder of its division.</summary>
    Modulo,

    /// <summary>Adds atoms to the set, or pairs with new keys to the map.</summary>
    Insert,

    /// <summary>Removes atoms from the set, or from the map pairs (given as a map) or keys (given as a set).</summary>
    Delete,
}

/// <summary>A change to a column that depends on its present value (RFC 7047, section 5.1).</summary>
/// <param name="Column">The column.</param>
/// <param name="Mutator">The kind of change.</param>
/// <param name="Value">The operand.</param>
public sealed record Mutation(string Column, Mutator Mutator, Datum Value)
{
    internal void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartArray();
        writer.WriteStringValue(Column);
        writer.WriteStringValue(
            Mutator switch
            {
                Mutator.Add => "+="u8,
                Mutator.Subtract => "-="u8,
                Mutator.Multiply => "*="u8,
                Mutator.Divide => "/="u8,
                Mutator.Modulo => "%="u8,
                Mutator.Insert => "insert"u8,
                _ => "delete"u8,
            }
        );
        Value.WriteTo(writer);
        writer.WriteEndArray();
    }
}
