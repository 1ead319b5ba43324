using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>
/// The value of a column (RFC 7047, section 5.1, <c>&lt;value&gt;</c>): a set of atoms or a map from atoms to atoms, immutable
/// and in a canonical order. As in the RFC, a scalar is a set of one atom, and a missing optional value is the empty set.
/// Equality therefore needs no schema.
/// </summary>
/// <remarks>
/// An empty map equals an empty set, but only the map can be written to a map column: ovsdb-server distinguishes
/// <c>["map",[]]</c> from <c>["set",[]]</c>.
/// </remarks>
public sealed class Datum : IEquatable<Datum>
{
    private readonly Atom[] _keys;

    // Null for a set.
    private readonly Atom[]? _values;

    private Datum(Atom[] keys, Atom[]? values)
    {
        _keys = keys;
        _values = values;
    }

    /// <summary>The empty set.</summary>
    public static Datum Empty { get; } = new([], null);

    /// <summary>The empty map.</summary>
    public static Datum EmptyMap { get; } = new([], []);

    /// <summary>The number of atoms or pairs.</summary>
    public int Count => _keys.Length;

    /// <summary>Whether it has no elements.</summary>
    public bool IsEmpty => _keys.Length == 0;

    /// <summary>Whether it is written as a map.</summary>
    public bool IsMap => _values is not null;

    /// <summary>The atoms of the set, or the keys of the map, in canonical order.</summary>
    public ImmutableArray<Atom> Atoms => ImmutableCollectionsMarshal.AsImmutableArray(_keys);

    /// <summary>The strings of the set; empty if there are none.</summary>
    /// <exception cref="OvsdbValueException">An atom is not a string, or this is a map.</exception>
    public ImmutableArray<string> Strings =>
        Select("a set of strings", static atom => atom.AsString());

    /// <summary>The UUIDs of the set; empty if there are none.</summary>
    /// <exception cref="OvsdbValueException">An atom is not a UUID, or this is a map.</exception>
    public ImmutableArray<Guid> Uuids => Select("a set of UUIDs", static atom => atom.AsUuid());

    /// <summary>The integers of the set; empty if there are none.</summary>
    /// <exception cref="OvsdbValueException">An atom is not an integer, or this is a map.</exception>
    public ImmutableArray<long> Integers =>
        Select("a set of integers", static atom => atom.AsInteger());

    /// <summary>The pairs of the map in the canonical order of their keys; empty if there are none.</summary>
    /// <exception cref="OvsdbValueException">This is a set.</exception>
    public ImmutableArray<KeyValuePair<Atom, Atom>> Pairs
    {
        get
        {
            if (IsEmpty)
            {
                return [];
            }

            var values = _values ?? throw new OvsdbValueException("a map", ToString());
            var pairs = new KeyValuePair<Atom, Atom>[_keys.Length];
            for (var i = 0; i < pairs.Length; i++)
            {
                pairs[i] = new(_keys[i], values[i]);
            }

            return ImmutableCollectionsMarshal.AsImmutableArray(pairs);
        }
    }

    /// <summary>The map as one from strings to strings (such as <c>external_ids</c>), with its keys in ordinal order.</summary>
    /// <exception cref="OvsdbValueException">This is a set, or a key or value is not a string.</exception>
    public ImmutableSortedDictionary<string, string> StringMap
    {
        get
        {
            var map = ImmutableSortedDictionary.CreateBuilder<string, string>(
                StringComparer.Ordinal
            );
            foreach (var (key, value) in Pairs)
            {
                map.Add(key.AsString(), value.AsString());
            }

            return map.ToImmutable();
        }
    }

    /// <summary>The set of only this atom.</summary>
    /// <param name="value">The atom.</param>
    public static implicit operator Datum(Atom value) => new([value], null);

    /// <summary>The string.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Datum(string value) => (Atom)value;

    /// <summary>The integer.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Datum(long value) => (Atom)value;

    /// <summary>The integer.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Datum(int value) => (Atom)value;

    /// <summary>The integer.</summary>
    /// <param name="value">The value.</param>
    /// <exception cref="OvsdbValueException">It is larger than 2^63 - 1, the maximum for a column.</exception>
    public static implicit operator Datum(ulong value) => (Atom)value;

    /// <summary>The integer.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Datum(uint value) => (Atom)value;

    /// <summary>The integer.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Datum(ushort value) => (Atom)value;

    /// <summary>The string of one character.</summary>
    /// <param name="value">The value.</param>
    /// <exception cref="OvsdbValueException">It is U+0000 or half of a surrogate pair.</exception>
    public static implicit operator Datum(char value) => (Atom)value;

    /// <summary>The boolean.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Datum(bool value) => (Atom)value;

    /// <summary>The real.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Datum(double value) => (Atom)value;

    /// <summary>The UUID.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Datum(Guid value) => (Atom)value;

    /// <summary>The map.</summary>
    /// <param name="value">The keys and values.</param>
    public static implicit operator Datum(ImmutableSortedDictionary<string, string> value) =>
        FromStringMap(value);

    /// <summary>The map.</summary>
    /// <param name="value">The keys and values.</param>
    public static implicit operator Datum(Dictionary<string, string> value) => FromStringMap(value);

    /// <summary>Whether both have the same elements.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(Datum? left, Datum? right) =>
        left is null ? right is null : left.Equals(right);

    /// <summary>Whether the two differ.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(Datum? left, Datum? right) => !(left == right);

    /// <summary>A set. Duplicates are dropped.</summary>
    /// <param name="atoms">The atoms, in any order.</param>
    /// <returns>The set.</returns>
    public static Datum Set(params ReadOnlySpan<Atom> atoms) =>
        atoms.IsEmpty ? Empty : SetOf(atoms.ToArray());

    /// <summary>A set. Duplicates are dropped.</summary>
    /// <param name="atoms">The atoms, in any order.</param>
    /// <returns>The set.</returns>
    public static Datum Set(IEnumerable<Atom> atoms) => SetOf([.. atoms]);

    /// <summary>A set of strings. Duplicates are dropped.</summary>
    /// <param name="strings">The strings, in any order.</param>
    /// <returns>The set.</returns>
    public static Datum Set(IEnumerable<string> strings) =>
        SetOf([.. strings.Select(static s => (Atom)s)]);

    /// <summary>A set of UUIDs. Duplicates are dropped.</summary>
    /// <param name="uuids">The UUIDs, in any order.</param>
    /// <returns>The set.</returns>
    public static Datum Set(IEnumerable<Guid> uuids) =>
        SetOf([.. uuids.Select(static u => (Atom)u)]);

    /// <summary>A set of integers. Duplicates are dropped.</summary>
    /// <param name="integers">The integers, in any order.</param>
    /// <returns>The set.</returns>
    public static Datum Set(IEnumerable<long> integers) =>
        SetOf([.. integers.Select(static i => (Atom)i)]);

    /// <summary>A map.</summary>
    /// <param name="pairs">The pairs, in any order.</param>
    /// <returns>The map.</returns>
    /// <exception cref="OvsdbValueException">A key occurs twice.</exception>
    public static Datum Map(params ReadOnlySpan<(Atom Key, Atom Value)> pairs)
    {
        var keys = new Atom[pairs.Length];
        var values = new Atom[pairs.Length];
        for (var i = 0; i < pairs.Length; i++)
        {
            (keys[i], values[i]) = pairs[i];
        }

        return MapOf(keys, values);
    }

    /// <summary>A map.</summary>
    /// <param name="pairs">The pairs, in any order.</param>
    /// <returns>The map.</returns>
    /// <exception cref="OvsdbValueException">A key occurs twice.</exception>
    public static Datum Map(IEnumerable<KeyValuePair<Atom, Atom>> pairs)
    {
        var list = pairs.ToArray();
        return MapOf(
            Array.ConvertAll(list, static p => p.Key),
            Array.ConvertAll(list, static p => p.Value)
        );
    }

    /// <summary>A map from strings to strings, such as <c>external_ids</c>.</summary>
    /// <param name="pairs">The pairs, in any order.</param>
    /// <returns>The map.</returns>
    /// <exception cref="OvsdbValueException">A key occurs twice.</exception>
    public static Datum FromStringMap(IEnumerable<KeyValuePair<string, string>> pairs) =>
        Map(pairs.Select(static p => KeyValuePair.Create<Atom, Atom>(p.Key, p.Value)));

    /// <summary>The only atom.</summary>
    /// <returns>The atom.</returns>
    /// <exception cref="OvsdbValueException">There is none, there are several, or this is a map.</exception>
    public Atom AsAtom() => Single("exactly one value");

    /// <summary>The string.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is not exactly one string.</exception>
    public string AsString() => Single("exactly one string").AsString();

    /// <summary>The integer.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is not exactly one integer.</exception>
    public long AsInteger() => Single("exactly one integer").AsInteger();

    /// <summary>The number.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is not exactly one number.</exception>
    public double AsReal() => Single("exactly one real").AsReal();

    /// <summary>The boolean.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is not exactly one boolean.</exception>
    public bool AsBoolean() => Single("exactly one boolean").AsBoolean();

    /// <summary>The UUID.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is not exactly one UUID.</exception>
    public Guid AsUuid() => Single("exactly one UUID").AsUuid();

    /// <summary>The string; null if there is none.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is neither empty nor exactly one string.</exception>
    public string? AsOptionalString() => IsEmpty ? null : Single("at most one string").AsString();

    /// <summary>The integer; null if there is none.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is neither empty nor exactly one integer.</exception>
    public long? AsOptionalInteger() => IsEmpty ? null : Single("at most one integer").AsInteger();

    /// <summary>The number; null if there is none.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is neither empty nor exactly one number.</exception>
    public double? AsOptionalReal() => IsEmpty ? null : Single("at most one real").AsReal();

    /// <summary>The boolean; null if there is none.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is neither empty nor exactly one boolean.</exception>
    public bool? AsOptionalBoolean() => IsEmpty ? null : Single("at most one boolean").AsBoolean();

    /// <summary>The UUID; null if there is none.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is neither empty nor exactly one UUID.</exception>
    public Guid? AsOptionalUuid() => IsEmpty ? null : Single("at most one UUID").AsUuid();

    /// <summary>Whether the set contains the atom, or the map has it as a key.</summary>
    /// <param name="atom">The atom.</param>
    /// <returns>Whether it is.</returns>
    public bool Contains(Atom atom) => Array.BinarySearch(_keys, atom) >= 0;

    /// <summary>Gets the value of a key of the map.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value, if the key exists.</param>
    /// <returns>Whether the key exists.</returns>
    public bool TryGetValue(Atom key, out Atom value)
    {
        var at = _values is null ? -1 : Array.BinarySearch(_keys, key);
        value = at >= 0 ? _values![at] : default;
        return at >= 0;
    }

    /// <inheritdoc/>
    public bool Equals(Datum? other)
    {
        if (ReferenceEquals(this, other))
        {
            return true;
        }

        if (other is null || _keys.Length != other._keys.Length)
        {
            return false;
        }

        return _keys.Length == 0
            || (
                _keys.AsSpan().SequenceEqual(other._keys)
                && (_values is null) == (other._values is null)
                && (_values is null || _values.AsSpan().SequenceEqual(other._values))
            );
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Datum);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var key in _keys)
        {
            hash.Add(key);
        }

        foreach (var value in _values ?? [])
        {
            hash.Add(value);
        }

        return hash.ToHashCode();
    }

    /// <summary>The value much as <c>ovs-vsctl</c> prints it: <c>[a, b]</c>, <c>{k=v}</c>, a scalar without brackets.</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        if (_values is null && _keys.Length == 1)
        {
            return _keys[0].ToString();
        }

        var text = new StringBuilder().Append(_values is null ? '[' : '{');
        for (var i = 0; i < _keys.Length; i++)
        {
            text.Append(i == 0 ? "" : ", ").Append(_keys[i].ToString());
            if (_values is not null)
            {
                text.Append('=').Append(_values[i].ToString());
            }
        }

        return text.Append(_values is null ? ']' : '}').ToString();
    }

    /// <summary>Reads a value in the format of RFC 7047, section 5.1.</summary>
    /// <param name="json">The JSON.</param>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">It is not a value, or a map has a key twice.</exception>
    public static Datum FromJson(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Array || json.GetArrayLength() != 2)
        {
            return Atom.FromJson(json);
        }

        var content = json[1];
        if (content.ValueKind != JsonValueKind.Array || json[0].ValueKind != JsonValueKind.String)
        {
            return Atom.FromJson(json);
        }

        if (json[0].ValueEquals("set"u8))
        {
            var atoms = new Atom[content.GetArrayLength()];
            var i = 0;
            foreach (var atom in content.EnumerateArray())
            {
                atoms[i++] = Atom.FromJson(atom);
            }

            // A server may send a value twice: reals that differ only beyond the 15 digits it prints are different to the server.
            return SetOf(atoms);
        }

        if (json[0].ValueEquals("map"u8))
        {
            var keys = new Atom[content.GetArrayLength()];
            var values = new Atom[keys.Length];
            var i = 0;
            foreach (var pair in content.EnumerateArray())
            {
                if (pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2)
                {
                    throw new OvsdbValueException("a pair of atoms", Json.Excerpt(pair));
                }

                keys[i] = Atom.FromJson(pair[0]);
                values[i++] = Atom.FromJson(pair[1]);
            }

            return MapOf(keys, values);
        }

        return Atom.FromJson(json);
    }

    /// <summary>
    /// Writes the value in the format of RFC 7047, section 5.1; a set of one atom is written as the atom alone.
    /// </summary>
    /// <param name="writer">The writer.</param>
    public void WriteTo(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        if (_values is null && _keys.Length == 1)
        {
            _keys[0].WriteTo(writer);
            return;
        }

        writer.WriteStartArray();
        writer.WriteStringValue(_values is null ? "set"u8 : "map"u8);
        writer.WriteStartArray();
        for (var i = 0; i < _keys.Length; i++)
        {
            if (_values is null)
            {
                _keys[i].WriteTo(writer);
                continue;
            }

            writer.WriteStartArray();
            _keys[i].WriteTo(writer);
            _values[i].WriteTo(writer);
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
        writer.WriteEndArray();
    }

    /// <summary>
    /// Applies a difference as defined in ovsdb-server(7), section 4.1.14. It holds the elements that are in only one of the two
    /// sets or maps, and for a map also the new value of each key that is in both.
    /// </summary>
    internal Datum Apply(Datum difference)
    {
        if (IsEmpty || difference.IsEmpty)
        {
            return IsEmpty ? difference : this;
        }

        if (IsMap != difference.IsMap)
        {
            throw new OvsdbValueException(
                IsMap ? "a difference of maps" : "a difference of sets",
                difference.ToString()
            );
        }

        // A merge of the two sorted lists keeps the canonical order in one pass; a difference is usually small.
        var keys = new List<Atom>(Count + difference.Count);
        var values = IsMap ? new List<Atom>(Count + difference.Count) : null;
        int a = 0,
            b = 0;
        while (a < Count || b < difference.Count)
        {
            var order =
                a == Count ? 1
                : b == difference.Count ? -1
                : _keys[a].CompareTo(difference._keys[b]);
            if (order < 0)
            {
                keys.Add(_keys[a]);
                values?.Add(_values![a]);
                a++;
            }
            else if (order > 0)
            {
                keys.Add(difference._keys[b]);
                values?.Add(difference._values![b]);
                b++;
            }
            else
            {
                if (values is not null && _values![a] != difference._values![b])
                {
                    keys.Add(_keys[a]);
                    values.Add(difference._values[b]);
                }

                a++;
                b++;
            }
        }

        return keys.Count == 0 ? (IsMap ? EmptyMap : Empty) : new([.. keys], values?.ToArray());
    }

    private static Datum SetOf(Atom[] atoms)
    {
        if (atoms.Length > 1)
        {
            Array.Sort(atoms);
            var kept = 1;
            for (var i = 1; i < atoms.Length; i++)
            {
                if (atoms[i] != atoms[kept - 1])
                {
                    atoms[kept++] = atoms[i];
                }
            }

            Array.Resize(ref atoms, kept);
        }

        return atoms.Length == 0 ? Empty : new(atoms, null);
    }

    private static Datum MapOf(Atom[] keys, Atom[] values)
    {
        if (keys.Length > 1)
        {
            Array.Sort(keys, values);
            for (var i = 1; i < keys.Length; i++)
            {
                if (keys[i] == keys[i - 1])
                {
                    throw new OvsdbValueException("a map", $"key {keys[i]} twice");
                }
            }
        }

        return keys.Length == 0 ? EmptyMap : new(keys, values);
    }

    private Atom Single(string expected) =>
        _values is null && _keys.Length == 1
            ? _keys[0]
            : throw new OvsdbValueException(expected, ToString());

    private ImmutableArray<T> Select<T>(string expected, Func<Atom, T> read)
    {
        if (_keys.Length > 0 && _values is not null)
        {
            throw new OvsdbValueException(expected, ToString());
        }

        var result = new T[_keys.Length];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = read(_keys[i]);
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(result);
    }
}
