using System.Text.Json;

namespace Weft.Core.Overlays;

/// <summary>The value of the file that is being read; prints itself as <c>'vlan' of network 'dmz'</c>.</summary>
/// <param name="Format">The format of its name in messages: {0} is its key or name, {1} its owner.</param>
/// <param name="Name">Its key or name.</param>
/// <param name="Owner">The value that it belongs to; null for the overlay itself.</param>
/// <param name="At">The position of its key or name.</param>
internal sealed record Place(string Format, string Name, Place? Owner, Position At)
{
    public static Place Root(Position at) => new("the overlay", "", null, at);

    public Place Key(string name, Position at) =>
        new(Owner is null ? "{0}" : "{0} of {1}", name, this, at);

    public override string ToString() => string.Format(null, Format, Words.Quote(Name), Owner);
}

/// <summary>The form of a value in the file. It checks the value, documents it, and describes it to editors.</summary>
internal abstract class Shape
{
    /// <summary>A description of a right value, to end the sentence "write …".</summary>
    public abstract string Expected { get; }

    /// <summary>Writes the JSON Schema (draft 7) keywords of this shape into the object that is open.</summary>
    public abstract void WriteSchema(Utf8JsonWriter json);

    /// <summary>Writes a value of this shape as JSON.</summary>
    public virtual void WriteValue(Utf8JsonWriter json, string value) =>
        json.WriteStringValue(value);
}

/// <summary>A shape whose values are read as <typeparamref name="T"/>.</summary>
internal abstract class Shape<T> : Shape
{
    /// <summary>Whether a secret may be written here, even by mistake; messages then repeat nothing of the value.</summary>
    public bool HoldsSecret { get; init; }

    /// <summary>Reads the value; null if it is wrong, in which case a mistake has been added.</summary>
    public abstract Marked<T>? Read(YamlNode node, Place place, Mistakes mistakes);

    /// <summary>Reports that the node is of another kind than this shape.</summary>
    protected void Refuse(YamlNode node, Place place, Mistakes mistakes)
    {
        var (at, found) = node switch
        {
            YamlScalar { IsNull: true } => (place.At, "has no value"),
            YamlScalar scalar when HoldsSecret => (scalar.At, "is a text"),
            YamlScalar scalar => (scalar.At, $"is the text {Words.Quote(scalar.Text)}"),
            YamlSequence => (node.At, "is a list"),
            YamlMapping => (node.At, "is a mapping"),
            _ => (node.At, null),
        };
        if (found is not null)
        {
            mistakes.Add(at, $"{place} {found}: write {Expected}");
        }
    }
}

/// <summary>A key of an <see cref="ObjectShape"/>.</summary>
/// <param name="name">The key as written in the file.</param>
/// <param name="description">Its purpose, in sentences.</param>
internal abstract class Key(string name, string description)
{
    public string Name { get; } = name;

    public string Description { get; } = description;

    /// <summary>Whether the file must have it.</summary>
    public bool Required { get; init; }

    /// <summary>The key that makes this one optional; if that key is missing, this one is required.</summary>
    public Key? RequiredUnless { get; init; }

    /// <summary>The value that applies if the file has none, as it would be written there.</summary>
    public string? Default { get; init; }

    public abstract Shape Shape { get; }

    /// <summary>Reads the key's value as a boxed <see cref="Marked{T}"/>; null if it is wrong.</summary>
    public abstract object? Read(YamlNode node, Place place, Mistakes mistakes);
}

/// <summary>A key whose value is read as <typeparamref name="T"/>.</summary>
internal sealed class Key<T>(string name, Shape<T> shape, string description)
    : Key(name, description)
{
    public override Shape Shape => shape;

    public override object? Read(YamlNode node, Place place, Mistakes mistakes) =>
        shape.Read(node, place, mistakes);
}
