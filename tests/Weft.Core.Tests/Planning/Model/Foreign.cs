using CsCheck;
using Weft.Core.Addressing;
using Weft.Core.Intents;

namespace Weft.Core.Tests.Planning.Model;

/// <summary>Things on a host that are not the overlay's.</summary>
internal static class Foreign
{
    /// <summary>What may be there beside any overlay.</summary>
    public static readonly Gen<Action<ModelHost>[]> Things =
        from things in Gen.Shuffle(
            (Action<ModelHost>[])
                [Underlay, ContainersOfAnEngine, HalfAnOtherOverlay, Tunnel, Policies]
        )
        from count in Gen.Int[0, things.Length]
        select things[..count];

    /// <summary>All that is there, exactly, down to row and link numbers.</summary>
    public static string Exactly(ModelHost host, IReadOnlySet<string> names) =>
        string.Join(
            '\n',
            host.Links.Where(link => names.Contains(link.Name))
                .Select(link =>
                    $"{link with { Addresses = [] }} {string.Join(' ', link.Addresses)}"
                )
                .Concat(
                    from table in (string[])["Bridge", "Port", "Interface"]
                    from row in host[table]
                    where names.Contains(row.Value["name"].AsString())
                    select $"{table} {row.Key} {string.Join(' ', row.Value)}"
                )
                .Concat(
                    from policy in host.Policies
                    where policy.Priority != OwnershipMark.GuardPriority
                    select $"{policy} {policy.Priority} {policy.Blocks} {policy.Encrypts}"
                )
        );

    /// <summary>The names of all links and rows.</summary>
    public static HashSet<string> Names(ModelHost host) =>
        [
            .. host.Links.Select(link => link.Name),
            .. host["Port"].Values.Select(row => row["name"].AsString()),
        ];

    /// <summary>A link that is not the overlay's, of the kind <c>dummy</c>.</summary>
    public static void AddLink(
        ModelHost host,
        string name,
        string? alias = null,
        string? space = null
    ) =>
        host.Add(
            new ModelLink
            {
                Index = 0,
                Namespace = space,
                Name = name,
                Kind = "dummy",
                Mac = MacAddress.Derive("foreign", name),
                Alias = alias,
                Up = true,
                Addresses = [new InterfaceAddress(System.Net.IPAddress.Parse("198.51.100.1"), 24)],
            }
        );

    private static void Underlay(ModelHost host)
    {
        AddLink(host, "eth0");
        host.Shell("ovs-vsctl add-br br-phy -- set bridge br-phy datapath_type=netdev");
        host.Shell("ovs-vsctl add-port br-phy eth0");
        host.Shell("ip addr add 192.0.2.1/24 dev br-phy");
        host.Shell("ip link set dev br-phy up");
    }

    private static void ContainersOfAnEngine(ModelHost host)
    {
        host.Shell("ip link add name docker0 type bridge stp_state 0 forward_delay 1500");
        host.Shell("ip link set dev docker0 up");
        host.Shell("ip link add name veth0a1b2c3 type veth peer name veth9z8y7x6");
        host.Shell("ip link set dev veth0a1b2c3 master docker0 up");
        host.Shell("ip addr add 172.17.0.1/16 dev docker0");
    }

    private static void HalfAnOtherOverlay(ModelHost host)
    {
        AddLink(host, "other", alias: "weft:other");
        host.Shell("ovs-vsctl add-br otherbr -- set bridge otherbr external_ids:weft=other");
        host.Shell("ovs-vsctl add-port otherbr other external_ids:weft=other tag=7");
    }

    /// <summary>Those of an IKE daemon for a peer of the overlay's, those of another network, and one that has Weft's number by accident.</summary>
    private static void Policies(ModelHost host)
    {
        foreach (
            var policy in (string[])
                [
                    "src 192.0.2.1/32 dst 192.0.2.2/32 proto gre dir out priority 367231 tmpl proto esp",
                    "src 192.0.2.2/32 dst 192.0.2.1/32 proto gre dir in priority 367231 tmpl proto esp",
                    "src 0.0.0.0/0 dst 203.0.113.9/32 proto gre dir out action block priority 4000000",
                    "src 10.9.0.0/16 dst 10.10.0.0/16 dir out action allow priority 100",
                ]
        )
        {
            host.Shell($"ip xfrm policy add {policy}");
        }
    }

    private static void Tunnel(ModelHost host)
    {
        host.Shell("ovs-vsctl add-br br-tun -- set bridge br-tun fail_mode=secure");
        host.Shell(
            "ovs-vsctl add-port br-tun vpn -- set interface vpn type=gre options:remote_ip=203.0.113.9 options:key=7"
        );
    }
}
