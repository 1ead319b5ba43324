using Spectre.Console;

namespace Weft.Rendering;

/// <summary>Rows of cells under one another, without lines around them.</summary>
internal static class AlignedRows
{
    private const int Gap = 2;

    /// <summary>Writes rows of markup; the first one is the heading.</summary>
    public static void Write(IAnsiConsole console, IReadOnlyList<string[]> rows) =>
        OnePiece.Write(
            console,
            text =>
            {
                foreach (var line in Lines(rows))
                {
                    text.Line(line);
                }
            }
        );

    /// <summary>How many columns of a terminal the rows take.</summary>
    public static int Width(IReadOnlyList<string[]> rows) =>
        Lines(rows).Max(line => Markup.Remove(line).Length);

    /// <summary>The rows as lines of markup; the first one is the heading.</summary>
    public static IEnumerable<string> Lines(IReadOnlyList<string[]> rows) =>
        WithoutHeading(rows).Select((line, number) => number == 0 ? $"[dim]{line}[/]" : line);

    /// <summary>The rows as lines of markup, where none is a heading.</summary>
    public static IEnumerable<string> WithoutHeading(IReadOnlyList<string[]> rows)
    {
        var widths =
            rows.Count == 0
                ? []
                : rows[0].Select((_, column) => rows.Max(row => Length(row[column]))).ToArray();
        return rows.Select(row =>
            string.Concat(
                    row.Select(
                        (cell, column) =>
                            cell + new string(' ', widths[column] - Length(cell) + Gap)
                    )
                )
                .TrimEnd()
        );
    }

    private static int Length(string markup) => Markup.Remove(markup).Length;
}
