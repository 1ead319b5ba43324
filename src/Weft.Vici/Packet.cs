using System.Security.Cryptography;
using System.Text;

namespace Weft.Vici;

/// <summary>The packet types (strongSwan, vici/README.md, Packet layer).</summary>
internal enum PacketType : byte
{
    CommandRequest = 0,
    CommandResponse = 1,
    CommandUnknown = 2,
    EventRegister = 3,
    EventUnregister = 4,
    EventConfirm = 5,
    EventUnknown = 6,
    Event = 7,
}

/// <summary>A received packet; only events have a name.</summary>
internal sealed record Packet(PacketType Type, string Name, ViciMessage Message, int Weight)
{
    /// <summary>
    /// The maximum size of a packet in bytes, without its length field (VICI_MESSAGE_SIZE_MAX in vici_socket.h).
    /// </summary>
    public const int MaxLength = 512 * 1024;

    /// <summary>Writes a packet to send, beginning with its length.</summary>
    /// <exception cref="ArgumentException">The name is invalid, or the packet would exceed <see cref="MaxLength"/>.</exception>
    public static byte[] Write(PacketType type, string name, ViciMessage? message = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ViciMessage.CheckName(name);
        var writer = new MessageWriter();
        writer.Length();
        writer.Byte((byte)type);
        writer.Name(name);
        message?.WriteElements(writer);
        var length = writer.SetLength();
        var bytes = writer.ToArray();
        if (length > MaxLength)
        {
            CryptographicOperations.ZeroMemory(bytes);
            throw new ArgumentException(
                $"'{name}' would be a packet of {length} bytes, and charon takes at most {MaxLength}.",
                nameof(message)
            );
        }

        return bytes;
    }

    /// <summary>Reads a packet from the daemon, without its length.</summary>
    /// <exception cref="ViciProtocolException">It is not a valid packet.</exception>
    public static Packet Read(ReadOnlyMemory<byte> bytes)
    {
        var type = bytes.IsEmpty
            ? throw new ViciProtocolException("a packet is empty")
            : (PacketType)bytes.Span[0];
        var rest = bytes[1..];
        switch (type)
        {
            case PacketType.CommandResponse:
                return new(type, "", MessageReader.Read(rest, out var weight), weight);
            case PacketType.Event when rest.Length > 0 && rest.Length > rest.Span[0]:
                var name = Encoding.ASCII.GetString(rest.Slice(1, rest.Span[0]).Span);
                var message = MessageReader.Read(rest[(1 + rest.Span[0])..], out weight);
                return new(type, name, message, weight);
            case PacketType.Event:
                throw new ViciProtocolException("an event ends inside its name");
            case PacketType.CommandUnknown or PacketType.EventConfirm or PacketType.EventUnknown:
                return rest.IsEmpty
                    ? new(type, "", ViciMessage.Empty, 0)
                    : throw new ViciProtocolException(
                        $"a packet of type {(byte)type} has {rest.Length} bytes more than it should have"
                    );
            default:
                throw new ViciProtocolException(
                    $"a packet has the type {(byte)type}, which no server sends"
                );
        }
    }
}
