using Weft.Reachability;

namespace Weft.LabTests;

public sealed class IcmpMessageTests
{
    private const long Cookie = 0x0102_0304_0506_0708;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_answer_is_known_by_its_request(bool ipv6)
    {
        var reply = Echo(ipv6);
        reply[ipv6 ? 0 : 20] = (byte)(ipv6 ? 129 : 0);
        Assert.Equal(
            new IcmpNews(Outcome.Reached, 0xbeef, 0x1234, Cookie),
            IcmpMessage.Read(reply, ipv6)
        );
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_request_is_no_answer(bool ipv6) =>
        Assert.Null(IcmpMessage.Read(Echo(ipv6), ipv6));

    [Theory]
    [InlineData(false, 3, 1, Outcome.Unreachable)]
    [InlineData(false, 3, 4, Outcome.TooLong)]
    [InlineData(true, 1, 3, Outcome.Unreachable)]
    [InlineData(true, 2, 0, Outcome.TooLong)]
    public void An_error_is_known_by_the_request_that_it_quotes(
        bool ipv6,
        byte kind,
        byte code,
        object outcome
    )
    {
        // As a router sends it: its own header where the socket gives one, the error, the packet it is about.
        byte[] quoted = ipv6 ? [.. new byte[40], .. Echo(ipv6)] : Echo(ipv6);
        byte[] error = [kind, code, 0, 0, 0, 0, 0, 0, .. quoted];
        byte[] packet = ipv6 ? error : [.. Echo(ipv6)[..20], .. error];
        Assert.Equal(
            new IcmpNews((Outcome)outcome, 0xbeef, 0x1234, null),
            IcmpMessage.Read(packet, ipv6)
        );
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Whatever_is_cut_off_or_garbled_is_read_without_harm(bool ipv6)
    {
        byte[] quoted = ipv6 ? [.. new byte[40], .. Echo(ipv6)] : Echo(ipv6);
        byte[] packet =
        [
            .. ipv6 ? [] : Echo(ipv6)[..20],
            (byte)(ipv6 ? 1 : 3),
            1,
            0,
            0,
            0,
            0,
            0,
            0,
            .. quoted,
        ];
        var random = new Random(7);
        for (var length = 0; length <= packet.Length; length++)
        {
            IcmpMessage.Read(packet.AsSpan(0, length), ipv6);
            for (var round = 0; round < 200; round++)
            {
                var garbled = packet.AsSpan(0, length).ToArray();
                for (var hits = 0; length > 0 && hits < 3; hits++)
                {
                    garbled[random.Next(length)] = (byte)random.Next(256);
                }
                IcmpMessage.Read(garbled, ipv6);
            }
        }
    }

    [Fact]
    public void A_timestamp_is_read_from_the_answer_to_its_request_alone()
    {
        var time = new TimeSpan(0, 13, 14, 15, 16);
        var message = new byte[IcmpMessage.TimestampBytes];
        IcmpMessage.WriteTimestamp(message, 0xbeef, 0x1234, time);
        Assert.Equal([13, 0], message[..2]);
        Assert.Null(Read(message, 0x1234));
        byte[] answer = [14, .. message[1..12], .. message[8..12], .. message[8..12]];
        Assert.Equal(time, Read(answer, 0x1234));
        Assert.Null(Read(answer, 0x1235));
        Assert.Null(Read(answer[..^1], 0x1234));
        // Not in milliseconds since midnight UT.
        answer[16] |= 0x80;
        Assert.Null(Read(answer, 0x1234));

        static TimeSpan? Read(byte[] message, ushort sequence) =>
            IcmpMessage.ReadTimestamp([.. Echo(ipv6: false)[..20], .. message], 0xbeef, sequence);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(63)]
    [InlineData(1438)]
    public void The_words_of_a_message_and_its_checksum_add_up_to_all_ones(int size)
    {
        var message = new byte[size];
        IcmpMessage.WriteEcho(message, ipv6: false, 0xbeef, 0x1234, Cookie);
        var sum = 0;
        for (var at = 0; at < size; at += 2)
        {
            sum += message[at] << 8 | (at + 1 < size ? message[at + 1] : 0);
        }
        while (sum > 0xffff)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        Assert.Equal(0xffff, sum);
    }

    private static byte[] Echo(bool ipv6)
    {
        var message = new byte[64];
        IcmpMessage.WriteEcho(message, ipv6, 0xbeef, 0x1234, Cookie);
        return ipv6 ? message : [0x45, .. new byte[19], .. message];
    }
}
