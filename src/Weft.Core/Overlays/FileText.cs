using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Weft.Core.Overlays;

/// <summary>Decodes the bytes of a file into text, or reports why they are not text.</summary>
internal static class FileText
{
    // The UTF-32 little-endian mark begins with that of UTF-16 little-endian, so it is tried first.
    private static readonly (byte[] Mark, string Encoding)[] ForeignMarks =
    [
        ([0xFF, 0xFE, 0x00, 0x00], "UTF-32"),
        ([0x00, 0x00, 0xFE, 0xFF], "UTF-32"),
        ([0xFF, 0xFE], "UTF-16"),
        ([0xFE, 0xFF], "UTF-16"),
    ];

    private static readonly SearchValues<char> ControlCharacters = SearchValues.Create([
        .. Enumerable.Range(0, 0x20).Select(code => (char)code).Except(['\t', '\n', '\r']),
        '\u007f',
    ]);

    public static string? Decode(ReadOnlySpan<byte> bytes, Mistakes mistakes)
    {
        foreach (var (mark, encoding) in ForeignMarks)
        {
            if (bytes.StartsWith(mark))
            {
                mistakes.Add(Position.Beginning, $"the file is in {encoding}: save it as UTF-8");
                return null;
            }
        }
        if (bytes.StartsWith(Encoding.UTF8.Preamble))
        {
            bytes = bytes[Encoding.UTF8.Preamble.Length..];
        }
        var characters = new char[bytes.Length];
        Utf8.ToUtf16(
            bytes,
            characters,
            out var read,
            out var written,
            replaceInvalidSequences: false
        );
        var text = new string(characters, 0, written);
        if (read < bytes.Length)
        {
            mistakes.Add(
                Position.After(text),
                $"the byte 0x{bytes[read]:X2} here is not UTF-8: save the file as UTF-8"
            );
            return null;
        }
        return IsText(text, mistakes) && IsFreeOfTabs(text, mistakes) ? text : null;
    }

    private static bool IsText(string text, Mistakes mistakes)
    {
        var at = text.AsSpan().IndexOfAny(ControlCharacters);
        if (at < 0)
        {
            return true;
        }
        mistakes.Add(
            Position.After(text.AsSpan(0, at)),
            text[at] == '\0'
                ? "a NUL byte is here, as in UTF-16 or in a file that is not text: save the file as UTF-8 text"
                : $"the control character U+{(int)text[at]:X4} is here: take it out"
        );
        return false;
    }

    /// <summary>
    /// Looks for tabs in indentation. All of them count as one mistake, since one editor setting makes them all; within a line or
    /// before a comment they do no harm.
    /// </summary>
    private static bool IsFreeOfTabs(string text, Mistakes mistakes)
    {
        Position? first = null;
        var lines = 0;
        var number = 0;
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            number++;
            var indent = line[..^line.TrimStart(" \t").Length];
            var isBlank = indent.Length == line.Length || line[indent.Length] == '#';
            if (!isBlank && indent.IndexOf('\t') is var tab and >= 0)
            {
                first ??= new Position(number, tab + 1);
                lines++;
            }
        }
        if (first is not { } at)
        {
            return true;
        }
        var others = lines switch
        {
            1 => "",
            2 => ", and one more is",
            _ => $", and {lines - 1:N0} more are",
        };
        mistakes.Add(
            at,
            $"the line is indented with a tab{others}: indent with spaces, YAML allows nothing else"
        );
        return false;
    }
}
