using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Engines;
using Weft.Core.Ipsec;
using Weft.Core.Overlays;

namespace Weft.Core.Intents;

/// <summary>
/// Computes from an overlay and a host's name the desired state of that host. Pure: the same input gives the same intent.
/// </summary>
public static class IntentBuilder
{
    /// <summary>Builds the intent of one host.</summary>
    /// <param name="overlay">The overlay.</param>
    /// <param name="hostName">One of the overlay's hosts.</param>
    /// <param name="kernelDatapath">Whether the host's kernel has Open vSwitch's datapath.</param>
    /// <param name="containers">The host's containers with all their addresses; null for those in the file.</param>
    /// <exception cref="ArgumentException">The overlay has no such host.</exception>
    public static HostIntent Build(
        Overlay overlay,
        string hostName,
        bool kernelDatapath,
        IEnumerable<Container>? containers = null
    )
    {
        var host =
            overlay.Hosts.FirstOrDefault(host => host.Name == hostName)
            ?? throw new ArgumentException(
                $"overlay '{overlay.Name}' has no host '{hostName}'",
                nameof(hostName)
            );
        var userspace = overlay.Datapath switch
        {
            DatapathChoice.Kernel => false,
            DatapathChoice.Userspace => true,
            _ => !kernelDatapath,
        };
        var mtu = OverlayMtu.Of(overlay);
        var draft = new Draft(overlay, host, mtu.Bytes, userspace);
        draft.AddSwitch();
        foreach (var network in overlay.Networks)
        {
            draft.AddNetwork(network);
        }
        foreach (
            var container in containers
                ?? overlay.Containers.Where(container => container.Host == hostName)
        )
        {
            draft.AddContainer(container);
        }
        var ipsec = overlay.Tunnels.Ipsec is { } settings
            ? BuildIpsec(overlay, host, settings)
            : null;
        foreach (var peer in overlay.Hosts.Where(peer => peer.Name != hostName))
        {
            draft.AddTunnel(peer, ipsec);
        }
        return new HostIntent
        {
            Overlay = overlay.Name,
            Host = hostName,
            Underlay = OwnAddress(host),
            UnderlayMtu = host.Mtu,
            Mtu = mtu,
            Switch = new SwitchIntent(overlay.Switch, userspace, draft.Ports.ToImmutable())
            {
                PassesSpanningTree = overlay.Networks.Any(network =>
                    network.Bridge is { Stp: true }
                ),
                CertificateSettings =
                    ipsec is not { Manager: IpsecManager.OpenVSwitch } ? null
                    : ipsec.Credentials is CertificateFiles files ? MonitorOptions.Settings(files)
                    : ImmutableSortedDictionary<string, string>.Empty,
            },
            Ipsec = ipsec,
            Links = draft.Links.ToImmutable(),
            InternalLinks = draft.InternalLinks.ToImmutable(),
            Attachments = draft.Attachments.ToImmutable(),
            Floating = [.. overlay.Networks.SelectMany(network => network.Floating)],
        };
    }

    private static IpsecIntent BuildIpsec(Overlay overlay, Host host, IpsecSettings settings)
    {
        var traffic = TunnelTraffic.Of(overlay.Tunnels.Type, overlay.Tunnels.Port);
        return new IpsecIntent
        {
            Manager = settings.Manager,
            RekeySeconds = settings.RekeySeconds,
            Credentials = settings.Credentials.For(host.Name),
            LocalAddress = OwnAddress(host),
            LocalIdentity = IdentityOf(host, settings),
            Peers =
            [
                .. overlay
                    .Hosts.Where(peer => peer != host)
                    .Select(peer => new IpsecPeer(
                        peer.Name,
                        peer.Address,
                        IdentityOf(peer, settings),
                        traffic,
                        NatTraversal: host.Local is not null || peer.Local is not null
                    )),
            ],
        };
    }

    private static string IdentityOf(Host host, IpsecSettings settings) =>
        settings.Credentials is CertificateFiles ? host.Name : host.Address.ToString();

    private static IPAddress OwnAddress(Host host) => host.Local ?? host.Address;

    /// <summary>The Ethernet address of a link that Weft creates on a host.</summary>
    public static MacAddress LinkMac(string overlay, string host, string link) =>
        MacAddress.Derive(overlay, host, link);

    private sealed class Draft(Overlay overlay, Host host, int mtu, bool userspace)
    {
        public ImmutableArray<PortIntent>.Builder Ports { get; } =
            ImmutableArray.CreateBuilder<PortIntent>();
        public ImmutableArray<LinkIntent>.Builder Links { get; } =
            ImmutableArray.CreateBuilder<LinkIntent>();
        public ImmutableArray<InternalLinkIntent>.Builder InternalLinks { get; } =
            ImmutableArray.CreateBuilder<InternalLinkIntent>();
        public ImmutableArray<AttachmentIntent>.Builder Attachments { get; } =
            ImmutableArray.CreateBuilder<AttachmentIntent>();

        public void AddSwitch() =>
            Ports.Add(
                new PortIntent
                {
                    Name = overlay.Switch,
                    Purpose = "the switch's own port",
                    Type = "internal",
                    MtuRequest = mtu,
                }
            );

        public void AddNetwork(Network network)
        {
            var addresses = network
                .Hosts.Where(entry => entry.Host == host.Name)
                .SelectMany(entry => entry.Addresses)
                .Select(address => WithPrefix(network, address))
                .ToImmutableArray();
            if (network.Bridge is { } bridge)
            {
                AddBridge(network, bridge, addresses);
            }
            else if (addresses.Length > 0)
            {
                Ports.Add(
                    new PortIntent
                    {
                        Name = network.Name,
                        Purpose = $"this host in network {network.Name}",
                        Tag = network.Vlan,
                        Type = "internal",
                        MtuRequest = mtu,
                        Mac = LinkMac(network.Name),
                    }
                );
                InternalLinks.Add(
                    new InternalLinkIntent(network.Name, addresses) { Forwards = Forwards(network) }
                );
            }
        }

        /// <summary>
        /// Whether this host is a router of the network: the file says so, or a container has a route via this host.
        /// </summary>
        private bool Forwards(Network network)
        {
            var own = network
                .Hosts.Where(entry => entry.Host == host.Name)
                .SelectMany(entry => entry.Addresses)
                .ToList();
            return network.Forward
                || own.Count > 0
                    && overlay
                        .Containers.SelectMany(container => container.Attachments)
                        .Select(place => (place.Network, place.Routes))
                        .Concat(
                            overlay
                                .Selections.SelectMany(selection => selection.Attachments)
                                .Select(place => (place.Network, place.Routes))
                        )
                        .Any(place =>
                            place.Network == network.Name
                            && place.Routes.Any(route =>
                                // A floating address counts for every host, as any of them may have it at the moment.
                                own.Contains(route.Via) || network.Floating.Contains(route.Via)
                            )
                        );
        }

        private void AddBridge(
            Network network,
            ContainerBridge bridge,
            ImmutableArray<InterfaceAddress> addresses
        )
        {
            Links.Add(
                new BridgeLinkIntent
                {
                    Name = network.Name,
                    Purpose = $"container bridge of network {network.Name}",
                    Network = network.Name,
                    Mac = LinkMac(network.Name),
                    Mtu = mtu,
                    Stp = bridge.Stp,
                    ForwardDelay = bridge.ForwardDelay,
                    Forwards = Forwards(network),
                    Addresses = addresses,
                }
            );
            var port = network.Name;
            if (bridge.Uplink is Uplink.Veth)
            {
                port = LinkNames.UplinkAtSwitch(network.Name);
                var peer = LinkNames.UplinkAtBridge(network.Name);
                Links.Add(
                    new VethIntent
                    {
                        Name = port,
                        Purpose = $"uplink of {network.Name} into the switch",
                        Mac = LinkMac(port),
                        Mtu = mtu,
                        Peer = peer,
                        PeerMac = LinkMac(peer),
                        Bridge = network.Name,
                        ChecksumAtPeer = userspace,
                    }
                );
            }
            Ports.Add(
                new PortIntent
                {
                    Name = port,
                    Purpose = $"uplink of network {network.Name}",
                    Tag = network.Vlan,
                }
            );
        }

        public void AddContainer(Container container)
        {
            foreach (var attachment in container.Attachments)
            {
                var network = overlay.Networks.First(network => network.Name == attachment.Network);
                var hostEnd = LinkNames.ContainerPort(container.Name, attachment.Interface);
                var isPort = attachment.To is AttachTo.Switch;
                var hasDevice = container.Engine is Engine.Lxd or Engine.Incus;
                Attachments.Add(
                    new AttachmentIntent
                    {
                        Container = container.Name,
                        Engine = container.Engine,
                        Network = network.Name,
                        Interface = attachment.Interface,
                        Mac = attachment.Mac,
                        Addresses =
                        [
                            .. attachment.Addresses.Select(address => WithPrefix(network, address)),
                        ],
                        Routes = attachment.Routes,
                        Mtu = mtu,
                        HostEnd = hostEnd,
                        HostEndMac = LinkMac(hostEnd),
                        Bridge = isPort ? null : network.Name,
                        BlocksRoot = !isPort && network.Bridge is { Stp: true },
                        Nic = hasDevice
                            ? new NicDevice
                            {
                                Parent = isPort ? overlay.Switch : network.Name,
                                Interface = attachment.Interface,
                                HostEnd = hostEnd,
                                Mac = attachment.Mac,
                                Mtu = mtu,
                                Vlan = isPort ? network.Vlan : null,
                                Mark = overlay.Name,
                            }
                            : null,
                        ChecksumAtContainer =
                            userspace && (isPort || network.Bridge is { Uplink: Uplink.Direct }),
                    }
                );
                if (isPort)
                {
                    Ports.Add(
                        new PortIntent
                        {
                            Name = hostEnd,
                            Purpose = $"{attachment.Interface} of container {container.Name}",
                            Tag = network.Vlan,
                            IsMadeByEngine = hasDevice,
                        }
                    );
                }
            }
        }

        public void AddTunnel(Host peer, IpsecIntent? ipsec)
        {
            var options = ImmutableSortedDictionary<string, string>
                .Empty.Add("remote_ip", peer.Address.ToString())
                .Add("local_ip", OwnAddress(host).ToString());
            if (overlay.Tunnels.Key is { } key)
            {
                options = options.Add("key", key.ToString());
            }
            if (overlay.Tunnels.Port is { } port)
            {
                options = options.Add("dst_port", port.ToString());
            }
            if (ipsec is { Manager: IpsecManager.OpenVSwitch })
            {
                options = options.AddRange(MonitorOptions.Connection(ipsec.LocalAddress));
                if (ipsec.Credentials is CertificateFiles)
                {
                    options = options.Add(
                        MonitorOptions.RemoteName,
                        IdentityOf(peer, overlay.Tunnels.Ipsec!)
                    );
                }
            }
            Ports.Add(
                new PortIntent
                {
                    Name = LinkNames.Tunnel(peer.Name, overlay.Tunnels.Key),
                    Purpose = $"tunnel to {peer.Name}",
                    Protected = true,
                    Type = overlay.Tunnels.Type switch
                    {
                        // Open vSwitch accepts `gre` over IPv6 without an error, but its kernel datapath then sends nothing.
                        TunnelType.Gre
                            when peer.Address.AddressFamily is AddressFamily.InterNetworkV6 =>
                            "ip6gre",
                        TunnelType.Gre => "gre",
                        TunnelType.Vxlan => "vxlan",
                        _ => "geneve",
                    },
                    Options = options,
                    Peer = peer.Name,
                }
            );
        }

        private MacAddress LinkMac(string link) =>
            IntentBuilder.LinkMac(overlay.Name, host.Name, link);

        private static InterfaceAddress WithPrefix(Network network, IPAddress address) =>
            new(address, network.SubnetOf(address).PrefixLength);
    }
}
