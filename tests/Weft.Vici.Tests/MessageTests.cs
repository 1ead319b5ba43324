using System.Text;
using CsCheck;

namespace Weft.Vici.Tests;

public sealed class MessageTests
{
    /// <summary>The example of strongSwan's src/libcharon/plugins/vici/README.md, letter by letter.</summary>
    private static readonly byte[] s_example =
    [
        .. (byte[])[3, 4, .. "key1"u8, 0, 6, .. "value1"u8],
        .. (byte[])[1, 8, .. "section1"u8],
        .. (byte[])[1, 11, .. "sub-section"u8],
        .. (byte[])[3, 4, .. "key2"u8, 0, 6, .. "value2"u8],
        2,
        .. (byte[])[4, 5, .. "list1"u8],
        .. (byte[])[5, 0, 5, .. "item1"u8],
        .. (byte[])[5, 0, 5, .. "item2"u8],
        6,
        2,
    ];

    private static readonly ViciMessage s_exampleMessage = new()
    {
        ["key1"] = "value1",
        ["section1"] = new ViciMessage
        {
            ["sub-section"] = new ViciMessage { ["key2"] = "value2" },
            ["list1"] = ViciList.Of("item1", "item2"),
        },
    };

    /// <summary>Each with what its error must say.</summary>
    public static TheoryData<string, byte[]> Malformed =>
        new()
        {
            { "unknown type 0", [0] },
            { "unknown type 7", [7] },
            { "unknown type 255", [255, 1, 65] },
            { "end of a section that was not started", [2] },
            { "end of a section that was not started", [1, 1, 65, 2, 2] },
            { "end of the message inside a section", [1, 1, 65] },
            { "end of the message inside a section", [1, 1, 65, 1, 1, 66, 2] },
            { "outside of a list", [5, 0, 1, 65] },
            { "outside of a list", [6] },
            { "outside of a list", [4, 1, 65, 6, 6] },
            { "in a list", [4, 1, 65, 3, 1, 65, 0, 0, 6] },
            { "in a list", [4, 1, 65, 1, 1, 65, 2, 6] },
            { "in a list", [4, 1, 65, 4, 1, 65, 6, 6] },
            { "in a list", [1, 1, 65, 4, 1, 65, 2] },
            { "end of the message", [4, 1, 65] },
            { "end of the message", [4, 1, 65, 5, 0, 1, 65] },
            { "end of the message", [1] },
            { "end of the message", [1, 2, 65] },
            { "end of the message", [3, 1, 65] },
            { "end of the message", [3, 1, 65, 0] },
            { "end of the message", [3, 1, 65, 0, 2, 65] },
            { "end of the message", [3, 1, 65, 255, 255] },
            { "end of the message", [3, 255] },
            { "not printable", [3, 1, 10, 0, 0] },
            { "not printable", [1, 1, 0x80, 2] },
            { "deep", [.. Enumerable.Repeat<byte[]>([1, 0], 40).SelectMany(b => b)] },
        };

    [Fact]
    public void The_example_of_the_protocol_is_encoded_byte_by_byte() =>
        Assert.Equal(s_example, s_exampleMessage.Encode());

    [Fact]
    public void The_example_of_the_protocol_is_decoded() =>
        Assert.Equal(s_exampleMessage, ViciMessage.Decode(s_example));

    [Fact]
    public void What_is_encoded_is_decoded_to_the_same() =>
        MessageGen.Message.Sample(message =>
        {
            var bytes = message.Encode();
            var back = ViciMessage.Decode(bytes);
            Assert.Equal(message, back);
            Assert.Equal(message.GetHashCode(), back.GetHashCode());
            Assert.Equal(bytes, back.Encode());
        });

    [Fact]
    public void No_beginning_of_a_message_is_the_same_message() =>
        Gen.Select(MessageGen.Message, Gen.Double[0, 1])
            .Sample(
                (message, part) =>
                {
                    var bytes = message.Encode();
                    var cut = (int)(bytes.Length * part);
                    if (cut < bytes.Length)
                    {
                        // Between two elements of the root it is a message, and a shorter one.
                        try
                        {
                            Assert.True(
                                ViciMessage.Decode(bytes.AsMemory(0, cut)).Count < message.Count
                            );
                        }
                        catch (ViciProtocolException) { }
                    }
                }
            );

    [Fact]
    public void Any_bytes_are_a_message_that_encodes_to_them_or_a_protocol_error() =>
        Gen.OneOf(Gen.Byte.Array[0, 64], Gen.Byte[0, 7].Array[0, 64])
            .Sample(
                bytes =>
                {
                    try
                    {
                        Assert.Equal(bytes, ViciMessage.Decode(bytes).Encode());
                    }
                    catch (ViciProtocolException) { }
                },
                iter: 100_000
            );

    [Theory]
    [MemberData(nameof(Malformed))]
    public void What_is_malformed_is_refused_and_said(string what, byte[] bytes) =>
        Assert.Contains(
            what,
            Assert.Throws<ViciProtocolException>(() => ViciMessage.Decode(bytes)).Message
        );

    [Fact]
    public void Every_cut_through_the_example_is_refused_or_shorter()
    {
        for (var length = 0; length < s_example.Length; length++)
        {
            // Only before and after the first value is the root complete.
            if (length is 0 or 14)
            {
                Assert.Equal(
                    length == 0 ? 0 : 1,
                    ViciMessage.Decode(s_example.AsMemory(0, length)).Count
                );
            }
            else
            {
                Assert.Throws<ViciProtocolException>(() =>
                    ViciMessage.Decode(s_example.AsMemory(0, length))
                );
            }
        }
    }

    [Fact]
    public void Sections_are_as_deep_as_is_allowed_and_no_deeper()
    {
        var message = new ViciMessage { ["x"] = 1 };
        for (var depth = 1; depth < ViciMessage.MaxDepth; depth++)
        {
            message = new ViciMessage { ["s"] = message };
        }

        Assert.Equal(message, ViciMessage.Decode(message.Encode()));
        Assert.Throws<ArgumentException>(() => new ViciMessage { ["s"] = message });
    }

    [Fact]
    public void A_name_has_at_most_255_printable_characters()
    {
        Assert.Throws<ArgumentException>(() => new ViciMessage { [new string('x', 256)] = 1 });
        Assert.Throws<ArgumentException>(() => new ViciMessage { ["ä"] = 1 });
        Assert.Throws<ArgumentException>(() => new ViciMessage { ["a\n"] = 1 });
        var longest = new ViciMessage { [new string('x', 255)] = 1, [""] = 2 };
        Assert.Equal(longest, ViciMessage.Decode(longest.Encode()));
    }

    [Fact]
    public void A_value_has_at_most_65535_bytes()
    {
        Assert.Throws<ArgumentException>(() => new ViciValue(new byte[65536]));
        Assert.Throws<ArgumentException>(() => new ViciValue(new string('ä', 32768)));
        var longest = new ViciMessage { ["x"] = new ViciValue(new byte[65535]) };
        Assert.Equal(longest, ViciMessage.Decode(longest.Encode()));
    }

    [Fact]
    public void A_name_comes_once_of_each_kind_in_what_is_made()
    {
        var message = new ViciMessage { ["up"] = "yes" }
            .With("up", new ViciMessage { ["state"] = "ESTABLISHED" })
            .With("up", ViciList.Of("x"));
        Assert.Equal(3, message.Count);
        Assert.True(message.Flag("up"));
        Assert.Equal("ESTABLISHED", message.Section("up")!.Text("state"));
        Assert.Equal(["x"], message.List("up")!.ToTexts());
        Assert.Throws<ArgumentException>(() => message.With("up", "no"));
    }

    [Fact]
    public void A_name_that_is_received_twice_counts_the_first_time()
    {
        var message = ViciMessage.Decode(
            (byte[])[3, 1, 65, 0, 1, .. "1"u8, 3, 1, 65, 0, 1, .. "2"u8]
        );
        Assert.Equal(1, message.Number("A"));
        Assert.Equal(2, message.Count);
    }

    [Fact]
    public void What_is_null_is_left_out()
    {
        string? nothing = null;
        Assert.Empty(new ViciMessage { ["a"] = nothing }.With("b", null));
    }

    [Fact]
    public void Values_are_bytes_text_and_numbers()
    {
        var message = new ViciMessage
        {
            ["text"] = "Zürich",
            ["number"] = -42,
            ["flag"] = true,
            ["bytes"] = new ViciValue((byte[])[0, 1, 255]),
        };
        Assert.Equal("Zürich", message.Text("text"));
        Assert.Equal(-42, message.Number("number"));
        Assert.Equal("-42", message.Text("number"));
        Assert.True(message.Flag("flag"));
        Assert.False(message.Flag("none"));
        Assert.Null(message.Number("none"));
        Assert.Equal([0, 1, 255], message.Value("bytes")!.Bytes.ToArray());
        Assert.Throws<ViciProtocolException>(() => message.Number("text"));
    }

    [Fact]
    public void A_message_is_shown_as_swanctl_shows_it() =>
        Assert.Equal(
            "{key1=value1 section1 {sub-section {key2=value2} list1=[item1 item2]}}",
            s_exampleMessage.ToString()
        );

    [Fact]
    public void Secrets_are_never_shown()
    {
        var secret = new SharedSecret { Id = "x", Data = "s3cr3t" };
        foreach (
            var shown in (object[])
                [
                    ViciValue.Secret("s3cr3t"),
                    ViciValue.Secret(Encoding.ASCII.GetBytes("s3cr3t")),
                    new ViciValue("s3cr3t").AsSecret(),
                    ViciList.Of(ViciValue.Secret("s3cr3t")),
                    new ViciMessage
                    {
                        ["a"] = new ViciMessage { ["data"] = ViciValue.Secret("s3cr3t") },
                    },
                    secret,
                    secret.ToMessage(),
                    new ViciEvent("x", secret.ToMessage()),
                ]
        )
        {
            Assert.Contains("••••", shown.ToString());
            Assert.DoesNotContain("s3cr3t", shown.ToString());
        }

        Assert.Equal("s3cr3t", secret.Data.Text);
    }

    [Theory]
    [InlineData("3", 3)]
    [InlineData("18446744073709551615", -1)]
    [InlineData("18446744073709544416", -7200)]
    [InlineData("-5", -5)]
    public void A_use_that_lies_in_the_future_by_the_daemons_clock_is_read(string text, int seconds)
    {
        var child = ChildSa.FromSection(
            new ViciMessage
            {
                ["name"] = "net",
                ["uniqueid"] = 1,
                ["reqid"] = 1,
                ["state"] = ChildStates.Installed,
                ["mode"] = "TRANSPORT",
                ["use-in"] = text,
            }
        );
        Assert.Equal(TimeSpan.FromSeconds(seconds), child.LastIn);
    }

    [Fact]
    public void A_time_of_more_than_ten_thousand_years_is_none() =>
        Assert.Throws<ViciProtocolException>(() =>
            new ViciMessage { ["use-in"] = "9223372036854775807" }.Seconds("use-in")
        );
}
