using Spectre.Console;
using Weft.Rendering;

namespace Weft.Tests;

/// <summary>What is written for people, on terminals of all kinds.</summary>
public sealed class RenderingTests
{
    private static readonly StatusItemDocument[] Well =
    [
        new("bridge", "cont-mgmnt0", "ok", "spanning tree with forward delay 2 s, MTU 1458", null),
        new(
            "container",
            "wallabag",
            "ok",
            "netns, eth1 with 10.8.2.2/24, fd00:8:2::2/64 in cont-mgmnt0",
            null
        ),
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(40)]
    [InlineData(60)]
    [InlineData(80)]
    [InlineData(200)]
    public async Task A_status_without_remarks_is_written_on_any_width(int width)
    {
        var (console, written) = Make(width);
        await Task.Run(
                () => StatusView.WriteItems(console, Well),
                TestContext.Current.CancellationToken
            )
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        foreach (var item in Well)
        {
            Assert.Contains(
                item.Name,
                written.ToString().Replace("\n", "", StringComparison.Ordinal),
                StringComparison.Ordinal
            );
        }
    }

    [Fact]
    public void Nothing_but_a_remark_stands_behind_the_last_word()
    {
        var (console, written) = Make(10_000);
        StatusView.WriteItems(
            console,
            [.. Well, new("tunnel", "host2", "error", "gre", "no answer")]
        );
        Assert.All(written.ToString().Split('\n'), line => Assert.Equal(line.TrimEnd(), line));
    }

    [Fact]
    public void What_a_terminal_would_obey_is_not_passed_on_to_it()
    {
        var (console, written) = Make(80);
        console.MarkupLineInterpolated($"[red]by[/] 'a\x1b]]0;title\ab\u009bc\td' and\nso on");
        Assert.Equal("by 'a\uFFFD]0;title\uFFFDb\uFFFDc\td' and\nso on\n", written.ToString());
    }

    [Fact]
    public void A_line_where_nothing_is_styled_is_its_text_alone()
    {
        var (console, written) = Make(10);
        var said = "[b]:warning:[/] a\x1b]0;b\a {0}";
        console.LineInterpolated($"[red]✗[/] [[1]] {said} is longer than {10} columns");
        console.Line("[bold]c[/] [[2]] :key:");
        Assert.Equal(
            "✗ [1] [b]:warning:[/] a\uFFFD]0;b\uFFFD {0} is longer than 10 columns\nc [2] :key:\n",
            written.ToString()
        );
    }

    [Fact]
    public void What_another_host_says_is_neither_obeyed_by_a_terminal_nor_a_command_of_its_own()
    {
        var written = new StringWriter { NewLine = "\n" };
        PlanView.WriteCommands(
            written,
            new PlanDocument(
                "homelab",
                "host1",
                null,
                null,
                [],
                [],
                ["it says\nreboot"],
                [],
                ["ip link del dev a\x1b]0;title\a"]
            )
        );
        Assert.Equal(
            "# host1 (homelab)\nip link del dev a\uFFFD]0;title\uFFFD\n# it says reboot\n",
            written.ToString()
        );
    }

    /// <summary>Rows that are handed over in one piece are anybody's text too.</summary>
    [Fact]
    public void What_a_terminal_would_obey_is_not_in_aligned_rows_either()
    {
        var (console, written) = Make(80);
        AlignedRows.Write(
            console,
            [
                ["BY"],
                ["a\x1b]]0;title\ab"],
            ]
        );
        Assert.Equal("BY\na\uFFFD]0;title\uFFFDb\n", written.ToString());
    }

    /// <summary>A command that is copied from a terminal is one line there, however narrow that is.</summary>
    [Theory]
    [InlineData(AnsiSupport.No)]
    [InlineData(AnsiSupport.Yes)]
    public void Lines_are_left_whole_and_tables_fit_the_terminal(AnsiSupport ansi)
    {
        const int Width = 20;
        string[] words = [.. Enumerable.Range(0, 30).Select(number => $"word{number}")];
        var line = string.Join(' ', words);
        var (console, written) = Make(Width, ansi);
        console.MarkupLineInterpolated($"{line}");
        console.MarkupInterpolated($"{line}\n");
        console.WriteLine(line);
        AlignedRows.Write(
            console,
            [
                [line],
                [line],
            ]
        );
        Assert.Equal(5, written.ToString().Split('\n').Count(one => one.Contains(line)));

        (console, written) = Make(Width, ansi);
        console.Write(new Table().AddColumn(line));
        Assert.All(written.ToString().Split('\n'), one => Assert.True(one.Length <= Width, one));
    }

    [Fact]
    public void Colours_are()
    {
        var (console, written) = Make(80, AnsiSupport.Yes);
        console.MarkupLine("[red]no[/]");
        Assert.Contains("\x1b[", written.ToString(), StringComparison.Ordinal);
    }

    private static (IAnsiConsole Console, StringWriter Written) Make(
        int width,
        AnsiSupport ansi = AnsiSupport.No
    )
    {
        var written = new StringWriter { NewLine = "\n" };
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = ansi,
                ColorSystem =
                    ansi is AnsiSupport.Yes
                        ? ColorSystemSupport.Standard
                        : ColorSystemSupport.NoColors,
                Out = new AnsiConsoleOutput(written),
            }
        );
        console.Profile.Width = width;
        return (Output.AsShown(console), written);
    }
}
