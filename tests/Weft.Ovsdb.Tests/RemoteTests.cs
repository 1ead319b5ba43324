namespace Weft.Ovsdb.Tests;

public sealed class RemoteTests
{
    [Theory]
    [InlineData("unix:/run/openvswitch/db.sock", "unix:/run/openvswitch/db.sock")]
    [InlineData("tcp:127.0.0.1:6641", "tcp:127.0.0.1:6641")]
    [InlineData("tcp:127.0.0.1", "tcp:127.0.0.1:6640")]
    [InlineData("tcp:[::1]:6640", "tcp:[::1]:6640")]
    [InlineData("ssl:[fe80::1]", "ssl:[fe80::1]:6640")]
    [InlineData("ssl:db.example.org:1", "ssl:db.example.org:1")]
    public void A_remote_is_read_and_written_as_open_vswitch_does(string text, string canonical)
    {
        var remote = Remote.Parse(text);
        Assert.Equal(canonical, remote.ToString());
        Assert.Equal(remote, Remote.Parse(canonical));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/run/db.sock")]
    [InlineData("unix:")]
    [InlineData("udp:127.0.0.1:1")]
    [InlineData("tcp:")]
    [InlineData("tcp::1:6640")]
    [InlineData("tcp:[::1")]
    [InlineData("tcp:[::1]6640")]
    [InlineData("tcp:host:0")]
    [InlineData("tcp:host:65536")]
    [InlineData("tcp:host:+1")]
    [InlineData("tcp:host:x")]
    public void What_is_no_remote_is_refused_with_advice(string text)
    {
        var error = Assert.Throws<FormatException>(() => Remote.Parse(text));
        Assert.Contains(" is no OVSDB remote: ", error.Message);
    }

    [Theory]
    [InlineData("host", 0)]
    [InlineData("host", -1)]
    [InlineData("host", 65536)]
    [InlineData("", 6640)]
    [InlineData(null, 6640)]
    public void A_host_or_a_port_that_is_none_is_refused(string? host, int port)
    {
        Assert.ThrowsAny<ArgumentException>(() => Remote.Tcp(host!, port));
        Assert.ThrowsAny<ArgumentException>(() => Remote.Ssl(host!, port));
    }

    [Fact]
    public void A_host_that_is_too_tooLongto_be_one_is_refused()
    {
        var host = new string('x', 256);
        Assert.Throws<ArgumentException>(() => Remote.Tcp(host));
        Assert.Throws<FormatException>(() => Remote.Parse($"tcp:{host}"));
        Assert.Equal(host[..255], Remote.Parse($"ssl:{host[..255]}:1").Address);
    }

    [Fact]
    public void Options_that_no_timer_can_meet_are_refused()
    {
        var good = new OvsdbClientOptions { Remotes = [Remote.Unix("/nonexistent")] };
        var tooLong = TimeSpan.FromDays(50);
        foreach (
            var (bad, name) in (ReadOnlySpan<(OvsdbClientOptions, string)>)
                [
                    (
                        good with
                        {
                            ReconnectPatience = TimeSpan.FromSeconds(-1),
                        },
                        "ReconnectPatience"
                    ),
                    (good with { ReconnectPatience = tooLong }, "ReconnectPatience"),
                    (good with { ConnectTimeout = tooLong }, "ConnectTimeout"),
                    (good with { ProbeInterval = tooLong }, "ProbeInterval"),
                    (good with { MaxBackoff = tooLong }, "MaxBackoff"),
                ]
        )
        {
            Assert.Contains(name, Assert.Throws<ArgumentException>(bad.Check).Message);
        }

        (good with { ReconnectPatience = Timeout.InfiniteTimeSpan }).Check();
    }

    [Fact]
    public void A_socket_path_that_the_kernel_cannot_take_is_refused() =>
        Assert.Throws<FormatException>(() => Remote.Unix("/" + new string('x', 107)));

    [Fact]
    public void A_list_has_commas_between_the_remotes() =>
        Assert.Equal(
            [Remote.Tcp("a", 1), Remote.Ssl("b", 2)],
            Remote.ParseList("tcp:a:1, ssl:b:2")
        );
}
