using System.Text;
using System.Xml.Linq;
using Weft.Core.Overlays;
using Weft.Diagrams;

namespace Weft.Tests;

/// <summary>The overlay as a picture: whole, legible, and no larger than it must be.</summary>
public sealed class DiagramTests
{
    private const double LetterWidth = 0.62;

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 9)]
    [InlineData(10, 4)]
    [InlineData(40, 12)]
    public void Svg_shows_everything_and_no_text_touches_another(int hosts, int containers)
    {
        var overlay = Of(hosts, containers);
        var drawing = Draw(overlay);
        var texts = drawing.Descendants(Svg + "text").Select(Box.Of).ToList();
        var shown = texts.SelectMany(box => box.Text.Split(' ')).ToHashSet();
        Assert.All(overlay.Hosts, host => Assert.Contains(host.Name, shown));
        Assert.All(overlay.Hosts, host => Assert.Contains($"{host.Address}", shown));
        Assert.All(overlay.Networks, network => Assert.Contains($"{network.Vlan}", shown));
        Assert.All(overlay.Containers, container => Assert.Contains(container.Name, shown));
        Assert.All(
            overlay.Containers.SelectMany(container => container.Attachments),
            attachment =>
                Assert.All(attachment.Addresses, address => Assert.Contains($"{address}", shown))
        );

        var (width, height) = (Number(drawing, "width"), Number(drawing, "height"));
        Assert.All(
            texts,
            box =>
            {
                Assert.InRange(box.Left, 0, width);
                Assert.InRange(box.Right, 0, width);
                Assert.InRange(box.Top, 0, height);
                Assert.InRange(box.Bottom, 0, height);
            }
        );
        foreach (var line in texts.GroupBy(box => box.Bottom))
        {
            var inOrder = line.OrderBy(box => box.Left).ToList();
            foreach (var (one, next) in inOrder.Zip(inOrder.Skip(1)))
            {
                Assert.True(one.Right <= next.Left, $"'{one.Text}' touches '{next.Text}'");
            }
        }
        var cards = drawing
            .Descendants(Svg + "rect")
            .Where(rect => (string?)rect.Attribute("class") == "card")
            .ToList();
        Assert.Equal(hosts, cards.Count);
        foreach (var group in drawing.Descendants(Svg + "g"))
        {
            var card = group.Element(Svg + "rect")!;
            Assert.All(
                group.Elements(Svg + "text").Select(Box.Of),
                box =>
                {
                    Assert.InRange(
                        box.Right,
                        Number(card, "x"),
                        Number(card, "x") + Number(card, "width")
                    );
                    Assert.InRange(
                        box.Bottom,
                        Number(card, "y"),
                        Number(card, "y") + Number(card, "height")
                    );
                }
            );
        }
    }

    [Fact]
    public void Svg_says_what_it_is_to_those_who_do_not_see_it()
    {
        var drawing = Draw(Of(3, 2));
        var ids = ((string)drawing.Attribute("aria-labelledby")!).Split(' ');
        Assert.Equal(
            ids,
            new[] { "title", "desc" }.Select(name =>
                (string)drawing.Element(Svg + name)!.Attribute("id")!
            )
        );
        var words = drawing.Element(Svg + "desc")!.Value;
        Assert.Contains(
            "3 hosts, 2 networks, 6 containers, MTU 1458",
            words,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "3 tunnels, each host to each other one, gre, not encrypted",
            words,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "cont-mgmnt0 (VLAN 200, 10.8.0.0/16, fd00::/64, bridge)",
            words,
            StringComparison.Ordinal
        );
        Assert.Contains("host2 (192.0.2.2)", words, StringComparison.Ordinal);
        Assert.Contains(
            "prefers-color-scheme:dark",
            drawing.Element(Svg + "style")!.Value,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Names_that_mean_something_to_XML_or_Mermaid_are_names()
    {
        var overlay = Parse(
            """
            name: lab
            hosts: { host1: { address: 192.0.2.1, mtu: 9000 }, host2: { address: 192.0.2.2, local: 10.0.0.2 } }
            networks: { "a<b>&é": { vlan: 1, subnet: 10.8.2.0/24 } }
            containers:
              labelled: { select: { tier: "\"x\" <y>" }, networks: { "a<b>&é": } }
            """
        );
        Assert.Contains("a<b>&é", Draw(overlay).Value, StringComparison.Ordinal);
        Assert.Contains("192.0.2.2 for 10.0.0.2", Draw(overlay).Value, StringComparison.Ordinal);
        Assert.Contains(
            "tier=\"x\" <y> on every host",
            Draw(overlay).Value,
            StringComparison.Ordinal
        );
        var mermaid = Mermaid(overlay);
        Assert.Contains("a#lt;b#gt;#amp;é<br/>VLAN 1", mermaid, StringComparison.Ordinal);
        Assert.Contains("tier=#quot;x#quot; #lt;y#gt;", mermaid, StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_more_costs_as_much_as_the_one_before()
    {
        var (ten, twenty, thirty) = (Elements(10), Elements(20), Elements(30));
        Assert.Equal(twenty - ten, thirty - twenty);
        // However many there are, one line stands for all tunnels.
        Assert.Equal(4, Draw(Of(30, 5)).Descendants(Svg + "path").Count());
        Assert.Equal(Edges(20) - Edges(10), Edges(30) - Edges(20));
        Assert.Equal(30, Edges(30));

        static int Elements(int hosts) => Draw(Of(hosts, 5)).Descendants().Count();
        static int Edges(int hosts) =>
            Mermaid(Of(hosts, 5))
                .Split('\n')
                .Count(line => line.Contains("===", StringComparison.Ordinal));
    }

    [Fact]
    public void Mermaid_has_a_box_a_host_and_in_it_one_a_network()
    {
        Assert.Equal(
            """
            ---
            title: "homelab: 2 hosts, 2 networks, 2 containers, MTU 1458"
            ---
            flowchart TB
              h0 <== "a tunnel, gre, not encrypted" ==> h1
              subgraph h0["host1, 192.0.2.1"]
                h0n0["cont-mgmnt0<br/>c1-1 10.8.1.1 fd00::1:1"]:::c0
                h0n1["host-mgmnt0<br/>host1 10.9.0.1"]:::c1
              end
              subgraph h1["host2, 192.0.2.2"]
                h1n0["cont-mgmnt0<br/>c2-1 10.8.2.1 fd00::2:1"]:::c0
                h1n1["host-mgmnt0<br/>host2 10.9.0.2"]:::c1
              end
              subgraph networks
                n0["cont-mgmnt0<br/>VLAN 200<br/>10.8.0.0/16, fd00::/64, bridge"]:::c0
                n1["host-mgmnt0<br/>VLAN 100<br/>10.9.0.0/16"]:::c1
              end
              networks ~~~ h0
              classDef c0 fill:#0b62a4,stroke:#0b62a4,color:#fff
              classDef c1 fill:#a33b00,stroke:#a33b00,color:#fff

            """,
            Mermaid(Of(2, 1))
        );
    }

    [Fact]
    public void The_pictures_in_the_documentation_are_what_is_drawn_now()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "weft.slnx")))
        {
            root = Path.GetDirectoryName(root)!;
        }
        var overlay = OverlayFile.Read(Path.Combine(root, "examples/three-hosts.yaml")).Overlay!;
        var text = new StringWriter();
        SvgDiagram.Write(text, overlay);
        Assert.Equal(text.ToString(), File.ReadAllText(Path.Combine(root, "docs/three-hosts.svg")));
        Assert.Contains(
            $"```mermaid\n{Mermaid(overlay)}```",
            File.ReadAllText(Path.Combine(root, "docs/seeing.md")),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("overlay.svg", null, "<svg")]
    [InlineData("overlay.mmd", null, "flowchart")]
    [InlineData("overlay.svg", "mermaid", "flowchart")]
    public async Task The_command_writes_what_is_asked_for_or_what_the_name_says(
        string name,
        string? format,
        string word
    )
    {
        var path = Path.Combine(Path.GetTempPath(), $"weft-{Guid.NewGuid():N}-{name}");
        try
        {
            var result = await WeftProgram.RunOnAsync(
                Yaml(2, 1),
                ["diagram", "--out", path, .. format is null ? [] : (string[])["--format", format]]
            );
            Assert.True(result.ExitCode == ExitCode.Done, result.Errors);
            Assert.Empty(result.Output);
            Assert.Contains(
                word,
                await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken),
                StringComparison.Ordinal
            );
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static XElement Draw(Overlay overlay)
    {
        var text = new StringWriter();
        SvgDiagram.Write(text, overlay);
        return XDocument.Parse(text.ToString()).Root!;
    }

    private static string Mermaid(Overlay overlay)
    {
        var text = new StringWriter();
        MermaidDiagram.Write(text, overlay);
        return text.ToString();
    }

    private static Overlay Of(int hosts, int containers) => Parse(Yaml(hosts, containers));

    private static Overlay Parse(string yaml)
    {
        var read = OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(yaml));
        Assert.Empty(read.Mistakes);
        return read.Overlay!;
    }

    private static string Yaml(int hosts, int containers)
    {
        var all = Enumerable.Range(1, hosts).ToArray();
        return $$"""
            name: homelab
            hosts: { {{string.Join(", ", all.Select(host => $"host{host}: 192.0.2.{host}"))}} }
            networks:
              cont-mgmnt0: { vlan: 200, subnet: [10.8.0.0/16, "fd00::/64"], bridge: true }
              host-mgmnt0: { vlan: 100, subnet: 10.9.0.0/16, hosts: { {{string.Join(
                ", ",
                all.Select(host => $"host{host}: 10.9.0.{host}")
            )}} } }
            containers: { {{string.Join(
                ", ",
                all.SelectMany(host =>
                    Enumerable.Range(1, containers).Select(number =>
                        $"c{host}-{number}: {{ host: host{host}, engine: docker, networks: {{ cont-mgmnt0: [10.8.{host}.{number}, \"fd00::{host}:{number}\"] }} }}"
                    )
                )
            )}} }
            """;
    }

    private static double Number(XElement element, string attribute) =>
        double.Parse(element.Attribute(attribute)!.Value);

    /// <summary>Where a text is, with letters as wide as any usual font has them.</summary>
    private sealed record Box(string Text, double Left, double Right, double Top, double Bottom)
    {
        public static Box Of(XElement text)
        {
            var size = text.Attribute("font-size") is null ? 13 : Number(text, "font-size");
            // What stands in a title is shown by pointing at it.
            var words =
                string.Concat(text.Nodes().OfType<XText>().Select(node => node.Value))
                + string.Concat(text.Elements(Svg + "tspan").Select(part => part.Value));
            var width = words.Length * size * LetterWidth;
            var x =
                Number(text, "x") - ((string?)text.Attribute("class") == "vlan" ? width / 2 : 0);
            return new Box(words, x, x + width, Number(text, "y") - size, Number(text, "y"));
        }
    }
}
