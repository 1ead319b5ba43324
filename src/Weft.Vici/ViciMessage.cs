using System.Collections;
using System.Globalization;

namespace Weft.Vici;

/// <summary>
/// A message, or a section of one: names with values, lists and sections, in order (strongSwan,
/// src/libcharon/plugins/vici/README.md, Message format). Made with an initializer and never changed after:
/// <c>new ViciMessage { ["version"] = 2, ["children"] = new ViciMessage { … } }</c>.
/// </summary>
/// <remarks>
/// A value, a list and a section may bear one name: in an event <c>up</c> is a value, and may be a connection as well.
/// What is looked up by name is the first of its kind, as libvici has it.
/// </remarks>
public sealed class ViciMessage
    : ViciNode,
        IReadOnlyCollection<KeyValuePair<string, ViciNode>>,
        IEquatable<ViciMessage>
{
    /// <summary>How deep sections may be inside one another. The deepest that strongSwan uses is five.</summary>
    public const int MaxDepth = 32;

    /// <summary>The message without anything in it.</summary>
    public static readonly ViciMessage Empty = new();

    private readonly List<KeyValuePair<string, ViciNode>> _elements;
    private int _depth = 1;

    /// <summary>A message without anything in it, to be filled by an initializer.</summary>
    public ViciMessage() => _elements = [];

    /// <summary>A message of these elements.</summary>
    /// <param name="elements">Names, and what bears them.</param>
    /// <exception cref="ArgumentException">As of the indexer.</exception>
    public ViciMessage(IEnumerable<KeyValuePair<string, ViciNode>> elements)
        : this()
    {
        ArgumentNullException.ThrowIfNull(elements);
        foreach (var (name, node) in elements)
        {
            this[name] = node;
        }
    }

    /// <summary>What was received: there a name may come twice, though it should not.</summary>
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
    /// The first that bears a name, whatever its kind; null where there is none. In an initializer it adds to the end,
    /// and null adds nothing.
    /// </summary>
    /// <param name="name">The name: at most 255 characters of printable ASCII.</param>
    /// <exception cref="ArgumentException">
    /// The name is none, bears something of this kind already, or the sections are more than <see cref="MaxDepth"/> deep.
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

    /// <summary>Reads a message from its wire format, strictly.</summary>
    /// <param name="bytes">The whole message. It keeps pointing to them: they must not be changed after.</param>
    /// <returns>The message.</returns>
    /// <exception cref="ViciProtocolException">They are no message: what is wrong is said, and where.</exception>
    public static ViciMessage Decode(ReadOnlyMemory<byte> bytes) =>
        MessageReader.Read(bytes, out _);

    /// <summary>Writes the message in its wire format.</summary>
    /// <returns>The bytes.</returns>
    public byte[] Encode()
    {
        var writer = new MessageWriter();
        WriteElements(writer);
        return writer.ToArray();
    }

    /// <summary>The same message with one element more.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="node">The element; null adds nothing.</param>
    /// <returns>The message.</returns>
    /// <exception cref="ArgumentException">As of the indexer.</exception>
    public ViciMessage With(string name, ViciNode? node) =>
        new([.. _elements], _depth) { [name] = node };

    /// <summary>The value of a name.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The value; null where there is none.</returns>
    public ViciValue? Value(string name) => Find<ViciValue>(name);

    /// <summary>The list of a name.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The list; null where there is none.</returns>
    public ViciList? List(string name) => Find<ViciList>(name);

    /// <summary>The section of a name.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The section; null where there is none.</returns>
    public ViciMessage? Section(string name) => Find<ViciMessage>(name);

    /// <summary>The value of a name, as text.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The text; null where there is no such value.</returns>
    public string? Text(string name) => Value(name)?.Text;

    /// <summary>The value of a name, as a number in decimal digits.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The number; null where there is no such value.</returns>
    /// <exception cref="ViciProtocolException">The value is no number.</exception>
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

    /// <summary>Is the value of a name <c>yes</c>, or another of strongSwan's words for it (<c>true</c>, <c>enabled</c>, <c>1</c>)?</summary>
    /// <param name="name">The name.</param>
    /// <returns>Whether it is; false where there is no such value.</returns>
    public bool Flag(string name) => Text(name) is "yes" or "true" or "enabled" or "1";

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, ViciNode>> GetEnumerator() => _elements.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Has the other the same elements in the same order?</summary>
    /// <param name="other">The other.</param>
    /// <returns>Whether it has.</returns>
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

    /// <summary>The message in one line as swanctl's <c>--raw</c> shows it; dots for each secret.</summary>
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

    /// <summary>charon drops a packet with any other name without an answer, which would never come.</summary>
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
