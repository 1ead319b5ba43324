namespace Weft.LabTests;

/// <summary>What a bystander on the same container bridge sees of others' traffic.</summary>
public sealed class UplinkTests
{
    private const int Pings = 100;

    [Theory]
    [InlineData("veth", 0)]
    [InlineData("direct", Pings)]
    public async Task A_flow_to_a_remote_container_is_flooded_to_a_bystander_only_with_a_direct_uplink(
        string uplink,
        int seen
    )
    {
        await using var lab = await OverlayLab.UpAsync(
            $$"""
            name: uplinks
            hosts: { host1: 192.0.2.1, host2: 192.0.2.2 }
            networks:
              cont: { vlan: 200, subnet: 10.8.2.0/24, bridge: { uplink: {{uplink}} } }
            containers:
              sender: { host: host1, engine: netns, networks: { cont: 10.8.2.2 } }
              bystander: { host: host1, engine: netns, networks: { cont: 10.8.2.3 } }
              receiver: { host: host2, engine: netns, networks: { cont: 10.8.2.4 } }
            """
        );
        await lab.ReachesAsync("host1", "sender", "10.8.2.4", 1458);
        await lab.ReachesAsync("host1", "bystander", "10.8.2.4", 1458);
        await using var capture = await Capture.StartAsync(
            lab.Hosts[0],
            "bystander",
            "eth1",
            "icmp[icmptype] = icmp-echo"
        );

        await lab.RunAsync("host1", $"ip netns exec sender ping -n -c {Pings} -i 0.01 10.8.2.4");
        // The bystander's own ping comes after all of them.
        await lab.RunAsync("host1", "ip netns exec bystander ping -n -c 1 10.8.2.4");

        await Eventually.IsAsync(() => capture.Packets.Any(packet => IsFrom(packet, "10.8.2.3")));
        Assert.Equal(seen, capture.Packets.Count(packet => IsFrom(packet, "10.8.2.2")));
    }

    private static bool IsFrom(string packet, string address) =>
        packet.Contains($" {address} > 10.8.2.4: ICMP echo request", StringComparison.Ordinal);
}
