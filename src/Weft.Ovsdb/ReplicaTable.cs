using System.Collections.Immutable;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>A replicated table: its columns, their types, and how the three kinds of update change its rows.</summary>
internal sealed class ReplicaTable
{
    private readonly TableSchema _schema;
    private readonly ColumnNames _names = new();
    private readonly ColumnType[] _types;
    private readonly Datum[] _defaults;

    public ReplicaTable(TableSchema schema, ImmutableArray<string> columns)
    {
        _schema = schema;
        _types = new ColumnType[columns.Length];
        _defaults = new Datum[columns.Length];
        for (var i = 0; i < columns.Length; i++)
        {
            var column = schema.Columns[columns[i]];
            _names.Add(column.Name);
            _types[i] = column.Type;
            _defaults[i] = column.Type.Default;
        }
    }

    public string Name => _schema.Name;

    public IReadOnlyList<string> Columns => _names;

    /// <summary>Whether the database has the column, replicated or not.</summary>
    public bool Knows(string column) =>
        column is "_uuid" or "_version" || _schema.Columns.ContainsKey(column);

    /// <summary>Whether rows of the other table can be kept as rows of this one.</summary>
    public bool HasColumnsOf(ReplicaTable other) =>
        _names.SequenceEqual(other._names, StringComparer.Ordinal)
        && _types.SequenceEqual(other._types);

    /// <summary>The row after a <c>&lt;row-update&gt;</c> (RFC 7047, section 4.1.6); null if it was deleted.</summary>
    public Row? Update1(Guid uuid, JsonElement update) =>
        update.TryGetProperty("new"u8, out var row) ? Read(uuid, row)
        : update.TryGetProperty("old"u8, out _) ? null
        : throw new OvsdbValueException(
            "a row-update with \"new\" or \"old\"",
            Json.Excerpt(update)
        );

    /// <summary>The row after a <c>&lt;row-update2&gt;</c> (ovsdb-server(7), section 4.1.14); null if it was deleted.</summary>
    public Row? Update2(Guid uuid, Row? old, JsonElement update)
    {
        foreach (var member in update.EnumerateObject())
        {
            // A difference to an unknown row cannot be applied. Deleting an unknown row is harmless.
            if (member.NameEquals("modify"u8) && old is not null)
            {
                return Modify(old, member.Value);
            }

            if (member.NameEquals("insert"u8) || member.NameEquals("initial"u8))
            {
                return Read(uuid, member.Value);
            }

            if (member.NameEquals("delete"u8))
            {
                return null;
            }
        }

        throw new OvsdbValueException(
            "a row-update2 with \"initial\", \"insert\" or \"delete\", or \"modify\" of a known row",
            Json.Excerpt(update)
        );
    }

    private Row Read(Guid uuid, JsonElement json)
    {
        var values = (Datum[])_defaults.Clone();
        foreach (var member in Json.Object(json, "a row").EnumerateObject())
        {
            values[IndexOf(member)] = Datum.FromJson(member.Value);
        }

        return new(_names, values, uuid);
    }

    private Row Modify(Row old, JsonElement json)
    {
        var values = old.CopyValues();
        foreach (var member in Json.Object(json, "a row").EnumerateObject())
        {
            var column = IndexOf(member);
            var value = Datum.FromJson(member.Value);
            values[column] = _types[column].ChangesAsDifference
                ? values[column].Apply(value)
                : value;
        }

        return new(_names, values, old.Uuid);
    }

    private int IndexOf(JsonProperty member)
    {
        var name = Json.Name(member);
        var index = _names.IndexOf(name);
        return index >= 0
            ? index
            : throw new OvsdbValueException(
                $"a row of '{Name}'",
                $"column \"{Json.Shorten(name)}\", which was not asked for"
            );
    }
}
