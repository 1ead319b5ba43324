using System.Collections.Immutable;
using System.Net;
using Weft.Core.Addressing;
using Schema = Weft.Core.Overlays.OverlaySchema;

namespace Weft.Core.Overlays;

/// <summary>
/// Builds the overlay from what the schema has read, and finds the mistakes between values: references to nothing, duplicates,
/// values that do not fit together. Values that are wrong in themselves take no part, so that no mistake is reported that merely
/// follows from another.
/// </summary>
internal sealed partial class OverlayBuilder(Fields file, Mistakes mistakes)
{
    private readonly Marked<string>? name = file.Get(Schema.Overlay.Name);
    private readonly ImmutableArray<Entry<Fields>>? hosts = file.Get(Schema.Overlay.Hosts)?.Value;
    private readonly ImmutableArray<Entry<Fields>>? networks =
        file.Find(Schema.Overlay.Networks) is null && file.IsWhole
            ? []
            : file.Get(Schema.Overlay.Networks)?.Value;
    private readonly ImmutableArray<Entry<Fields>> containers =
        file.Get(Schema.Overlay.Containers)?.Value ?? [];
    private readonly HashSet<string> hostNames =
    [
        .. (file.Get(Schema.Overlay.Hosts)?.Value ?? []).Select(host => host.Name),
    ];
    private readonly LinkNameBook links = new(mistakes);
    private readonly Dictionary<long, Entry<Fields>> vlans = [];
    private readonly Dictionary<string, AddressBook> books = [];
    private readonly Dictionary<(string Network, MacAddress Mac), Entry<Fields>> macs = [];

    /// <summary>Builds the overlay; null if there is a mistake.</summary>
    public Overlay? Build()
    {
        var overlay = new Overlay
        {
            Name = name?.Value ?? "",
            Switch = BuildSwitch(),
            Datapath = file.Get(Schema.Overlay.Datapath)?.Value ?? default,
            Hosts = [.. (hosts ?? []).Select(BuildHost)],
            Tunnels = BuildTunnels(),
            Networks = [.. (networks ?? []).Select(BuildNetwork)],
            Containers = [.. containers.Where(entry => !IsSelection(entry)).Select(BuildContainer)],
            Selections = [.. containers.Where(IsSelection).Select(BuildSelection)],
        };
        var underlay = new UnderlayCheck(hosts ?? [], books.Values, mistakes);
        underlay.CheckAddresses();
        underlay.CheckSubnets();
        underlay.CheckMtus(isIpv6 => OverlayMtu.Encapsulate(overlay, isIpv6));
        foreach (var book in books.Values)
        {
            book.Check(mistakes);
        }
        return mistakes.Any ? null : overlay;
    }

    private string BuildSwitch()
    {
        var declared = file.Get(Schema.Overlay.Switch);
        if (declared is not null || file.Find(Schema.Overlay.Switch) is null)
        {
            var bridge = declared?.Value ?? Schema.Overlay.Switch.Default!;
            links.Take(null, bridge, "the switch", declared?.At);
            return bridge;
        }
        return "";
    }

    private Host BuildHost(Entry<Fields> entry)
    {
        // A single host has no tunnel.
        if (entry.IsNameRight && hosts is { Length: > 1 })
        {
            links.Take(
                null,
                LinkNames.Tunnel(entry.Name, TunnelKey),
                $"the tunnel to host {entry.Quoted}",
                entry.At
            );
        }
        var host = entry.Value?.Value;
        return new Host
        {
            Name = entry.Name,
            Address = host?.Get(Schema.Host.Address)?.Value ?? IPAddress.None,
            Local = host?.Get(Schema.Host.Local)?.Value,
            Mtu = (int)(host?.Get(Schema.Host.Mtu)?.Value ?? Host.DefaultMtu),
            Ssh = host?.Get(Schema.Host.Ssh)?.Value,
        };
    }

    private Fields DeclaredTunnels => file.Get(Schema.Overlay.Tunnels)?.Value ?? new Fields();

    private uint? TunnelKey => (uint?)DeclaredTunnels.Get(Schema.Tunnels.KeyNumber)?.Value;

    private Tunnels BuildTunnels()
    {
        var tunnels = DeclaredTunnels;
        var type = tunnels.Get(Schema.Tunnels.Type);
        var key = tunnels.Get(Schema.Tunnels.KeyNumber);
        var port = tunnels.Get(Schema.Tunnels.Port);
        var isGre = type is null or { Value: TunnelType.Gre };
        var isTypeRight = type is not null || tunnels.Find(Schema.Tunnels.Type) is null;
        if (isTypeRight && isGre && port is { } useless)
        {
            mistakes.Add(
                useless.At,
                "'tunnels' has a port, and gre has no ports: take it out, or make the type vxlan or geneve"
            );
        }
        if (!isGre && key is { Value: > 0xFF_FFFF } large)
        {
            mistakes.Add(
                large.At,
                $"'tunnels' has key {large.Value}, and vxlan and geneve take 24 bits: write a number from 1 to 16777215"
            );
        }
        return new Tunnels
        {
            Type = type?.Value ?? default,
            Key = TunnelKey,
            Port = (ushort?)port?.Value,
            Ipsec = new IpsecBuilder(file, tunnels, mistakes).Build(),
        };
    }

    private Network BuildNetwork(Entry<Fields> entry)
    {
        var network = entry.Value?.Value ?? new Fields();
        var vlan = network.Get(Schema.Network.Vlan);
        if (vlan is { } tag && !vlans.TryAdd(tag.Value, entry))
        {
            var first = vlans[tag.Value];
            mistakes.Add(
                tag.At,
                $"network {entry.Quoted} has VLAN {tag.Value}, which {first.Quoted} (line {first.At.Line}) has already: give it another"
            );
        }
        var bridge = BuildBridge(entry, network);
        if (entry.IsNameRight)
        {
            TakeLinks(entry, bridge);
        }
        var book = new AddressBook(entry);
        books.Add(entry.Name, book);
        return new Network
        {
            Name = entry.Name,
            Vlan = (int)(vlan?.Value ?? 0),
            Subnets = book.Subnets,
            Bridge = bridge,
            Forward = network.Get(Schema.Network.Forward)?.Value ?? false,
            Hosts =
            [
                .. (network.Get(Schema.Network.Hosts)?.Value ?? []).Select(host =>
                    BuildHostAddresses(host, book)
                ),
            ],
            Slices = BuildSlices(network, book),
            Floating = Claim(
                network.Get(Schema.Network.Floating),
                $"'{Schema.Network.Floating.Name}'",
                $"'{Schema.Network.Floating.Name}'",
                book
            ),
        };
    }

    private ContainerBridge? BuildBridge(Entry<Fields> entry, Fields network)
    {
        if (network.Get(Schema.Network.Bridge)?.Value is not { IsOn: true } bridge)
        {
            return null;
        }
        var uplink = bridge.Get(Schema.Bridge.Uplink);
        if (
            uplink is { Value: Uplink.Direct }
            && network.Get(Schema.Network.Hosts)?.Value is { IsEmpty: false } addressed
        )
        {
            mistakes.Add(
                uplink.Value.At,
                $"network {entry.Quoted} has a bridge that is itself the switch's port, which can carry no host's address (line {addressed[0].At.Line}): write 'uplink: veth', or take out 'hosts'"
            );
        }
        var defaults = new ContainerBridge();
        return new ContainerBridge
        {
            Stp = bridge.Get(Schema.Bridge.Stp)?.Value ?? defaults.Stp,
            ForwardDelay =
                (int?)bridge.Get(Schema.Bridge.ForwardDelay)?.Value ?? defaults.ForwardDelay,
            Uplink = uplink?.Value ?? defaults.Uplink,
        };
    }

    private void TakeLinks(Entry<Fields> network, ContainerBridge? bridge)
    {
        links.Take(null, network.Name, $"network {network.Quoted}", network.At);
        if (bridge is { Uplink: Uplink.Veth })
        {
            var uplink = $"the uplink of network {network.Quoted}";
            links.Take(
                null,
                LinkNames.UplinkAtSwitch(network.Name),
                $"{uplink} at the switch",
                network.At
            );
            links.Take(
                null,
                LinkNames.UplinkAtBridge(network.Name),
                $"{uplink} at the bridge",
                network.At
            );
        }
    }

    private HostAddresses BuildHostAddresses(
        Entry<ImmutableArray<Marked<IPAddress>?>> entry,
        AddressBook book
    )
    {
        var holder = $"host {entry.Quoted}";
        if (entry.IsNameRight)
        {
            CheckHost(entry.Name, entry.At, $"network {book.Network.Quoted}", "has an address for");
        }
        return new HostAddresses(entry.Name, Claim(entry.Value, holder, entry.Quoted, book));
    }

    private ImmutableArray<HostSlices> BuildSlices(Fields network, AddressBook book)
    {
        var declared = network.Get(Schema.Network.Slices)?.Value ?? [];
        foreach (var entry in declared.Where(entry => entry.IsNameRight))
        {
            CheckHost(entry.Name, entry.At, $"network {book.Network.Quoted}", "has a slice for");
        }
        SliceCheck.Check(declared, book, mistakes);
        return
        [
            .. declared.Select(entry => new HostSlices(
                entry.Name,
                [
                    .. (entry.Value?.Value ?? [])
                        .OfType<Marked<IPNetwork>>()
                        .Select(slice => slice.Value),
                ]
            )),
        ];
    }

    private static ImmutableArray<IPAddress> Claim(
        Marked<ImmutableArray<Marked<IPAddress>?>>? addresses,
        string who,
        string quoted,
        AddressBook? book
    )
    {
        var claimed = ImmutableArray.CreateBuilder<IPAddress>();
        foreach (var address in addresses?.Value ?? [])
        {
            if (address is { } right)
            {
                claimed.Add(right.Value);
                book?.Claim(who, quoted, right);
            }
        }
        return claimed.ToImmutable();
    }

    private void CheckHost(string host, Position at, string who, string verb)
    {
        if (hosts is { } known && !hostNames.Contains(host))
        {
            mistakes.Add(
                at,
                () =>
                    $"{who} {verb} host '{host}', which is not among 'hosts': {Meant(host, known, "host")}"
            );
        }
    }

    private static string Meant(string name, IEnumerable<Entry<Fields>> known, string kind) =>
        Words.Nearest(name, known.Select(entry => entry.Name)) is { } nearest
            ? $"did you mean {Words.Quote(nearest)}?"
            : $"add the {kind} there, or name one that is";
}
