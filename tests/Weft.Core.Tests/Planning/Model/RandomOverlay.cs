using System.Text;
using CsCheck;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Planning.Model;

/// <summary>
/// Random overlays, made as files and read by the real reader, which throws away what is not valid. Names come
/// from small pools, so that two overlays share some and use one name for different kinds of things.
/// </summary>
internal static class RandomOverlay
{
    /// <summary>The host that every overlay has.</summary>
    public const string Host = "host1";

    private static readonly string[] Peers =
    [
        "host2",
        "host3",
        "a-host-with-a-very-long-name-1",
        "a-host-with-a-very-long-name-2",
        "h.example",
    ];

    private static readonly string[] NetworkNames =
    [
        "net1",
        "net2",
        "a",
        "cont-mgmnt0",
        "fifteen-bytes-1",
        "ovsbr1",
        "web-eth1",
        "net1-br",
        "tun-host2",
        "x;y&z",
    ];

    private static readonly string[] ContainerNames =
    [
        "web",
        "db",
        "7",
        .. Enumerable.Range(1, 9).Select(number => $"a-container-of-many-{number}"),
    ];

    /// <summary>Any valid overlay.</summary>
    public static readonly Gen<Written> Overlay =
        from @switch in OneOf("ovsbr0", "ovsbr0", "ovsbr1", "net1", "web-eth1")
        from datapath in OneOf("auto", "auto", "kernel", "userspace")
        from hosts in Hosts
        from tunnels in Tunnels
        from networks in Networks
        from addressed in Gen.Bool.Array[networks.Length * (Peers.Length + 1)]
        from containers in Containers(hosts.Names, networks)
        let text = $"name: home\nswitch: {@switch}\ndatapath: {datapath}\n{hosts.Text}{tunnels}"
            + Section(
                "networks",
                networks.Select(
                    (network, n) =>
                        network.Write(
                            hosts.Names.Where((_, h) => addressed[n * hosts.Names.Length + h])
                        )
                )
            )
            + containers
        let read = OverlayFile.Parse("overlay.yaml", Encoding.UTF8.GetBytes(text))
        where read.Overlay is not null
        select new Written(text, read.Overlay!);

    /// <summary>Which of the containers are there.</summary>
    public static readonly Gen<string[]> Present =
        from present in Gen.Bool.Array[ContainerNames.Length]
        select ContainerNames.Where((_, index) => present[index]).ToArray();

    private static Gen<(string Text, string[] Names)> Hosts =>
        from count in Gen.Int[0, Peers.Length]
        from shuffled in Gen.Shuffle(Peers)
        from ipv6 in Gen.Bool
        from addresses in Gen.Shuffle(Enumerable.Range(1, Peers.Length + 1).ToArray())
        from mtus in OneOf(1500, 1500, 1400, 9000).Array[Peers.Length + 1]
        from translated in OneOf(false, false, false, true).Array[Peers.Length + 1]
        let names = shuffled.Take(count).Prepend(Host).ToArray()
        let lines = names.Select(
            (name, index) =>
                $"{name}: {{ address: \"{(ipv6 ? "2001:db8::" : "192.0.2.")}{addresses[index]}\", mtu: {mtus[index]}{(translated[index] ? $", local: \"{(ipv6 ? "2001:db8:1::" : "198.51.100.")}{index + 1}\"" : "")} }}"
        )
        select (Section("hosts", lines), names);

    private static Gen<string> Tunnels =>
        from type in OneOf("gre", "vxlan", "geneve")
        from key in OneOf("", "", ", key: 7", ", key: 99999")
        from port in OneOf("", ", port: 8472")
        from ipsec in OneOf(
            "",
            "",
            ", ipsec: { psk: { file: /etc/weft/psk } }",
            ", ipsec: { certificates: true }",
            ", ipsec: { psk: { file: /etc/weft/psk }, manager: openvswitch-ipsec }",
            ", ipsec: { certificates: true, manager: openvswitch-ipsec }"
        )
        select $"tunnels: {{ type: {type}{key}{(type == "gre" ? "" : port)}{ipsec} }}\n";

    private static Gen<Draft[]> Networks =>
        from count in Gen.Int[0, 6]
        from names in Gen.Shuffle(NetworkNames)
        from numbers in Gen.Shuffle(Enumerable.Range(1, 8).ToArray())
        from drafts in (
            from vlan in Gen.Int[1, 4094]
            from isSmall in Gen.Bool
            from families in Gen.Int[1, 3]
            from bridge in OneOf(
                "",
                "",
                ", bridge: true",
                ", bridge: { stp: true }",
                ", bridge: { stp: true, forward_delay: 4 }",
                ", bridge: { uplink: direct }"
            )
            from first in OneOf(1, 1, 1, 101)
            select new Draft("", vlan, 0, isSmall, families, bridge, first)
        ).Array[count]
        select drafts
            .Select((draft, index) => draft with { Name = names[index], Number = numbers[index] })
            .ToArray();

    private static Gen<string> Containers(string[] hosts, Draft[] networks) =>
        from count in Gen.Int[0, networks.Length == 0 ? 0 : ContainerNames.Length]
        from names in Gen.Shuffle(ContainerNames)
        from containers in (
            from host in Gen.OneOf(Gen.Const(Host), OneOf(hosts))
            from engine in OneOf("netns", "netns", "netns", "netns", "lxd")
            from attachments in Attachment.Array[1, 3]
            from routes in OneOf("", "", "default", "172.16").Array[3]
            from places in Gen.Shuffle(networks)
            select (host, engine, attachments, routes, places)
        ).Array[count]
        select Section(
            "containers",
            containers.Select(
                (container, c) =>
                {
                    var attachments = container
                        .attachments.Zip(container.places)
                        .Select(
                            (pair, a) =>
                                $"\"{pair.Second.Name}\": {{ address: {pair.Second.Address(20 + c)}{pair.First}{pair.Second.Routes(container.routes[a], a)} }}"
                        );
                    return $"\"{names[c]}\": {{ host: {container.host}, engine: {container.engine}, networks: {{ {string.Join(", ", attachments)} }} }}";
                }
            )
        );

    private static Gen<string> Attachment =>
        from name in OneOf(
            "",
            "",
            "",
            ", interface: eth1",
            ", interface: lan0",
            ", interface: quite-a-long-if"
        )
        from mac in Gen.OneOf(
            Gen.Const(""),
            Gen.Const(""),
            Gen.Int[10, 99].Select(number => $", mac: \"02:00:00:00:00:{number}\"")
        )
        select name + mac;

    private static Gen<T> OneOf<T>(params T[] values) =>
        Gen.Int[0, values.Length - 1].Select(index => values[index]);

    private static string Section(string name, IEnumerable<string> entries) =>
        string.Concat(entries.Select(entry => $"  {entry}\n")) is { Length: > 0 } text
            ? $"{name}:\n{text}"
            : "";

    /// <summary>An overlay with its file, which is what a failing test shows.</summary>
    internal sealed record Written(string Text, Overlay Overlay)
    {
        public override string ToString() => $"\n{Text}";
    }

    private sealed record Draft(
        string Name,
        int Vlan,
        int Number,
        bool IsSmall,
        int Families,
        string Bridge,
        int First
    )
    {
        public string Address(int number) =>
            Pair($"10.{Number}.0.{First + number}", $"fd00:{Number}::{First + number}");

        public string Write(IEnumerable<string> hosts)
        {
            var subnet = Pair(
                $"10.{Number}.0.0/{(IsSmall ? 24 : 16)}",
                $"fd00:{Number}::/{(IsSmall ? 72 : 64)}"
            );
            var addresses = string.Join(
                ", ",
                hosts.Select((host, index) => $"{host}: {Address(index)}")
            );
            return $"\"{Name}\": {{ vlan: {Vlan}, subnet: {subnet}{Bridge}"
                + (
                    addresses.Length == 0 || Bridge.Contains("direct")
                        ? " }"
                        : $", hosts: {{ {addresses} }} }}"
                );
        }

        /// <summary>Routes by a neighbour of the network's, of each kind of address that the network has.</summary>
        public string Routes(string to, int number)
        {
            if (to.Length == 0)
            {
                return "";
            }
            var (ipv4, ipv6) =
                to == "default" && number == 0
                    ? ("0.0.0.0/0", "::/0")
                    : ($"172.16.{number}.0/24", $"2001:db8:{number + 7}::/48");
            string[] routes =
            [
                .. (Families & 1) != 0 ? [$"{ipv4}: 10.{Number}.0.{First + 60}"] : (string[])[],
                .. (Families & 2) != 0
                    ? [$"\"{ipv6}\": \"fd00:{Number}::{First + 60}\""]
                    : (string[])[],
            ];
            return $", routes: {{ {string.Join(", ", routes)} }}";
        }

        private string Pair(string ipv4, string ipv6) =>
            Families switch
            {
                1 => ipv4,
                2 => $"\"{ipv6}\"",
                _ => $"[{ipv4}, \"{ipv6}\"]",
            };
    }
}
