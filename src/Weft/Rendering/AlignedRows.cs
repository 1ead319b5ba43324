using Spectre.Console;

namespace Weft.Rendering;

/// <summary>Shows rows of cells in aligned columns, without borders.</summary>
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

    /// <summary>The width of the rows in columns of a terminal.</summary>
    public static int Width(IReadOnlyList<string[]> rows) =>
        Lines(rows).Max(line => Markup.Remove(line).Length);

    /// <summary>The rows as lines of markup; the first one is the heading.</summary>
    public static IEnumerable<string> Lines(IReadOnlyList<string[]> rows) =>
        WithoutHeading(rows).Select((line, number) => number == 0 ? $"[dim]{line}[/]" : line);

    /// <summary>The rows as lines of markup, without a heading.</summary>
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
