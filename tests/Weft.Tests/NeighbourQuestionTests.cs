using System.Net;
using Weft.Core.Addressing;
using Weft.Health;

namespace Weft.Tests;

public sealed class NeighbourQuestionTests
{
    private static readonly MacAddress Own = Mac("02:00:00:00:00:01");
    private static readonly MacAddress Other = Mac("02:00:00:00:00:02");

    [Fact]
    public void An_ARP_probe_asks_everybody_and_claims_no_address() =>
        Assert.Equal(
            "ffffffffffff"
                + "020000000001"
                + "0806"
                + "0001080006040001"
                + "020000000001"
                + "00000000"
                + "000000000000"
                + "0a080202",
            Convert.ToHexStringLower(Question("10.8.2.2").Frame())
        );

    [Fact]
    public void Whoever_speaks_ARP_with_the_address_has_it()
    {
        var question = Question("10.8.2.2");
        Assert.Equal(Other, question.Answer(Arp("02:00:00:00:00:02", "10.8.2.2")));
        Assert.Null(question.Answer(Arp("02:00:00:00:00:01", "10.8.2.2")));
        Assert.Null(question.Answer(Arp("02:00:00:00:00:02", "10.8.2.3")));
        Assert.Null(question.Answer(Question("10.8.2.2").Frame()));
        Assert.Null(question.Answer(Arp("02:00:00:00:00:02", "10.8.2.2").AsSpan(0, 30)));
    }

    [Fact]
    public void A_neighbour_solicitation_asks_those_whose_address_ends_alike()
    {
        var frame = Question("2001:db8::2:3").Frame();
        Assert.Equal("3333ff020003", Convert.ToHexStringLower(frame.AsSpan(0, 6)));
        Assert.Equal(
            "ff0200000000000000000001ff020003",
            Convert.ToHexStringLower(frame.AsSpan(38, 16))
        );
        Assert.Equal(
            "20010db8000000000000000000020003",
            Convert.ToHexStringLower(frame.AsSpan(62, 16))
        );
        Assert.Equal(0, Sum(frame));
    }

    [Fact]
    public void Whoever_advertises_the_address_has_it()
    {
        var question = Question("2001:db8::2:3");
        var frame = question.Frame();
        // Their advertisement: from another, and about the same target.
        Convert.FromHexString("020000000002").CopyTo(frame, 6);
        Assert.Null(question.Answer(frame));
        frame[54] = 136;
        Assert.Equal(Other, question.Answer(frame));
        frame[77] ^= 1;
        Assert.Null(question.Answer(frame));
        Assert.Null(question.Answer(frame.AsSpan(0, 60)));
    }

    // RFC 1071: with the checksum in it the sum of all is all ones.
    private static int Sum(byte[] frame)
    {
        var sum = 24 + 58;
        for (var at = 22; at < frame.Length; at += 2)
        {
            sum += frame[at] << 8 | frame[at + 1];
        }
        sum = (sum & 0xffff) + (sum >> 16);
        return 0xffff - ((sum & 0xffff) + (sum >> 16));
    }

    private static NeighbourQuestion Question(string address) => new(IPAddress.Parse(address), Own);

    private static byte[] Arp(string from, string address) =>
        [
            .. Convert.FromHexString(
                "020000000001" + from.Replace(":", "", StringComparison.Ordinal)
            ),
            .. Convert.FromHexString(
                "08060001080006040002" + from.Replace(":", "", StringComparison.Ordinal)
            ),
            .. IPAddress.Parse(address).GetAddressBytes(),
            .. new byte[10],
        ];

    private static MacAddress Mac(string text)
    {
        Assert.True(MacAddress.TryParse(text, out var mac));
        return mac;
    }
}
