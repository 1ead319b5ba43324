using Spectre.Console;
using Spectre.Console.Rendering;

namespace Weft.Rendering;

/// <summary>
/// Leaves it to the terminal to fold lines: commands and YAML are copied from them, and a line that was broken here would be two.
/// What is laid out, as tables are, keeps to the terminal's width.
/// </summary>
internal sealed class WholeLines : IRenderHook
{
    /// <summary>More than any line has.</summary>
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
