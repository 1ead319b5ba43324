using System.Text.RegularExpressions;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Weft.Rendering;

/// <summary>
/// Takes control characters out of what is shown: names of links and containers, and what other hosts say, are anybody's
/// text, and a terminal obeys some of it.
/// </summary>
internal sealed partial class HarmlessText : IRenderHook
{
    private const string Instead = "\uFFFD";

    /// <summary>The text without what a terminal would obey; lines and tabs stay.</summary>
    public static string Of(string text) => Controls().Replace(text, Instead);

    /// <inheritdoc/>
    public IEnumerable<IRenderable> Process(
        RenderOptions options,
        IEnumerable<IRenderable> renderables
    ) => renderables.Select(one => new Shown(one));

    [GeneratedRegex(@"[\p{Cc}-[\n\t]]", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Controls();

    private sealed class Shown(IRenderable inner) : IRenderable
    {
        public Measurement Measure(RenderOptions options, int maxWidth) =>
            inner.Measure(options, maxWidth);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) =>
            inner
                .Render(options, maxWidth)
                .Select(segment =>
                    segment.IsControlCode
                    || segment.IsLineBreak
                    || !Controls().IsMatch(segment.Text)
                        ? segment
                        : new Segment(Of(segment.Text), segment.Style)
                );
    }
}
