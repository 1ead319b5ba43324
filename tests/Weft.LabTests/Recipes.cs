using System.Text;
using System.Text.RegularExpressions;

namespace Weft.LabTests;

/// <summary>A block of commands in the documentation.</summary>
/// <param name="Section">The heading that it stands under.</param>
/// <param name="Place">What stands behind the language of the block: where it is typed. Empty where the page says it in words.</param>
/// <param name="Commands">What is typed.</param>
internal sealed record Recipe(string Section, string Place, string Commands)
{
    /// <summary>Its lines, one command each.</summary>
    public IReadOnlyList<string> Lines { get; } =
        Commands.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>
/// The blocks of commands of a page of the documentation, which a test takes one after another, until none is left.
/// </summary>
internal sealed partial class Recipes
{
    private readonly string page;
    private readonly Queue<Recipe> left;

    private Recipes(string page, IEnumerable<Recipe> recipes)
    {
        this.page = page;
        left = new Queue<Recipe>(recipes);
    }

    /// <summary>What has not been taken yet.</summary>
    public IReadOnlyCollection<Recipe> Left => left;

    /// <summary>The recipes of a page in docs/.</summary>
    public static Recipes Of(string page)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "docs", page));
        var blocks = Block().Matches(text);
        // None is written in another way, by which it would not be found.
        Assert.Equal(text.Split("```sh").Length - 1, blocks.Count);
        return new Recipes(
            page,
            blocks.Select(block => new Recipe(
                Heading().Matches(text[..block.Index]).Last().Groups["title"].Value,
                block.Groups["place"].Value,
                block.Groups["commands"].Value
            ))
        );
    }

    /// <summary>The next block, which stands under that heading.</summary>
    public Recipe Next(string section)
    {
        Assert.True(left.TryDequeue(out var recipe), $"{page} has no command left for '{section}'");
        Assert.Equal(section, recipe.Section);
        return recipe;
    }

    /// <summary>All were taken: a recipe that comes to the page is one that this test types.</summary>
    public void AreAllTaken() =>
        Assert.True(
            left.Count == 0,
            $"nobody types these of {page}: {string.Join('\n', left.Select(recipe => recipe.Commands))}"
        );

    /// <summary>Types commands in a host, as root in a directory of its own, which stays; none must fail.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="host">The host.</param>
    /// <param name="commands">What is typed.</param>
    /// <param name="answers">What is typed when they ask, each line with Enter; null where nothing is to ask.</param>
    /// <returns>What stands on the terminal then.</returns>
    public static async Task<string> TypeAsync(
        OverlayLab lab,
        string host,
        string commands,
        string? answers = null
    )
    {
        var script =
            $"mkdir -p {Home}; cd {Home}; export DEBIAN_FRONTEND=noninteractive\n{commands}";
        // Weft asks on a terminal alone.
        string[] command = answers is null
            ? ["bash", "-euc", script]
            :
            [
                "env",
                "SHELL=/bin/sh",
                $"TYPED={script}",
                "script",
                "--quiet",
                "--return",
                "--command",
                "exec bash -euc \"$TYPED\"",
                "/dev/null",
            ];
        var result = await lab.Lab[host]
            .RunAsync(command, Encoding.UTF8.GetBytes(answers ?? ""), Needs.Cancellation);
        Assert.True(
            result.ExitCode == 0,
            $"{host}: {commands}\n{result.ExitCode}\n{result.Output}{result.Errors}"
        );
        return result.Output + result.Errors;
    }

    /// <summary>Where they are typed: not root's own directory, which the hosts of a lab may share with the machine.</summary>
    public const string Home = "/run/typed";

    [GeneratedRegex(
        "^```sh(?: (?<place>[a-z0-9]+))?\n(?<commands>.*?)^```$",
        RegexOptions.Multiline | RegexOptions.Singleline,
        1000
    )]
    private static partial Regex Block();

    [GeneratedRegex("^#+ (?<title>.*)$", RegexOptions.Multiline, 1000)]
    private static partial Regex Heading();
}
