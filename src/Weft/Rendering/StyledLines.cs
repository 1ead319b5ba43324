using Spectre.Console;

namespace Weft.Rendering;

/// <summary>
/// Writes lines with styled parts. Where nothing can be styled, as in a pipe, it bypasses the library's layout: on first use that
/// builds tables of all emoji, colours and character widths, which takes as long as everything else in a short command.
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

    /// <summary>Writes a line with interpolated text that may contain anything.</summary>
    /// <param name="console">Where to.</param>
    /// <param name="markup">The line; interpolated values are not read as markup.</param>
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
