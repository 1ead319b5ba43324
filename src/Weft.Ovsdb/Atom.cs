using System.Globalization;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>The types of atom (RFC 7047, section 5.1, <c>&lt;atom&gt;</c>).</summary>
public enum AtomKind
{
    /// <summary>A 64-bit signed integer.</summary>
    Integer,

    /// <summary>A number that is not a 64-bit integer.</summary>
    Real,

    /// <summary><c>true</c> or <c>false</c>.</summary>
    Boolean,

    /// <summary>A string of Unicode characters.</summary>
    String,

    /// <summary>The UUID of a row.</summary>
    Uuid,

    /// <summary>A row inserted in the same transaction, by the name that its insert gives it.</summary>
    NamedUuid,
}

/// <summary>One value: RFC 7047's <c>&lt;atom&gt;</c>. The default value is the integer 0.</summary>
/// <remarks>
/// JSON does not distinguish 1.0 from 1, and ovsdb-server writes both as <c>1</c>. So a real that is a 64-bit integer is kept as
/// an integer, and <see cref="AsReal"/> reads either.
/// </remarks>
public readonly struct Atom : IEquatable<Atom>, IComparable<Atom>
{
    private const double TwoTo63 = 9223372036854775808.0;

    private readonly Guid _uuid;
    private readonly long _number;
    private readonly string? _text;

    private Atom(AtomKind kind, long number = 0, string? text = null, Guid uuid = default)
    {
        Kind = kind;
        _number = number;
        _text = text;
        _uuid = uuid;
    }

    /// <summary>The type of the value.</summary>
    public AtomKind Kind { get; }

    /// <summary>An integer.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Atom(long value) => new(AtomKind.Integer, value);

    /// <summary>An integer.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Atom(int value) => new(AtomKind.Integer, value);

    /// <summary>An integer.</summary>
    /// <param name="value">The value.</param>
    /// <exception cref="OvsdbValueException">It is larger than 2^63 - 1, the maximum for a column.</exception>
    public static implicit operator Atom(ulong value) =>
        value <= long.MaxValue
            ? (long)value
            : throw new OvsdbValueException(
                "a 64-bit signed integer",
                value.ToString(CultureInfo.InvariantCulture)
            );

    /// <summary>An integer.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Atom(uint value) => (long)value;

    /// <summary>An integer.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Atom(ushort value) => (long)value;

    /// <summary>A string of one character.</summary>
    /// <param name="value">The value.</param>
    /// <exception cref="OvsdbValueException">It is U+0000 or half of a surrogate pair.</exception>
    public static implicit operator Atom(char value) => value.ToString();

    /// <summary>A real.</summary>
    /// <param name="value">The value.</param>
    /// <exception cref="OvsdbValueException">It is infinite or NaN, which JSON cannot express.</exception>
    public static implicit operator Atom(double value)
    {
        if (!double.IsFinite(value))
        {
            throw new OvsdbValueException(
                "a finite number",
                value.ToString(CultureInfo.InvariantCulture)
            );
        }

        return value is >= -TwoTo63 and < TwoTo63 && double.IsInteger(value)
            ? new(AtomKind.Integer, (long)value)
            : new(AtomKind.Real, BitConverter.DoubleToInt64Bits(value));
    }

    /// <summary>A boolean.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Atom(bool value) => new(AtomKind.Boolean, value ? 1 : 0);

    /// <summary>A string.</summary>
    /// <param name="value">The value.</param>
    /// <exception cref="OvsdbValueException">
    /// It contains U+0000, which ovsdb-server refuses, or half of a surrogate pair, which is not Unicode text.
    /// </exception>
    public static implicit operator Atom(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        CheckText(value);
        return new(AtomKind.String, text: value);
    }

    /// <summary>The UUID of a row.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator Atom(Guid value) => new(AtomKind.Uuid, uuid: value);

    /// <summary>Whether both are the same value of the same type.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(Atom left, Atom right) => left.Equals(right);

    /// <summary>Whether the two differ.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(Atom left, Atom right) => !left.Equals(right);

    /// <summary>Whether the first precedes the second in a canonical set.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator <(Atom left, Atom right) => left.CompareTo(right) < 0;

    /// <summary>Whether the first precedes the second in a canonical set, or equals it.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator <=(Atom left, Atom right) => left.CompareTo(right) <= 0;

    /// <summary>Whether the first follows the second in a canonical set.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator >(Atom left, Atom right) => left.CompareTo(right) > 0;

    /// <summary>Whether the first follows the second in a canonical set, or equals it.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator >=(Atom left, Atom right) => left.CompareTo(right) >= 0;

    /// <summary>A reference to the row that an <see cref="Insert"/> in the same transaction creates.</summary>
    /// <param name="name">The insert's <see cref="Insert.UuidName"/>: an <c>&lt;id&gt;</c> of RFC 7047, section 3.1.</param>
    /// <returns>The reference.</returns>
    /// <exception cref="OvsdbValueException">
    /// The name is not a letter or underscore followed by letters, digits and underscores.
    /// </exception>
    public static Atom NamedUuid(string name)
    {
        CheckId(name);
        return new(AtomKind.NamedUuid, text: name);
    }

    /// <summary>The integer.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is of another type.</exception>
    public long AsInteger() => Kind == AtomKind.Integer ? _number : throw Mismatch("an integer");

    /// <summary>The number, whether kept as an integer or a real.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is of another type.</exception>
    public double AsReal() =>
        Kind switch
        {
            AtomKind.Real => BitConverter.Int64BitsToDouble(_number),
            AtomKind.Integer => _number,
            _ => throw Mismatch("a real"),
        };

    /// <summary>The boolean.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is of another type.</exception>
    public bool AsBoolean() =>
        Kind == AtomKind.Boolean ? _number != 0 : throw Mismatch("a boolean");

    /// <summary>The string.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">This is of another type.</exception>
    public string AsString() => Kind == AtomKind.String ? _text! : throw Mismatch("a string");

    /// <summary>The UUID.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="OvsdbValueException">
    /// This is of another type, or a named UUID, whose UUID only the server knows.
    /// </exception>
    public Guid AsUuid() => Kind == AtomKind.Uuid ? _uuid : throw Mismatch("a UUID");

    /// <inheritdoc/>
    public bool Equals(Atom other) =>
        Kind == other.Kind
        && _number == other._number
        && _uuid == other._uuid
        && string.Equals(_text, other._text, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Atom other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() =>
        Kind switch
        {
            AtomKind.Uuid => _uuid.GetHashCode(),
            AtomKind.String or AtomKind.NamedUuid => string.GetHashCode(
                _text,
                StringComparison.Ordinal
            ),
            _ => _number.GetHashCode(),
        };

    /// <summary>
    /// Orders numbers by value, strings by UTF-16 code units, UUIDs as they are written, and values of different types by type.
    /// </summary>
    /// <param name="other">The other atom.</param>
    /// <returns>A number below, equal to or above zero.</returns>
    public int CompareTo(Atom other)
    {
        if (Kind == other.Kind)
        {
            return Kind switch
            {
                AtomKind.Real => AsReal().CompareTo(other.AsReal()),
                AtomKind.Uuid => _uuid.CompareTo(other._uuid),
                AtomKind.String or AtomKind.NamedUuid => string.CompareOrdinal(_text, other._text),
                _ => _number.CompareTo(other._number),
            };
        }

        // A real has a fraction or is outside the range of 64 bits, so as a double it never equals an integer.
        return Kind <= AtomKind.Real && other.Kind <= AtomKind.Real
            ? AsReal().CompareTo(other.AsReal())
            : Kind.CompareTo(other.Kind);
    }

    /// <summary>The value as <c>ovs-vsctl</c> would print it, strings always in quotes.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        Kind switch
        {
            AtomKind.Integer => _number.ToString(CultureInfo.InvariantCulture),
            AtomKind.Real => AsReal().ToString("R", CultureInfo.InvariantCulture),
            AtomKind.Boolean => _number != 0 ? "true" : "false",
            AtomKind.String => $"\"{_text}\"",
            AtomKind.Uuid => _uuid.ToString(),
            _ => $"@{_text}",
        };

    /// <summary>Reads an atom as RFC 7047, section 5.1, writes it.</summary>
    /// <param name="json">The JSON.</param>
    /// <returns>The atom.</returns>
    /// <exception cref="OvsdbValueException">It is not an atom.</exception>
    public static Atom FromJson(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.String:
                return new(AtomKind.String, text: Json.Text(json));
            case JsonValueKind.Number:
                if (json.TryGetInt64(out var integer))
                {
                    return integer;
                }

                return json.TryGetDouble(out var real) && double.IsFinite(real)
                    ? real
                    : Extreme(json);
            case JsonValueKind.True:
                return true;
            case JsonValueKind.False:
                return false;
            case JsonValueKind.Array when json.GetArrayLength() == 2:
                var tag = json[0];
                var text = json[1];
                if (tag.ValueKind == JsonValueKind.String && text.ValueKind == JsonValueKind.String)
                {
                    if (tag.ValueEquals("uuid"u8) && text.TryGetGuid(out var uuid))
                    {
                        return uuid;
                    }

                    if (tag.ValueEquals("named-uuid"u8))
                    {
                        return NamedUuid(Json.Text(text));
                    }
                }

                break;
        }

        throw new OvsdbValueException(
            "an atom: a number, a string, a boolean, [\"uuid\", \"…\"] or [\"named-uuid\", \"…\"]",
            Json.Excerpt(json)
        );
    }

    /// <summary>Writes the atom in the format of RFC 7047, section 5.1.</summary>
    /// <param name="writer">The writer.</param>
    public void WriteTo(Utf8JsonWriter writer)
    {
        switch (Kind)
        {
            case AtomKind.Integer:
                writer.WriteNumberValue(_number);
                break;
            case AtomKind.Real:
                writer.WriteNumberValue(AsReal());
                break;
            case AtomKind.Boolean:
                writer.WriteBooleanValue(_number != 0);
                break;
            case AtomKind.String:
                writer.WriteStringValue(_text);
                break;
            case AtomKind.Uuid:
                writer.WriteStartArray();
                writer.WriteStringValue("uuid"u8);
                writer.WriteStringValue(_uuid);
                writer.WriteEndArray();
                break;
            default:
                writer.WriteStartArray();
                writer.WriteStringValue("named-uuid"u8);
                writer.WriteStringValue(_text);
                writer.WriteEndArray();
                break;
        }
    }

    internal static void CheckId(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var good = name.Length > 0 && !char.IsAsciiDigit(name[0]);
        foreach (var c in name)
        {
            good &= char.IsAsciiLetterOrDigit(c) || c == '_';
        }

        if (!good)
        {
            throw new OvsdbValueException(
                "a name of letters, digits and underscores that starts with no digit",
                $"\"{name}\""
            );
        }
    }

    // ovsdb-server prints doubles with 15 digits, which rounds the largest one up, beyond the range of a double.
    private static Atom Extreme(JsonElement json) =>
        json.GetRawText() switch
        {
            "1.79769313486232e+308" => double.MaxValue,
            "-1.79769313486232e+308" => double.MinValue,
            _ => throw new OvsdbValueException(
                "a number within the range of a double",
                Json.Excerpt(json)
            ),
        };

    private static void CheckText(string value)
    {
        for (var i = 0; i < value.Length; i++)
        {
            var c = value[i];
            if (c == '\0')
            {
                throw new OvsdbValueException("a string without U+0000", "one with it");
            }

            if (char.IsSurrogate(c))
            {
                if (i + 1 >= value.Length || !char.IsSurrogatePair(c, value[i + 1]))
                {
                    throw new OvsdbValueException(
                        "Unicode text",
                        "a string with half of a surrogate pair"
                    );
                }

                i++;
            }
        }
    }

    private OvsdbValueException Mismatch(string expected) =>
        new(expected, $"{Json.NameOf(Kind)} {ToString()}");
}
