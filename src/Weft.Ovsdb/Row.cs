using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>
/// A row or a part of one: columns and their values (RFC 7047, section 5.1, <c>&lt;row&gt;</c>). It is created with an
/// initializer, <c>new Row { ["name"] = "br0", ["tag"] = 200 }</c>, and immutable after that.
/// </summary>
public sealed class Row : IReadOnlyDictionary<string, Datum>, IEquatable<Row>
{
    private readonly ColumnNames _names;
    private Datum[] _values;

    /// <summary>Creates a row without columns, for an initializer to fill.</summary>
    public Row()
    {
        _names = new();
        _values = [];
    }

    /// <summary>Creates a row with these columns; if a column occurs twice, the last value counts.</summary>
    /// <param name="columns">The columns and their values.</param>
    public Row(IEnumerable<KeyValuePair<string, Datum>> columns)
        : this()
    {
        foreach (var (column, value) in columns)
        {
            this[column] = value;
        }
    }

    internal Row(ColumnNames names, Datum[] values, Guid? uuid)
    {
        _names = names;
        _values = values;
        Uuid = uuid;
    }

    /// <summary>The row's <c>_uuid</c>; null if unknown, as in a row to be inserted.</summary>
    public Guid? Uuid { get; init; }

    /// <inheritdoc/>
    public int Count => _names.Count;

    /// <inheritdoc/>
    public IEnumerable<string> Keys => _names;

    /// <inheritdoc/>
    public IEnumerable<Datum> Values => _values.Take(Count);

    /// <summary>The value of a column.</summary>
    /// <param name="column">The column's name.</param>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">The row has no such column: it does not exist or was not requested.</exception>
    public Datum this[string column]
    {
        get =>
            TryGetValue(column, out var value)
                ? value
                : throw new OvsdbValueException(
                    $"a row with the column \"{column}\"",
                    $"one with {ListColumns()}"
                );
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            var at = _names.IndexOf(column);
            if (at < 0)
            {
                at = _names.Add(column);
                if (at == _values.Length)
                {
                    Array.Resize(ref _values, Math.Max(4, at * 2));
                }
            }

            _values[at] = value;
        }
    }

    /// <inheritdoc/>
    public bool ContainsKey(string key) => _names.IndexOf(key) >= 0;

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out Datum value)
    {
        var at = _names.IndexOf(key);
        value = at >= 0 ? _values[at] : null;
        return at >= 0;
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, Datum>> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
        {
            yield return new(_names[i], _values[i]);
        }
    }

    /// <summary>Whether the other is the same row with the same columns and values.</summary>
    /// <param name="other">The other row.</param>
    /// <returns>Whether it is.</returns>
    public bool Equals(Row? other)
    {
        if (other is null || Uuid != other.Uuid || Count != other.Count)
        {
            return false;
        }

        for (var i = 0; i < Count; i++)
        {
            if (!other.TryGetValue(_names[i], out var value) || !_values[i].Equals(value))
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Row);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        // Columns may come in any order, so their hashes are summed.
        var hash = Uuid.GetHashCode();
        for (var i = 0; i < Count; i++)
        {
            hash += HashCode.Combine(_names[i], _values[i]);
        }

        return hash;
    }

    /// <summary>The UUID and the columns, for messages.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        $"{Uuid}{{{string.Join(", ", this.Select(static column => $"{column.Key}: {column.Value}"))}}}";

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Reads a row as in the result of a <c>select</c>.</summary>
    /// <param name="json">The JSON.</param>
    /// <returns>The row; <see cref="Uuid"/> is the value of its <c>_uuid</c> column, if it has one.</returns>
    /// <exception cref="OvsdbValueException">It is not a row.</exception>
    public static Row FromJson(JsonElement json)
    {
        var names = new ColumnNames();
        var values = new List<Datum>();
        Guid? uuid = null;
        foreach (var member in Json.Object(json, "a row").EnumerateObject())
        {
            var name = Json.Name(member);
            var value = Datum.FromJson(member.Value);
            if (names.IndexOf(name) >= 0)
            {
                throw new OvsdbValueException("a row", $"column \"{Json.Shorten(name)}\" twice");
            }

            names.Add(name);
            values.Add(value);
            if (name == "_uuid")
            {
                uuid = value.AsUuid();
            }
        }

        return new(names, [.. values], uuid);
    }

    /// <summary>Writes the columns, without <see cref="Uuid"/>, in the format of RFC 7047, section 5.1.</summary>
    /// <param name="writer">The writer.</param>
    public void WriteTo(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject();
        for (var i = 0; i < Count; i++)
        {
            writer.WritePropertyName(_names[i]);
            _values[i].WriteTo(writer);
        }

        writer.WriteEndObject();
    }

    internal Datum[] CopyValues() => [.. _values];

    private string ListColumns() => Count == 0 ? "none" : Json.Shorten(string.Join(", ", _names));
}
