using System.Text.Json;

namespace Weft.Core.Overlays;

/// <summary>Which value of the file is being read; says itself as <c>'vlan' of network 'dmz'</c>.</summary>
/// <param name="Format">How it is called: {0} is its key or name, {1} what it belongs to.</param>
/// <param name="Name">Its key or name.</param>
/// <param name="Owner">What it belongs to; null for the overlay itself.</param>
/// <param name="At">Where its key or name stands.</param>
internal sealed record Place(string Format, string Name, Place? Owner, Position At)
{
    public static Place Root(Position at) => new("the overlay", "", null, at);

    public Place Key(string name, Position at) =>
        new(Owner is null ? "{0}" : "{0} of {1}", name, this, at);

    public override string ToString() => string.Format(null, Format, Words.Quote(Name), Owner);
}

/// <summary>What a value of the file may look like: checked by it, documented by it, and told to editors by it.</summary>
internal abstract class Shape
{
    /// <summary>What belongs there, to end the sentence "write …".</summary>
    public abstract string Expected { get; }

    /// <summary>The JSON Schema (draft 7) keywords of this shape, into an object that is open.</summary>
    public abstract void WriteSchema(Utf8JsonWriter json);

    /// <summary>A value of this shape as JSON.</summary>
    public virtual void WriteValue(Utf8JsonWriter json, string value) =>
        json.WriteStringValue(value);
}

/// <summary>A shape whose values are read as <typeparamref name="T"/>.</summary>
internal abstract class Shape<T> : Shape
{
    /// <summary>Whether a secret may stand there, also by mistake: no message repeats anything of it.</summary>
    public bool HoldsSecret { get; init; }

    /// <summary>The value, or null where it is wrong; then the mistake has been added.</summary>
    public abstract Marked<T>? Read(YamlNode node, Place place, Mistakes mistakes);

    /// <summary>Adds that the node is another kind of thing than this shape.</summary>
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
/// <param name="name">The key as it stands in the file.</param>
/// <param name="description">What it is for, in sentences.</param>
internal abstract class Key(string name, string description)
{
    public string Name { get; } = name;

    public string Description { get; } = description;

    /// <summary>Whether the file must have it.</summary>
    public bool Required { get; init; }

    /// <summary>The key that makes this one needless; where it is missing too, this one is required.</summary>
    public Key? RequiredUnless { get; init; }

    /// <summary>What holds where the file does not have it, as it would stand there.</summary>
    public string? Default { get; init; }

    public abstract Shape Shape { get; }

    /// <summary>The boxed <see cref="Marked{T}"/> that the key's shape reads, or null where it is wrong.</summary>
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
