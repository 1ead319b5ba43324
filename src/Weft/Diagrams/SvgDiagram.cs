using System.Runtime.CompilerServices;
using System.Security;
using System.Text;
using Weft.Core.Overlays;

namespace Weft.Diagrams;

/// <summary>
/// Draws an overlay as SVG: a card per host, all on one line that stands for the tunnels, since a line for each tunnel would grow
/// with the square of the hosts. The font is monospaced, so that text can be placed without measuring it.
/// </summary>
internal sealed class SvgDiagram
{
    private const int Margin = 28;
    private const int Gap = 28;
    private const int Padding = 14;
    private const int LineHeight = 22;
    private const int HeadHeight = 58;
    private const int Between = 14;
    private const int PillWidth = 42;

    // Above each row of cards: the line of the tunnels, and the stubs from which the cards hang.
    private const int RailHeight = 46;
    private const int Stub = 24;

    private const int TextSize = 13;
    private const int TitleSize = 22;
    private const int HostSize = 15;

    // A letter's width relative to its height, in the widest of the usual fonts.
    private const double LetterWidth = 0.62;

    private const int LongestName = 40;
    private const int LeastWidth = 480;

    // Up to this many always stand side by side.
    private const int FewCards = 3;

    // Roughly the shape of a screen.
    private const double WidthToHeight = 1.6;

    // The first of each is readable on white, the second on black. Without seeing colours, one tells networks apart by the number
    // in a mark.
    private static readonly (string Light, string Dark)[] Colors =
    [
        ("#0b62a4", "#7cc0ff"),
        ("#a33b00", "#ffab7d"),
        ("#0a7a4b", "#6fdcae"),
        ("#8a2a87", "#e3a5e0"),
        ("#7d5a00", "#e8c25a"),
        ("#00707f", "#6fd7e4"),
        ("#b3123c", "#ff9db3"),
        ("#4b53bc", "#b4b9ff"),
        ("#586800", "#c5d65b"),
        ("#6b4a2f", "#d9b99b"),
    ];

    private readonly OverlayFacts facts;
    private readonly Overlay overlay;
    private readonly List<Card> cards;
    private readonly Columns columns;

    private SvgDiagram(Overlay overlay)
    {
        this.overlay = overlay;
        facts = new OverlayFacts(overlay);
        cards = [.. overlay.Hosts.Select(host => new Card(host, [.. LinesOf(host)]))];
        var lines = cards.SelectMany(card => card.Lines);
        columns = new Columns(
            Name: Widest(lines.Select(line => line.Name), TextSize),
            Engine: Widest(lines.Select(line => line.Engine), TextSize),
            Address: Widest(lines.Select(line => line.Address), TextSize),
            Head: Math.Max(
                Widest(overlay.Hosts.Select(host => Short(host.Name)), HostSize),
                Widest(overlay.Hosts.Select(OverlayFacts.Underlay), TextSize)
            )
        );
    }

    /// <summary>Writes the diagram.</summary>
    public static void Write(TextWriter svg, Overlay overlay) => new SvgDiagram(overlay).Write(svg);

    private IEnumerable<Line> LinesOf(Host host)
    {
        Place? before = null;
        foreach (var place in facts.PlacesOn(host))
        {
            var isNew = place.Container is null || place.Container != before?.Container;
            foreach (var address in place.Addresses)
            {
                yield return new Line(
                    isNew ? Short(place.Container?.Name ?? "the host") : "",
                    isNew ? place.Container?.Engine.Word ?? "" : "",
                    place.Network,
                    address,
                    place.Container is null
                );
                isNew = false;
            }
            before = place;
        }
    }

    private void Write(TextWriter svg)
    {
        var legend = Legend();
        var perRow = PerRow();
        var width = Math.Max(
            LeastWidth,
            new[]
            {
                perRow * columns.Card + (perRow - 1) * Gap + (perRow < cards.Count ? Gap : 0),
                Width(overlay.Name, TitleSize),
                Width(facts.Size, TextSize),
                legend.Max(entry => entry.Width),
            }.Max()
        );
        var body = new StringBuilder();
        var y = Margin;
        y = WriteHead(body, legend, width, y);
        y = WriteCards(body, perRow, y);

        var (full, height) = (width + 2 * Margin, y + Margin);
        svg.Write(
            Text(
                $"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"weft-diagram\" width=\"{full}\" height=\"{height}\" viewBox=\"0 0 {full} {height}\" role=\"graphics-document document\" aria-labelledby=\"weft-title weft-desc\" font-family=\"ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace\" font-size=\"{TextSize}\">\n"
            )
        );
        svg.Write($"<title id=\"weft-title\">Overlay {Escape(overlay.Name)}</title>\n");
        svg.Write("<desc id=\"weft-desc\">");
        WriteDescription(svg);
        svg.Write("</desc>\n<style>\n");
        WriteStyle(svg);
        svg.Write(
            "</style>\n<rect class=\"paper\" x=\"0\" y=\"0\" width=\"100%\" height=\"100%\"/>\n"
        );
        foreach (var chunk in body.GetChunks())
        {
            svg.Write(chunk.Span);
        }
        svg.Write("</svg>\n");
    }

    private void WriteDescription(TextWriter svg)
    {
        svg.Write(Escape($"{facts.Size}. {facts.Tunnels}. Networks:"));
        foreach (var network in overlay.Networks)
        {
            svg.Write(
                Escape($" {network.Name} (VLAN {network.Vlan}, {OverlayFacts.Describe(network)});")
            );
        }
        svg.Write(" Hosts:");
        foreach (var card in cards)
        {
            svg.Write(Escape($" {card.Host.Name} ({OverlayFacts.Underlay(card.Host)});"));
        }
    }

    private void WriteStyle(TextWriter svg)
    {
        svg.Write(
            """
            .weft-diagram .paper{fill:#fff}
            .weft-diagram .card{fill:#f6f8fa;stroke:#c8d1da}
            .weft-diagram text{fill:#1f2328}
            .weft-diagram .dim{fill:#57606a}
            .weft-diagram .vlan{fill:#fff;text-anchor:middle;font-weight:600}
            .weft-diagram .title,.weft-diagram .name{font-weight:700}
            .weft-diagram .tube{fill:none;stroke:#d3dce6;stroke-width:11;stroke-linecap:round;stroke-linejoin:round}
            .weft-diagram .core{fill:none;stroke:#57606a;stroke-width:2;stroke-linejoin:round}
            .weft-diagram .clear{stroke-dasharray:7 5}
            .weft-diagram .knot{fill:#57606a}

            """
        );
        WriteColors(svg, color => color.Light);
        svg.Write(
            """
            @media (prefers-color-scheme:dark){
            .weft-diagram .paper{fill:#12161b}
            .weft-diagram .card{fill:#1c2128;stroke:#3d4650}
            .weft-diagram text{fill:#e6edf3}
            .weft-diagram .dim{fill:#a3adb8}
            .weft-diagram .vlan{fill:#0d1117}
            .weft-diagram .tube{stroke:#333c47}
            .weft-diagram .core{stroke:#a3adb8}
            .weft-diagram .knot{fill:#a3adb8}

            """
        );
        WriteColors(svg, color => color.Dark);
        svg.Write("}\n");
    }

    private void WriteColors(TextWriter svg, Func<(string Light, string Dark), string> shade)
    {
        for (var index = 0; index < Math.Min(Colors.Length, overlay.Networks.Length); index++)
        {
            svg.Write(Text($".weft-diagram .n{index}{{fill:{shade(Colors[index])}}}\n"));
        }
    }

    private int WriteHead(StringBuilder body, List<LegendEntry> legend, int width, int y)
    {
        y += TitleSize;
        body.Append(
            Text(
                $"<text class=\"title\" x=\"{Margin}\" y=\"{y}\" font-size=\"{TitleSize}\">{Escape(overlay.Name)}</text>\n"
            )
        );
        y += LineHeight + 2;
        body.Append(
            Text($"<text class=\"dim\" x=\"{Margin}\" y=\"{y}\">{Escape(facts.Size)}</text>\n")
        );
        y += 8;

        // As many side by side as fit.
        var widest = legend.Max(entry => entry.Width) + 2 * Between;
        var abreast = Math.Clamp((width + 2 * Between) / widest, 1, legend.Count);
        for (var index = 0; index < legend.Count; index++)
        {
            WriteLegend(
                body,
                legend[index],
                Margin + index % abreast * widest,
                y + (index / abreast + 1) * LineHeight
            );
        }
        return y + (legend.Count + abreast - 1) / abreast * LineHeight + Between;
    }

    private void WriteLegend(StringBuilder body, LegendEntry entry, int x, int y)
    {
        if (entry.Network is { } network)
        {
            WritePill(body, network, x, y);
        }
        else if (entry.IsTunnels && cards.Count > 1)
        {
            WriteTube(body, Text($"M{x + 6} {y - 5}H{x + PillWidth - 6}"));
        }
        body.Append(
            Text(
                $"<text x=\"{x + PillWidth + 10}\" y=\"{y}\">{Escape(entry.Name)}<tspan class=\"dim\"> {Escape(entry.Words)}</tspan></text>\n"
            )
        );
    }

    private List<LegendEntry> Legend() =>
        [
            .. overlay.Networks.Select(
                (network, index) =>
                    new LegendEntry(network.Name, OverlayFacts.Describe(network), index)
            ),
            .. overlay.Selections.Select(selection => new LegendEntry(
                selection.Name,
                facts.Describe(selection),
                null
            )),
            new LegendEntry(overlay.Switch, facts.Tunnels, null) { IsTunnels = true },
        ];

    /// <summary>How many cards to put side by side so that the diagram has about the shape of a screen.</summary>
    private int PerRow()
    {
        var height = cards.Average(card => card.Height) + RailHeight;
        var best = Math.Sqrt(WidthToHeight * cards.Count * height / (columns.Card + Gap));
        var abreast = Math.Clamp(
            (int)Math.Round(best),
            Math.Min(FewCards, cards.Count),
            cards.Count
        );
        var rows = (cards.Count + abreast - 1) / abreast;
        return (cards.Count + rows - 1) / rows;
    }

    private int WriteCards(StringBuilder body, int perRow, int top)
    {
        var rows = cards.Chunk(perRow).ToArray();
        // With several rows, the cards hang on a line to their left.
        var left = Margin + (rows.Length > 1 ? Gap : 0);
        var rails = new StringBuilder();
        var places = new List<(int X, int Y)>();
        var y = top;
        foreach (var row in rows)
        {
            y += cards.Count > 1 ? RailHeight : Between;
            for (var index = 0; index < row.Length; index++)
            {
                places.Add((left + index * (columns.Card + Gap), y));
            }
            if (cards.Count > 1)
            {
                var from = rows.Length > 1 ? Margin : left + columns.Card / 2;
                rails.Append(
                    Text(
                        $"M{from} {y - Stub}H{left + (row.Length - 1) * (columns.Card + Gap) + columns.Card / 2}"
                    )
                );
            }
            y += row.Max(card => card.Height);
        }
        if (rows.Length > 1)
        {
            rails.Append(Text($"M{Margin} {places[0].Y - Stub}V{places[^1].Y - Stub}"));
        }
        if (cards.Count > 1)
        {
            foreach (var (x, at) in places)
            {
                rails.Append(Text($"M{x + columns.Card / 2} {at - Stub}V{at}"));
            }
            WriteTube(body, rails.ToString());
        }
        for (var index = 0; index < cards.Count; index++)
        {
            WriteCard(body, cards[index], places[index].X, places[index].Y);
        }
        return y;
    }

    private void WriteTube(StringBuilder body, string path)
    {
        var clear = overlay.Tunnels.Ipsec is null ? " clear" : "";
        body.Append(
            Text(
                $"<path class=\"tube\" d=\"{path}\"/>\n<path class=\"core{clear}\" d=\"{path}\"/>\n"
            )
        );
    }

    private void WriteCard(StringBuilder body, Card card, int x, int y)
    {
        var name = Short(card.Host.Name);
        body.Append(
            Text(
                $"<g role=\"group\" aria-label=\"host {Escape(card.Host.Name)}\">\n<rect class=\"card\" x=\"{x}\" y=\"{y}\" width=\"{columns.Card}\" height=\"{card.Height}\" rx=\"8\"/>\n"
            )
        );
        if (cards.Count > 1)
        {
            body.Append(
                Text($"<circle class=\"knot\" cx=\"{x + columns.Card / 2}\" cy=\"{y}\" r=\"5\"/>\n")
            );
        }
        body.Append(
            Text(
                $"<text class=\"name\" x=\"{x + Padding}\" y=\"{y + 26}\" font-size=\"{HostSize}\">{Escape(name)}{Whole(name, card.Host.Name)}</text>\n<text class=\"dim\" x=\"{x + Padding}\" y=\"{y + 46}\">{Escape(OverlayFacts.Underlay(card.Host))}</text>\n"
            )
        );
        var line = y + HeadHeight;
        foreach (var entry in card.Lines)
        {
            line += LineHeight;
            WriteLine(body, entry, x + Padding, line - 6);
        }
        body.Append("</g>\n");
    }

    private void WriteLine(StringBuilder body, Line line, int x, int y)
    {
        if (line.Name.Length > 0)
        {
            body.Append(
                Text(
                    $"<text{(line.IsHost ? " class=\"dim\"" : "")} x=\"{x}\" y=\"{y}\">{Escape(line.Name)}</text>"
                )
            );
        }
        if (line.Engine.Length > 0)
        {
            body.Append(
                Text(
                    $"<text class=\"dim\" x=\"{x + columns.EngineAt}\" y=\"{y}\">{line.Engine}</text>"
                )
            );
        }
        WritePill(body, line.Network, x + columns.PillAt, y);
        body.Append(
            Text(
                $"<text x=\"{x + columns.PillAt + PillWidth + 8}\" y=\"{y}\">{Escape(line.Address)}</text>\n"
            )
        );
    }

    private void WritePill(StringBuilder body, int network, int x, int y) =>
        body.Append(
            Text(
                $"<rect class=\"n{network % Colors.Length}\" x=\"{x}\" y=\"{y - 13}\" width=\"{PillWidth}\" height=\"17\" rx=\"8\"/><text class=\"vlan\" x=\"{x + PillWidth / 2}\" y=\"{y}\" font-size=\"12\">{overlay.Networks[network].Vlan}</text>\n"
            )
        );

    private static string Whole(string shown, string name) =>
        shown == name ? "" : $"<title>{Escape(name)}</title>";

    private static string Short(string name) =>
        name.Length <= LongestName ? name : $"{name[..(LongestName - 1)]}…";

    private static int Widest(IEnumerable<string> texts, int size) =>
        texts.Select(text => Width(text, size)).DefaultIfEmpty().Max();

    private static int Width(string text, int size)
    {
        // East Asian scripts and emoji take two columns.
        var letters = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            letters += rune.Value
                is >= 0x1100
                    and < 0xFFE7
                    and not (>= 0x2000 and < 0x2E80)
                    or > 0xFFFF
                ? 2
                : 1;
        }
        return (int)Math.Ceiling(letters * size * LetterWidth);
    }

    private static string Escape(string text) => SecurityElement.Escape(text);

    // The numbers are non-negative integers, which every culture writes alike.
    private static string Text(ref DefaultInterpolatedStringHandler text) =>
        text.ToStringAndClear();

    /// <summary>A host's card, and the lines on it.</summary>
    private sealed record Card(Host Host, List<Line> Lines)
    {
        public int Height { get; } =
            HeadHeight + Lines.Count * LineHeight + (Lines.Count > 0 ? 8 : 0);
    }

    /// <summary>One address on a card.</summary>
    private sealed record Line(
        string Name,
        string Engine,
        int Network,
        string Address,
        bool IsHost
    );

    private sealed record LegendEntry(string Name, string Words, int? Network)
    {
        public bool IsTunnels { get; init; }

        public int Width { get; } = PillWidth + 10 + SvgDiagram.Width($"{Name} {Words}", TextSize);
    }

    /// <summary>The columns of a card, as wide as the widest card needs.</summary>
    private sealed record Columns(int Name, int Engine, int Address, int Head)
    {
        public int EngineAt { get; } = Name + Between;

        public int PillAt { get; } = Name + Between + (Engine > 0 ? Engine + Between : 0);

        public int Card { get; } =
            2 * Padding
            + Math.Max(
                Head,
                Name + Between + (Engine > 0 ? Engine + Between : 0) + PillWidth + 8 + Address
            );
    }
}
