namespace Weft.Core.Tests.Planning.Model;

/// <summary>Hosts that were set up by hand, as guides have it: no mark is on anything.</summary>
internal static class ByHand
{
    /// <summary>host1 of <see cref="TwoHosts"/>, with its underlay address on a link.</summary>
    public static ModelHost Host1() => Host("wallabag", 1, 2);

    /// <summary>host2 of <see cref="TwoHosts"/>.</summary>
    public static ModelHost Host2() => Host("mastodon", 2, 1);

    private static ModelHost Host(string container, int own, int other)
    {
        var host = new ModelHost(kernelDatapath: true, container);
        host.Add(
            new ModelLink
            {
                Index = 0,
                Namespace = null,
                Name = "eth0",
                Kind = "",
                Mac = Core.Addressing.MacAddress.Derive("hardware", container),
                Up = true,
                Addresses = [new(System.Net.IPAddress.Parse($"192.0.2.{own}"), 24)],
            }
        );
        Array.ForEach(
            (string[])
                [
                    "ip link add name cont-mgmnt0 type bridge stp_state 1",
                    "ip link set dev cont-mgmnt0 up",
                    $"ip link add name veth0 type veth peer name eth1 netns {container}",
                    "ip link set dev veth0 master cont-mgmnt0 up",
                    $"ip -n {container} addr add 10.8.2.{own + 1}/24 dev eth1",
                    $"ip -n {container} link set dev eth1 up",
                    "ovs-vsctl add-br ovsbr0",
                    "ovs-vsctl set interface ovsbr0 mtu_request=1416",
                    "ovs-vsctl add-port ovsbr0 cont-mgmnt0 tag=200",
                    $"ovs-vsctl add-port ovsbr0 gre0 -- set interface gre0 type=gre options:remote_ip=192.0.2.{other}",
                    "ovs-vsctl add-port ovsbr0 host-mgmnt0 tag=100 -- set interface host-mgmnt0 type=internal",
                    $"ip addr add 10.8.3.{own}/24 dev host-mgmnt0",
                    "ip link set dev host-mgmnt0 up",
                ],
            host.Shell
        );
        return host;
    }
}
