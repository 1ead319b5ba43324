using System.Text.RegularExpressions;

namespace Weft.LabTests;

/// <summary>Whom a host takes for whom by the links that Weft makes.</summary>
public sealed class SenderTests
{
    // What comes to a port that nobody listens on is counted as such, once everything before has let it pass.
    private const string Arrived4 = "awk '/^Udp:/ { n = $3 } END { print n }' /proc/net/snmp";
    private const string Arrived6 = "awk '/^Udp6NoPorts/ { print $2 }' /proc/net/snmp6";
    private const string Refused4 =
        "awk '/^TcpExt:/ { for (i = 2; i <= NF; i++) if ($i == \"IPReversePathFilter\") at = i; n = $at } END { print n }' /proc/net/netstat";
    private const string Refused6 = "awk '/^Ip6InDiscards/ { print $2 }' /proc/net/snmp6";

    /// <summary>
    /// By the address of a peer, to the host's of the underlay, from a container whose bridge has no address there: what comes so the
    /// kernel's datapath takes for a tunnel's.
    /// </summary>
    [Fact]
    public async Task A_container_that_sends_as_a_peer_is_taken_for_none()
    {
        await using var lab = await OverlayLab.UpAsync(OverlayLab.TwoHosts);
        await lab.AllReachAllAsync();
        await lab.RunAsync(
            "host2",
            """
            underlay=$(ip -o addr show to 192.0.2.2 | awk '{ print $2 }')
            ip addr add fd77::2/64 dev $underlay nodad
            bridge=$(cat /sys/class/net/cont-mgmnt0/address)
            ip -n mastodon addr add 192.0.2.1/32 dev eth1
            ip -n mastodon addr add fd77::1/128 dev eth1 nodad
            ip -n mastodon route add 192.0.2.2/32 dev eth1 src 192.0.2.1
            ip -n mastodon route add fd77::2/128 dev eth1 src fd77::1
            ip -n mastodon neigh replace 192.0.2.2 lladdr $bridge dev eth1
            ip -n mastodon neigh replace fd77::2 lladdr $bridge dev eth1
            """
        );

        var arrived = await CountsAsync(Arrived4, Arrived6);
        await GrowAsync(Refused4, Refused6);
        Assert.Equal(arrived, await CountsAsync(Arrived4, Arrived6));

        // The same packets arrive where the kernel is let, which is no state for a host to be in.
        await lab.RunAsync(
            "host2",
            "echo 0 >/proc/sys/net/ipv4/conf/cont-mgmnt0/rp_filter; echo 0 >/proc/sys/net/ipv6/conf/cont-mgmnt0/disable_ipv6"
        );
        await GrowAsync(Arrived4, Arrived6);
        Assert.Contains(
            "only senders that it leads to, IPv6 off",
            (await lab.WeftAsync("host2", "plan")).Output,
            StringComparison.Ordinal
        );
        await lab.WeftDoneAsync("host2", "apply", "--yes");
        Assert.Equal(
            "1\n1\n",
            await lab.RunAsync(
                "host2",
                "cat /proc/sys/net/ipv4/conf/cont-mgmnt0/rp_filter /proc/sys/net/ipv6/conf/cont-mgmnt0/disable_ipv6"
            )
        );

        async Task<int[]> CountsAsync(params string[] counters) =>
            [
                .. Regex
                    .Split(
                        (await lab.RunAsync("host2", string.Join('\n', counters))).Trim(),
                        @"\s+"
                    )
                    .Select(count => int.Parse(count)),
            ];

        async Task GrowAsync(params string[] counters)
        {
            var before = await CountsAsync(counters);
            await Eventually.IsAsync(async () =>
            {
                await lab.TryAsync(
                    "host2",
                    "for to in 192.0.2.2 fd77::2; do ip netns exec mastodon bash -c \"echo forged >/dev/udp/$to/9\"; done"
                );
                return (await CountsAsync(counters))
                    .Zip(before)
                    .All(pair => pair.First > pair.Second);
            });
        }
    }
}
