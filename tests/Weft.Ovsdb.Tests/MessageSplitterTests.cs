using System.Text;

namespace Weft.Ovsdb.Tests;

public sealed class MessageSplitterTests
{
    private const string Messages =
        """{"a":"}{\"\\","b":[{"c":[]},1]} {"ü":"\\\\\""}"""
        + "\r\n\t{}"
        + """{"d":"[[[{{{","e":null}""";

    [Fact]
    public void Messages_come_out_whole_wherever_the_stream_is_cut()
    {
        var bytes = Encoding.UTF8.GetBytes(Messages);
        string[] expected =
        [
            """{"a":"}{\"\\","b":[{"c":[]},1]}""",
            """{"ü":"\\\\\""}""",
            "{}",
            """{"d":"[[[{{{","e":null}""",
        ];
        for (var first = 0; first <= bytes.Length; first++)
        {
            for (var second = first; second <= bytes.Length; second++)
            {
                using var splitter = new MessageSplitter(1024);
                List<string> got =
                [
                    .. Feed(splitter, bytes.AsSpan(..first)),
                    .. Feed(splitter, bytes.AsSpan(first..second)),
                    .. Feed(splitter, bytes.AsSpan(second..)),
                ];
                Assert.Equal<IEnumerable<string>>(expected, got);
                Assert.False(splitter.IsInMessage);
            }
        }
    }

    [Fact]
    public void A_message_may_be_as_large_as_the_limit_and_not_a_byte_larger()
    {
        var fits = Encoding.UTF8.GetBytes($$"""{"a":"{{new string('x', 100_000)}}"}""");
        using var splitter = new MessageSplitter(fits.Length);
        Assert.Equal(2, Feed(splitter, [.. fits, .. fits]).Count);

        using var tighter = new MessageSplitter(fits.Length - 1);
        Assert.Throws<OvsdbProtocolException>(() => Feed(tighter, fits));
    }

    [Fact]
    public void A_message_without_end_is_refused_before_it_fills_the_memory()
    {
        using var splitter = new MessageSplitter(1024 * 1024);
        Feed(splitter, "{\"a\":\""u8);
        var chunk = Encoding.UTF8.GetBytes(new string('x', 4096));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var sent = 0;
        Assert.Throws<OvsdbProtocolException>(() =>
        {
            while (sent < 100 * 1024 * 1024)
            {
                Feed(splitter, chunk);
                sent += chunk.Length;
            }
        });
        Assert.InRange(sent, 1024 * 1024 - 2 * 4096, 1024 * 1024 + 4096);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 * 1024 * 1024);
    }

    [Fact]
    public void A_message_that_dribbles_in_is_looked_at_once()
    {
        // Byte by byte, 4 MB would take hours if each byte made the splitter start over.
        using var splitter = new MessageSplitter(8 * 1024 * 1024);
        var bytes = Encoding.UTF8.GetBytes(
            $$"""{"a":[{{string.Join(',', Enumerable.Repeat("1", 2 * 1024 * 1024))}}]}"""
        );
        var count = 0;
        foreach (var b in bytes)
        {
            splitter.GetSpace().Span[0] = b;
            splitter.Advance(1);
            count += splitter.TryRead(out var message) ? message.Length : 0;
        }

        Assert.Equal(bytes.Length, count);
    }

    [Theory]
    [InlineData("[")]
    [InlineData("1")]
    [InlineData("\"")]
    [InlineData("}")]
    [InlineData("{} x")]
    [InlineData("\u0000")]
    public void What_is_no_object_is_refused_at_its_first_byte(string text)
    {
        using var splitter = new MessageSplitter(1024);
        Assert.Throws<OvsdbProtocolException>(() => Feed(splitter, Encoding.UTF8.GetBytes(text)));
    }

    [Fact]
    public void Nesting_beyond_the_limit_is_refused()
    {
        using var splitter = new MessageSplitter(1024 * 1024);
        var text = "{\"a\":" + new string('[', 100_000);
        Assert.Throws<OvsdbProtocolException>(() => Feed(splitter, Encoding.UTF8.GetBytes(text)));
    }

    private static List<string> Feed(MessageSplitter splitter, ReadOnlySpan<byte> bytes)
    {
        var messages = new List<string>();
        while (bytes.Length > 0)
        {
            var space = splitter.GetSpace();
            var count = Math.Min(space.Length, bytes.Length);
            bytes[..count].CopyTo(space.Span);
            splitter.Advance(count);
            bytes = bytes[count..];
            while (splitter.TryRead(out var message))
            {
                messages.Add(Encoding.UTF8.GetString(message.Span));
            }
        }

        return messages;
    }
}
