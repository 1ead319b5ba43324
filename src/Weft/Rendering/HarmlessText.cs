using Spectre.Console.Rendering;

namespace Weft.Rendering;

/// <summary>
/// Takes control characters out of what is shown: names of links and containers, and what other hosts say, are anybody's
/// text, and a terminal obeys some of it.
/// </summary>
internal sealed class HarmlessText : IRenderHook
{
    private const char Instead = '\uFFFD';

    /// <summary>The text without what a terminal would obey; lines and tabs stay.</summary>
    public static string Of(string text) =>
        IsHarmless(text) ? text : string.Concat(text.Select(one => IsObeyed(one) ? Instead : one));

    /// <inheritdoc/>
    public IEnumerable<IRenderable> Process(
        RenderOptions options,
        IEnumerable<IRenderable> renderables
    ) => renderables.Select(one => new Shown(one));

    private static bool IsHarmless(string text)
    {
        foreach (var character in text)
        {
            if (IsObeyed(character))
            {
                return false;
            }
        }
        return true;
    }

    private static bool IsObeyed(char character) =>
        char.IsControl(character) && character is not ('\n' or '\t');

    private sealed class Shown(IRenderable inner) : IRenderable
    {
        public Measurement Measure(RenderOptions options, int maxWidth) =>
            inner.Measure(options, maxWidth);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) =>
            inner
                .Render(options, maxWidth)
                .Select(segment =>
                    segment.IsControlCode || segment.IsLineBreak || IsHarmless(segment.Text)
                        ? segment
                        : new Segment(Of(segment.Text), segment.Style)
                );
    }
}
