using Weft.Core.Overlays;

namespace Weft.Diagrams;

/// <summary>
/// Draws an overlay as a Mermaid flowchart: a box per host, and in it one per network with the addresses there. With more than
/// two hosts, one node stands for all tunnels.
/// </summary>
internal static class MermaidDiagram
{
    /// <summary>
    /// The most characters that Mermaid draws, unless the page that embeds it allows more (its setting <c>maxTextSize</c>).
    /// </summary>
    public const int UsualLimit = 50_000;

    // Mermaid cannot choose colours by light and dark theme: these are readable in both.
    private static readonly string[] Colors =
    [
        "#0b62a4",
        "#a33b00",
        "#0a7a4b",
        "#8a2a87",
        "#7d5a00",
        "#00707f",
        "#b3123c",
        "#4b53bc",
        "#586800",
        "#6b4a2f",
    ];

    /// <summary>Writes the diagram.</summary>
    public static void Write(TextWriter text, Overlay overlay)
    {
        var facts = new OverlayFacts(overlay);
        text.Write("---\n");
        text.Write($"title: \"{Escape(overlay.Name)}: {facts.Size}\"\n");
        text.Write("---\n");
        text.Write("flowchart TB\n");
        WriteTunnels(text, facts);
        for (var index = 0; index < overlay.Hosts.Length; index++)
        {
            WriteHost(text, facts, index);
        }
        text.Write("  subgraph networks\n");
        for (var index = 0; index < overlay.Networks.Length; index++)
        {
            var network = overlay.Networks[index];
            text.Write(
                $"    n{index}[\"{Escape(network.Name)}<br/>VLAN {network.Vlan}<br/>{Escape(OverlayFacts.Describe(network))}\"]:::c{index % Colors.Length}\n"
            );
        }
        for (var index = 0; index < overlay.Selections.Length; index++)
        {
            var selection = overlay.Selections[index];
            text.Write(
                $"    s{index}[\"{Escape(selection.Name)}<br/>{Escape(facts.Describe(selection))}\"]\n"
            );
        }
        text.Write("  end\n");
        // Placed above everything else, where no line crosses them.
        text.Write($"  networks ~~~ {(overlay.Hosts.Length > 2 ? "tunnels" : "h0")}\n");
        for (var index = 0; index < Math.Min(Colors.Length, overlay.Networks.Length); index++)
        {
            text.Write(
                $"  classDef c{index} fill:{Colors[index]},stroke:{Colors[index]},color:#fff\n"
            );
        }
    }

    private static void WriteTunnels(TextWriter text, OverlayFacts facts)
    {
        var hosts = facts.Overlay.Hosts.Length;
        if (hosts == 2)
        {
            text.Write($"  h0 <== \"{Escape(facts.Tunnels)}\" ==> h1\n");
        }
        else if (hosts > 2)
        {
            text.Write($"  tunnels{{{{\"{Escape(facts.Tunnels)}\"}}}}\n");
            for (var index = 0; index < hosts; index++)
            {
                text.Write($"  tunnels === h{index}\n");
            }
        }
    }

    private static void WriteHost(TextWriter text, OverlayFacts facts, int index)
    {
        var host = facts.Overlay.Hosts[index];
        text.Write(
            $"  subgraph h{index}[\"{Escape(host.Name)}, {Escape(OverlayFacts.Underlay(host))}\"]\n"
        );
        var places = facts.PlacesOn(host).ToLookup(place => place.Network);
        foreach (var network in places.OrderBy(group => group.Key))
        {
            var lines = network.Select(place =>
                $"{place.Container?.Name ?? host.Name} {string.Join(' ', place.Addresses)}"
            );
            text.Write(
                $"    h{index}n{network.Key}[\"{string.Join("<br/>", lines.Prepend(facts.Overlay.Networks[network.Key].Name).Select(Escape))}\"]:::c{network.Key % Colors.Length}\n"
            );
        }
        if (places.Count == 0)
        {
            text.Write($"    h{index}n[\"nothing attached\"]\n");
        }
        text.Write("  end\n");
    }

    // Entities of Mermaid's quoted strings, which begin with '#'.
    private static string Escape(string text) =>
        text.Replace("#", "#35;", StringComparison.Ordinal)
            .Replace("&", "#amp;", StringComparison.Ordinal)
            .Replace("\"", "#quot;", StringComparison.Ordinal)
            .Replace("<", "#lt;", StringComparison.Ordinal)
            .Replace(">", "#gt;", StringComparison.Ordinal);
}
