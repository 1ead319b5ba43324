using Weft.Core.Intents;
using Weft.Core.Tests.Planning.Model;

namespace Weft.Core.Tests.Intents;

public sealed class IntentBuilderTests
{
    [Theory]
    [InlineData(
        "tunnels: { type: gre }",
        "1458 = 1500 (the smallest underlay, host1) − 20 IPv4 header − 4 GRE header − 14 inner Ethernet header − 4 inner VLAN tag"
    )]
    [InlineData(
        "tunnels: { type: gre, key: 7 }",
        "1454 = 1500 (the smallest underlay, host1) − 20 IPv4 header − 8 GRE header with key − 14 inner Ethernet header − 4 inner VLAN tag"
    )]
    [InlineData(
        "tunnels: { type: vxlan, key: 7 }",
        "1446 = 1500 (the smallest underlay, host1) − 20 IPv4 header − 16 UDP and VXLAN headers − 14 inner Ethernet header − 4 inner VLAN tag"
    )]
    [InlineData(
        "tunnels: { type: geneve }",
        "1446 = 1500 (the smallest underlay, host1) − 20 IPv4 header − 16 UDP and Geneve headers − 14 inner Ethernet header − 4 inner VLAN tag"
    )]
    public void The_MTU_says_how_it_came_about(string tunnels, string explanation)
    {
        var overlay = TwoHosts.Read(TwoHosts.File.Replace("tunnels: { type: gre }", tunnels));
        Assert.Equal(explanation, TwoHosts.Intent(overlay).Mtu!.Explain());
    }

    [Fact]
    public void The_MTU_of_all_is_that_of_the_worst_connected_host()
    {
        var overlay = TwoHosts.Read(
            TwoHosts
                .File.Replace("host1: 192.0.2.1", "host1: { address: 192.0.2.1, mtu: 9000 }")
                .Replace("host2: 192.0.2.2", "host2: { address: 192.0.2.2, mtu: 1400 }")
        );
        var intent = TwoHosts.Intent(overlay);
        Assert.StartsWith("1358 = 1400 (the smallest underlay, host2)", intent.Mtu!.Explain());
        Assert.All(intent.Links, link => Assert.Equal(1358, link.Mtu));
        Assert.All(intent.Attachments, attachment => Assert.Equal(1358, attachment.Mtu));
        Assert.All(
            intent.Switch!.Ports.Where(port => port.Type == "internal"),
            port => Assert.Equal(1358, port.MtuRequest)
        );
    }

    [Fact]
    public void Every_other_host_has_one_protected_tunnel_with_the_key_and_the_port()
    {
        var overlay = TwoHosts.Read(
            TwoHosts
                .File.Replace(
                    "tunnels: { type: gre }",
                    "tunnels: { type: vxlan, key: 7, port: 8472 }"
                )
                .Replace(
                    "host2: 192.0.2.2",
                    "host2: 192.0.2.2\n  a-host-with-a-long-name: 192.0.2.3"
                )
        );
        var tunnels = TwoHosts
            .Intent(overlay)
            .Switch!.Ports.Where(port => port.Peer is not null)
            .ToList();
        Assert.Equal(["host2", "a-host-with-a-long-name"], tunnels.Select(port => port.Peer));
        Assert.All(
            tunnels,
            port =>
                Assert.True(
                    port is { Protected: true, Tag: null, Type: "vxlan" } && port.Name.Length <= 15
                )
        );
        Assert.Equal(
            "dst_port=8472 key=7 local_ip=192.0.2.1 remote_ip=192.0.2.2",
            string.Join(' ', tunnels[0].Options.Select(option => $"{option.Key}={option.Value}"))
        );
    }

    [Theory]
    [InlineData("auto", true, false)]
    [InlineData("auto", false, true)]
    [InlineData("kernel", false, false)]
    [InlineData("userspace", true, true)]
    public void The_datapath_is_the_kernels_where_there_is_one_unless_the_file_says(
        string choice,
        bool kernelDatapath,
        bool userspace
    )
    {
        var overlay = TwoHosts.Read($"datapath: {choice}\n{TwoHosts.File}");
        Assert.Equal(userspace, TwoHosts.Intent(overlay, kernelDatapath).Switch!.Userspace);
    }

    [Fact]
    public void A_direct_bridge_is_the_port_itself_and_a_container_without_a_bridge_is_one_too()
    {
        var overlay = TwoHosts.Read(
            TwoHosts
                .File.Replace("bridge: { stp: true }", "bridge: { uplink: direct }")
                .Replace(
                    "networks: { cont-mgmnt0: 10.8.2.2 }",
                    "networks: { cont-mgmnt0: 10.8.2.2, host-mgmnt0: 10.8.3.9 }"
                )
        );
        var intent = TwoHosts.Intent(overlay);
        Assert.Equal(
            ["ovsbr0", "cont-mgmnt0", "host-mgmnt0", "wallabag-eth2", "tun-host2"],
            intent.Switch!.Ports.Select(port => port.Name)
        );
        Assert.Equal(
            ["cont-mgmnt0", null],
            intent.Attachments.Select(attachment => attachment.Bridge)
        );
    }

    /// <summary>Nobody else fills them in: behind an uplink that is a pair, the pair's setting serves all.</summary>
    [Theory]
    [InlineData(true, "switch", "veth", true)]
    [InlineData(true, "bridge", "direct", true)]
    [InlineData(true, "bridge", "veth", false)]
    [InlineData(false, "switch", "veth", false)]
    [InlineData(false, "bridge", "direct", false)]
    public void A_container_completes_its_checksums_where_the_switch_itself_reads_them_from_it(
        bool userspace,
        string attach,
        string uplink,
        bool completes
    )
    {
        var overlay = TwoHosts.Read(
            TwoHosts
                .File.Replace("bridge: { stp: true }", $"bridge: {{ uplink: {uplink} }}")
                .Replace(
                    "networks: { cont-mgmnt0: 10.8.2.2 }",
                    $"networks: {{ cont-mgmnt0: {{ address: 10.8.2.2, attach: {attach} }} }}"
                )
        );
        var attachment = Assert.Single(TwoHosts.Intent(overlay, !userspace).Attachments);
        Assert.Equal(completes, attachment.ChecksumAtContainer);
    }

    [Fact]
    public void A_host_that_the_overlay_does_not_have_is_named() =>
        Assert.Contains(
            "overlay 'homelab' has no host 'host9'",
            Assert
                .Throws<ArgumentException>(() =>
                    IntentBuilder.Build(TwoHosts.Overlay, "host9", true)
                )
                .Message
        );

    [Theory]
    [InlineData("10.8.2.5", 24, "10.8.2.77", 24, true)]
    [InlineData("10.8.2.5", 24, "10.8.3.77", 24, false)]
    [InlineData("10.8.2.5", 24, "10.8.2.77", 16, false)]
    [InlineData("10.8.2.5", 0, "192.0.2.1", 0, true)]
    [InlineData("fd00::1", 64, "fd00::2", 64, false)]
    public void Only_IPv4_addresses_share_a_subnet_as_the_kernel_has_it(
        string one,
        int length,
        string other,
        int otherLength,
        bool share
    ) =>
        Assert.Equal(
            share,
            new InterfaceAddress(System.Net.IPAddress.Parse(one), length).SharesSubnetWith(
                new InterfaceAddress(System.Net.IPAddress.Parse(other), otherLength)
            )
        );

    [Theory]
    [InlineData("weft:homelab", "homelab")]
    [InlineData("weft:", "")]
    [InlineData("weft:homelab:adopted", "homelab")]
    [InlineData("weft:adopted", "adopted")]
    [InlineData("weft:adopted:adopted", "adopted")]
    [InlineData("weft", null)]
    [InlineData("my weft:homelab", null)]
    [InlineData(null, null)]
    public void An_alias_names_its_overlay_only_as_Weft_writes_it(string? alias, string? overlay) =>
        Assert.Equal(overlay, OwnershipMark.OfAlias(alias));
}
