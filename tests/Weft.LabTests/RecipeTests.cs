namespace Weft.LabTests;

/// <summary>Types the recipes of docs/: whoever changes one sees whether it still does what the page says.</summary>
public sealed class RecipeTests
{
    private const string Tag = "ovs-vsctl get port cont-mgmnt0-sw tag";

    /// <summary>The pages whose every command a test types.</summary>
    private static readonly string[] Typed =
    [
        "labs.md",
        "moving.md",
        "operating.md",
        "second-day.md",
        "try.md",
        "tutorial.md",
    ];

    /// <summary>The others, and why not.</summary>
    private static readonly Dictionary<string, string> Untyped = new()
    {
        ["agent.md"] =
            "needs a journal and a browser; AgentTests and PageTests ask the same of the agent",
        ["ansible.md"] = "AnsibleTests runs these lines, with SSH between the hosts",
        ["certificates.md"] = "PkiCommandTests runs each, on the files that it makes",
        ["commands.md"] = "is generated of the commands themselves",
        ["fleet.md"] = "FleetTests has such hosts, with SSH between them",
        ["ipsec.md"] = "RotationTests takes the three steps while packets cross",
        ["seeing.md"] =
            "one goes on until Ctrl-C, one takes ten minutes; SeeingTests watches for less long",
    };

    [Fact]
    public void Every_page_that_has_commands_is_typed_or_says_why_not() =>
        Assert.Equal(
            Directory
                .EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md")
                .Select(file => Path.GetFileName(file))
                .Where(page => Recipes.Of(page).Left.Count > 0)
                .Order(StringComparer.Ordinal),
            Typed.Concat(Untyped.Keys).Order(StringComparer.Ordinal)
        );

    [Fact]
    public async Task The_commands_of_the_page_on_trying_all_do_what_they_say()
    {
        var page = Recipes.Of("try.md");
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);

        await NewFileAsync(201);
        var kept = await TypeAsync(page.Next("Trying a change, and going back").Commands, "y\ny\n");
        Assert.Contains("try 2 is confirmed", kept, StringComparison.Ordinal);
        await IsTaggedAsync(201);

        // Two ways to end a try that nobody waits at.
        foreach (
            var (line, vlan, after) in page.Next("Trying a change, and going back")
                .Lines.Zip([202, 203], [202, 202])
        )
        {
            await NewFileAsync(vlan);
            await TypeAsync("weft try --yes new.yaml");
            await IsTaggedAsync(vlan);
            await TypeAsync(line);
            await IsTaggedAsync(after);
        }

        var history = await TypeAsync(page.Next("What was applied").Commands);
        Assert.Matches(@"4\s.*went back: ", history);
        Assert.Contains("vlan: 202", history, StringComparison.Ordinal);

        foreach (var (line, after) in page.Next("What was applied").Lines.Zip([201, 202]))
        {
            await TypeAsync(line, "y\n");
            await IsTaggedAsync(after);
        }
        page.AreAllTaken();

        Task<string> TypeAsync(string commands, string? answers = null) =>
            Recipes.TypeAsync(lab, "host1", commands, answers);

        Task NewFileAsync(int vlan) =>
            TypeAsync($"sed 's/vlan: 2../vlan: {vlan}/' {OverlayLab.File} >new.yaml");

        async Task IsTaggedAsync(int vlan) =>
            Assert.Equal($"{vlan}\n", await lab.RunAsync("host1", Tag));
    }

    [Fact]
    public async Task The_commands_of_the_page_on_operating_all_do_what_they_say()
    {
        var page = Recipes.Of("operating.md");
        await using var lab = await OverlayLab.BareAsync(OverlayLab.TwoHosts);

        await lab.RunAsync(
            "host1",
            $"mkdir -p {Recipes.Home} /etc/network/interfaces.d; mount -t tmpfs tmpfs /usr/local/bin; mv {OverlayLab.File} {Recipes.Home}"
        );
        await Recipes.TypeAsync(lab, "host1", page.Next("Reboots").Commands);
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        var address = (
            await lab.RunAsync("host1", "cat /sys/class/net/cont-mgmnt0/address")
        ).Trim();

        await Recipes.TypeAsync(
            lab,
            "host1",
            page.Next("Bridges by ifupdown or systemd-networkd").Commands
        );
        foreach (var directory in (string[])["network/interfaces.d", "systemd/network"])
        {
            Assert.Contains(
                address,
                await lab.RunAsync("host1", $"cat /etc/{directory}/*weft*"),
                StringComparison.Ordinal
            );
        }
        page.AreAllTaken();
    }
}
