using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>How a mutation changes a column (RFC 7047, section 5.1, <c>&lt;mutator&gt;</c>).</summary>
public enum Mutator
{
    /// <summary>Adds to each number.</summary>
    Add,

    /// <summary>Subtracts from each number.</summary>
    Subtract,

    /// <summary>Multiplies each number.</summary>
    Multiply,

    /// <summary>Divides each number; integers towards zero.</summary>
    Divide,

    /// <summary>Leaves the remainder of dividing each integer.</summary>
    Modulo,

    /// <summary>Puts atoms into the set, or pairs with new keys into the map.</summary>
    Insert,

    /// <summary>Takes atoms out of the set, or pairs (given as a map) or keys (given as a set) out of the map.</summary>
    Delete,
}

/// <summary>A change to a column that depends on what it holds (RFC 7047, section 5.1).</summary>
/// <param name="Column">The column.</param>
/// <param name="Mutator">How to change it.</param>
/// <param name="Value">What with.</param>
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
