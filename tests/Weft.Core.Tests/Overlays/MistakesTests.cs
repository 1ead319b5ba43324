using System.Text;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Overlays;

/// <summary>
/// The table of mistakes: each case in Mistakes.txt is a title, an overlay file, and after '>>>' every mistake that
/// reading it must find, in order and word for word.
/// </summary>
public sealed class MistakesTests
{
    public static TheoryData<string> Titles => [.. Cases.Keys];

    private static Dictionary<string, (string File, string[] Mistakes)> Cases { get; } =
        Repository
            .Read("tests/Weft.Core.Tests/Overlays/Mistakes.txt")
            .Split("### ", StringSplitOptions.RemoveEmptyEntries)
            .Select(text => text.Split('\n', 2))
            .ToDictionary(
                parts => parts[0],
                parts =>
                {
                    var halves = parts[1].Split(">>>\n");
                    return (
                        halves[0],
                        halves[1].Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    );
                },
                StringComparer.Ordinal
            );

    [Theory]
    [MemberData(nameof(Titles))]
    public void Every_mistake_is_found_where_it_is_and_nothing_else(string title)
    {
        var (file, mistakes) = Cases[title];
        var result = OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(file));
        Assert.Equal(
            mistakes.Select(mistake => $"overlay.yaml:{mistake}"),
            result.Mistakes.Select(mistake => mistake.ToString())
        );
        Assert.Null(result.Overlay);
        Assert.NotEmpty(mistakes);
    }

    [Theory]
    [MemberData(nameof(Titles))]
    public void Line_ends_of_another_system_change_nothing(string title)
    {
        var (file, mistakes) = Cases[title];
        var result = OverlayFile.Parse(
            "overlay.yaml",
            Encoding.UTF8.GetBytes(file.Replace("\n", "\r\n", StringComparison.Ordinal))
        );
        Assert.Equal(
            mistakes.Select(mistake => $"overlay.yaml:{mistake}"),
            result.Mistakes.Select(mistake => mistake.ToString())
        );
    }
}
