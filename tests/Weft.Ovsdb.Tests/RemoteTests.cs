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
