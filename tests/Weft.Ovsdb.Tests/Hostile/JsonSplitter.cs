using System.Buffers;

namespace Weft.Ovsdb.Tests.Hostile;

/// <summary>
/// Cuts a stream into its top-level JSON objects by counting braces. Made anew for the judges, so that they do not
/// share a mistake with the client.
/// </summary>
internal sealed class JsonSplitter
{
    private readonly ArrayBufferWriter<byte> _message = new();
    private int _depth;
    private bool _inString;
    private bool _escaped;

    /// <summary>Takes more bytes and gives each object that they complete.</summary>
    public IEnumerable<byte[]> Add(ReadOnlyMemory<byte> bytes)
    {
        for (var i = 0; i < bytes.Length; i++)
        {
            var b = bytes.Span[i];
            _message.Write([b]);
            if (_inString)
            {
                (_inString, _escaped) = (_escaped || b != '"', !_escaped && b == '\\');
                continue;
            }
            _inString = b == '"';
            _depth +=
                b is (byte)'{' or (byte)'[' ? 1
                : b is (byte)'}' or (byte)']' ? -1
                : 0;
            if (_depth == 0 && b is (byte)'}' or (byte)']')
            {
                yield return _message.WrittenSpan.ToArray();
                _message.ResetWrittenCount();
            }
        }
    }
}
