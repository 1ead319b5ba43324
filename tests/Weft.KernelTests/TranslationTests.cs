using Weft.Labs;

namespace Weft.KernelTests;

/// <summary>Hosts behind routers that translate their addresses one to one, as in clouds.</summary>
public sealed class TranslationTests
{
    // As without translation, less the 8 bytes of the UDP header (RFC 3948).
    private const int Mtu = 1416;

    [Theory]
    [InlineData("203.0.113.2")]
    [InlineData("{ address: 203.0.113.2, local: 10.1.0.6 }")]
    public async Task All_ways_are_open_and_nothing_crosses_but_ESP_in_UDP(string second)
    {
        KernelLab.NeedsProgram("nft", "nftables");
        await using var lab = await KernelLab.UpAsync(
            $$"""
            name: cloud
            hosts:
              host1: { address: 203.0.113.1, local: 10.0.0.5 }
              host2: {{second}}
            tunnels: { type: gre, ipsec: { psk: { file: /etc/weft/psk } } }
            networks:
              cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true }
              host: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1, host2: 10.8.3.2 } }
            containers:
              wallabag: { host: host1, engine: netns, networks: { cont: 10.8.2.2 } }
              mastodon: { host: host2, engine: netns, networks: { cont: 10.8.2.3 } }
            """
        );
        OnlyInUdp(
            await Wire.WatchAsync(
                lab,
                async () =>
                {
                    await lab.AllReachAllAsync();
                    await lab.ReachesAsync(
                        "host1",
                        TwoHosts.Wallabag,
                        TwoHosts.MastodonAddress,
                        Mtu
                    );
                    await lab.ReachesAsync(
                        "host2",
                        TwoHosts.Mastodon,
                        TwoHosts.WallabagAddress,
                        Mtu
                    );
                }
            )
        );
        await lab.RefusesLargerAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, Mtu);
        await lab.WeftDoneAsync("host1", "doctor");
        Assert.Contains(
            "ESP in UDP",
            await lab.WeftDoneAsync("host2", "status"),
            StringComparison.Ordinal
        );

        // The one in front loses all that it knew, and the other has to find that out.
        await lab.RunAsync("host1", "sync");
        await lab.RebootAsync("host1", cut: true);
        OnlyInUdp(
            await Wire.WatchAsync(
                lab,
                async () =>
                {
                    await lab.WeftDoneAsync("host1", "apply", "--yes");
                    await lab.AllReachAllAsync();
                }
            )
        );
        await Mishap.EndCharonAsync(lab, "host1", "KILL");
        await Mishap.StartCharonAsync(lab, "host1");
        OnlyInUdp(
            await Wire.WatchAsync(
                lab,
                async () =>
                {
                    await lab.WeftDoneAsync("host1", "apply", "--yes");
                    await lab.AllReachAllAsync();
                }
            )
        );
    }

    private static void OnlyInUdp(WireCounts crossed)
    {
        Wire.NothingPlain(crossed);
        Assert.True(crossed[WireKind.Esp] == 0, crossed.ToString());
    }
}
