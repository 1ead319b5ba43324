using Weft.Core.Addressing;
using Weft.Labs;

namespace Weft.LabTests;

/// <summary>The two hosts of examples/two-hosts.yaml as guides have them set up, by typing it on each.</summary>
internal static class HandMade
{
    /// <summary>What the guide has a tunnel encrypted by.</summary>
    public const string WithKey = "options:psk=not-a-real-key-0123";

    /// <summary>ARGUMENTS: the other host, the container, its address, the host's own, the switch's datapath, the tunnel's options, its type, and the MTU.</summary>
    private const string Host = """
        ip link add cont-mgmnt0 type bridge stp_state 1 forward_delay 200
        ip link set cont-mgmnt0 up
        ip link add veth0 type veth peer name eth1 netns $2
        ip link set veth0 master cont-mgmnt0 up
        ip -n $2 addr add $3/24 dev eth1
        ip -n $2 link set eth1 up
        ovs-vsctl add-br ovsbr0 -- set bridge ovsbr0 datapath_type=$5
        ovs-vsctl set int ovsbr0 mtu_request=$8
        ovs-vsctl add-port ovsbr0 cont-mgmnt0 tag=200
        ovs-vsctl add-port ovsbr0 ${7}0 -- set interface ${7}0 type=$7 options:remote_ip=$1 $6
        ovs-vsctl add-port ovsbr0 host-mgmnt0 tag=100 -- set interface host-mgmnt0 type=internal
        ip addr add $4/24 dev host-mgmnt0
        ip link set host-mgmnt0 up
        """;

    // What failed before the other host was there the kernel lets nobody try again for minutes.
    private const string Agree = """
        for connection in $1; do
          ipsec status $connection 2>/dev/null | grep -q 'ESP SPIs' || timeout 10 ipsec up $connection
        done
        """;

    /// <summary>Sets both up, and waits until they reach one another, encrypted where the tunnel has a key.</summary>
    /// <param name="lab">The lab, in which nothing is applied.</param>
    /// <param name="datapath">What the switch forwards by.</param>
    /// <param name="tunnel">More options of the tunnel.</param>
    /// <param name="type">What the tunnel is made of.</param>
    public static async Task SetUpAsync(
        OverlayLab lab,
        Datapath datapath,
        string tunnel = "",
        TunnelType type = TunnelType.Gre
    )
    {
        await OneAsync("host1", "192.0.2.2", "wallabag", "10.8.2.2", "10.8.3.1");
        await OneAsync("host2", "192.0.2.1", "mastodon", "10.8.2.3", "10.8.3.2");
        if (datapath is Datapath.Kernel && tunnel == WithKey)
        {
            if (type is not TunnelType.Gre)
            {
                // The host that was there first has begun, was forgotten by the other, and waits for it: of a tunnel with two
                // connections nothing but this has it begin anew.
                await Task.WhenAll(
                    lab.Hosts.Select(host => lab.RunAsync(host.Name, "ipsec restart"))
                );
            }
            await Eventually.IsAsync(async () =>
                (
                    await lab.TryAsync(
                        "host1",
                        $"set -- '{string.Join(' ', ConnectionsOf(type))}'\n{Agree}"
                    )
                ).ExitCode == 0
            );
        }
        await lab.ReachesAsync("host1", "wallabag", "10.8.2.3", 84);
        await lab.ReachesAsync("host1", null, "10.8.3.2", 84);

        Task OneAsync(string host, string other, string container, string address, string own) =>
            lab.RunAsync(
                host,
                $"set -- {other} {container} {address} {own} {(datapath is Datapath.Kernel ? "system" : "netdev")} '{tunnel}' {type.ToString().ToLowerInvariant()} {MtuOf(type)}\n{Host}"
            );
    }

    /// <summary>What a tunnel's port is called.</summary>
    public static string PortOf(TunnelType type) => $"{type.ToString().ToLowerInvariant()}0";

    /// <summary>What ovs-monitor-ipsec calls that which encrypts the tunnel at first: of one whose packets have ports, each way's.</summary>
    public static IReadOnlyList<string> ConnectionsOf(TunnelType type) =>
        type is TunnelType.Gre
            ? [$"{PortOf(type)}-1"]
            : [$"{PortOf(type)}-in-1", $"{PortOf(type)}-out-1"];

    // What guides say, and none says too much.
    private static int MtuOf(TunnelType type) => type is TunnelType.Gre ? 1416 : 1350;
}
