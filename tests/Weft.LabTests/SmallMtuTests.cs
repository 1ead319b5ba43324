namespace Weft.LabTests;

/// <summary>An underlay of 1280 bytes, as VPNs have it, leaves the overlay less than IPv6 takes (RFC 8200, section 5).</summary>
public sealed class SmallMtuTests
{
    private static readonly string Small = OverlayLab
        .TwoHosts.Replace(
            "host1: 192.0.2.1",
            "host1: { address: 192.0.2.1, mtu: 1280 }",
            StringComparison.Ordinal
        )
        .Replace(
            "host2: 192.0.2.2",
            "host2: { address: 192.0.2.2, mtu: 1280 }",
            StringComparison.Ordinal
        );

    [Fact]
    public async Task Networks_without_IPv6_are_made_there_and_shrink_and_grow()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.AllReachAllAsync();

        await BecomesAsync(Small, 1238);
        foreach (var host in lab.Hosts)
        {
            await lab.WeftDoneAsync(host.Name, "destroy", "--yes");
            await lab.WeftDoneAsync(host.Name, "apply", "--yes");
        }
        await BecomesAsync(Small, 1238);
        await BecomesAsync(OverlayLab.TwoHosts, 1458);
        // What the kernel gives a link that grows is taken away again.
        Assert.Equal("", await lab.RunAsync("host1", "ip -6 address show dev cont-mgmnt0"));

        async Task BecomesAsync(string file, int mtu)
        {
            Assert.Contains("mtu: 1280", Small, StringComparison.Ordinal);
            await lab.WriteFileAsync(file);
            foreach (var host in lab.Hosts)
            {
                await lab.WeftDoneAsync(host.Name, "apply", "--yes");
                await lab.WeftDoneAsync(host.Name, "plan", "--exit-code");
            }
            await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", mtu);
            await lab.AllReachAllAsync();
        }
    }
}
