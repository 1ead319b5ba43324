using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Intents;

public sealed class IpsecIntentTests
{
    [Fact]
    public void Without_ipsec_there_is_none() => Assert.Null(TwoHosts.Intent().Ipsec);

    [Fact]
    public void With_a_key_hosts_are_who_their_underlay_addresses_say()
    {
        var ipsec = TwoHosts.Intent(TwoHosts.Encrypted).Ipsec!;
        Assert.Equal(
            (IpsecManager.StrongSwan, new KeyFile("/etc/weft/psk"), "192.0.2.1", "192.0.2.1"),
            (ipsec.Manager, ipsec.Credentials, ipsec.LocalAddress.ToString(), ipsec.LocalIdentity)
        );
        var peer = Assert.Single(ipsec.Peers);
        Assert.Equal(
            ("host2", "192.0.2.2", "192.0.2.2", "gre", false),
            (
                peer.Name,
                peer.Address.ToString(),
                peer.Identity,
                peer.Traffic.ToString(),
                peer.NatTraversal
            )
        );
    }

    [Fact]
    public void With_certificates_hosts_are_who_their_names_say_and_find_their_own_files()
    {
        var ipsec = Intent("type: geneve, ipsec: { certificates: { key: /keys/HOST/key } }").Ipsec!;
        Assert.Equal(
            new CertificateFiles(
                "/etc/weft/pki/ca.pem",
                "/etc/weft/pki/host1.pem",
                "/keys/host1/key"
            ),
            ipsec.Credentials
        );
        Assert.Equal(("host1", "host2"), (ipsec.LocalIdentity, ipsec.Peers[0].Identity));
        Assert.Equal(new TunnelTraffic(17, 6081), ipsec.Peers[0].Traffic);
    }

    [Fact]
    public void A_host_behind_address_translation_sends_from_its_own_address_and_is_known_by_the_other()
    {
        var file = TwoHosts
            .File.Replace("host1: 192.0.2.1", "host1: { address: 192.0.2.1, local: 10.0.0.5 }")
            .Replace(
                "type: gre",
                "type: gre, ipsec: { psk: { env: WEFT_PSK }, manager: strongswan }"
            );
        var here = TwoHosts.Intent(TwoHosts.Read(file));
        Assert.Equal("10.0.0.5", here.Underlay!.ToString());
        Assert.Equal(
            ("10.0.0.5", "192.0.2.1", true),
            (
                here.Ipsec!.LocalAddress.ToString(),
                here.Ipsec.LocalIdentity,
                here.Ipsec.Peers[0].NatTraversal
            )
        );
        Assert.Equal("local_ip=10.0.0.5 remote_ip=192.0.2.2", Options(here));
        var there = IntentBuilder.Build(TwoHosts.Read(file), "host2", kernelDatapath: true);
        Assert.Equal(
            ("192.0.2.1", true),
            (there.Ipsec!.Peers[0].Address.ToString(), there.Ipsec.Peers[0].NatTraversal)
        );
        Assert.Equal("local_ip=192.0.2.2 remote_ip=192.0.2.1", Options(there));
    }

    [Fact]
    public void Without_encryption_a_local_address_is_the_tunnels_too() =>
        Assert.Equal(
            "local_ip=10.0.0.5 remote_ip=192.0.2.2",
            Options(
                TwoHosts.Intent(
                    TwoHosts.Read(
                        TwoHosts.File.Replace(
                            "host1: 192.0.2.1",
                            "host1: { address: 192.0.2.1, local: 10.0.0.5 }"
                        )
                    )
                )
            )
        );

    [Theory]
    [InlineData(
        "192.0.2.1",
        "1424 = 1500 (the smallest underlay, host1) − 20 IPv4 header − 32 ESP header, IV and ICV (AES-GCM-16) − 2 ESP trailer and padding − 4 GRE header − 14 inner Ethernet header − 4 inner VLAN tag"
    )]
    [InlineData(
        "{ address: 192.0.2.1, local: 10.0.0.5 }",
        "1416 = 1500 (the smallest underlay, host1) − 20 IPv4 header − 8 UDP header of NAT traversal (RFC 3948) − 32 ESP header, IV and ICV (AES-GCM-16) − 2 ESP trailer and padding − 4 GRE header − 14 inner Ethernet header − 4 inner VLAN tag"
    )]
    [InlineData(
        "{ address: 192.0.2.1, mtu: 1499 }",
        "1420 = 1499 (the smallest underlay, host1) − 20 IPv4 header − 32 ESP header, IV and ICV (AES-GCM-16) − 5 ESP trailer and padding − 4 GRE header − 14 inner Ethernet header − 4 inner VLAN tag"
    )]
    public void The_MTU_leaves_room_for_encryption(string host, string sum)
    {
        var file = TwoHosts
            .File.Replace("host1: 192.0.2.1", $"host1: {host}")
            .Replace("type: gre", "type: gre, ipsec: { certificates: true }");
        Assert.Equal(sum, TwoHosts.Intent(TwoHosts.Read(file)).Mtu!.Explain());
    }

    private static string Options(HostIntent intent) =>
        string.Join(
            ' ',
            intent
                .Switch!.Ports.Single(port => port.Peer is not null)
                .Options.Select(option => $"{option.Key}={option.Value}")
        );

    private static HostIntent Intent(string tunnels) =>
        TwoHosts.Intent(TwoHosts.Read(TwoHosts.File.Replace("type: gre", tunnels)));
}
