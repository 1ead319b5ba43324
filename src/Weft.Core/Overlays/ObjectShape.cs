using System.Collections.Immutable;
using System.Text.Json;

namespace Weft.Core.Overlays;

/// <summary>A mapping with a fixed set of keys.</summary>
/// <param name="example">The whole mapping in one line, as written in the file.</param>
/// <param name="keys">The keys, in the order in which they are documented.</param>
internal sealed class ObjectShape(string example, params ImmutableArray<Key> keys) : Shape<Fields>
{
    private static readonly BooleanShape Boolean = new();

    public ImmutableArray<Key> Keys => keys;

    /// <summary>The key whose value may stand in place of the mapping.</summary>
    public Key? Shorthand { get; init; }

    /// <summary>Whether <c>true</c> may stand for an empty mapping, and <c>false</c> for none.</summary>
    public bool IsSwitch { get; init; }

    public override string Expected =>
        IsSwitch ? $"true, or a mapping such as '{example}'"
        : Shorthand is { } key ? $"{key.Shape.Expected}, or a mapping such as '{example}'"
        : $"a mapping such as '{example}'";

    public override Marked<Fields>? Read(YamlNode node, Place place, Mistakes mistakes)
    {
        switch (node)
        {
            case YamlMapping mapping:
                return new(ReadKeys(mapping, place, mistakes), node.At);
            case YamlScalar { IsNull: true }:
                return new(ReadKeys(new YamlMapping(place.At, []), place, mistakes), place.At);
            case YamlScalar { IsPlain: true, Text: "true" or "false" } scalar when IsSwitch:
                return new(new Fields { IsOn = scalar.Text == "true" }, node.At);
            case not YamlRefused when Shorthand is { } key:
                var whole = new YamlMapping(
                    node.At,
                    [(new YamlScalar(place.At, key.Name, IsPlain: true), node)]
                );
                return new(ReadKeys(whole, place, mistakes), node.At);
            case YamlScalar scalar when IsSwitch:
                Boolean.Read(scalar, place, mistakes);
                return null;
            default:
                Refuse(node, place, mistakes);
                return null;
        }
    }

    public override void WriteSchema(Utf8JsonWriter json)
    {
        if (!IsSwitch && Shorthand is null)
        {
            WriteMappingSchema(json);
            return;
        }
        json.WriteStartArray("anyOf");
        json.WriteStartObject();
        (Shorthand?.Shape ?? Boolean).WriteSchema(json);
        json.WriteEndObject();
        json.WriteStartObject();
        WriteMappingSchema(json);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private Fields ReadKeys(YamlMapping mapping, Place place, Mistakes mistakes)
    {
        var fields = new Fields { IsWhole = mapping.IsWhole };
        HashSet<string>? present = null;
        foreach (var (name, node) in mapping.Entries)
        {
            var known = keys.FirstOrDefault(key => key.Name == name.Text);
            var key = known;
            if (key is null)
            {
                // The value of a misspelt key is read as if the key were spelt right, so that nothing is reported as missing
                // only because of the misspelling.
                present ??= mapping
                    .Entries.Select(entry => entry.Key.Text)
                    .ToHashSet(StringComparer.Ordinal);
                key = Meant(name.Text, present);
                var meant = key;
                mistakes.Add(name.At, () => UnknownKey(name.Text, meant, place));
            }
            if (key is null)
            {
                continue;
            }
            var inner = place.Key(key.Name, name.At);
            var value = key.Read(node, inner, mistakes);
            if (fields.Find(key) is not { } first)
            {
                fields.Set(key, name.At, value);
            }
            else if (known is not null)
            {
                mistakes.Add(
                    name.At,
                    $"{inner} is here twice (first in line {first.Line}): keep one"
                );
            }
        }
        foreach (var key in keys.Where(_ => mapping.IsWhole))
        {
            var isRequired =
                key.Required || (key.RequiredUnless is { } other && fields.Find(other) is null);
            if (isRequired && fields.Find(key) is null)
            {
                mistakes.Add(
                    place.At,
                    $"{place} has no '{key.Name}': add it, with {key.Shape.Expected}"
                );
            }
        }
        return fields;
    }

    /// <summary>The key that a misspelt one probably stands for, unless the file has that key too.</summary>
    private Key? Meant(string misspelt, HashSet<string> present)
    {
        var absent = keys.Where(key => !present.Contains(key.Name)).ToList();
        var nearest = Words.Nearest(misspelt, absent.Select(key => key.Name));
        return absent.Find(key => key.Name == nearest);
    }

    private string UnknownKey(string name, Key? meant, Place place)
    {
        var known = Words.List(keys.Select(key => $"'{key.Name}'"));
        var fix = meant is null ? $"it can have {known}" : $"did you mean '{meant.Name}'?";
        var unknown = HoldsSecret ? "an unknown key" : $"an unknown key {Words.Quote(name)}";
        return $"{place} has {unknown}: {fix}";
    }

    private void WriteMappingSchema(Utf8JsonWriter json)
    {
        json.WriteStartArray("type");
        json.WriteStringValue("object");
        var required = keys.Where(key => key.Required).ToList();
        if (required.Count == 0)
        {
            json.WriteStringValue("null");
        }
        json.WriteEndArray();
        json.WriteBoolean("additionalProperties", false);
        if (required.Count > 0)
        {
            json.WriteStartArray("required");
            required.ForEach(key => json.WriteStringValue(key.Name));
            json.WriteEndArray();
        }
        foreach (
            var alternatives in keys.Where(key => key.RequiredUnless is not null)
                .GroupBy(key => key.RequiredUnless!)
        )
        {
            json.WriteStartArray("anyOf");
            foreach (
                Key[] together in (Key[][])
                    [
                        [alternatives.Key],
                        [.. alternatives],
                    ]
            )
            {
                json.WriteStartObject();
                json.WriteStartArray("required");
                Array.ForEach(together, key => json.WriteStringValue(key.Name));
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteStartObject("properties");
        foreach (var key in keys)
        {
            json.WriteStartObject(key.Name);
            json.WriteString("description", key.Description);
            key.Shape.WriteSchema(json);
            if (key.Default is { } value)
            {
                json.WritePropertyName("default");
                key.Shape.WriteValue(json, value);
            }
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }
}

/// <summary>The result of reading an <see cref="ObjectShape"/>: the value of each of its keys that is in the file.</summary>
internal sealed class Fields
{
    private readonly Dictionary<Key, (Position At, object? Value)> values = [];

    /// <summary>False if part of the mapping was refused: a key that is missing here may be in that part.</summary>
    public bool IsWhole { get; init; } = true;

    /// <summary>False if the file has <c>false</c> in place of the mapping.</summary>
    public bool IsOn { get; init; } = true;

    /// <summary>The value; null if the key is missing or its value wrong.</summary>
    public Marked<T>? Get<T>(Key<T> key) =>
        values.TryGetValue(key, out var found) ? (Marked<T>?)found.Value : null;

    /// <summary>The position of the key, whether its value is right or wrong; null if it is missing.</summary>
    public Position? Find(Key key) => values.TryGetValue(key, out var found) ? found.At : null;

    public void Set(Key key, Position at, object? value) => values.Add(key, (at, value));
}
