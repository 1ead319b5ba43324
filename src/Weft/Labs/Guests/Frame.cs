using System.Buffers.Binary;

namespace Weft.Labs.Guests;

/// <summary>
/// One message between <see cref="GuestAgent"/> and <see cref="GuestShell"/>: a kind, a length (four bytes, big-endian) and that
/// many bytes.
/// </summary>
internal readonly record struct Frame(FrameKind Kind, ReadOnlyMemory<byte> Content)
{
    private const int HeaderBytes = 5;
    private const int MostBytes = 1024 * 1024;

    /// <summary>Reads the next frame; null where the other side has closed the connection between two frames.</summary>
    /// <exception cref="IOException">The connection ended within a frame, or carries something else.</exception>
    public static async Task<Frame?> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var header = new byte[HeaderBytes];
        var read = await stream.ReadAtLeastAsync(header, HeaderBytes, false, cancellationToken);
        if (read == 0)
        {
            return null;
        }
        var length = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1));
        if (read < HeaderBytes || length is < 0 or > MostBytes)
        {
            throw new IOException("the connection to the host ended in the middle");
        }
        var content = new byte[length];
        await stream.ReadExactlyAsync(content, cancellationToken);
        return new Frame((FrameKind)header[0], content);
    }

    /// <summary>Writes this frame. Writes to one stream must not overlap.</summary>
    public async Task WriteAsync(Stream stream, CancellationToken cancellationToken)
    {
        var bytes = new byte[HeaderBytes + Content.Length];
        bytes[0] = (byte)Kind;
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(1), Content.Length);
        Content.CopyTo(bytes.AsMemory(HeaderBytes));
        await stream.WriteAsync(bytes, cancellationToken);
    }
}

/// <summary>What a <see cref="Frame"/> holds.</summary>
internal enum FrameKind : byte
{
    /// <summary>To the host: what to run, as JSON (<see cref="GuestRequest"/>).</summary>
    Request = 1,

    /// <summary>To the host: bytes for standard input; an empty frame closes it.</summary>
    Input = 2,

    /// <summary>To the host: the number of a signal for the command, one byte.</summary>
    Signal = 3,

    /// <summary>From the host: bytes of standard output.</summary>
    Output = 4,

    /// <summary>From the host: bytes of standard error.</summary>
    Errors = 5,

    /// <summary>From the host, at the end: the exit code, one byte.</summary>
    Exit = 6,
}
