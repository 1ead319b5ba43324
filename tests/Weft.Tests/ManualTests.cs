using System.CommandLine;
using System.Text.RegularExpressions;
using Weft.Commands;
using Weft.Core.Linux;
using Weft.Core.Tests;
using Weft.Manuals;

namespace Weft.Tests;

/// <summary>Man pages, docs/commands.md and <c>--help</c> say the same, and what reads man pages understands them.</summary>
public sealed partial class ManualTests : IAsyncLifetime
{
    // What Open vSwitch, systemd and ip say.
    private static readonly string[] OfOthers =
    [
        "could not add network device",
        "Dependency failed for",
    ];

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("weft-man-");

    private string[] pages = [];

    private static IReadOnlyList<CommandManual> Manuals { get; } =
    [.. CommandManual.Of(Cli.Create()).All];

    public async ValueTask InitializeAsync()
    {
        var written = await WeftProgram.RunAsync("man", "--directory", directory.FullName);
        Assert.True(written.ExitCode == ExitCode.Done, written.Errors);
        pages = written.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    public ValueTask DisposeAsync()
    {
        directory.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task The_page_of_commands_in_the_documentation_is_current() =>
        Repository.AssertIsCurrent(
            "docs/commands.md",
            (await WeftProgram.RunAsync("man", "--markdown")).Output
        );

    [Fact]
    public void Every_command_that_is_not_hidden_has_a_page_and_no_other_has_one()
    {
        Assert.Contains("weft-lab-up.1", pages.Select(Path.GetFileName));
        Assert.DoesNotContain("weft-man.1", pages.Select(Path.GetFileName));
        Assert.DoesNotContain("weft-lab-agent.1", pages.Select(Path.GetFileName));
        Assert.Equal(
            Manuals.Select(manual => ManPage.FileName(manual)),
            pages.Select(Path.GetFileName)
        );
        // What a page says where to read more is there.
        var named = pages
            .SelectMany(page => OtherPage().Matches(File.ReadAllText(page)))
            .Select(match => match.Groups["page"].Value.Replace("\\-", "-"))
            .Distinct();
        Assert.Subset(Manuals.Select(manual => manual.Page).ToHashSet(), named.ToHashSet());
    }

    [Fact]
    public void Every_page_of_the_documentation_is_in_the_index()
    {
        var index = Repository.Read("README.md");
        foreach (var page in Directory.GetFiles(Repository.PathOf("docs"), "*.md"))
        {
            Assert.Contains($"docs/{Path.GetFileName(page)}", index, StringComparison.Ordinal);
        }
    }

    /// <summary>Who looks for what the program has said finds it on the page.</summary>
    [Fact]
    public void What_the_page_on_troubleshooting_quotes_the_program_says()
    {
        var sources = Continued()
            .Replace(
                string.Concat(
                    Directory
                        .EnumerateFiles(
                            Repository.PathOf("src"),
                            "*.cs",
                            SearchOption.AllDirectories
                        )
                        .Select(File.ReadAllText)
                ),
                ""
            );
        var table = Repository.Read("docs/troubleshooting.md").Split("## By symptom\n")[1];
        string[] quotes =
        [
            .. Symptom()
                .Matches(table)
                .SelectMany(row => Quoted().Matches(row.Groups["symptom"].Value))
                .Select(quote => quote.Groups["words"].Value)
                .Where(quote => !OfOthers.Any(quote.Contains)),
        ];
        Assert.NotEmpty(quotes);
        foreach (var quote in quotes)
        {
            foreach (var piece in Example().Split(quote).Select(piece => piece.Trim()))
            {
                Assert.True(
                    sources.Contains(piece, StringComparison.Ordinal),
                    $"the program does not say '{piece}', which is quoted in '{quote}'"
                );
            }
        }
    }

    /// <summary>Help is written by a library out of the same tree: each of its lines is on the page, and each entry of the page is in it.</summary>
    [Fact]
    public async Task A_page_says_what_help_says()
    {
        NeedsProgram("mandoc");
        foreach (var manual in Manuals)
        {
            using var help = new StringWriter();
            Assert.Equal(
                ExitCode.Done,
                await Cli.Create()
                    .Parse([.. manual.Name.Split(' ').Skip(1), "--help"])
                    .InvokeAsync(
                        new InvocationConfiguration { Output = help },
                        TestContext.Current.CancellationToken
                    )
            );
            var page = Squeezed(
                (
                    await ToolAsync(
                        "mandoc",
                        "-Tutf8",
                        "-Owidth=1000",
                        Path.Combine(directory.FullName, ManPage.FileName(manual))
                    )
                ).Output
            );
            // The tests' own program runs it.
            var said = help.ToString()
                .Replace(RootCommand.ExecutableName, "weft", StringComparison.Ordinal);
            foreach (var piece in Pieces(said))
            {
                Assert.True(
                    page.Contains(Squeezed(piece), StringComparison.Ordinal),
                    $"the page {manual.Page} does not say '{piece}'"
                );
            }
            var helped = Squeezed(said);
            foreach (var entry in manual.Arguments.Concat(manual.Options))
            {
                foreach (var word in entry.Names.Append(entry.Description))
                {
                    Assert.Contains(Squeezed(word), helped, StringComparison.Ordinal);
                }
            }
        }
    }

    [Fact]
    public async Task What_reads_man_pages_has_nothing_to_complain_about()
    {
        NeedsProgram("mandoc");
        NeedsProgram("man");
        var lint = await ToolAsync(["mandoc", "-Tlint", "-Wwarning", .. pages]);
        Assert.True(lint.ExitCode == 0, lint.Output + lint.Errors);
        var read = await ToolAsync([
            "env",
            "LC_ALL=C.UTF-8",
            "MANROFFSEQ=",
            "MANWIDTH=80",
            "man",
            "--warnings=w",
            "-P",
            "cat",
            "-l",
            .. pages,
        ]);
        Assert.Equal((0, ""), (read.ExitCode, read.Errors));
        Assert.Contains("EXIT STATUS", read.Output, StringComparison.Ordinal);
        Assert.Contains("weft-rotate-accept(1)", read.Output, StringComparison.Ordinal);
    }

    // A line of help is a heading, prose, or in two columns.
    private static IEnumerable<string> Pieces(string help) =>
        help.Split('\n')
            .Where(line => line.StartsWith("  ", StringComparison.Ordinal))
            .Where(line => !line.StartsWith("  weft", StringComparison.Ordinal))
            .SelectMany(line => Columns().Split(line.Trim()))
            .Select(piece => Placeholder().Replace(piece, match => match.Groups["name"].Value))
            // A list of commands names their arguments too, which are on their own pages.
            .Where(piece => !Uppercase().IsMatch(piece))
            // Where a value is one of a few, help names them in the place of the argument, and the page in what it says of it.
            .SelectMany(piece => piece.Contains(' ') ? [piece] : piece.Split('|'));

    // Without what is not seen: spaces, how a terminal makes letters bold, and what marks them in prose.
    private static string Squeezed(string text) => Unseen().Replace(text, "");

    private static Task<ToolResult> ToolAsync(params string[] command) =>
        Tool.RunAsync(command, cancellationToken: TestContext.Current.CancellationToken);

    private static void NeedsProgram(string program)
    {
        if (Tool.Find(program) is null)
        {
            Assert.Skip($"this machine has no {program}");
        }
    }

    [GeneratedRegex(@"^\.BR (?<page>weft\S*) \(1\)", RegexOptions.Multiline, 1000)]
    private static partial Regex OtherPage();

    [GeneratedRegex(" {2,}", RegexOptions.None, 1000)]
    private static partial Regex Columns();

    [GeneratedRegex(@"""\s*\+\s*\$?""", RegexOptions.None, 1000)]
    private static partial Regex Continued();

    [GeneratedRegex(@"^\| (?<symptom>[^|]*) \|", RegexOptions.Multiline, 1000)]
    private static partial Regex Symptom();

    [GeneratedRegex("`(?<words>[^`]*)`", RegexOptions.None, 1000)]
    private static partial Regex Quoted();

    // What stands in the place of a value, and what ends a part of a sentence, which the program may put together.
    [GeneratedRegex(
        @"…|,|'[^']*'|\(.*\)|\S*/\S*|\b\d[\d.]*\b|\w+\.pem|\bgre\b|\bblocking\b",
        RegexOptions.None,
        1000
    )]
    private static partial Regex Example();

    [GeneratedRegex("<(?<name>[^>]+)>", RegexOptions.None, 1000)]
    private static partial Regex Placeholder();

    [GeneratedRegex("^[a-z]+ ([A-Z]|[a-z]+\\|)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Uppercase();

    [GeneratedRegex(@"\s+|.\x08|`", RegexOptions.None, 1000)]
    private static partial Regex Unseen();
}
