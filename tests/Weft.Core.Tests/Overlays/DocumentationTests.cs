using System.Text;
using Weft.Core.Intents;
using Weft.Core.Observation;
using Weft.Core.Overlays;
using Weft.Core.Planning;

namespace Weft.Core.Tests.Overlays;

/// <summary>Holds that what is documented is so.</summary>
public sealed class DocumentationTests
{
    private const string Page = "docs/overlay-file.md";
    private const string Fence = "```";

    public static TheoryData<string> Examples =>
        [
            .. Directory
                .GetFiles(Repository.PathOf("examples"), "*.yaml")
                .Select(path => Path.GetFileName(path)),
        ];

    public static TheoryData<string> YamlBlocks =>
        [
            .. Directory
                .GetFiles(Repository.PathOf("docs"), "*.md")
                .Select(path => $"docs/{Path.GetFileName(path)}")
                .Append("README.md")
                .SelectMany(page => Blocks("yaml", page)),
        ];

    [Theory]
    [MemberData(nameof(Examples))]
    public void Every_example_is_an_overlay(string example)
    {
        var result = OverlayFile.Read(Repository.PathOf($"examples/{example}"));
        Assert.Empty(result.Mistakes);
        Assert.NotNull(result.Overlay);
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Every_example_can_be_applied_to_fresh_hosts(string example)
    {
        var overlay = OverlayFile.Read(Repository.PathOf($"examples/{example}")).Overlay!;
        foreach (var host in overlay.Hosts)
        {
            var observation = HostObservation.Bare(kernelDatapath: true);
            var plan = Planner.Plan(
                IntentBuilder.Build(overlay, host.Name, kernelDatapath: true),
                observation
            );
            Assert.True(plan.IsApplicable, string.Join('\n', plan.Conflicts));
        }
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Every_example_is_right_to_editors(string example) =>
        Assert.Empty(JsonSchema.Faults(Repository.Read($"examples/{example}")));

    [Theory]
    [MemberData(nameof(YamlBlocks))]
    public void Every_block_of_YAML_in_the_documentation_is_an_overlay(string block)
    {
        Assert.Empty(OverlayFile.Parse("block", Encoding.UTF8.GetBytes(block)).Mistakes);
        Assert.Empty(JsonSchema.Faults(block));
    }

    [Fact]
    public void The_mistakes_in_the_documentation_are_those_that_are_reported()
    {
        const string File = """
            nam: homelab
            hosts:
              host1: 192.0.2.1
              host2: 192.0.2.2
            networks:
              cont-mgmnt0: { vlan: 5000, subnet: 10.8.2.0/24, bridge: true }
            containers:
              wallabag: { host: host1, engine: lxd, networks: { cont-mgmnt0: 10.8.2.2 } }
              mastodon: { host: host2, engine: lxd, networks: { cont-mgmnt0: 10.8.2.2 } }
            """;
        var shown = Assert.Single(Blocks(""));
        Assert.Equal(
            shown.TrimEnd().Split('\n'),
            OverlayFile
                .Parse("overlay.yaml", Encoding.UTF8.GetBytes(File))
                .Mistakes.Select(mistake => mistake.ToString())
        );
    }

    [Fact]
    public void The_JSON_Schema_is_current() =>
        Repository.AssertIsCurrent("docs/overlay.schema.json", OverlaySchema.ToJsonSchema());

    [Fact]
    public void The_list_of_keys_is_current()
    {
        const string Mark =
            "<!-- Generated from the schema in src/Weft.Core/Overlays/OverlaySchema.cs. -->\n\n";
        var written = Repository.Read(Page).Split(Mark)[0];
        Repository.AssertIsCurrent(
            Page,
            $"{written}{Mark}{OverlaySchema.ToKeyReference().TrimEnd()}\n"
        );
    }

    private static IEnumerable<string> Blocks(string language, string page = Page) =>
        Repository
            .Read(page)
            .Split($"\n{Fence}")
            .Skip(1)
            .Where(
                (text, index) =>
                    index % 2 == 0 && text.StartsWith($"{language}\n", StringComparison.Ordinal)
            )
            .Select(text => text[(language.Length + 1)..] + "\n");
}
