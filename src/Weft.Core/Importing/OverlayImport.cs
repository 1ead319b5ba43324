using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Overlays;

namespace Weft.Core.Importing;

/// <summary>Describes hosts that were set up by hand as an overlay. Pure.</summary>
/// <param name="Overlay">The overlay. It may have mistakes, which show when its file is read.</param>
/// <param name="Notes">What could not be described, or needs a decision: a sentence each.</param>
public sealed partial record OverlayImport(Overlay Overlay, ImmutableArray<string> Notes)
{
    /// <summary>The file that the tunnels' key is put into.</summary>
    public const string KeyFile = "/etc/weft/psk";

    /// <summary>Derives an overlay from the readings of hosts.</summary>
    /// <param name="readings">The hosts' readings, one of each host.</param>
    /// <param name="name">The name for the overlay.</param>
    /// <param name="switchName">The Open vSwitch bridge; null for the one with the tunnels.</param>
    /// <exception cref="HostException">The hosts show no overlay.</exception>
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
        var @switch = switchName ?? SwitchOf(readings);
        if (IsRuled(PortsOf(readings, @switch)))
        {
            throw new HostException(
                $"bridge '{@switch}' has no VLAN in it, and tunnels of which its flows choose the key or the other end, as OVN's has: whoever makes these rules it, and an overlay goes into a switch of its own"
            );
        }
        return new Draft(readings, @switch).Make(name);
    }

    /// <summary>The bridge with the most tunnels, or with the most tagged ports if no host has a tunnel.</summary>
    private static string SwitchOf(ImmutableArray<HostReading> readings) =>
        readings
            .SelectMany(reading => reading.Switches)
            .GroupBy(one => one.Name, StringComparer.Ordinal)
            .Select(same => (same.Key, Ports: same.SelectMany(one => one.Ports).ToList()))
            .Where(one => one.Ports.Exists(port => IsTunnel(port) || port.Tag is not null))
            .OrderBy(one => IsRuled(one.Ports))
            .ThenByDescending(one => one.Ports.Count(IsTunnel))
            .ThenByDescending(one => one.Ports.Count(port => port.Tag is not null))
            .ThenBy(one => one.Key, StringComparer.Ordinal)
            .Select(one => one.Key)
            .FirstOrDefault()
        ?? throw new HostException(
            $"{Words.List(readings.Select(reading => reading.Name))}: Open vSwitch has no bridge with a tunnel or a VLAN in it, so there is nothing to import"
        );

    private static List<PortReading> PortsOf(
        ImmutableArray<HostReading> readings,
        string @switch
    ) =>
        [
            .. readings
                .SelectMany(reading => reading.Switches)
                .Where(one => one.Name == @switch)
                .SelectMany(one => one.Ports),
        ];

    /// <summary>Whether a bridge forwards by its flows alone (ovs-vswitchd.conf.db(5), <c>options</c> of tunnels).</summary>
    private static bool IsRuled(List<PortReading> ports) =>
        ports.TrueForAll(port => port.Tag is null)
        && ports.Exists(port => IsTunnel(port) && port.Options.ContainsValue("flow"));

    private static bool IsTunnel(PortReading port) => TypeOf(port) is not null;

    private static TunnelType? TypeOf(PortReading port) =>
        port.Type switch
        {
            "gre" or "ip6gre" => TunnelType.Gre,
            "vxlan" => TunnelType.Vxlan,
            "geneve" => TunnelType.Geneve,
            _ => null,
        };

    private sealed partial class Draft(ImmutableArray<HostReading> readings, string @switch)
    {
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
                    && byte.TryParse(length, NumberStyles.None, null, out var prefix)
                    && prefix <= IPText.Bits(parsed)
                        ? new InterfaceAddress(parsed, prefix)
                        : throw new HostException(
                            $"the reading of host '{reading.Name}' holds '{text}' where an address such as 10.8.2.2/24 belongs: read the host again with `weft import --json`"
                        )
                ),
            ];
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

    /// <summary>A port with a VLAN, and what it leads to.</summary>
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
