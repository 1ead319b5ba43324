using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Ipsec;
using Weft.Core.Observation;
using Weft.Core.Overlays;

namespace Weft.Core.Importing;

/// <summary>What hosts that were set up by hand look like → the overlay that describes them. Pure.</summary>
/// <param name="Overlay">The overlay; it may have mistakes, which reading its file finds.</param>
/// <param name="Notes">What could not be described, or asks for a decision: a sentence each.</param>
public sealed record OverlayImport(Overlay Overlay, ImmutableArray<string> Notes)
{
    /// <summary>Where the key of the tunnels is put.</summary>
    public const string KeyFile = "/etc/weft/psk";

    /// <summary>Reads an overlay out of hosts.</summary>
    /// <param name="readings">What the hosts look like, each host once.</param>
    /// <param name="name">What the overlay is to be called.</param>
    /// <param name="switchName">The Open vSwitch bridge; null for the one that the tunnels are in.</param>
    /// <exception cref="HostException">There is no overlay to be seen.</exception>
    public static OverlayImport Of(
        ImmutableArray<HostReading> readings,
        string name,
        string? switchName = null
    )
    {
        if (
            readings.GroupBy(reading => reading.Name).FirstOrDefault(same => same.Count() > 1) is
            { } twice
        )
        {
            throw new HostException(
                $"two readings are of a host '{twice.Key}': give each host once, by a name of its own"
            );
        }
        return new Draft(readings, switchName ?? SwitchOf(readings)).Make(name);
    }

    /// <summary>The bridge that the most tunnels are in, or tagged ports where no host has a tunnel.</summary>
    private static string SwitchOf(ImmutableArray<HostReading> readings) =>
        readings
            .SelectMany(reading => reading.Switches)
            .GroupBy(one => one.Name, StringComparer.Ordinal)
            .Select(same => (same.Key, Ports: same.SelectMany(one => one.Ports).ToList()))
            .Where(one => one.Ports.Exists(port => IsTunnel(port) || port.Tag is not null))
            .OrderByDescending(one => one.Ports.Count(IsTunnel))
            .ThenByDescending(one => one.Ports.Count(port => port.Tag is not null))
            .ThenBy(one => one.Key, StringComparer.Ordinal)
            .Select(one => one.Key)
            .FirstOrDefault()
        ?? throw new HostException(
            $"{Words.List(readings.Select(reading => reading.Name))}: Open vSwitch has no bridge with a tunnel or a VLAN in it, so there is nothing to import"
        );

    private static bool IsTunnel(PortReading port) => TypeOf(port) is not null;

    private static TunnelType? TypeOf(PortReading port) =>
        port.Type switch
        {
            "gre" or "ip6gre" => TunnelType.Gre,
            "vxlan" => TunnelType.Vxlan,
            "geneve" => TunnelType.Geneve,
            _ => null,
        };

    private sealed class Draft(ImmutableArray<HostReading> readings, string @switch)
    {
        // What makes a tunnel in Open vSwitch, and what ovs-monitor-ipsec is told: Weft has these, or sets them itself.
        private static readonly string[] KnownOptions =
        [
            "remote_ip",
            "local_ip",
            "key",
            "dst_port",
        ];

        private readonly List<string> notes = [];
        private readonly List<Tunnel> tunnels = [];
        private readonly List<Place> places = [];
        private readonly Dictionary<string, string> hostOfAddress = new(StringComparer.Ordinal);

        public OverlayImport Make(string name)
        {
            foreach (var reading in readings)
            {
                ReadSwitch(reading);
                foreach (var silence in reading.SilentEngines)
                {
                    Note(
                        reading,
                        $"the containers of one engine could not be looked at: {silence}"
                    );
                }
            }
            var settings = Tunnels();
            var hosts = Hosts();
            var networks = places
                .GroupBy(place => place.Vlan)
                .OrderBy(vlan => vlan.Key)
                .Select(NetworkOf)
                .OfType<Network>()
                .ToImmutableArray();
            var overlay = new Overlay
            {
                Name = name,
                Switch = @switch,
                Hosts = hosts,
                Tunnels = settings,
                Networks = networks,
                Containers = Containers(networks),
            };
            return new OverlayImport(overlay, [.. notes]);
        }

        private void Note(HostReading reading, string words) =>
            notes.Add($"{reading.Name}: {words}");

        private static LinkReading? LinkOf(HostReading reading, string? name) =>
            reading.Links.FirstOrDefault(link => link.Name == name);

        private void ReadSwitch(HostReading reading)
        {
            if (reading.Switches.FirstOrDefault(one => one.Name == @switch) is not { } here)
            {
                Note(
                    reading,
                    $"Open vSwitch has no bridge '{@switch}' here: nothing of it is described"
                );
                return;
            }
            if (here.Mark is { } mark)
            {
                Note(reading, $"bridge '{@switch}' belongs to overlay '{mark}' already");
            }
            foreach (var port in here.Ports.Where(port => port.Name != @switch))
            {
                ReadPort(reading, port);
            }
        }

        private void ReadPort(HostReading reading, PortReading port)
        {
            if (TypeOf(port) is { } type)
            {
                ReadTunnel(reading, port, type);
            }
            else if (port.Tag is not { } vlan)
            {
                Note(
                    reading,
                    $"port '{port.Name}' of {@switch} has no VLAN of its own, so it is in no network: Weft leaves it as it is"
                );
            }
            else if (PlaceOf(reading, port, vlan) is { } place)
            {
                places.Add(place);
            }
            else
            {
                Note(
                    reading,
                    $"port '{port.Name}' of {@switch} (VLAN {vlan}) leads to no bridge, no container and no address of the host: Weft leaves it as it is"
                );
            }
        }

        private void ReadTunnel(HostReading reading, PortReading port, TunnelType type)
        {
            if (
                !IPText.TryReadAddress(
                    port.Options.GetValueOrDefault("remote_ip") ?? "",
                    out var remote,
                    out _
                )
            )
            {
                Note(
                    reading,
                    $"tunnel '{port.Name}' names no other host by its address (options:remote_ip): Weft makes one tunnel for each host"
                );
                return;
            }
            IPText.TryReadAddress(
                port.Options.GetValueOrDefault("local_ip") ?? "",
                out var local,
                out _
            );
            tunnels.Add(
                new Tunnel(
                    reading,
                    port,
                    type,
                    remote,
                    local,
                    port.Options.GetValueOrDefault("key"),
                    port.Options.GetValueOrDefault("dst_port")
                )
            );
            var others = port
                .Options.Keys.Except(KnownOptions)
                .Where(option => !option.StartsWith("ipsec_", StringComparison.Ordinal))
                .ToList();
            if (others.Count > 0)
            {
                Note(
                    reading,
                    $"tunnel '{port.Name}' has {Words.List(others.Select(option => $"options:{option}={port.Options[option]}"))}, which Weft does not set: taken over, it is without"
                );
            }
        }

        private Tunnels Tunnels()
        {
            var kind = tunnels
                .GroupBy(tunnel => (tunnel.Type, tunnel.Key, tunnel.Port))
                .OrderByDescending(same => same.Count())
                .FirstOrDefault();
            foreach (var other in tunnels.Where(tunnel => kind is null || !kind.Contains(tunnel)))
            {
                Note(
                    other.Host,
                    $"tunnel '{other.Reading.Name}' is {Describe(other)}, and most are {Describe(kind!.First())}: an overlay has one kind"
                );
            }
            if (kind is null)
            {
                return new Tunnels();
            }
            var first = kind.First();
            return new Tunnels
            {
                Type = first.Type,
                Key =
                    uint.TryParse(
                        first.Key,
                        NumberStyles.None,
                        CultureInfo.InvariantCulture,
                        out var key
                    )
                    && key > 0
                        ? key
                        : null,
                Port = ushort.TryParse(
                    first.Port,
                    NumberStyles.None,
                    CultureInfo.InvariantCulture,
                    out var port
                )
                    ? port
                    : null,
                Ipsec = Encryption(),
            };
        }

        private static string Describe(Tunnel tunnel) =>
            $"{tunnel.Type.ToString().ToLowerInvariant()}{(tunnel.Key is null ? "" : $" with key {tunnel.Key}")}{(tunnel.Port is null ? "" : $" to port {tunnel.Port}")}";

        private IpsecSettings? Encryption()
        {
            var keyed = tunnels.Where(tunnel => tunnel.Reading.HasKey).ToList();
            if (keyed.Count == 0)
            {
                notes.Add(
                    "what crosses between the hosts is not encrypted: `ipsec` under `tunnels` does that (docs/ipsec.md)"
                );
                return null;
            }
            var hosts = keyed.Select(tunnel => tunnel.Host).Distinct().ToList();
            foreach (var plain in tunnels.Except(keyed))
            {
                Note(
                    plain.Host,
                    $"tunnel '{plain.Reading.Name}' has no key (options:psk) as others have: it crosses in the clear"
                );
            }
            foreach (var host in hosts.Where(host => !host.HasKeyFile))
            {
                Note(
                    host,
                    $"its tunnels have different keys, or {KeyFile} holds another one already: put one key into that file on every host, `chmod 600`"
                );
            }
            foreach (var host in hosts.Where(host => host.HasShortKey))
            {
                Note(
                    host,
                    $"the key of its tunnels is shorter than {CredentialsReader.LeastKeyBytes} characters, and Weft takes none such: put another into {KeyFile} on all hosts before you apply"
                );
            }
            var userspace = hosts.Where(IsUserspace).ToList();
            if (userspace.Count > 0)
            {
                notes.Add(
                    $"tunnels have keys (options:psk), and the userspace datapath of {Words.List(userspace.Select(host => host.Name))} sends past IPsec: nothing is encrypted. "
                        + $"The key is in {KeyFile}; once the switches are on the kernel's datapath, write `ipsec: {{ psk: {{ file: {KeyFile} }} }}` under `tunnels`"
                );
                return null;
            }
            var idle = hosts.Where(host => !host.HasMonitor).ToList();
            if (idle.Count > 0)
            {
                notes.Add(
                    $"tunnels have keys (options:psk), and ovs-monitor-ipsec, which would act on them, does not run on {Words.List(idle.Select(host => host.Name))}: "
                        + "what crosses is not encrypted now; the file has Weft do it by strongSwan"
                );
            }
            return new IpsecSettings(
                new KeyFile(KeyFile),
                idle.Count == 0 ? IpsecManager.OpenVSwitch : IpsecManager.StrongSwan
            );
        }

        private bool IsUserspace(HostReading reading) =>
            reading.Switches.Any(one => one.Name == @switch && one.Userspace);

        private ImmutableArray<Host> Hosts()
        {
            var hosts = ImmutableArray.CreateBuilder<Host>();
            foreach (var reading in readings)
            {
                var own = OwnAddresses(reading);
                if (UnderlayOf(reading, own) is not { Address: { } address } found)
                {
                    Note(
                        reading,
                        "its underlay address is not to be seen: write the address that the others reach it by under `hosts`"
                    );
                    continue;
                }
                hostOfAddress[$"{address}"] = reading.Name;
                var host = new Host
                {
                    Name = reading.Name,
                    Address = address,
                    Mtu = found.Link?.Mtu ?? Host.DefaultMtu,
                };
                // As it was reached now it is from then on, where that is not at its address.
                hosts.Add(
                    reading.Ssh == SshTarget.Of(host) ? host : host with { Ssh = reading.Ssh }
                );
            }
            foreach (
                var remote in tunnels
                    .Select(tunnel => tunnel.Remote)
                    .Distinct()
                    .Where(remote => !hostOfAddress.ContainsKey($"{remote}"))
            )
            {
                var name = $"host-{$"{remote}".Replace('.', '-').Replace(':', '-').Trim('-')}";
                hostOfAddress[$"{remote}"] = name;
                hosts.Add(new Host { Name = name, Address = remote });
                notes.Add(
                    $"{name} was not read: a tunnel leads to {remote}, and more is not known. Import on that host too, or write the name that `hostname` prints there"
                );
            }
            NoteMissingTunnels(hosts);
            return hosts.ToImmutable();
        }

        private void NoteMissingTunnels(IReadOnlyCollection<Host> hosts)
        {
            foreach (var reading in readings)
            {
                var own = hosts.FirstOrDefault(host => host.Name == reading.Name)?.Address;
                var missing = hosts
                    .Where(host =>
                        own is not null
                        && host.Name != reading.Name
                        && !tunnels.Exists(tunnel =>
                            tunnel.Host == reading && tunnel.Remote.Equals(host.Address)
                        )
                    )
                    .Select(host => host.Name)
                    .ToList();
                if (missing.Count > 0)
                {
                    Note(
                        reading,
                        $"has no tunnel to {Words.List(missing)}: Weft makes one between every two hosts"
                    );
                }
            }
        }

        /// <summary>The addresses of the host itself: those of links that are in no network.</summary>
        private List<(LinkReading Link, InterfaceAddress Address)> OwnAddresses(HostReading reading)
        {
            var inNetworks = places
                .Where(place => place.Host == reading)
                .SelectMany(place => (string?[])[place.Port.Name, place.Bridge])
                .ToHashSet(StringComparer.Ordinal);
            return
            [
                .. reading
                    .Links.Where(link => !inNetworks.Contains(link.Name))
                    .SelectMany(link => Read(reading, link.Addresses).Select(one => (link, one))),
            ];
        }

        /// <summary>
        /// The address that others reach a host by: the one that its tunnels name as their own, that others' tunnels lead
        /// to, or that is in one subnet with another host.
        /// </summary>
        private (LinkReading? Link, IPAddress? Address) UnderlayOf(
            HostReading reading,
            List<(LinkReading Link, InterfaceAddress Address)> own
        )
        {
            var ours = tunnels.Where(tunnel => tunnel.Host == reading).ToList();
            var theirs = tunnels.Where(tunnel => tunnel.Host != reading);
            var named = ours.Select(tunnel => tunnel.Local)
                .OfType<IPAddress>()
                .Concat(theirs.Select(tunnel => tunnel.Remote));
            var found = own.FirstOrDefault(one => named.Contains(one.Address.Address));
            if (found.Link is null)
            {
                found = own.FirstOrDefault(one =>
                    ours.Exists(tunnel => Subnet(one.Address).Contains(tunnel.Remote))
                );
            }
            return (found.Link, found.Link is null ? null : found.Address.Address);
        }

        private static Place? PlaceOf(HostReading reading, PortReading port, int vlan)
        {
            if (port.Type == "internal")
            {
                return LinkOf(reading, port.Name) is { Addresses.IsEmpty: false } link
                    ? new Place(reading, port, vlan, PlaceKind.Host, null, link.Addresses)
                    : null;
            }
            if (LinkOf(reading, port.Name) is not { } there)
            {
                return null;
            }
            if (there.Kind == "bridge")
            {
                return new Place(
                    reading,
                    port,
                    vlan,
                    PlaceKind.Direct,
                    there.Name,
                    there.Addresses
                );
            }
            if (
                LinkOf(reading, there.Peer)?.Master is { } master
                && LinkOf(reading, master) is { Kind: "bridge" } bridge
            )
            {
                return new Place(
                    reading,
                    port,
                    vlan,
                    PlaceKind.Veth,
                    bridge.Name,
                    bridge.Addresses
                );
            }
            return reading.Containers.Any(container =>
                container.Interfaces.Any(one => one.HostEnd == port.Name)
            )
                ? new Place(reading, port, vlan, PlaceKind.Container, null, [])
                : null;
        }

        private Network? NetworkOf(IGrouping<int, Place> vlan)
        {
            var bridges = vlan.Where(place => place.Bridge is not null).ToList();
            var ports = vlan.Where(place => place.Kind is PlaceKind.Host).ToList();
            var name =
                bridges.FirstOrDefault()?.Bridge
                ?? ports.FirstOrDefault()?.Port.Name
                ?? string.Create(CultureInfo.InvariantCulture, $"vlan{vlan.Key}");
            foreach (var place in vlan.Where(place => !Belongs(place, name, bridges.Count > 0)))
            {
                Note(
                    place.Host,
                    $"{(place.Bridge is { } bridge ? $"bridge '{bridge}'" : $"port '{place.Port.Name}'")} is in VLAN {vlan.Key} too, which is network '{name}': "
                        + (
                            place.Bridge is null && bridges.Count > 0
                                ? "a host's address is on the network's bridge, with `uplink: veth`"
                                : "a network has one name on all hosts"
                        )
                );
            }
            var hosts = vlan.Where(place =>
                    Belongs(place, name, bridges.Count > 0) && place.Kind is not PlaceKind.Container
                )
                .Select(place => new HostAddresses(place.Host.Name, HostAddressesOf(place)))
                .Where(host => !host.Addresses.IsEmpty)
                .ToImmutableArray();
            var subnets = SubnetsOf(vlan, name);
            if (subnets.IsEmpty)
            {
                notes.Add(
                    $"network '{name}' (VLAN {vlan.Key}) is left out: no address in it is to be seen, so its subnet is not known"
                );
                return null;
            }
            return new Network
            {
                Name = name,
                Vlan = vlan.Key,
                Subnets = subnets,
                Bridge = BridgeOf(bridges, name),
                Hosts =
                [
                    .. hosts
                        .Select(host =>
                            host with
                            {
                                Addresses =
                                [
                                    .. host.Addresses.Where(address =>
                                        subnets.Any(subnet => subnet.Contains(address))
                                    ),
                                ],
                            }
                        )
                        .Where(host => !host.Addresses.IsEmpty),
                ],
            };
        }

        private static bool Belongs(Place place, string network, bool hasBridge) =>
            place.Kind switch
            {
                PlaceKind.Container => true,
                PlaceKind.Host => !hasBridge && place.Port.Name == network,
                _ => place.Bridge == network,
            };

        private ImmutableArray<IPAddress> HostAddressesOf(Place place)
        {
            if (place.Kind is PlaceKind.Direct && !place.Addresses.IsEmpty)
            {
                Note(
                    place.Host,
                    $"bridge '{place.Bridge}' has {Words.List(place.Addresses)}, and is a port of the switch itself, where nothing reaches an address: it is left out, and goes when Weft takes the bridge over"
                );
                return [];
            }
            return OnePerFamily(place.Host, place.Port.Name, Read(place.Host, place.Addresses));
        }

        private ContainerBridge? BridgeOf(List<Place> bridges, string name)
        {
            var all = bridges.Where(place => place.Bridge == name).ToList();
            if (all.Count == 0)
            {
                return null;
            }
            var settings = all.Select(place =>
                    (
                        LinkOf(place.Host, name)!.Stp,
                        Delay: LinkOf(place.Host, name)!.ForwardDelay / 100,
                        place.Kind
                    )
                )
                .Distinct()
                .ToList();
            if (settings.Count > 1)
            {
                notes.Add(
                    $"bridge '{name}' differs from host to host in its spanning tree, its forward delay or its uplink: the file has what {all[0].Host.Name} has"
                );
            }
            var (stp, delay, kind) = settings[0];
            if (kind is PlaceKind.Direct)
            {
                notes.Add(
                    $"bridge '{name}' is a port of the switch itself (`uplink: direct`): each frame from another host goes to all of its containers. `uplink: veth` ends that; changing it cuts them off for a moment"
                );
            }
            return new ContainerBridge
            {
                Stp = stp,
                ForwardDelay = delay is >= 2 and <= 30 ? delay : new ContainerBridge().ForwardDelay,
                Uplink = kind is PlaceKind.Direct ? Uplink.Direct : Uplink.Veth,
            };
        }

        /// <summary>Of each family the subnet that the most addresses in the network say.</summary>
        private ImmutableArray<IPNetwork> SubnetsOf(IEnumerable<Place> places, string name)
        {
            var said = places
                .Where(place => place.Kind is PlaceKind.Host or PlaceKind.Veth)
                .SelectMany(place => Read(place.Host, place.Addresses))
                .Concat(
                    places
                        .Select(place => place.Host)
                        .Distinct()
                        .SelectMany(host =>
                            host.Containers.SelectMany(container => container.Interfaces)
                                .Where(one => IsIn(host, one, places))
                                .SelectMany(one => Read(host, one.Addresses))
                        )
                )
                .Select(address => (Address: address, Subnet: Subnet(address)))
                .ToList();
            var chosen = said.GroupBy(one => one.Address.Address.AddressFamily)
                .OrderBy(family => family.Key)
                .Select(family =>
                    family
                        .GroupBy(one => one.Subnet)
                        .OrderByDescending(same => same.Count())
                        .ThenBy(same => same.Key.PrefixLength)
                        .First()
                        .Key
                )
                .ToImmutableArray();
            foreach (var (address, _) in said.Where(one => !chosen.Contains(one.Subnet)))
            {
                notes.Add(
                    $"address {address} is in network '{name}', whose subnet is {Words.List(chosen.Select(subnet => $"{subnet}"))}: it is {(chosen.Any(subnet => subnet.Contains(address.Address)) ? "written with that" : "left out")}"
                );
            }
            return chosen;
        }

        private static bool IsIn(
            HostReading host,
            InterfaceReading one,
            IEnumerable<Place> places
        ) =>
            places.Any(place =>
                place.Host == host
                && (
                    place.Port.Name == one.HostEnd
                    || place.Bridge is { } bridge
                        && (LinkOf(host, one.HostEnd)?.Master ?? one.Parent) == bridge
                )
            );

        private ImmutableArray<Container> Containers(ImmutableArray<Network> networks)
        {
            var containers = new Dictionary<string, Container>(StringComparer.Ordinal);
            foreach (var reading in readings)
            {
                var taken = new HashSet<string>(StringComparer.Ordinal);
                // Podman's containers are named network namespaces, too: the engine is named, not these.
                foreach (
                    var container in reading.Containers.OrderBy(one => one.Engine is Engine.Netns)
                )
                {
                    var attachments = container
                        .Interfaces.Where(one => one.HostEnd.Length == 0 || taken.Add(one.HostEnd))
                        .Select(one => AttachmentOf(reading, container, one, networks))
                        .OfType<Attachment>()
                        .ToImmutableArray();
                    if (attachments.IsEmpty)
                    {
                        continue;
                    }
                    if (
                        !containers.TryAdd(
                            container.Name,
                            new Container
                            {
                                Name = container.Name,
                                Host = reading.Name,
                                Engine = container.Engine,
                                Attachments = attachments,
                            }
                        )
                    )
                    {
                        Note(
                            reading,
                            $"its container '{container.Name}' is left out: {containers[container.Name].Host} has one of that name, and names are unique in an overlay"
                        );
                    }
                }
            }
            return [.. containers.Values];
        }

        private Attachment? AttachmentOf(
            HostReading reading,
            ContainerReading container,
            InterfaceReading one,
            ImmutableArray<Network> networks
        )
        {
            var vlan = places
                .Where(place => IsIn(reading, one, [place]))
                .Select(place => (int?)place.Vlan)
                .FirstOrDefault();
            if (
                vlan is null
                || networks.FirstOrDefault(network => network.Vlan == vlan) is not { } network
            )
            {
                return null;
            }
            var which = $"{one.Name} of container '{container.Name}'";
            if (!container.Runs)
            {
                Note(
                    reading,
                    $"{which} is for network '{network.Name}', and is left out: the container does not run, so its address is not known"
                );
                return null;
            }
            var addresses = OnePerFamily(
                reading,
                which,
                Read(reading, one.Addresses)
                    .Where(address =>
                        network.Subnets.Any(subnet => subnet.Contains(address.Address))
                    )
            );
            if (addresses.IsEmpty || !MacAddress.TryParse(one.Mac, out var mac))
            {
                Note(
                    reading,
                    $"{which} is in network '{network.Name}', and is left out: it has no address there. With it in the file, Weft would give it one"
                );
                return null;
            }
            return new Attachment
            {
                Network = network.Name,
                Interface = one.Name,
                Addresses = addresses,
                Mac = mac,
                To =
                    LinkOf(reading, one.HostEnd)?.Master == network.Name
                    && network.Bridge is not null
                        ? AttachTo.Bridge
                        : AttachTo.Switch,
                Routes = [.. one.Routes.Select(route => RouteOf(route, network)).OfType<Route>()],
            };
        }

        private static Route? RouteOf(RouteReading route, Network network) =>
            IPNetwork.TryParse(route.Destination, out var destination)
            && IPAddress.TryParse(route.Via, out var via)
            && network.Subnets.Any(subnet => subnet.Contains(via))
                ? new Route(destination, via)
                : null;

        private ImmutableArray<IPAddress> OnePerFamily(
            HostReading reading,
            string who,
            IEnumerable<InterfaceAddress> addresses
        )
        {
            var first = new Dictionary<AddressFamily, IPAddress>();
            foreach (var address in addresses.Select(one => one.Address))
            {
                if (!first.TryAdd(address.AddressFamily, address))
                {
                    Note(
                        reading,
                        $"{who} has address {address} beside {first[address.AddressFamily]}, and can have one of each kind in a network: it is left out, and goes when Weft takes over"
                    );
                }
            }
            return [.. first.OrderBy(one => one.Key).Select(one => one.Value)];
        }

        private static List<InterfaceAddress> Read(
            HostReading reading,
            IEnumerable<string> texts
        ) =>
            [
                .. texts.Select(text =>
                    text.Split('/') is [var address, var length]
                    && IPAddress.TryParse(address, out var parsed)
                    && byte.TryParse(
                        length,
                        NumberStyles.None,
                        CultureInfo.InvariantCulture,
                        out var prefix
                    )
                    && prefix <= IPText.Bits(parsed)
                        ? new InterfaceAddress(parsed, prefix)
                        : throw new HostException(
                            $"the reading of host '{reading.Name}' holds '{text}' where an address such as 10.8.2.2/24 belongs: read the host again with `weft import --json`"
                        )
                ),
            ];

        private static IPNetwork Subnet(InterfaceAddress address)
        {
            var bytes = address.Address.GetAddressBytes();
            for (var bit = address.PrefixLength; bit < bytes.Length * 8; bit++)
            {
                bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
            }
            return new IPNetwork(new IPAddress(bytes), address.PrefixLength);
        }
    }

    private sealed record Tunnel(
        HostReading Host,
        PortReading Reading,
        TunnelType Type,
        IPAddress Remote,
        IPAddress? Local,
        string? Key,
        string? Port
    );

    /// <summary>A port with a VLAN, by what it leads to.</summary>
    private sealed record Place(
        HostReading Host,
        PortReading Port,
        int Vlan,
        PlaceKind Kind,
        string? Bridge,
        ImmutableArray<string> Addresses
    );

    private enum PlaceKind
    {
        /// <summary>The host itself, by an internal port.</summary>
        Host,

        /// <summary>A container bridge that is the port itself.</summary>
        Direct,

        /// <summary>A container bridge, by a veth pair.</summary>
        Veth,

        /// <summary>A container's interface.</summary>
        Container,
    }
}
