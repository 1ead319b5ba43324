using Weft.Core.Linux;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>Hosts whose addresses are translated one to one on the way, without encryption.</summary>
public sealed class TranslationTests
{
    [Theory]
    [InlineData("gre", "203.0.113.2", 1458)]
    [InlineData("gre", "{ address: 203.0.113.2, local: 10.0.0.6 }", 1458)]
    [InlineData("vxlan", "{ address: 203.0.113.2, local: 192.168.7.8 }", 1446)]
    public async Task All_ways_are_open_at_the_whole_MTU(string type, string second, int mtu)
    {
        if (Tool.Find("nft") is null)
        {
            Assert.Skip("this machine has no nft: apt-get install nftables");
        }
        await using var lab = await OverlayLab.UpAsync(
            $$"""
            name: cloud
            hosts:
              host1: { address: 203.0.113.1, local: 10.0.0.5 }
              host2: {{second}}
            tunnels: { type: {{type}} }
            networks:
              host: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1, host2: 10.8.3.2 } }
            """
        );
        await lab.AllReachAllAsync();
        await lab.ReachesAsync("host1", null, "10.8.3.2", mtu);
        Assert.Contains(
            "10.0.0.5",
            await lab.RunAsync("host1", "ip address"),
            StringComparison.Ordinal
        );
        Assert.DoesNotContain(
            "203.0.113.1",
            await lab.RunAsync("host1", "ip address"),
            StringComparison.Ordinal
        );
        await lab.WeftDoneAsync("host1", "status");
    }

    [Fact]
    public async Task An_IPv6_address_that_would_have_to_be_translated_is_refused()
    {
        var overlay = TestLab.HostsAt(1500, "2001:db8::1", "2001:db8::2");
        var refused = await Assert.ThrowsAsync<LabException>(() =>
            TestLab.UpAsync(
                overlay with
                {
                    Hosts =
                    [
                        overlay.Hosts[0],
                        overlay.Hosts[1] with
                        {
                            Local = System.Net.IPAddress.Parse("fd00::2"),
                        },
                    ],
                }
            )
        );
        Assert.Equal(
            "host 'host2' has local address fd00::2: a lab translates IPv4 addresses only",
            refused.Message
        );
    }
}
