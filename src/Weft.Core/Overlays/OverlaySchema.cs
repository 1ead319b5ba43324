using System.Buffers;
using System.Collections.Immutable;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Weft.Core.Addressing;
using Weft.Core.Ipsec;

namespace Weft.Core.Overlays;

/// <summary>
/// Every key of an overlay file. This one table serves the reader that checks a file, editors that check it (<see
/// cref="ToJsonSchema"/>), and the documentation (<see cref="ToKeyReference"/>).
/// </summary>
public static class OverlaySchema
{
    /// <summary>Writes the JSON Schema of an overlay file (draft 7, which most editors support).</summary>
    public static string ToJsonSchema()
    {
        var buffer = new ArrayBufferWriter<byte>();
        var options = new JsonWriterOptions
        {
            Indented = true,
            NewLine = "\n",
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        using (var json = new Utf8JsonWriter(buffer, options))
        {
            json.WriteStartObject();
            json.WriteString("$schema", "http://json-schema.org/draft-07/schema#");
            json.WriteString("title", "Weft overlay file");
            Overlay.Shape.WriteSchema(json);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    /// <summary>Writes a reference of all keys in Markdown: what they take, their defaults, and their purpose.</summary>
    public static string ToKeyReference() => KeyReference.Of(Overlay.Shape);

    internal static class Overlay
    {
        public static readonly Key<string> Name = new(
            "name",
            Texts.OverlayName,
            "The overlay's name. Everything that Weft makes on a host is marked with it, so two overlays on one host need two names."
        )
        {
            Required = true,
        };

        public static readonly Key<string> Switch = new(
            "switch",
            Texts.LinkName,
            "The Open vSwitch bridge that the overlay has on every host."
        )
        {
            Default = "ovsbr0",
        };

        public static readonly Key<DatapathChoice> Datapath = new(
            "datapath",
            new ChoiceShape<DatapathChoice>(
                ("auto", DatapathChoice.Auto),
                ("kernel", DatapathChoice.Kernel),
                ("userspace", DatapathChoice.Userspace)
            ),
            "Which of Open vSwitch's datapaths the switch uses: 'kernel', 'userspace' (inside ovs-vswitchd), or 'auto': the kernel's if it has one. Unless given, a switch keeps the datapath that it has."
        )
        {
            Default = "auto",
        };

        public static readonly Key<ImmutableArray<Entry<Fields>>> Hosts = new(
            "hosts",
            new MapShape<Fields>("host {0}", Texts.HostName, Host.Shape, "host1: 192.0.2.1")
            {
                AtLeastOne = true,
            },
            "The machines that run containers, by the name that 'hostname' prints there. Instead of a mapping, the underlay address alone may be given."
        )
        {
            Required = true,
        };

        public static readonly Key<Fields> Tunnels = new(
            "tunnels",
            OverlaySchema.Tunnels.Shape,
            "How the switches are joined: one tunnel between every two hosts."
        );

        public static readonly Key<ImmutableArray<Entry<Fields>>> Networks = new(
            "networks",
            new MapShape<Fields>(
                "network {0}",
                Texts.LinkName,
                Network.Shape,
                "cont-mgmnt0: { vlan: 200, subnet: 10.8.2.0/24 }"
            ),
            "The broadcast domains, by name. The name is also that of the network's link on a host."
        );

        public static readonly Key<ImmutableArray<Entry<Fields>>> Containers = new(
            "containers",
            new MapShape<Fields>(
                "container {0}",
                Texts.ContainerName,
                Container.Shape,
                "web: { host: host1, engine: lxd, networks: { cont-mgmnt0: 10.8.2.2 } }"
            ),
            "The containers that attach to networks, by the name that their engine has for them. An entry with 'select' stands for all containers that carry its labels."
        );

        public static readonly ObjectShape Shape = new(
            "name: homelab",
            Name,
            Switch,
            Datapath,
            Hosts,
            Tunnels,
            Networks,
            Containers
        );
    }

    internal static class Host
    {
        public static readonly Key<IPAddress> Address = new(
            "address",
            Texts.Address,
            "The underlay address, at which the other hosts reach this host. It lies outside every network's subnets. Either all hosts have an IPv4 one, or all have an IPv6 one."
        )
        {
            Required = true,
        };

        public static readonly Key<long> Mtu = new(
            "mtu",
            new IntegerShape("a number of bytes", 576, 65535),
            "The MTU in bytes of the link that carries the underlay address. The smallest of all hosts decides the overlay's."
        )
        {
            Default = "1500",
        };

        public static readonly Key<IPAddress> Local = new(
            "local",
            Texts.Address,
            "The address that the host itself has, if 'address' is translated to it one to one on the way, as for most cloud machines. It too is unique, and outside every network's subnets."
        );

        public static readonly Key<SshTarget> Ssh = new(
            "ssh",
            Texts.SshTarget,
            "Where SSH reaches the host from the administrator's machine, if not at 'address'; a name from SSH's own configuration will do. Hosts ignore it."
        );

        public static readonly ObjectShape Shape = new(
            "{ address: 192.0.2.1, mtu: 9000 }",
            Address,
            Mtu,
            Local,
            Ssh
        )
        {
            Shorthand = Address,
        };
    }

    internal static class Tunnels
    {
        public static readonly Key<TunnelType> Type = new(
            "type",
            new ChoiceShape<TunnelType>(
                ("gre", TunnelType.Gre),
                ("vxlan", TunnelType.Vxlan),
                ("geneve", TunnelType.Geneve)
            ),
            "The tunnel protocol."
        )
        {
            Default = "gre",
        };

        public static readonly Key<long> KeyNumber = new(
            "key",
            new IntegerShape("a number", 1, uint.MaxValue),
            "The GRE key, or the VXLAN or Geneve network identifier (at most 16777215). Two overlays over the same hosts need different ones. Unless given, packets carry none."
        );

        public static readonly Key<long> Port = new(
            "port",
            new IntegerShape("a UDP port", 1, 65535),
            "The UDP destination port of vxlan (4789 unless given) or geneve (6081); gre has none."
        );

        public static readonly Key<Fields> Ipsec = new(
            "ipsec",
            OverlaySchema.Ipsec.Shape,
            "How the tunnels are encrypted. Without it, their packets cross in plaintext."
        );

        public static readonly ObjectShape Shape = new(
            "{ type: gre }",
            Type,
            KeyNumber,
            Port,
            Ipsec
        );
    }

    internal static class Ipsec
    {
        public static readonly Key<Fields> Psk = new(
            "psk",
            OverlaySchema.Psk.Shape,
            "The key that all hosts share: the key itself, or better, where each host finds it."
        );

        public static readonly Key<Fields> Certificates = new(
            "certificates",
            OverlaySchema.Certificates.Shape,
            "Certificates instead of a 'psk': each host has one, and all trust the authority that issued them. 'true' means the files where `weft pki` puts them."
        )
        {
            Default = "false",
        };

        public static readonly Key<IpsecManager> Manager = new(
            "manager",
            new ChoiceShape<IpsecManager>(
                (IpsecManager.StrongSwan.Word, IpsecManager.StrongSwan),
                (IpsecManager.OpenVSwitch.Word, IpsecManager.OpenVSwitch)
            ),
            "What has the keys negotiated: Weft itself, with strongSwan, or Open vSwitch's ovs-monitor-ipsec, for those who run it already."
        )
        {
            Default = IpsecManager.StrongSwan.Word,
        };

        public static readonly Key<long> Rekey = new(
            "rekey",
            new IntegerShape("a number of seconds", 1, 86_400),
            "Seconds after which a key is replaced by a new one, without losing a packet; up to a tenth sooner. With the manager strongswan only."
        )
        {
            Default = $"{IpsecSettings.DefaultRekeySeconds}",
        };

        public static readonly ObjectShape Shape = new(
            "{ psk: { file: /etc/weft/psk } }",
            Psk,
            Certificates,
            Manager,
            Rekey
        )
        {
            HoldsSecret = true,
        };
    }

    internal static class Psk
    {
        // With random characters this has at least half the entropy of an AES-128 key, and it is too long for a password that
        // people remember.
        private const int LeastCharacters = 16;

        public static readonly Key<Secret> KeyItself = new(
            "key",
            new SecretShape(LeastCharacters),
            "The key itself. Everybody who can read the overlay file then has it."
        );

        public static readonly Key<string> File = new(
            "file",
            Texts.SecretFile,
            "A file on each host that holds the key and nothing else."
        );

        public static readonly Key<string> Variable = new(
            "env",
            Texts.SecretVariable,
            "A variable in Weft's environment that holds the key."
        );

        public static readonly ObjectShape Shape = new(
            "{ file: /etc/weft/psk }",
            KeyItself,
            File,
            Variable
        )
        {
            Shorthand = KeyItself,
            HoldsSecret = true,
        };
    }

    internal static class Certificates
    {
        public static readonly Key<string> Authority = new(
            "ca",
            Texts.File,
            "The authority's certificate. In this path and the others, HOST stands for the host's name."
        )
        {
            Default = CertificateFiles.Default.Authority,
        };

        public static readonly Key<string> Certificate = new(
            "certificate",
            Texts.File,
            "The host's own certificate."
        )
        {
            Default = CertificateFiles.Default.Certificate,
        };

        public static readonly Key<string> PrivateKey = new(
            "key",
            Texts.File,
            "The private key of the host's certificate."
        )
        {
            Default = CertificateFiles.Default.Key,
        };

        public static readonly ObjectShape Shape = new(
            "{ ca: /etc/weft/pki/ca.pem }",
            Authority,
            Certificate,
            PrivateKey
        )
        {
            IsSwitch = true,
        };
    }

    internal static class Network
    {
        public static readonly Key<long> Vlan = new(
            "vlan",
            new IntegerShape("a VLAN tag", 1, 4094),
            "The VLAN tag that separates the network from the others; no two networks have the same."
        )
        {
            Required = true,
        };

        public static readonly Key<ImmutableArray<Marked<IPNetwork>?>> Subnet = new(
            "subnet",
            new FamilyShape<IPNetwork>(
                Texts.Subnet,
                "subnet",
                subnet => subnet.BaseAddress.AddressFamily
            ),
            "The network's addresses: a subnet, or a list of an IPv4 one and an IPv6 one. No two networks' subnets overlap."
        )
        {
            Required = true,
        };

        public static readonly Key<Fields> Bridge = new(
            "bridge",
            OverlaySchema.Bridge.Shape,
            "The Linux bridge that the network has on each host, for engines that attach containers to bridges. 'true' means one with the defaults."
        )
        {
            Default = "false",
        };

        public static readonly Key<bool> Forward = new(
            "forward",
            new BooleanShape(),
            "Whether hosts forward IPv4 packets that come in from the network, as routers do. A host whose address in the network is the gateway of a container's 'routes' always does; all others do not, whatever else they route."
        )
        {
            Default = "false",
        };

        public static readonly Key<
            ImmutableArray<Entry<ImmutableArray<Marked<IPAddress>?>>>
        > Hosts = new(
            "hosts",
            new MapShape<ImmutableArray<Marked<IPAddress>?>>(
                "host {0} in {1}",
                Texts.HostName,
                Texts.Addresses,
                "host1: 10.8.3.1"
            ),
            "The hosts' own addresses in the network, by host: one, or a list of an IPv4 one and an IPv6 one."
        );

        public static readonly Key<
            ImmutableArray<Entry<ImmutableArray<Marked<IPNetwork>?>>>
        > Slices = new(
            "slices",
            new MapShape<ImmutableArray<Marked<IPNetwork>?>>(
                "the slice of host {0} in {1}",
                Texts.HostName,
                new FamilyShape<IPNetwork>(
                    Texts.Slice,
                    "slice",
                    slice => slice.BaseAddress.AddressFamily
                ),
                "host1: 10.8.2.64/26"
            ),
            "The part of the subnet from which a host gives addresses, by host: one, or a list of an IPv4 one and an IPv6 one. A host that is not listed has a part that follows from the order of 'hosts'."
        );

        public static readonly Key<ImmutableArray<Marked<IPAddress>?>> Floating = new(
            "floating",
            new ListShape<IPAddress>(Texts.Address),
            "Addresses that something else puts on hosts or containers and moves between them, as keepalived does: one, or a list. Weft neither assigns nor removes them."
        );

        public static readonly ObjectShape Shape = new(
            "{ vlan: 200, subnet: 10.8.2.0/24 }",
            Vlan,
            Subnet,
            Bridge,
            Forward,
            Hosts,
            Slices,
            Floating
        );
    }

    internal static class Bridge
    {
        public static readonly Key<bool> Stp = new(
            "stp",
            new BooleanShape(),
            "Whether the bridge speaks the spanning tree protocol (IEEE 802.1D)."
        )
        {
            Default = "false",
        };

        public static readonly Key<long> ForwardDelay = new(
            "forward_delay",
            new IntegerShape("a number of seconds", 2, 30),
            "Seconds that a port of the bridge spends listening, and again learning, before it forwards. Only with 'stp'."
        )
        {
            Default = "2",
        };

        public static readonly Key<Uplink> Uplink = new(
            "uplink",
            new ChoiceShape<Uplink>(
                ("veth", Overlays.Uplink.Veth),
                ("direct", Overlays.Uplink.Direct)
            ),
            "What connects the bridge to the switch: a veth pair, or ('direct') the bridge device itself as the switch's port. With 'direct', every frame from other hosts is flooded to all local containers, and the host can have no address in the network."
        )
        {
            Default = "veth",
        };

        public static readonly ObjectShape Shape = new("{ stp: true }", Stp, ForwardDelay, Uplink)
        {
            IsSwitch = true,
        };
    }

    internal static class Container
    {
        public static readonly Key<ImmutableArray<Entry<string>>> Select = new(
            "select",
            new MapShape<string>(
                "label {0} of {1}",
                Texts.LabelKey,
                new LabelShape(),
                "weft.network: cont-mgmnt0"
            )
            {
                AtLeastOne = true,
            },
            "The labels that a container must carry, all of them, to be attached to 'networks'; with LXD and Incus, configuration keys below 'user.'. The entry's name is then not a container's."
        );

        public static readonly Key<string> Host = new(
            "host",
            Texts.HostName,
            "The host that the container runs on; with 'select', the only host whose containers are selected."
        )
        {
            RequiredUnless = Select,
        };

        public static readonly Key<Engine> Engine = new(
            "engine",
            new ChoiceShape<Engine>(
                ("netns", Overlays.Engine.Netns),
                ("lxd", Overlays.Engine.Lxd),
                ("incus", Overlays.Engine.Incus),
                ("docker", Overlays.Engine.Docker),
                ("podman", Overlays.Engine.Podman)
            ),
            "What runs the container; 'netns' is a named network namespace. With 'select', the only engine whose containers are selected."
        )
        {
            RequiredUnless = Select,
        };

        public static readonly Key<ImmutableArray<Entry<Fields>>> Networks = new(
            "networks",
            new MapShape<Fields>(
                "{1} in network {0}",
                Texts.LinkName,
                Attachment.Shape,
                "cont-mgmnt0: 10.8.2.2"
            )
            {
                AtLeastOne = true,
            },
            "The networks that the container attaches to. Instead of a mapping, an address alone, a list of an IPv4 one and an IPv6 one, or nothing may be given."
        )
        {
            Required = true,
        };

        public static readonly ObjectShape Shape = new(
            "{ host: host1, engine: lxd, networks: { cont-mgmnt0: 10.8.2.2 } }",
            Host,
            Engine,
            Select,
            Networks
        );
    }

    internal static class Attachment
    {
        public static readonly Key<ImmutableArray<Marked<IPAddress>?>> Address = new(
            "address",
            Texts.Addresses,
            "The container's address in the network, or a list of an IPv4 one and an IPv6 one. Unless given, the host gives it one from its slice of each subnet."
        );

        public static readonly Key<string> Interface = new(
            "interface",
            Texts.LinkName,
            "The interface's name inside the container. Unless given: eth1, eth2 and so on, in the file's order; eth0 is left to the engine's own network."
        );

        public static readonly Key<MacAddress> Mac = new(
            "mac",
            Texts.Mac,
            "The interface's MAC address. Unless given, it is derived from the names of overlay, container and network, and so stays the same."
        );

        public static readonly Key<AttachTo> Attach = new(
            "attach",
            new ChoiceShape<AttachTo>(("bridge", AttachTo.Bridge), ("switch", AttachTo.Switch)),
            "What the interface attaches to on the host: the network's container bridge, or the switch itself. Unless given: the bridge if the network has one, else the switch."
        );

        public static readonly Key<ImmutableArray<Entry<IPAddress>>> Routes = new(
            "routes",
            new MapShape<IPAddress>(
                "route {0} of {1}",
                Texts.Destination,
                Texts.Address,
                "10.9.0.0/16: 10.8.2.1"
            )
            {
                Noun = "destination",
            },
            "What else the container reaches through this interface: destinations, each with its gateway in the network. '0.0.0.0/0' and '::/0' are everything."
        );

        public static readonly ObjectShape Shape = new(
            "{ address: 10.8.2.2, interface: eth1 }",
            Address,
            Interface,
            Mac,
            Attach,
            Routes
        )
        {
            Shorthand = Address,
        };
    }
}
