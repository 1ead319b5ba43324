using Spectre.Console;

namespace Weft.Rendering;

/// <summary>
/// Writes lines of which parts are styled. Where nothing is styled, as in a pipe, they are not laid out either: for the first
/// that it lays out the library makes tables of all emoji, colours and widths of characters, which takes as long as all else that
/// a short command does.
/// </summary>
internal static class StyledLines
{
    /// <summary>Writes a line.</summary>
    /// <param name="console">Where to.</param>
    /// <param name="markup">The line in the library's markup.</param>
    public static void Line(this IAnsiConsole console, string markup)
    {
        if (console.Profile.Capabilities.Ansi)
        {
            console.MarkupLine(markup);
            return;
        }
        WritePlain(console, Markup.Remove(markup));
    }

    /// <summary>Writes a line into which text is put that may hold anything.</summary>
    /// <param name="console">Where to.</param>
    /// <param name="markup">The line; what is put into it is no markup.</param>
    public static void LineInterpolated(this IAnsiConsole console, FormattableString markup)
    {
        if (console.Profile.Capabilities.Ansi)
        {
            console.MarkupLineInterpolated(markup);
            return;
        }
        WritePlain(console, string.Format(Markup.Remove(markup.Format), markup.GetArguments()));
    }

    private static void WritePlain(IAnsiConsole console, string text) =>
        console.Profile.Out.Writer.WriteLine(HarmlessText.Of(text));
}
