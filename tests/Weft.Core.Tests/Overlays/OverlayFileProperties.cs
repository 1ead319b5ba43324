using System.Text;
using CsCheck;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Overlays;

public sealed class OverlayFileProperties
{
    [Fact]
    public void An_overlay_reads_back_the_same_however_it_is_written() =>
        Gen.Select(OverlayGen.Overlay, OverlayGen.Style)
            .Sample(
                (overlay, style) =>
                {
                    var text = OverlayText.Of(overlay, style);
                    var result = OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(text));
                    Assert.Empty(result.Mistakes);
                    Assert.Equal(
                        OverlayText.Of(overlay, TextStyle.Whole),
                        OverlayText.Of(result.Overlay!, TextStyle.Whole)
                    );
                },
                iter: 1000
            );

    [Fact]
    public void Whatever_reads_as_an_overlay_is_right_to_editors() =>
        Gen.Select(OverlayGen.Overlay, OverlayGen.Style)
            .Sample(
                (overlay, style) => Assert.Empty(JsonSchema.Faults(OverlayText.Of(overlay, style))),
                iter: 300
            );

    [Fact]
    public void Any_change_of_bytes_gives_an_overlay_or_mistakes_inside_the_file() =>
        Gen.Select(
                OverlayGen.Overlay,
                OverlayGen.Style,
                Gen.Select(Gen.Int, Gen.Int, Gen.Byte).Array[1, 6]
            )
            .Sample(
                (overlay, style, changes) =>
                    AssertIsOverlayOrMistakes(
                        Change(Encoding.UTF8.GetBytes(OverlayText.Of(overlay, style)), changes)
                    ),
                iter: 3000
            );

    [Fact]
    public void Any_bytes_give_an_overlay_or_mistakes_inside_the_file() =>
        Gen.OneOf<byte>([.. "{}[]:,-?!&*#|>%@`'\"\\ \n\r\t~<=.:ax019\u0085\u2028é"u8])
            .Array[0, 40]
            .Sample(AssertIsOverlayOrMistakes, iter: 5000);

    private static void AssertIsOverlayOrMistakes(byte[] bytes)
    {
        var result = OverlayFile.Parse("overlay.yaml", bytes);
        Assert.Equal(result.Overlay is null, !result.Mistakes.IsEmpty);
        var lines = Encoding
            .UTF8.GetString(bytes)
            .Split(["\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"], StringSplitOptions.None);
        foreach (var mistake in result.Mistakes)
        {
            Assert.InRange(mistake.Line, 1, lines.Length);
            Assert.InRange(mistake.Column, 1, lines[mistake.Line - 1].Length + 1);
            Assert.DoesNotContain(mistake.Message, character => char.IsControl(character));
        }
        Assert.Equal(
            result.Mistakes.OrderBy(mistake => (mistake.Line, mistake.Column)),
            result.Mistakes
        );
    }

    /// <summary>Replaces, inserts, removes, repeats and moves bytes.</summary>
    private static byte[] Change(byte[] bytes, (int Where, int How, byte What)[] changes)
    {
        foreach (var (where, how, what) in changes)
        {
            var at = (int)((uint)where % (uint)bytes.Length);
            var end = Math.Min(bytes.Length, at + 1 + what % 16);
            bytes = ((uint)how % 6) switch
            {
                0 => [.. bytes[..at], what, .. bytes[(at + 1)..]],
                1 => [.. bytes[..at], what, .. bytes[at..]],
                2 => [.. bytes[..at], .. bytes[end..]],
                3 => [.. bytes[..end], .. bytes[at..]],
                4 => [.. bytes[end..], .. bytes[..end]],
                _ => [.. bytes[..at], "{}[]:,-?!&*#|>\n '\""u8[what % 18], .. bytes[at..]],
            };
            if (bytes.Length == 0)
            {
                return bytes;
            }
        }
        return bytes;
    }
}
