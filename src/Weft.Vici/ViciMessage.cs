using System.Collections;
using System.Globalization;

namespace Weft.Vici;

/// <summary>
/// A message, or a section of one: named values, lists and sections, in order (strongSwan, src/libcharon/plugins/vici/README.md,
/// Message format). It is created with an initializer and immutable after that: <c>new ViciMessage { ["version"] = 2,
/// ["children"] = new ViciMessage { … } }</c>.
/// </summary>
/// <remarks>
/// A value, a list and a section may have the same name: in an event, <c>up</c> is a value, and may also be a connection. A
/// lookup by name finds the first of its kind, as in libvici.
/// </remarks>
public sealed class ViciMessage
    : ViciNode,
        IReadOnlyCollection<KeyValuePair<string, ViciNode>>,
        IEquatable<ViciMessage>
{
    /// <summary>The maximum nesting of sections. strongSwan itself uses at most five levels.</summary>
    public const int MaxDepth = 32;

    /// <summary>The empty message.</summary>
    public static readonly ViciMessage Empty = new();

    private readonly List<KeyValuePair<string, ViciNode>> _elements;
    private int _depth = 1;

    /// <summary>Creates an empty message, for an initializer to fill.</summary>
    public ViciMessage() => _elements = [];

    /// <summary>Creates a message of these elements.</summary>
    /// <param name="elements">The elements with their names.</param>
    /// <exception cref="ArgumentException">As for the indexer.</exception>
    public ViciMessage(IEnumerable<KeyValuePair<string, ViciNode>> elements)
        : this()
    {
        ArgumentNullException.ThrowIfNull(elements);
        foreach (var (name, node) in elements)
        {
            this[name] = node;
        }
    }

    /// <summary>Creates a received message, which may, though it should not, have a name twice.</summary>
    internal ViciMessage(List<KeyValuePair<string, ViciNode>> elements, int depth)
    {
        _elements = elements;
        _depth = depth;
    }

    /// <inheritdoc/>
    public int Count => _elements.Count;

    /// <summary>The sections, in order.</summary>
    public IEnumerable<KeyValuePair<string, ViciMessage>> Sections
    {
        get
        {
            foreach (var (name, node) in _elements)
            {
                if (node is ViciMessage section)
                {
                    yield return new(name, section);
                }
            }
        }
    }

    internal override int Depth => _depth;

    /// <summary>
    /// The first element with a name, whatever its kind; null if there is none. In an initializer it appends an element; null
    /// appends nothing.
    /// </summary>
    /// <param name="name">The name: at most 255 characters of printable ASCII.</param>
    /// <exception cref="ArgumentException">
    /// The name is invalid or taken by an element of this kind, or sections are nested deeper than <see cref="MaxDepth"/>.
    /// </exception>
    public ViciNode? this[string name]
    {
        get => Find<ViciNode>(name);
        init
        {
            if (value is null)
            {
                return;
            }

            CheckName(name);
            if (_elements.Exists(e => e.Key == name && e.Value.GetType() == value.GetType()))
            {
                throw new ArgumentException($"The section has '{name}' already.", nameof(name));
            }

            _depth = Math.Max(_depth, value.Depth + 1);
            if (_depth > MaxDepth)
            {
                throw new ArgumentException(
                    $"Sections may be at most {MaxDepth} deep.",
                    nameof(value)
                );
            }

            _elements.Add(new(name, value));
        }
    }

    /// <summary>Decodes a message from its wire format, strictly.</summary>
    /// <param name="bytes">The whole message. The result refers to these bytes, so they must not be changed.</param>
    /// <returns>The message.</returns>
    /// <exception cref="ViciProtocolException">They are not a message; the error says what is wrong, and where.</exception>
    public static ViciMessage Decode(ReadOnlyMemory<byte> bytes) =>
        MessageReader.Read(bytes, out _);

    /// <summary>Encodes the message in its wire format.</summary>
    /// <returns>The bytes.</returns>
    public byte[] Encode()
    {
        var writer = new MessageWriter();
        WriteElements(writer);
        return writer.ToArray();
    }

    /// <summary>The same message with one more element.</summary>
    /// <param name="name">The element's name.</param>
    /// <param name="node">The element; null adds nothing.</param>
    /// <returns>The message.</returns>
    /// <exception cref="ArgumentException">As for the indexer.</exception>
    public ViciMessage With(string name, ViciNode? node) =>
        new([.. _elements], _depth) { [name] = node };

    /// <summary>Gets the value with a name.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The value; null if there is none.</returns>
    public ViciValue? Value(string name) => Find<ViciValue>(name);

    /// <summary>Gets the list with a name.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The list; null if there is none.</returns>
    public ViciList? List(string name) => Find<ViciList>(name);

    /// <summary>Gets the section with a name.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The section; null if there is none.</returns>
    public ViciMessage? Section(string name) => Find<ViciMessage>(name);

    /// <summary>Gets the value with a name as text.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The text; null if there is no such value.</returns>
    public string? Text(string name) => Value(name)?.Text;

    /// <summary>Gets the value with a name as a number in decimal digits.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The number; null if there is no such value.</returns>
    /// <exception cref="ViciProtocolException">The value is not a number.</exception>
    public long? Number(string name) =>
        Text(name) is not { } text ? null
        : long.TryParse(
            text,
            NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture,
            out var number
        )
            ? number
        : throw new ViciProtocolException($"'{name}' should be a number, and is '{Value(name)}'");

    /// <summary>
    /// Whether the value with a name is <c>yes</c>, or another of strongSwan's words for it (<c>true</c>, <c>enabled</c>,
    /// <c>1</c>).
    /// </summary>
    /// <param name="name">The name.</param>
    /// <returns>Whether it is; false if there is no such value.</returns>
    public bool Flag(string name) => Text(name) is "yes" or "true" or "enabled" or "1";

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, ViciNode>> GetEnumerator() => _elements.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Whether the other message has the same elements in the same order.</summary>
    /// <param name="other">The other message.</param>
    /// <returns>Whether it does.</returns>
    public bool Equals(ViciMessage? other) =>
        other is not null && _elements.SequenceEqual(other._elements);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ViciMessage);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var (name, node) in _elements)
        {
            hash.Add(name, StringComparer.Ordinal);
            hash.Add(node);
        }

        return hash.ToHashCode();
    }

    /// <summary>The message in one line, as swanctl's <c>--raw</c> prints it, with dots for each secret.</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        $"{{{string.Join(' ', _elements.Select(static e => e.Value is ViciMessage ? $"{e.Key} {e.Value}" : $"{e.Key}={e.Value}"))}}}";

    internal override void Write(string name, MessageWriter writer)
    {
        writer.StartSection(name);
        WriteElements(writer);
        writer.EndSection();
    }

    internal void WriteElements(MessageWriter writer)
    {
        foreach (var (name, node) in _elements)
        {
            node.Write(name, writer);
        }
    }

    /// <summary>Refuses invalid names: charon drops a packet with such a name silently, so its reply would never come.</summary>
    internal static void CheckName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length > 255 || name.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            throw new ArgumentException(
                $"A name is at most 255 characters of printable ASCII, and this is none: '{name}'.",
                nameof(name)
            );
        }
    }

    private T? Find<T>(string name)
        where T : ViciNode
    {
        foreach (var (key, node) in _elements)
        {
            if (node is T found && key == name)
            {
                return found;
            }
        }

        return null;
    }
}
