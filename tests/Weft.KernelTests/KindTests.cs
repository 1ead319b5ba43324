using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>Every kind of tunnel and proof that can be encrypted is.</summary>
public sealed class KindTests
{
    [Theory]
    [InlineData(
        "type: vxlan, ipsec: { psk: { file: /etc/weft/psk } }",
        "192.0.2.1",
        "192.0.2.2",
        1412
    )]
    [InlineData(
        "type: geneve, ipsec: { psk: { file: /etc/weft/psk } }",
        "192.0.2.1",
        "192.0.2.2",
        1412
    )]
    [InlineData("type: gre, ipsec: { certificates: true }", "192.0.2.1", "192.0.2.2", 1424)]
    [InlineData(
        "type: gre, ipsec: { certificates: true, manager: openvswitch-ipsec }",
        "192.0.2.1",
        "192.0.2.2",
        1424
    )]
    [InlineData(
        "type: geneve, ipsec: { psk: { file: /etc/weft/psk }, manager: openvswitch-ipsec }",
        "192.0.2.1",
        "192.0.2.2",
        1412
    )]
    [InlineData(
        "type: geneve, ipsec: { psk: { file: /etc/weft/psk } }",
        "2001:db8::1",
        "2001:db8::2",
        1392
    )]
    [InlineData(
        "type: vxlan, ipsec: { psk: { file: /etc/weft/psk } }",
        "2001:db8::1",
        "2001:db8::2",
        1392
    )]
    public async Task All_ways_are_open_and_nothing_crosses_but_what_is_encrypted(
        string tunnels,
        string first,
        string second,
        int mtu
    )
    {
        if (tunnels.Contains("openvswitch-ipsec", StringComparison.Ordinal))
        {
            KernelLab.NeedsMonitor();
        }
        await using var lab = await KernelLab.UpAsync(
            $$"""
            name: kinds
            hosts: { host1: "{{first}}", host2: "{{second}}" }
            tunnels: { {{tunnels}} }
            networks:
              cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: true }
              host: { vlan: 100, subnet: 10.8.3.0/24, hosts: { host1: 10.8.3.1, host2: 10.8.3.2 } }
            containers:
              wallabag: { host: host1, engine: lxd, networks: { cont: 10.8.2.2 } }
              mastodon: { host: host2, engine: lxd, networks: { cont: 10.8.2.3 } }
            """
        );
        await Wire.StaysEncryptedAsync(lab, lab.AllReachAllAsync);

        await lab.ReachesAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, mtu);
        await lab.RefusesLargerAsync("host1", TwoHosts.Wallabag, TwoHosts.MastodonAddress, mtu);
        await TwoHosts.NetworksAreApartAsync(lab);
        if (tunnels.Contains("certificates: true }", StringComparison.Ordinal))
        {
            await TheKeyIsNowhereElseAsync(lab);
        }
    }

    /// <summary>What a host proves who it is with is in its file alone, however it came to be loaded.</summary>
    private static async Task TheKeyIsNowhereElseAsync(OverlayLab lab)
    {
        const string Key = "/etc/weft/pki/host1.key";
        await lab.WeftDoneAsync("host1", "destroy", "--yes");
        var search = await SecretSearch.BeginAsync(lab, "host1");
        var said = await lab.WeftAsync("host1", "apply", "--yes");
        var status = await lab.WeftAsync("host1", "status", "--json");
        Assert.Equal(
            [Key],
            await search.EndAsync(
                $"grep -v -e - {Key}",
                said.Output + said.Errors + status.Output + status.Errors
            )
        );
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    public async Task Several_hosts_are_encrypted_each_with_each(int count)
    {
        var numbers = Enumerable.Range(1, count).ToArray();
        await using var lab = await KernelLab.UpAsync(
            $$"""
            name: several
            hosts: { {{string.Join(", ", numbers.Select(n => $"host{n}: 192.0.2.{n}"))}} }
            tunnels: { type: gre, ipsec: { psk: { file: /etc/weft/psk } } }
            networks:
              host: { vlan: 100, subnet: 10.8.3.0/24, hosts: { {{string.Join(
                ", ",
                numbers.Select(n => $"host{n}: 10.8.3.{n}")
            )}} } }
            """
        );
        Wire.NothingPlain(await Wire.WatchAsync(lab, lab.AllReachAllAsync));
    }
}
