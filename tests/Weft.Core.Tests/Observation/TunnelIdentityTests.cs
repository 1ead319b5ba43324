using System.Collections.Immutable;
using Weft.Core.Observation;

namespace Weft.Core.Tests.Observation;

/// <summary>Which tunnels Open vSwitch takes for one, however they are written.</summary>
public sealed class TunnelIdentityTests
{
    [Theory]
    [InlineData("gre", "key=0x7", "key=7", true)]
    [InlineData("gre", "key=07", "key=7", true)]
    [InlineData("gre", "key=0", "", true)]
    [InlineData("gre", "key=flow", "key=flow", true)]
    [InlineData("gre", "key=flow", "", false)]
    [InlineData("gre", "key=010", "key=10", false)]
    [InlineData("gre", "in_key=7", "key=7", true)]
    [InlineData("vxlan", "dst_port=4789", "", true)]
    [InlineData("vxlan", "dst_port=8472", "", false)]
    [InlineData("geneve", "dst_port=6081", "", true)]
    public void By_kind_key_and_port(string type, string one, string other, bool isSame) =>
        Assert.Equal(
            isSame,
            TunnelIdentity.Of(type, Options("192.0.2.2", one))
                == TunnelIdentity.Of(type, Options("192.0.2.2", other))
        );

    [Theory]
    [InlineData("2001:DB8:0::2", "2001:db8::2", true)]
    [InlineData("2001:db8:0:0:0:0:0:2", "2001:db8::2", true)]
    [InlineData("2001:db8::3", "2001:db8::2", false)]
    [InlineData("flow", "flow", true)]
    public void By_where_they_lead(string one, string other, bool isSame) =>
        Assert.Equal(
            isSame,
            TunnelIdentity.Of("gre", Options(one, ""))
                == TunnelIdentity.Of("gre", Options(other, ""))
        );

    [Fact]
    public void What_leads_nowhere_is_no_tunnel() =>
        Assert.Null(TunnelIdentity.Of("internal", ImmutableSortedDictionary<string, string>.Empty));

    [Theory]
    [InlineData("0x", null)]
    [InlineData("08", null)]
    [InlineData("-1", null)]
    [InlineData("0x100000000000000000", null)]
    [InlineData("02000000000000000000000", null)]
    [InlineData("01777777777777777777777", ulong.MaxValue)]
    [InlineData("18446744073709551615", ulong.MaxValue)]
    [InlineData("0", 0ul)]
    public void A_key_is_read_as_far_as_it_is_a_number(string key, ulong? number) =>
        Assert.Equal(number, TunnelIdentity.NumberOf(key));

    private static ImmutableSortedDictionary<string, string> Options(string remote, string more)
    {
        var options = ImmutableSortedDictionary<string, string>.Empty.Add("remote_ip", remote);
        return more.Split('=') is [var name, var value] ? options.Add(name, value) : options;
    }
}
