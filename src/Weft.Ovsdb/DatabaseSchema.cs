using System.Collections.Immutable;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>The schema of a database (RFC 7047, section 3.2).</summary>
/// <param name="Name">The database's name.</param>
/// <param name="Version">The schema's version, three numbers with dots; empty if the server gives none.</param>
/// <param name="Checksum">A checksum; null if the schema has none.</param>
/// <param name="Tables">The tables by name.</param>
public sealed record DatabaseSchema(
    string Name,
    string Version,
    string? Checksum,
    ImmutableSortedDictionary<string, TableSchema> Tables
)
{
    /// <summary>Reads a schema.</summary>
    /// <param name="json">The JSON, as in the reply to <c>get_schema</c>.</param>
    /// <returns>The schema.</returns>
    /// <exception cref="OvsdbValueException">It is not a schema.</exception>
    public static DatabaseSchema FromJson(JsonElement json)
    {
        var tables = ImmutableSortedDictionary.CreateBuilder<string, TableSchema>(
            StringComparer.Ordinal
        );
        foreach (
            var member in SchemaJson.Members(Json.Member(json, "tables", "a schema"), "tables")
        )
        {
            var name = Json.Name(member);
            tables[name] = TableSchema.FromJson(name, member.Value);
        }

        return new(
            Json.Text(Json.Member(json, "name", "a schema")),
            json.TryGetProperty("version"u8, out var version) ? Json.Text(version) : "",
            json.TryGetProperty("cksum"u8, out var checksum) ? Json.Text(checksum) : null,
            tables.ToImmutable()
        );
    }
}

/// <summary>The schema of a table (RFC 7047, section 3.2).</summary>
/// <param name="Name">The table's name.</param>
/// <param name="Columns">The columns by name, without <c>_uuid</c> and <c>_version</c>.</param>
/// <param name="Indexes">Sets of columns whose values must be unique together.</param>
/// <param name="IsRoot">Whether its rows exist without a strong reference to them.</param>
/// <param name="MaxRows">The maximum number of rows; null for no limit.</param>
public sealed record TableSchema(
    string Name,
    ImmutableSortedDictionary<string, ColumnSchema> Columns,
    ImmutableArray<ImmutableArray<string>> Indexes,
    bool IsRoot,
    long? MaxRows
)
{
    internal static TableSchema FromJson(string name, JsonElement json)
    {
        var columns = ImmutableSortedDictionary.CreateBuilder<string, ColumnSchema>(
            StringComparer.Ordinal
        );
        foreach (
            var member in SchemaJson.Members(
                Json.Member(json, "columns", "a table's schema"),
                "columns"
            )
        )
        {
            var column = Json.Name(member);
            columns[column] = ColumnSchema.FromJson(column, member.Value);
        }

        var indexes = ImmutableArray.CreateBuilder<ImmutableArray<string>>();
        if (json.TryGetProperty("indexes"u8, out var list))
        {
            foreach (var index in Json.Array(list, "indexes").EnumerateArray())
            {
                indexes.Add([.. Json.Array(index, "an index").EnumerateArray().Select(Json.Text)]);
            }
        }

        return new(
            name,
            columns.ToImmutable(),
            indexes.ToImmutable(),
            SchemaJson.Flag(json, "isRoot"u8, false),
            SchemaJson.OptionalInteger(json, "maxRows"u8)
        );
    }
}

/// <summary>The schema of a column (RFC 7047, section 3.2).</summary>
/// <param name="Name">The column's name.</param>
/// <param name="Type">The type of its values.</param>
/// <param name="IsEphemeral">Whether the server forgets it when it ends.</param>
/// <param name="IsMutable">Whether it may change after its row was inserted.</param>
public sealed record ColumnSchema(string Name, ColumnType Type, bool IsEphemeral, bool IsMutable)
{
    internal static ColumnSchema FromJson(string name, JsonElement json) =>
        new(
            name,
            ColumnType.FromJson(Json.Member(json, "type", "a column's schema")),
            SchemaJson.Flag(json, "ephemeral"u8, false),
            SchemaJson.Flag(json, "mutable"u8, true)
        );
}

/// <summary>The type of a column's values (RFC 7047, section 3.2, <c>&lt;type&gt;</c>).</summary>
/// <param name="Key">The type of a set's atoms or a map's keys.</param>
/// <param name="Value">The type of a map's values; null for a set.</param>
/// <param name="Min">The minimum number of elements, 0 or 1.</param>
/// <param name="Max">The maximum number of elements, 1 or more; null for no limit.</param>
public sealed record ColumnType(BaseType Key, BaseType? Value, int Min, long? Max)
{
    /// <summary>Whether a value is exactly one atom.</summary>
    public bool IsScalar => Value is null && Min == 1 && Max == 1;

    /// <summary>Whether a value is at most one atom.</summary>
    public bool IsOptional => Value is null && Min == 0 && Max == 1;

    /// <summary>Whether a value is a map.</summary>
    public bool IsMap => Value is not null;

    /// <summary>The value in a row that is inserted without the column (RFC 7047, section 5.2.1).</summary>
    public Datum Default { get; } =
        Min == 0 ? (Value is null ? Datum.Empty : Datum.EmptyMap)
        : Value is null ? Key.Default
        : Datum.Map((Key.Default, Value.Default));

    /// <summary>
    /// Whether changes of such a column are sent as differences. For a column of at most one element, even if it is optional or a
    /// map, ovsdb-server sends the whole value (<c>ovsdb_type_is_composite</c> in lib/ovsdb-types.h).
    /// </summary>
    internal bool ChangesAsDifference => Max is null or > 1;

    internal static ColumnType FromJson(JsonElement json)
    {
        if (json.ValueKind == JsonValueKind.String)
        {
            return new(BaseType.FromJson(json), null, 1, 1);
        }

        var key = BaseType.FromJson(Json.Member(json, "key", "a column's type"));
        var value = json.TryGetProperty("value"u8, out var valueJson)
            ? BaseType.FromJson(valueJson)
            : null;
        var min = SchemaJson.OptionalInteger(json, "min"u8) ?? 1;
        var max =
            json.TryGetProperty("max"u8, out var maxJson)
            && maxJson.ValueKind == JsonValueKind.String
                ? (long?)null
                : SchemaJson.OptionalInteger(json, "max"u8) ?? 1;
        return min is 0 or 1 && max is null or >= 1
            ? new(key, value, (int)min, max)
            : throw new OvsdbValueException(
                "\"min\" of 0 or 1 and \"max\" of 1 or more",
                Json.Excerpt(json)
            );
    }
}

/// <summary>The kind of a reference to a row of another table (RFC 7047, section 3.2, <c>refType</c>).</summary>
public enum ReferenceType
{
    /// <summary>The row cannot be deleted while it is referenced.</summary>
    Strong,

    /// <summary>The reference is removed when the row is deleted.</summary>
    Weak,
}

/// <summary>The type of an atom, with its constraints (RFC 7047, section 3.2, <c>&lt;base-type&gt;</c>).</summary>
/// <param name="Kind">Its type; never <see cref="AtomKind.NamedUuid"/>.</param>
public sealed record BaseType(AtomKind Kind)
{
    /// <summary>The only values allowed; null if there is no such limit.</summary>
    public Datum? Enum { get; init; }

    /// <summary>The smallest integer allowed.</summary>
    public long? MinInteger { get; init; }

    /// <summary>The largest integer allowed.</summary>
    public long? MaxInteger { get; init; }

    /// <summary>The smallest real allowed.</summary>
    public double? MinReal { get; init; }

    /// <summary>The largest real allowed.</summary>
    public double? MaxReal { get; init; }

    /// <summary>The fewest characters allowed.</summary>
    public long? MinLength { get; init; }

    /// <summary>The most characters allowed.</summary>
    public long? MaxLength { get; init; }

    /// <summary>The table whose rows a UUID references; null if it references none.</summary>
    public string? RefTable { get; init; }

    /// <summary>The kind of reference of a UUID with <see cref="RefTable"/>.</summary>
    public ReferenceType RefType { get; init; }

    /// <summary>The default: zero, false, the empty string or the all-zero UUID.</summary>
    public Atom Default =>
        Kind switch
        {
            AtomKind.Boolean => false,
            AtomKind.String => "",
            AtomKind.Uuid => Guid.Empty,
            _ => 0,
        };

    internal static BaseType FromJson(JsonElement json)
    {
        if (json.ValueKind == JsonValueKind.String)
        {
            return new(KindOf(json));
        }

        return new(KindOf(Json.Member(json, "type", "a base type")))
        {
            Enum = json.TryGetProperty("enum"u8, out var values) ? Datum.FromJson(values) : null,
            MinInteger = SchemaJson.OptionalInteger(json, "minInteger"u8),
            MaxInteger = SchemaJson.OptionalInteger(json, "maxInteger"u8),
            MinReal = SchemaJson.OptionalReal(json, "minReal"u8),
            MaxReal = SchemaJson.OptionalReal(json, "maxReal"u8),
            MinLength = SchemaJson.OptionalInteger(json, "minLength"u8),
            MaxLength = SchemaJson.OptionalInteger(json, "maxLength"u8),
            RefTable = json.TryGetProperty("refTable"u8, out var table) ? Json.Text(table) : null,
            RefType =
                json.TryGetProperty("refType"u8, out var type) && Json.Text(type) == "weak"
                    ? ReferenceType.Weak
                    : ReferenceType.Strong,
        };
    }

    private static AtomKind KindOf(JsonElement json) =>
        Json.Text(json) switch
        {
            "integer" => AtomKind.Integer,
            "real" => AtomKind.Real,
            "boolean" => AtomKind.Boolean,
            "string" => AtomKind.String,
            "uuid" => AtomKind.Uuid,
            _ => throw new OvsdbValueException("an atomic type", Json.Excerpt(json)),
        };
}

/// <summary>Reads the optional members of schemas.</summary>
internal static class SchemaJson
{
    public static JsonElement.ObjectEnumerator Members(JsonElement json, string what) =>
        Json.Object(json, what).EnumerateObject();

    public static bool Flag(JsonElement json, ReadOnlySpan<byte> name, bool otherwise) =>
        json.TryGetProperty(name, out var value) ? Json.Boolean(value) : otherwise;

    public static long? OptionalInteger(JsonElement json, ReadOnlySpan<byte> name) =>
        json.TryGetProperty(name, out var value) ? Json.Integer(value) : null;

    public static double? OptionalReal(JsonElement json, ReadOnlySpan<byte> name) =>
        json.TryGetProperty(name, out var value) ? Atom.FromJson(value).AsReal() : null;
}
