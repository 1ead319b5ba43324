using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Weft.Vici;

/// <summary>The element types on the wire (strongSwan, vici/README.md, Message format).</summary>
internal enum ElementType : byte
{
    SectionStart = 1,
    SectionEnd = 2,
    KeyValue = 3,
    ListStart = 4,
    ListItem = 5,
    ListEnd = 6,
}

/// <summary>
/// Writes a message's elements. The buffer may hold secrets, so it is wiped when it is replaced or no longer needed; callers must
/// wipe the array that they get.
/// </summary>
internal sealed class MessageWriter
{
    private byte[] _buffer = new byte[256];
    private int _length;

    public void StartSection(string name) => Named(ElementType.SectionStart, name);

    public void EndSection() => Byte((byte)ElementType.SectionEnd);

    public void StartList(string name) => Named(ElementType.ListStart, name);

    public void EndList() => Byte((byte)ElementType.ListEnd);

    public void KeyValue(string name, ReadOnlySpan<byte> value)
    {
        Named(ElementType.KeyValue, name);
        Value(value);
    }

    public void ListItem(ReadOnlySpan<byte> value)
    {
        Byte((byte)ElementType.ListItem);
        Value(value);
    }

    public void Byte(byte value) => Space(1)[0] = value;

    public void Name(string name)
    {
        var space = Space(1 + name.Length);
        space[0] = (byte)name.Length;
        Encoding.ASCII.GetBytes(name, space[1..]);
    }

    /// <summary>Reserves four bytes for a length, to be set by <see cref="SetLength"/>.</summary>
    public void Length() => Space(4).Clear();

    /// <summary>Sets the length at the start to the number of bytes after it, and returns it.</summary>
    public int SetLength()
    {
        BinaryPrimitives.WriteInt32BigEndian(_buffer, _length - 4);
        return _length - 4;
    }

    public byte[] ToArray()
    {
        var bytes = _buffer.AsSpan(0, _length).ToArray();
        CryptographicOperations.ZeroMemory(_buffer);
        return bytes;
    }

    private void Named(ElementType type, string name)
    {
        Byte((byte)type);
        Name(name);
    }

    private void Value(ReadOnlySpan<byte> value)
    {
        var space = Space(2 + value.Length);
        BinaryPrimitives.WriteUInt16BigEndian(space, (ushort)value.Length);
        value.CopyTo(space[2..]);
    }

    private Span<byte> Space(int count)
    {
        if (_buffer.Length - _length < count)
        {
            var larger = new byte[Math.Max(_buffer.Length * 2, _length + count)];
            _buffer.AsSpan(0, _length).CopyTo(larger);
            CryptographicOperations.ZeroMemory(_buffer);
            _buffer = larger;
        }

        _length += count;
        return _buffer.AsSpan(_length - count, count);
    }
}
