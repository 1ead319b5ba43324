using System.Buffers;

namespace Weft.Ovsdb;

/// <summary>
/// Splits the byte stream from a peer into JSON-RPC messages. OVSDB sends JSON objects one after the other without lengths or
/// delimiters (RFC 7047, section 4), so the end of a message is found by tracking strings and brackets.
/// </summary>
/// <remarks>
/// Each byte is examined once, however the stream is split into reads. Size and depth are checked before anything is parsed.
/// <c>JsonSerializer.DeserializeAsyncEnumerable(topLevelValues: true)</c> would not do: it buffers a value without limit,
/// allocates a document for each, and needs serializer metadata at start-up. A message is returned as a slice of the one buffer,
/// without a copy.
/// </remarks>
internal sealed class MessageSplitter(int maxMessageBytes) : IDisposable
{
    private const int SmallBuffer = 16 * 1024;

    // A larger buffer, needed for a rare huge message, is released afterwards.
    private const int LargestBufferKept = 1024 * 1024;
    private const int SmallestRead = 4 * 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(SmallBuffer);
    private int _start;
    private int _scanned;
    private int _end;
    private int _depth;
    private bool _inString;
    private bool _escaped;

    /// <summary>Whether a message has begun and is not complete.</summary>
    public bool IsInMessage => _depth > 0;

    /// <summary>Gets the memory to read the next bytes into. Invalidates the message returned last.</summary>
    public Memory<byte> GetSpace()
    {
        if (_start == _end)
        {
            _start = _scanned = _end = 0;
            if (_buffer.Length > LargestBufferKept)
            {
                Replace(SmallBuffer);
            }
        }
        else if (_buffer.Length - _end < SmallestRead)
        {
            if (_end - _start <= _buffer.Length / 2)
            {
                MoveToFront(_buffer);
            }
            else
            {
                // TryRead refuses messages over the limit, so a buffer of this size always has room.
                Replace((int)Math.Min(_buffer.Length * 2L, maxMessageBytes + 2L * SmallBuffer));
            }
        }

        return _buffer.AsMemory(_end);
    }

    /// <summary>Records how many bytes were read.</summary>
    public void Advance(int count) => _end += count;

    /// <summary>Gets the next complete message, valid until <see cref="GetSpace"/> is called.</summary>
    /// <exception cref="OvsdbProtocolException">The next message is not an object, too large or too deep.</exception>
    public bool TryRead(out ReadOnlyMemory<byte> message)
    {
        var bytes = _buffer.AsSpan(0, _end);
        while (_scanned < bytes.Length)
        {
            if (_inString)
            {
                ScanString(bytes);
                continue;
            }

            var b = bytes[_scanned++];
            if (_depth == 0 && b != (byte)'{')
            {
                if (b is not ((byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n'))
                {
                    throw new OvsdbProtocolException(
                        $"a message begins with byte 0x{b:x2} instead of '{{'"
                    );
                }

                _start = _scanned;
                continue;
            }

            switch (b)
            {
                case (byte)'"':
                    _inString = true;
                    break;
                case (byte)'{' or (byte)'[':
                    if (++_depth > Json.MaxDepth)
                    {
                        throw new OvsdbProtocolException(
                            $"a message is nested deeper than {Json.MaxDepth} levels"
                        );
                    }

                    break;
                case (byte)'}' or (byte)']' when --_depth == 0:
                    CheckSize();
                    message = _buffer.AsMemory(_start, _scanned - _start);
                    _start = _scanned;
                    return true;
            }
        }

        CheckSize();
        message = default;
        return false;
    }

    public void Dispose()
    {
        Return(_buffer);
        _buffer = [];
        _start = _scanned = _end = 0;
    }

    private void ScanString(ReadOnlySpan<byte> bytes)
    {
        if (_escaped)
        {
            _escaped = false;
            _scanned++;
            return;
        }

        var length = bytes[_scanned..].IndexOfAny((byte)'"', (byte)'\\');
        if (length < 0)
        {
            _scanned = bytes.Length;
            return;
        }

        _scanned += length;
        _escaped = bytes[_scanned++] == (byte)'\\';
        _inString = _escaped;
    }

    private void CheckSize()
    {
        if (_scanned - _start > maxMessageBytes)
        {
            throw new OvsdbProtocolException(
                $"a message is larger than the limit of {maxMessageBytes} bytes (raise {nameof(OvsdbClientOptions.MaxMessageBytes)} if that is no mistake)"
            );
        }
    }

    private void Replace(int size)
    {
        var old = _buffer;
        var buffer = size <= LargestBufferKept ? ArrayPool<byte>.Shared.Rent(size) : new byte[size];
        MoveToFront(buffer);
        _buffer = buffer;
        Return(old);
    }

    private void MoveToFront(byte[] target)
    {
        Buffer.BlockCopy(_buffer, _start, target, 0, _end - _start);
        _end -= _start;
        _scanned -= _start;
        _start = 0;
    }

    private static void Return(byte[] buffer)
    {
        if (buffer.Length is > 0 and <= LargestBufferKept)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
