using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using CsCheck;
using Weft.Core.Addressing;
using Weft.Core.Ipsec;
using Weft.Core.Overlays;

namespace Weft.Core.Tests.Overlays;

/// <summary>Makes up overlays without mistake, and ways to write them.</summary>
internal static class OverlayGen
{
    public static Gen<TextStyle> Style { get; } =
        from flow in Gen.Bool
        from isShort in Gen.Bool
        from quote in Gen.OneOf("", "'", "\"")
        from lineEnd in Gen.OneOf("\n", "\r\n")
        from comments in Gen.Bool
        select new TextStyle(flow, isShort, quote, lineEnd, comments);

    private static Gen<IpsecSettings?> IpsecGen { get; } =
        from credentials in Gen.OneOf<IpsecCredentials?>(
            null,
            null,
            new InlineKey(Secret.OfText("0123456789abcdeé")),
            new KeyFile("/etc/weft/psk"),
            new KeyVariable("_WEFT_PSK2"),
            CertificateFiles.Default,
            new CertificateFiles("/a", "/b-HOST.pem", "/c/HOST")
        )
        from isOurs in Gen.Bool
        select credentials is null
            ? null
            : new IpsecSettings(
                credentials,
                isOurs ? IpsecManager.StrongSwan : IpsecManager.OpenVSwitch
            );

    private static Gen<Tunnels> TunnelsGen { get; } =
        from type in Gen.Enum<TunnelType>()
        from key in Gen.UInt[1, type is TunnelType.Gre ? uint.MaxValue : 0xFF_FFFF].Nullable()
        from port in Gen.UShort[1, ushort.MaxValue].Nullable()
        from ipsec in IpsecGen
        select new Tunnels
        {
            Ipsec = ipsec,
            Type = type,
            Key = key,
            // What openvswitch-ipsec cannot encrypt is refused.
            Port =
                type is TunnelType.Gre || ipsec is { Manager: IpsecManager.OpenVSwitch }
                    ? null
                    : port,
        };

    public static Gen<Overlay> Overlay { get; } =
        from hostCount in Gen.Int[1, 5]
        from networkCount in Gen.Int[0, 5]
        from containerCount in networkCount == 0 ? Gen.Const(0) : Gen.Int[0, 8]
        from seed in Gen.UInt
        from tunnels in TunnelsGen
        // GRE over IPv6 cannot be encrypted.
        from isIpv6 in tunnels is { Type: TunnelType.Gre, Ipsec: not null }
            ? Gen.Const(false)
            : Gen.Bool
        from name in Gen.String[Gen.Char["abcXYZ019._-"], 0, 31]
        from datapath in Gen.Enum<DatapathChoice>()
        select new Maker(new Random((int)seed)).Make(
            new Overlay
            {
                Name = $"o{name}",
                Datapath =
                    tunnels.Ipsec is not null && datapath is DatapathChoice.Userspace
                        ? DatapathChoice.Kernel
                        : datapath,
                Tunnels = tunnels,
                Hosts = [],
            },
            hostCount,
            networkCount,
            containerCount,
            isIpv6
        );

    /// <summary>Takes names, tags and addresses in turn, so that none is there twice.</summary>
    private sealed class Maker(Random random)
    {
        public Overlay Make(Overlay start, int hosts, int networks, int containers, bool isIpv6)
        {
            var hostNames = Names("h", "host", hosts, 40);
            var overlay = start with
            {
                Switch = random.Next(2) == 0 ? "ovsbr0" : "br-weft",
                Hosts =
                [
                    .. hostNames.Select(
                        (name, index) =>
                            new Host
                            {
                                Name = name,
                                Address = IPAddress.Parse(
                                    isIpv6 ? $"2001:db8::{index + 1:x}" : $"192.0.2.{index + 1}"
                                ),
                                Local =
                                    random.Next(4) != 0
                                    || start.Tunnels.Ipsec
                                        is {
                                            Credentials: SharedKey,
                                            Manager: IpsecManager.OpenVSwitch
                                        }
                                        ? null
                                        : IPAddress.Parse(
                                            isIpv6
                                                ? $"2001:db8:1::{index + 1:x}"
                                                : $"198.51.100.{index + 1}"
                                        ),
                                Mtu =
                                    random.Next(3) == 0
                                        ? random.Next(1400, 65536)
                                        : Host.DefaultMtu,
                                Ssh =
                                    random.Next(4) != 0
                                        ? null
                                        : new SshTarget(
                                            random.Next(2) == 0 ? null : "admin",
                                            isIpv6
                                                ? $"2001:db8::{index + 1:x}"
                                                : $"h{index}.example",
                                            random.Next(2) == 0 ? null : random.Next(1, 65536)
                                        ),
                            }
                    ),
                ],
            };
            var tags = Enumerable.Range(1, 4094).ToArray();
            random.Shuffle(tags);
            overlay = overlay with
            {
                Networks =
                [
                    .. Names("n", "net", networks, 9)
                        .Select((name, index) => MakeNetwork(name, index, tags[index], hostNames)),
                ],
            };
            return overlay with
            {
                Containers =
                [
                    .. Names("c", "cont", containers, 50)
                        .Select((name, index) => MakeContainer(overlay, name, index)),
                ],
                Selections =
                [
                    .. Names("s", "all", networks == 0 ? 0 : random.Next(3), 50)
                        .Select(name => MakeSelection(overlay, name)),
                ],
            };
        }

        private Network MakeNetwork(string name, int index, int vlan, string[] hostNames)
        {
            IPNetwork[] subnets =
            [
                IPNetwork.Parse($"10.{index}.0.0/{random.Next(16, 25)}"),
                IPNetwork.Parse($"fd00:{index:x}::/{random.Next(32, 121)}"),
            ];
            random.Shuffle(subnets);
            var network = new Network
            {
                Name = name,
                Vlan = vlan,
                Subnets = [.. subnets[..random.Next(1, 3)]],
                Forward = random.Next(4) == 0,
                Bridge =
                    random.Next(3) == 0
                        ? null
                        : new ContainerBridge
                        {
                            Stp = random.Next(2) == 0,
                            ForwardDelay = random.Next(2) == 0 ? 2 : random.Next(2, 31),
                            Uplink = random.Next(3) == 0 ? Uplink.Direct : Uplink.Veth,
                        },
            };
            network = network with
            {
                Slices =
                [
                    .. hostNames
                        .Select((host, number) => new HostSlices(host, Slices(network, number)))
                        .Take(random.Next(hostNames.Length + 1)),
                ],
                Floating =
                [
                    .. network
                        .Subnets.SelectMany(subnet => new[] { At(subnet, 250), At(subnet, 251) })
                        .Take(random.Next(4)),
                ],
            };
            return network.Bridge is { Uplink: Uplink.Direct }
                ? network
                : network with
                {
                    Hosts =
                    [
                        .. hostNames
                            .Select(
                                (host, number) =>
                                    new HostAddresses(host, Addresses(network, number + 1))
                            )
                            .Take(random.Next(hostNames.Length + 1)),
                    ],
                };
        }

        private Container MakeContainer(Overlay overlay, string name, int index)
        {
            var networks = overlay.Networks.ToArray();
            random.Shuffle(networks);
            return new Container
            {
                Name = name,
                Host = overlay.Hosts[random.Next(overlay.Hosts.Length)].Name,
                Engine = (Engine)random.Next(5),
                Attachments =
                [
                    .. networks
                        .Take(random.Next(1, networks.Length + 1))
                        .Select(
                            (network, number) =>
                            {
                                var addresses =
                                    random.Next(3) == 0 ? [] : Addresses(network, 100 + index);
                                return new Attachment
                                {
                                    Network = network.Name,
                                    Interface =
                                        $"{(random.Next(2) == 0 ? "eth" : "mgmt-é")}{number}",
                                    Addresses = addresses,
                                    Mac = MacAddress.Derive(name, network.Name),
                                    To = To(network),
                                    Routes = Routes(network, number, addresses),
                                };
                            }
                        ),
                ],
            };
        }

        private Selection MakeSelection(Overlay overlay, string name)
        {
            var networks = overlay.Networks.ToArray();
            random.Shuffle(networks);
            string[] keys = ["weft.network", "com.example/role", "weft", "é"];
            string[] values = ["cont-mgmnt0", "true", "5", "web app", "é: #"];
            return new Selection
            {
                Name = name,
                Host =
                    random.Next(3) == 0
                        ? overlay.Hosts[random.Next(overlay.Hosts.Length)].Name
                        : null,
                Engine = random.Next(2) == 0 ? (Engine)random.Next(5) : null,
                Labels = keys.Take(random.Next(1, keys.Length + 1))
                    .ToImmutableSortedDictionary(
                        key => key,
                        _ => values[random.Next(values.Length)],
                        StringComparer.Ordinal
                    ),
                Attachments =
                [
                    .. networks
                        .Take(random.Next(1, networks.Length + 1))
                        .Select(
                            (network, number) =>
                                new SelectedAttachment
                                {
                                    Network = network.Name,
                                    Interface = random.Next(2) == 0 ? null : $"lan{number}",
                                    To = To(network),
                                    Routes = Routes(network, number, []),
                                }
                        ),
                ],
            };
        }

        private AttachTo To(Network network) =>
            network.Bridge is null || random.Next(4) == 0 ? AttachTo.Switch : AttachTo.Bridge;

        private ImmutableArray<Route> Routes(
            Network network,
            int number,
            ImmutableArray<IPAddress> addresses
        ) =>
            [
                .. network
                    .Subnets.Where(subnet =>
                        random.Next(3) == 0
                        && (
                            addresses.IsEmpty
                            || addresses.Any(address =>
                                address.AddressFamily == subnet.BaseAddress.AddressFamily
                            )
                        )
                    )
                    .Select(subnet => new Route(
                        IPNetwork.Parse(
                            (subnet.BaseAddress.AddressFamily, number) switch
                            {
                                (AddressFamily.InterNetwork, 0) => "0.0.0.0/0",
                                (AddressFamily.InterNetwork, _) => $"172.16.{number}.1/32",
                                (_, 0) => "::/0",
                                _ => $"fd01:{number}::/64",
                            }
                        ),
                        At(subnet, 20)
                    )),
            ];

        private ImmutableArray<IPNetwork> Slices(Network network, int number)
        {
            IPNetwork[] all =
            [
                .. network.Subnets.Select(subnet => new IPNetwork(
                    At(subnet, 128 + 8 * number),
                    IPText.Bits(subnet.BaseAddress) - random.Next(4)
                )),
            ];
            random.Shuffle(all);
            return [.. all[..random.Next(1, all.Length + 1)]];
        }

        private ImmutableArray<IPAddress> Addresses(Network network, int number)
        {
            IPAddress[] all = [.. network.Subnets.Select(subnet => At(subnet, number))];
            random.Shuffle(all);
            return [.. all[..random.Next(1, all.Length + 1)]];
        }

        private static IPAddress At(IPNetwork subnet, int number) =>
            IPText.FromNumber(
                IPText.ToNumber(subnet.BaseAddress) + (UInt128)number,
                subnet.BaseAddress.AddressFamily
            );

        private string[] Names(string letter, string stem, int count, int longest) =>
            [
                .. Enumerable
                    .Range(0, count)
                    .Select(index =>
                        random.Next(2) == 0
                            ? $"{stem}{index}"
                            : $"{letter}{index}{new string((char)('a' + random.Next(26)), random.Next(longest))}"
                    ),
            ];
    }
}
