using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace Weft.Vici;

/// <summary>Reads a message's elements without trusting the sender (strongSwan, vici/README.md, Message format).</summary>
internal ref struct MessageReader
{
    // The memory of an element beside its bytes, name included: the smallest elements have three bytes on the wire.
    private const int ElementWeight = 128;

    private readonly ReadOnlyMemory<byte> _bytes;
    private int _at;
    private int _elements;

    private MessageReader(ReadOnlyMemory<byte> bytes) => _bytes = bytes;

    /// <summary>Reads a whole message; <paramref name="weight"/> is its approximate size in memory, in bytes.</summary>
    public static ViciMessage Read(ReadOnlyMemory<byte> bytes, out int weight)
    {
        var reader = new MessageReader(bytes);
        var message = reader.ReadSection(1);
        weight = bytes.Length + ElementWeight * reader._elements;
        return message;
    }

    private ViciMessage ReadSection(int level)
    {
        var elements = new List<KeyValuePair<string, ViciNode>>();
        var depth = 1;
        while (_at < _bytes.Length)
        {
            var start = _at;
            _elements++;
            switch ((ElementType)ReadByte())
            {
                case ElementType.SectionStart when level == ViciMessage.MaxDepth:
                    throw Wrong(start, $"sections more than {ViciMessage.MaxDepth} deep");
                case ElementType.SectionStart:
                    var name = ReadName();
                    var section = ReadSection(level + 1);
                    depth = Math.Max(depth, section.Depth + 1);
                    elements.Add(new(name, section));
                    break;
                case ElementType.SectionEnd when level > 1:
                    return new(elements, depth);
                case ElementType.SectionEnd:
                    throw Wrong(start, "the end of a section that was not started");
                case ElementType.KeyValue:
                    elements.Add(new(ReadName(), ReadValue()));
                    break;
                case ElementType.ListStart:
                    elements.Add(new(ReadName(), ReadList()));
                    break;
                case ElementType.ListItem or ElementType.ListEnd:
                    throw Wrong(start, "a list's item or end outside of a list");
                default:
                    throw Wrong(start, $"an element of unknown type {_bytes.Span[start]}");
            }
        }

        return level == 1
            ? new(elements, depth)
            : throw Wrong(_at, "the end of the message inside a section");
    }

    private ViciList ReadList()
    {
        var items = ImmutableArray.CreateBuilder<ViciValue>(0);
        while (true)
        {
            var start = _at;
            _elements++;
            switch ((ElementType)ReadByte())
            {
                case ElementType.ListItem:
                    items.Add(ReadValue());
                    break;
                case ElementType.ListEnd:
                    return new(items.DrainToImmutable());
                default:
                    throw Wrong(
                        start,
                        $"an element of type {_bytes.Span[start]} in a list, where only items may be"
                    );
            }
        }
    }

    private string ReadName()
    {
        var start = _at;
        var name = Take(ReadByte()).Span;
        return name.ContainsAnyExceptInRange((byte)' ', (byte)'~')
            ? throw Wrong(start, "a name that is not printable ASCII")
            : Encoding.ASCII.GetString(name);
    }

    private ViciValue ReadValue() => new(Take(BinaryPrimitives.ReadUInt16BigEndian(Take(2).Span)));

    private byte ReadByte() => Take(1).Span[0];

    private ReadOnlyMemory<byte> Take(int count)
    {
        if (_bytes.Length - _at < count)
        {
            throw Wrong(
                _at,
                $"the end of the message where {count} more bytes should be, and {_bytes.Length - _at} are"
            );
        }

        _at += count;
        return _bytes.Slice(_at - count, count);
    }

    private readonly ViciProtocolException Wrong(int at, string what) =>
        new($"at byte {at} of {_bytes.Length} the message has {what}");
}
