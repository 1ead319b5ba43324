using System.Collections;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Weft.Vici;

/// <summary>An ordered list of values. It is created by a collection expression, or by <see cref="Of"/>.</summary>
[CollectionBuilder(typeof(ViciList), nameof(Of))]
public sealed class ViciList : ViciNode, IReadOnlyList<ViciValue>, IEquatable<ViciList>
{
    private readonly ImmutableArray<ViciValue> _items;

    internal ViciList(ImmutableArray<ViciValue> items) => _items = items;

    /// <inheritdoc/>
    public int Count => _items.Length;

    /// <inheritdoc/>
    public ViciValue this[int index] => _items[index];

    /// <summary>A list of these values.</summary>
    /// <param name="items">The values.</param>
    /// <returns>The list.</returns>
    public static ViciList Of(params ReadOnlySpan<ViciValue> items) => new([.. items]);

    /// <summary>The values as texts.</summary>
    /// <returns>The texts, in order.</returns>
    public ImmutableArray<string> ToTexts() => [.. _items.Select(static item => item.Text)];

    /// <inheritdoc/>
    public IEnumerator<ViciValue> GetEnumerator() =>
        ((IEnumerable<ViciValue>)_items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Whether the other list has the same values in the same order.</summary>
    /// <param name="other">The other list.</param>
    /// <returns>Whether it does.</returns>
    public bool Equals(ViciList? other) => other is not null && _items.SequenceEqual(other._items);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ViciList);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var item in _items)
        {
            hash.Add(item);
        }

        return hash.ToHashCode();
    }

    /// <summary>The values as swanctl's <c>--raw</c> prints them.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"[{string.Join(' ', _items)}]";

    internal override void Write(string name, MessageWriter writer)
    {
        writer.StartList(name);
        foreach (var item in _items)
        {
            writer.ListItem(item.Bytes.Span);
        }

        writer.EndList();
    }
}
