using System.Collections.Immutable;
using System.Net.Sockets;
using System.Text.Json;
using Weft.Core.Addressing;

namespace Weft.Core.Overlays;

/// <summary>One value, or a list of them.</summary>
/// <param name="item">What one value looks like.</param>
internal class ListShape<T>(Shape<T> item) : Shape<ImmutableArray<Marked<T>?>>
{
    public override string Expected => $"{item.Expected}, or a list of such";

    /// <summary>How many values a list may have; null for any number.</summary>
    protected virtual int? Most => null;

    /// <summary>The values in the file's order, with null for each that is wrong.</summary>
    public override Marked<ImmutableArray<Marked<T>?>>? Read(
        YamlNode node,
        Place place,
        Mistakes mistakes
    )
    {
        if (node is not YamlSequence list)
        {
            return item.Read(node, place, mistakes) is { } only ? new([only], node.At) : null;
        }
        if (list.Items.IsEmpty)
        {
            mistakes.Add(list.At, $"{place} is an empty list: write {Expected}");
            return null;
        }
        var values = ImmutableArray.CreateBuilder<Marked<T>?>();
        foreach (var entry in list.Items)
        {
            var value = item.Read(entry, place with { At = entry.At }, mistakes);
            if (value is { } read && Excess(read.Value, values) is { } excess)
            {
                mistakes.Add(read.At, $"{place} {excess}");
                value = null;
            }
            values.Add(value);
        }
        return new(values.ToImmutable(), list.At);
    }

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteStartArray("anyOf");
        json.WriteStartObject();
        item.WriteSchema(json);
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("type", "array");
        json.WriteStartObject("items");
        item.WriteSchema(json);
        json.WriteEndObject();
        json.WriteNumber("minItems", 1);
        if (Most is { } most)
        {
            json.WriteNumber("maxItems", most);
        }
        json.WriteEndObject();
        json.WriteEndArray();
    }

    /// <summary>
    /// Why a value cannot follow those before it in the list, as the text after the list's owner; null if it can.
    /// </summary>
    protected virtual string? Excess(T value, IEnumerable<Marked<T>?> before) => null;
}

/// <summary>One value, or a list of at most one for IPv4 and one for IPv6.</summary>
/// <param name="item">What one value looks like.</param>
/// <param name="noun">The word for one value, in messages.</param>
/// <param name="family">Whether a value is for IPv4 or for IPv6.</param>
internal sealed class FamilyShape<T>(Shape<T> item, string noun, Func<T, AddressFamily> family)
    : ListShape<T>(item)
{
    private readonly Shape<T> item = item;

    public override string Expected =>
        $"{item.Expected}, or a list of one for IPv4 and one for IPv6";

    protected override int? Most => 2;

    protected override string? Excess(T value, IEnumerable<Marked<T>?> before)
    {
        var wanted = family(value);
        var first = before
            .OfType<Marked<T>>()
            .Where(earlier => family(earlier.Value) == wanted)
            .Select(earlier => earlier.Value!.ToString())
            .FirstOrDefault();
        var version = IPText.VersionOf(wanted);
        return first is null
            ? null
            : $"has a second {version} {noun}, {value} after {first}: keep one of them";
    }
}

/// <summary>A mapping from names that the user chooses to values of one shape.</summary>
/// <param name="entry">The format of an entry's name in messages: {0} is its name, {1} the owner of the mapping.</param>
/// <param name="name">What a name looks like.</param>
/// <param name="value">What a value looks like.</param>
/// <param name="example">An example entry, as written in the file.</param>
internal sealed class MapShape<T>(
    string entry,
    TextShape<string> name,
    Shape<T> value,
    string example
) : Shape<ImmutableArray<Entry<T>>>
{
    /// <summary>Whether an empty mapping is a mistake.</summary>
    public bool AtLeastOne { get; init; }

    /// <summary>The word for an entry's key in messages.</summary>
    public string Noun { get; init; } = "name";

    public Shape Value => value;

    public override string Expected => $"a mapping with entries such as '{example}'";

    /// <summary>
    /// The entries in the file's order, including those with a wrong name or value. Of duplicates only the first is kept.
    /// </summary>
    public override Marked<ImmutableArray<Entry<T>>>? Read(
        YamlNode node,
        Place place,
        Mistakes mistakes
    )
    {
        var mapping = node switch
        {
            YamlMapping given => given,
            YamlScalar { IsNull: true } => new YamlMapping(place.At, []),
            _ => null,
        };
        if (mapping is null)
        {
            Refuse(node, place, mistakes);
            return null;
        }
        if (AtLeastOne && mapping is { Entries.IsEmpty: true, IsWhole: true })
        {
            mistakes.Add(place.At, $"{place} has no entry: add one, such as '{example}'");
        }
        var entries = ImmutableArray.CreateBuilder<Entry<T>>(mapping.Entries.Length);
        var lines = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (key, content) in mapping.Entries)
        {
            var inner = new Place(entry, key.Text, place.Owner, key.At);
            var isNameRight = name.CheckName(key.Text, Noun, inner, mistakes);
            var read = value.Read(content, inner, mistakes);
            if (lines.TryAdd(key.Text, key.At.Line))
            {
                entries.Add(new Entry<T>(key.Text, key.At, isNameRight, read));
            }
            else
            {
                mistakes.Add(
                    key.At,
                    $"{inner} is here twice (first in line {lines[key.Text]}): rename one, or take it out"
                );
            }
        }
        // If part of the mapping was refused, its names are not known.
        return mapping.IsWhole ? new(entries.ToImmutable(), node.At) : null;
    }

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteStartArray("type");
        json.WriteStringValue("object");
        if (!AtLeastOne)
        {
            json.WriteStringValue("null");
        }
        json.WriteEndArray();
        json.WriteStartObject("propertyNames");
        name.WriteSchema(json);
        json.WriteEndObject();
        json.WriteStartObject("additionalProperties");
        value.WriteSchema(json);
        json.WriteEndObject();
        if (AtLeastOne)
        {
            json.WriteNumber("minProperties", 1);
        }
    }
}

/// <summary>One entry of a <see cref="MapShape{T}"/>; the value is null if it is wrong.</summary>
internal sealed record Entry<T>(string Name, Position At, bool IsNameRight, Marked<T>? Value)
{
    /// <summary>The name as messages print it; a wrong name may hold any characters.</summary>
    public string Quoted => Words.Quote(Name);
}
