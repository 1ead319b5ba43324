using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Weft.Core.Execution;
using Weft.Core.Linux;
using Weft.Core.Observation;
using Weft.Core.Planning;

namespace Weft.LabTests;

/// <summary>What is to be set of IPv6 beside addresses: that no container leads its host astray, and that a container has it at all.</summary>
public sealed partial class Ipv6SettingTests
{
    private const string Routes = "ip -6 route show default proto ra; ip -6 addr show dynamic";

    [Fact]
    public async Task A_container_that_advertises_itself_as_a_router_sways_no_host()
    {
        await using var lab = await OverlayLab.UpAsync(
            OverlayLab
                .TwoHosts.Replace(
                    "cont-mgmnt0: 10.8.2.3",
                    "cont-mgmnt0: 10.8.2.3, host-mgmnt0: 10.8.3.9",
                    StringComparison.Ordinal
                )
                .Replace(
                    "subnet: 10.8.3.0/24",
                    "subnet: [10.8.3.0/24, \"fd00:8:3::/64\"]",
                    StringComparison.Ordinal
                )
                .Replace(
                    "host1: 10.8.3.1, host2: 10.8.3.2",
                    "host1: [10.8.3.1, \"fd00:8:3::1\"], host2: [10.8.3.2, \"fd00:8:3::2\"]",
                    StringComparison.Ordinal
                )
        );
        await lab.AllReachAllAsync();
        await IsHeardAsync(lab, "host1", "eth2");
        Assert.Equal("", await lab.RunAsync("host1", Routes));
        Assert.Equal("", await lab.RunAsync("host2", Routes));

        // Where the overlay has no IPv6 nothing of it is heard, unless somebody switches it on.
        await lab.RunAsync("host1", "echo 0 >/proc/sys/net/ipv6/conf/cont-mgmnt0/disable_ipv6");
        await IsHeardAsync(lab, "host1", "eth1");
        Assert.Equal("", await lab.RunAsync("host1", Routes));

        // The same advertisement does what it says where the kernel takes it, which is no state for a host to be in.
        await lab.RunAsync(
            "host1",
            "for link in cont-mgmnt0 cont-mgmnt0-sw host-mgmnt0; do echo 1 >/proc/sys/net/ipv6/conf/$link/accept_ra; done"
        );
        await IsHeardAsync(lab, "host1", "eth2");
        await Eventually.IsAsync(async () =>
            (await lab.RunAsync("host1", Routes)).Contains(
                "default via fe80",
                StringComparison.Ordinal
            )
        );
        var plan = await lab.WeftAsync("host1", "plan", "--exit-code");
        Assert.Equal(3, plan.ExitCode);
        Assert.Equal(
            [
                "bridge cont-mgmnt0 no router advertisements, IPv6 off",
                "internal link host-mgmnt0 no router advertisements",
                "veth cont-mgmnt0-sw no router advertisements",
            ],
            plan.Output.Split('\n')
                .Where(line => line.Contains('~', StringComparison.Ordinal))
                .Select(line => Regex.Replace(line, "[ ~]+", " ").Trim())
                .Order(StringComparer.Ordinal)
        );
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        await lab.RunAsync("host1", "ip -6 route flush proto ra; ip -6 addr flush dynamic");
        await IsHeardAsync(lab, "host1", "eth2");
        Assert.Equal("", await lab.RunAsync("host1", Routes));
        await lab.WeftDoneAsync("host1", "plan", "--exit-code");
    }

    /// <summary>As in a container of Docker's that no network of its own gives IPv6.</summary>
    [Fact]
    public async Task A_container_that_has_IPv6_switched_off_gets_its_IPv6_address_and_keeps_the_rest_off()
    {
        await using var lab = await OverlayLab.BareAsync(
            OverlayLab
                .TwoHosts.Replace(
                    "subnet: 10.8.2.0/24",
                    "subnet: [10.8.2.0/24, \"fd00:8:2::/64\"]",
                    StringComparison.Ordinal
                )
                .Replace(
                    "cont-mgmnt0: 10.8.2.2",
                    "cont-mgmnt0: [10.8.2.2, \"fd00:8:2::2\"]",
                    StringComparison.Ordinal
                )
                .Replace(
                    "cont-mgmnt0: 10.8.2.3",
                    "cont-mgmnt0: [10.8.2.3, \"fd00:8:2::3\"]",
                    StringComparison.Ordinal
                )
        );
        await lab.RunAsync(
            "host1",
            """
            ip netns exec wallabag sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'
            ip -n wallabag link add other type veth peer name another
            """
        );
        await lab.ApplyEverywhereAsync();
        await lab.ReachesAsync("host1", "wallabag", "fd00:8:2::3", 1458);

        await lab.RunAsync(
            "host1",
            "ip netns exec wallabag sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth1/disable_ipv6'"
        );
        Assert.Contains(
            "IPv6 on, add fd00:8:2::2/64",
            (await lab.WeftAsync("host1", "plan")).Output,
            StringComparison.Ordinal
        );
        await lab.WeftDoneAsync("host1", "apply", "--yes");
        await lab.ReachesAsync("host1", "wallabag", "fd00:8:2::3", 1458);
        Assert.Equal(
            "1",
            (
                await lab.RunAsync(
                    "host1",
                    "ip netns exec wallabag cat /proc/sys/net/ipv6/conf/other/disable_ipv6"
                )
            ).Trim()
        );
    }

    /// <summary>What has a link's name before it is made anew goes, with all that was set of it.</summary>
    [Fact]
    public async Task A_link_that_takes_the_place_of_another_is_given_its_settings_and_not_the_other()
    {
        await using var lab = await TestLab.UpAsync(TestLab.HostsAt(1500, "192.0.2.1"));
        await lab.RunAsync("host1", "ip link add name again type bridge");

        var space = $"/proc/{lab["host1"].Pid}/ns/net";
        await LinkBatch.RunAsync(
            [
                LinkCommand.RemoveLink(Stage.BeforeSwitch, space, "again"),
                new(Stage.BeforeSwitch, space, "link add name its type veth peer name again"),
                LinkCommand.SetIpv6(Stage.BeforeSwitch, space, "its", "accept_ra", 0),
                LinkCommand.SetIpv6(Stage.BeforeSwitch, space, "again", "accept_ra", 0),
            ],
            TestContext.Current.CancellationToken
        );

        Assert.Equal(
            "0\n0\n",
            await lab.RunAsync(
                "host1",
                "cat /proc/sys/net/ipv6/conf/its/accept_ra /proc/sys/net/ipv6/conf/again/accept_ra"
            )
        );
    }

    /// <summary>Has mastodon, on host2, advertise itself until a host has taken notice of it three times.</summary>
    private static async Task IsHeardAsync(OverlayLab lab, string host, string @interface)
    {
        var path =
            $"/proc/{lab.Lab.Hosts.First(one => one.Name == "host2").Pid}/root/run/netns/mastodon";
        var before = await HeardAsync(lab, host);
        await Eventually.IsAsync(async () =>
        {
            NetworkNamespace.Run(path, () => Advertise(@interface));
            return await HeardAsync(lab, host) >= before + 3;
        });
    }

    private static async Task<int> HeardAsync(OverlayLab lab, string host) =>
        int.Parse(
            CountOfHeard()
                .Match(await lab.RunAsync(host, "cat /proc/net/snmp6"))
                .Groups["count"]
                .Value
        );

    /// <summary>Sends a router advertisement (RFC 4861 section 4.2) with a prefix to take an address of (section 4.6.2).</summary>
    private static bool Advertise(string @interface)
    {
        byte[] message =
        [
            .. (byte[])[134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0],
            .. (byte[])[3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0],
            .. IPAddress.Parse("fd99::").GetAddressBytes(),
        ];
        using var socket = new Socket(
            AddressFamily.InterNetworkV6,
            SocketType.Raw,
            ProtocolType.IcmpV6
        );
        var index = LinkReader.Read()[@interface].Index;
        socket.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastTimeToLive, 255);
        socket.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastInterface, index);
        socket.SendTo(message, new IPEndPoint(IPAddress.Parse("ff02::1"), 0));
        return true;
    }

    [GeneratedRegex(
        @"Icmp6InRouterAdvertisements\s+(?<count>\d+)",
        RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex CountOfHeard();
}
