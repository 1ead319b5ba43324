using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Weft.Core.Overlays;

/// <summary>A position in the file, line and column counted from 1; zeros stand for the file as a whole.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Position(int Line, int Column)
{
    public static Position WholeFile => default;

    public static Position Beginning => new(1, 1);

    /// <summary>
    /// The position right after <paramref name="text"/>, counting the line breaks of YAML 1.1 as the parser does.
    /// </summary>
    public static Position After(ReadOnlySpan<char> text)
    {
        var line = 1;
        while (text.IndexOfAny("\r\n\u0085\u2028\u2029") is var end and >= 0)
        {
            var isPair = text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n';
            text = text[(end + (isPair ? 2 : 1))..];
            line++;
        }
        return new Position(line, text.Length + 1);
    }

    /// <summary>The sort key of positions.</summary>
    public (int, int) Order => (Line, Column);

    public bool IsBefore(Position other) => Order.CompareTo(other.Order) < 0;
}

/// <summary>A value and its position in the file.</summary>
internal readonly record struct Marked<T>(T Value, Position At);

/// <summary>Collects the mistakes of one file.</summary>
internal sealed class Mistakes(string file)
{
    // A large file can have millions of mistakes; nobody reads them all, and their text would fill the memory.
    private const int Most = 1000;

    private readonly List<(Position At, string Message)> found = [];
    private int more;

    public bool Any => found.Count > 0;

    public void Add(Position at, string message) => Add(at, () => message);

    /// <summary>Adds a mistake whose message is slow to compute; beyond the limit it is not computed.</summary>
    public void Add(Position at, Func<string> message)
    {
        if (found.Count < Most)
        {
            found.Add((at, message()));
        }
        else
        {
            more++;
        }
    }

    public ImmutableArray<Mistake> InOrder()
    {
        var ordered = found
            .OrderBy(mistake => mistake.At.Order)
            .Select(mistake => new Mistake(
                file,
                mistake.At.Line,
                mistake.At.Column,
                mistake.Message
            ))
            .ToList();
        if (more > 0)
        {
            var message =
                $"and {more:N0} more mistakes, in the whole file: correct these {Most:N0} first";
            ordered.Add(ordered[^1] with { Message = message });
        }
        return [.. ordered];
    }
}
