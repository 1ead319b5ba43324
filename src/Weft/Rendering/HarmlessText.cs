using Spectre.Console.Rendering;

namespace Weft.Rendering;

/// <summary>
/// Replaces control characters in everything shown: names of links and containers, and what other hosts say, may hold anything,
/// and terminals act on some of it.
/// </summary>
internal sealed class HarmlessText : IRenderHook
{
    private const char Instead = '\uFFFD';

    /// <summary>Replaces the characters on which a terminal would act; line breaks and tabs stay.</summary>
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
