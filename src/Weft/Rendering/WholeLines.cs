using Spectre.Console;
using Spectre.Console.Rendering;

namespace Weft.Rendering;

/// <summary>
/// Leaves wrapping to the terminal: a command or YAML that is copied from the output must not contain line breaks of ours. Only
/// what is laid out, such as tables, keeps to the terminal's width.
/// </summary>
internal sealed class WholeLines : IRenderHook
{
    /// <summary>Wider than any line.</summary>
    public const int Width = 10_000;

    /// <inheritdoc/>
    public IEnumerable<IRenderable> Process(
        RenderOptions options,
        IEnumerable<IRenderable> renderables
    ) => renderables.Select(one => one is Text or Paragraph or Markup ? new Whole(one) : one);

    private sealed class Whole(IRenderable text) : IRenderable
    {
        public Measurement Measure(RenderOptions options, int maxWidth) =>
            text.Measure(options, Width);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) =>
            text.Render(options, Width);
    }
}
