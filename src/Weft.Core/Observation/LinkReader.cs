using System.Collections.Immutable;
using System.ComponentModel;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Weft.Core.Addressing;
using Weft.Core.Intents;
using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>
/// Reads links, addresses and routes by rtnetlink(7), as <c>ip -d addr show</c> and <c>ip route show</c> do. No process is started for it: a host with a
/// thousand containers has as many network namespaces to look into.
/// </summary>
public static class LinkReader
{
    // linux/rtnetlink.h, linux/if_link.h and linux/if_addr.h.
    private const ushort NewLink = 16;
    private const ushort GetLink = 18;
    private const ushort NewAddress = 20;
    private const ushort GetAddress = 22;
    private const ushort NewRoute = 24;
    private const ushort GetRoute = 26;
    private const int LinkBytes = 16;
    private const int AddressBytes = 8;
    private const int RouteBytes = 12;
    private const byte MainTable = 254;
    private const byte Unicast = 1;
    private const int Inet = 2;
    private const int Inet6 = 10;

    // The metric that the kernel gives a route made without one (IP6_RT_PRIO_USER for IPv6). A route of another metric is
    // beside it.
    private const int UsualMetric = 0;
    private const int UsualMetric6 = 1024;
    private const uint LinkIsUp = 1;
    private const uint LinkHasCarrier = 0x10000;
    private const uint AddressIsPermanent = 0x80;
    private const byte ScopeLink = 253;
    private const ushort ExtendedMask = 29;
    private const uint SkipStatistics = 8;

    // Beyond this many, asking for links one by one costs more than listing all.
    private const int MostReadAlone = 64;

    /// <summary>The links of this host.</summary>
    /// <exception cref="HostException">The kernel did not say.</exception>
    public static IReadOnlyDictionary<string, Link> Read()
    {
        try
        {
            // A router's table may have a million entries, and the host's own routes are not Weft's business.
            return ReadHere(withRoutes: false);
        }
        catch (Win32Exception exception)
        {
            throw new HostException(
                $"the kernel does not list its links: {exception.Message}",
                exception
            );
        }
    }

    /// <summary>The links inside a network namespace; null if it is not there any more.</summary>
    /// <param name="path">Its file.</param>
    /// <exception cref="HostException">It is there, and cannot be looked into.</exception>
    public static IReadOnlyDictionary<string, Link>? Read(string path)
    {
        try
        {
            return NetworkNamespace.Run(path, () => ReadHere(withRoutes: true));
        }
        catch (Exception exception) when (exception is IOException or Win32Exception)
        {
            return NetworkNamespace.IsAt(path)
                ? throw new HostException(
                    $"network namespace {path} cannot be looked into: {exception.Message}",
                    exception
                )
                : null;
        }
    }

    /// <summary>Reads again the links of this host that have moved, and those that refer to them by name.</summary>
    /// <param name="known">The links as they were.</param>
    /// <param name="moved">The numbers of those that may have come, gone or changed.</param>
    /// <exception cref="HostException">The kernel did not say.</exception>
    public static IReadOnlyDictionary<string, Link> Read(
        IReadOnlyDictionary<string, Link> known,
        IReadOnlySet<int> moved
    )
    {
        try
        {
            return moved.Count > MostReadAlone
                ? ReadHere(withRoutes: false)
                : ReadAlone(known, moved);
        }
        catch (Win32Exception exception)
        {
            throw new HostException(
                $"the kernel does not tell of its links: {exception.Message}",
                exception
            );
        }
    }

    private static Dictionary<string, Link> ReadAlone(
        IReadOnlyDictionary<string, Link> known,
        IReadOnlySet<int> moved
    )
    {
        var before = known.Values.ToDictionary(link => link.Index);
        var now = new Dictionary<int, Link?>();
        var waiting = new Queue<int>(moved);
        while (waiting.TryDequeue(out var index))
        {
            if (now.ContainsKey(index))
            {
                continue;
            }
            var link = ReadLink(index);
            now[index] = link;
            var former = before.GetValueOrDefault(index);
            if (link?.Name == former?.Name)
            {
                continue;
            }
            // Other links hold its name as that of their bridge or their peer, and the kernel reports no change of those.
            foreach (var other in before.Values)
            {
                if (other.MasterIndex == index || former is not null && other.Peer == former.Name)
                {
                    waiting.Enqueue(other.Index);
                }
            }
            if (link is { PeerIndex: { } peer, PeerNamespace: null })
            {
                waiting.Enqueue(peer);
            }
        }
        using var socket = Netlink.Open(Netlink.RouteProtocol);
        var links = new Dictionary<string, Link>(known, StringComparer.Ordinal);
        foreach (var former in now.Keys.Select(before.GetValueOrDefault).OfType<Link>())
        {
            links.Remove(former.Name);
        }
        foreach (var link in now.Values.OfType<Link>())
        {
            links[link.Name] = Complete(link, NameOf, ReadAddresses(link.Index), socket);
        }
        return links;

        string? NameOf(int index) =>
            (now.TryGetValue(index, out var read) ? read : before.GetValueOrDefault(index))?.Name;
    }

    private static Dictionary<string, Link> ReadHere(bool withRoutes)
    {
        var links = new Dictionary<int, Link>();
        Netlink.Dump(
            Netlink.RouteProtocol,
            GetLink,
            Question(index: 0),
            links.Clear,
            (kind, body) =>
            {
                if (kind == NewLink)
                {
                    var link = ParseLink(body);
                    links[link.Index] = link;
                }
            }
        );
        var addresses = ReadAddresses(index: 0).ToLookup(found => found.Index);
        using var socket = Netlink.Open(Netlink.RouteProtocol);
        var routes = new List<(int Index, LinkRoute Route)>();
        if (withRoutes)
        {
            Netlink.Dump(
                Netlink.RouteProtocol,
                GetRoute,
                new byte[RouteBytes],
                routes.Clear,
                (kind, body) =>
                {
                    if (kind == NewRoute && ParseRoute(body) is { } found)
                    {
                        routes.Add(found);
                    }
                }
            );
        }
        var routesByLink = routes.ToLookup(found => found.Index, found => found.Route);
        var read = new Dictionary<string, Link>(links.Count, StringComparer.Ordinal);
        foreach (var link in links.Values)
        {
            // Two names may be the same as text: root in a container may give its links any bytes for a name.
            read[link.Name] = Complete(link, NameOf, addresses[link.Index], socket) with
            {
                Routes = [.. routesByLink[link.Index]],
            };
        }
        return read;

        string? NameOf(int index) => links.GetValueOrDefault(index)?.Name;
    }

    /// <summary>One link, by its number; null if there is none of it.</summary>
    private static Link? ReadLink(int index)
    {
        Link? found = null;
        try
        {
            Netlink.Ask(
                Netlink.RouteProtocol,
                GetLink,
                Question(index),
                (_, body) => found = ParseLink(body)
            );
        }
        catch (Win32Exception exception) when (exception.NativeErrorCode == Libc.NoSuchDevice) { }
        return found;
    }

    /// <summary>The addresses of one link, by its number; with 0, those of all.</summary>
    private static List<FoundAddress> ReadAddresses(int index)
    {
        var addresses = new List<FoundAddress>();
        var question = new byte[AddressBytes];
        MemoryMarshal.Write(question.AsSpan(4), index);
        Netlink.Dump(
            Netlink.RouteProtocol,
            GetAddress,
            question,
            addresses.Clear,
            (kind, body) =>
            {
                // A kernel from before Linux 4.20 lists all in any case.
                if (
                    kind == NewAddress
                    && ParseAddress(body) is { } found
                    && (index == 0 || found.Index == index)
                )
                {
                    addresses.Add(found);
                }
            },
            isStrict: index != 0
        );
        return addresses;
    }

    /// <summary>Adds to a link what only the other links and the addresses tell.</summary>
    private static Link Complete(
        Link link,
        Func<int, string?> nameOf,
        IEnumerable<FoundAddress> addresses,
        SafeHandle socket
    )
    {
        var isVeth = link.Kind == "veth";
        var set = addresses.Where(found => found.IsPermanent).ToList();
        return link with
        {
            Master = NameOf(link.MasterIndex),
            // IFLA_LINK names a veth's peer, but not the peer of a tunnel's device.
            Peer = isVeth && link.PeerNamespace is null ? NameOf(link.PeerIndex) : null,
            PeerIndex = link.PeerNamespace is null ? null : link.PeerIndex,
            Addresses = [.. set.Where(found => !found.IsLinkLocal).Select(found => found.Address)],
            LinkLocal = [.. set.Where(found => found.IsLinkLocal).Select(found => found.Address)],
            Leased =
            [
                .. addresses.Where(found => !found.IsPermanent).Select(found => found.Address),
            ],
            LeavesChecksumsUndone = isVeth
                ? Ethtool.LeavesChecksumsUndone(link.Name, socket)
                : null,
        };

        string? NameOf(int? index) => index is { } number ? nameOf(number) : null;
    }

    /// <summary>Reads a struct ifinfomsg and its attributes.</summary>
    private static Link ParseLink(ReadOnlySpan<byte> message)
    {
        var flags = MemoryMarshal.Read<uint>(message[8..]);
        var link = new Link
        {
            Index = MemoryMarshal.Read<int>(message[4..]),
            Name = "",
            Up = (flags & LinkIsUp) != 0,
            HasCarrier = (flags & LinkHasCarrier) != 0,
        };
        Netlink.ForEachAttribute(
            message[LinkBytes..],
            (kind, value) =>
                link = kind switch
                {
                    1 when value.Length == MacAddress.Length => link with
                    {
                        Mac = new MacAddress(value),
                    },
                    3 => link with { Name = Text(value) },
                    4 => link with { Mtu = MemoryMarshal.Read<int>(value) },
                    // IFLA_LINK is 0 if there is none: for a tunnel's device, and for a veth whose peer is just being removed.
                    5 when MemoryMarshal.Read<int>(value) is > 0 and var peer => link with
                    {
                        PeerIndex = peer,
                    },
                    10 => link with { MasterIndex = MemoryMarshal.Read<int>(value) },
                    18 => WithInformation(link, value),
                    20 => link with { Alias = Text(value) },
                    26 => WithFamilies(link, value),
                    37 => link with { PeerNamespace = MemoryMarshal.Read<int>(value) },
                    52 => link with { AlternativeNames = AlternativeNames(value) },
                    _ => link,
                }
        );
        return link;
    }

    /// <summary>Reads IFLA_PROP_LIST, and in it each IFLA_ALT_IFNAME.</summary>
    private static ImmutableArray<string> AlternativeNames(ReadOnlySpan<byte> properties)
    {
        ImmutableArray<string> names = [];
        Netlink.ForEachAttribute(
            properties,
            (kind, value) => names = kind == 53 ? names.Add(Text(value)) : names
        );
        return names;
    }

    /// <summary>Reads IFLA_LINKINFO: the link's kind, a bridge's settings, and what a bridge does with a port of its.</summary>
    private static Link WithInformation(Link link, ReadOnlySpan<byte> information)
    {
        var isBridgePort = false;
        Netlink.ForEachAttribute(
            information,
            (kind, value) =>
            {
                switch (kind)
                {
                    case 1:
                        link = link with { Kind = Text(value) };
                        break;
                    case 2 when link.Kind == "bridge":
                        link = WithBridge(link, value);
                        break;
                    case 4:
                        isBridgePort = Text(value) == "bridge";
                        break;
                    case 5 when isBridgePort:
                        link = WithBridgePort(link, value);
                        break;
                }
            }
        );
        return link;
    }

    /// <summary>
    /// Reads IFLA_AF_SPEC, and in it what IPv6 is set to: IFLA_INET6_CONF, a number for each DEVCONF_… of linux/ipv6.h; and what IPv4
    /// is set to: IFLA_INET_CONF, one for each IPV4_DEVCONF_… of linux/ip.h, which count from 1.
    /// </summary>
    private static Link WithFamilies(Link link, ReadOnlySpan<byte> families)
    {
        const int Forwarding = 1 - 1;
        const int ReversePathFilter = 8 - 1;
        const int AcceptAdvertisements = 3;
        const int DisableIpv6 = 26;
        Netlink.ForEachAttribute(
            families,
            (family, settings) =>
            {
                Netlink.ForEachAttribute(
                    settings,
                    (kind, value) =>
                        link = (family, kind) switch
                        {
                            (Inet, 1) => link with
                            {
                                Forwards = Number(value, Forwarding) is { } forwards
                                    ? forwards > 0
                                    : null,
                                ReversePathFilter = Number(value, ReversePathFilter),
                            },
                            (Inet6, 2) => link with
                            {
                                TakesAdvertisements = Number(value, AcceptAdvertisements) > 0,
                                IsIpv6Off = Number(value, DisableIpv6) > 0,
                            },
                            _ => link,
                        }
                );
            }
        );
        return link;

        static int? Number(ReadOnlySpan<byte> numbers, int index) =>
            numbers.Length >= (index + 1) * sizeof(int)
                ? MemoryMarshal.Read<int>(numbers[(index * sizeof(int))..])
                : null;
    }

    /// <summary>Reads the IFLA_BRPORT_… of linux/if_link.h.</summary>
    private static Link WithBridgePort(Link link, ReadOnlySpan<byte> settings)
    {
        Netlink.ForEachAttribute(
            settings,
            (kind, value) =>
                link = kind switch
                {
                    1 => link with { PortState = (BridgePortState)value[0] },
                    6 => link with { BlocksRoot = value[0] != 0 },
                    _ => link,
                }
        );
        return link;
    }

    /// <summary>Reads the IFLA_BR_… of linux/if_link.h.</summary>
    private static Link WithBridge(Link link, ReadOnlySpan<byte> settings)
    {
        Netlink.ForEachAttribute(
            settings,
            (kind, value) =>
            {
                switch (kind)
                {
                    case 1:
                        link = link with { ForwardDelay = MemoryMarshal.Read<int>(value) };
                        break;
                    case 5:
                        link = link with { Stp = MemoryMarshal.Read<uint>(value) != 0 };
                        break;
                    case 12:
                        // The port that leads to the root: the root itself has none.
                        link = link with
                        {
                            IsRoot = MemoryMarshal.Read<ushort>(value) == 0,
                        };
                        break;
                    case 23:
                        link = link with { SnoopsMulticast = value[0] != 0 };
                        break;
                }
            }
        );
        return link;
    }

    /// <summary>Reads a struct ifaddrmsg and its attributes; null for an address of neither family.</summary>
    private static FoundAddress? ParseAddress(ReadOnlySpan<byte> message)
    {
        if (message[0] is not (Inet or Inet6))
        {
            return null;
        }
        var isIpv6 = message[0] == Inet6;
        var (prefixLength, flags, scope, index) = (
            message[1],
            (uint)message[2],
            message[3],
            MemoryMarshal.Read<int>(message[4..])
        );
        IPAddress? local = null;
        IPAddress? address = null;
        Netlink.ForEachAttribute(
            message[AddressBytes..],
            (kind, value) =>
            {
                switch (kind)
                {
                    case 1:
                        address = new IPAddress(value);
                        break;
                    // If there is an IFA_LOCAL, it is the link's own address, and IFA_ADDRESS that of the far end
                    // (rtnetlink(7)).
                    case 2:
                        local = new IPAddress(value);
                        break;
                    case 8:
                        flags = MemoryMarshal.Read<uint>(value);
                        break;
                }
            }
        );
        return (local ?? address) is { } own
            ? new FoundAddress(
                index,
                new InterfaceAddress(own, prefixLength),
                IsPermanent: (flags & AddressIsPermanent) != 0,
                IsLinkLocal: isIpv6 && scope == ScopeLink
            )
            : null;
    }

    /// <summary>Reads a struct rtmsg and its attributes; null for a route that is not as Weft makes them.</summary>
    private static (int, LinkRoute)? ParseRoute(ReadOnlySpan<byte> message)
    {
        var (family, prefixLength, protocol) = (message[0], message[1], message[5]);
        if (family is not (Inet or Inet6) || message[4] != MainTable || message[7] != Unicast)
        {
            return null;
        }
        var destination = family == Inet6 ? IPAddress.IPv6Any : IPAddress.Any;
        IPAddress? via = null;
        int? index = null;
        var metric = 0;
        Netlink.ForEachAttribute(
            message[RouteBytes..],
            (kind, value) =>
            {
                switch (kind)
                {
                    case 1:
                        destination = new IPAddress(value);
                        break;
                    case 4:
                        index = MemoryMarshal.Read<int>(value);
                        break;
                    case 5:
                        via = new IPAddress(value);
                        break;
                    case 6:
                        metric = MemoryMarshal.Read<int>(value);
                        break;
                }
            }
        );
        return index is { } link && metric == (family == Inet6 ? UsualMetric6 : UsualMetric)
            ? (link, new LinkRoute(new IPNetwork(destination, prefixLength), via, protocol))
            : null;
    }

    private static string Text(ReadOnlySpan<byte> value) =>
        Encoding.UTF8.GetString(value.TrimEnd((byte)0));

    /// <summary>A struct ifinfomsg that asks for one link, or with 0 for all, without their statistics, which nobody reads.</summary>
    private static byte[] Question(int index)
    {
        var question = new byte[LinkBytes + 8];
        MemoryMarshal.Write(question.AsSpan(4), index);
        MemoryMarshal.Write(question.AsSpan(LinkBytes), (ushort)8);
        MemoryMarshal.Write(question.AsSpan(LinkBytes + 2), ExtendedMask);
        MemoryMarshal.Write(question.AsSpan(LinkBytes + 4), SkipStatistics);
        return question;
    }

    private sealed record FoundAddress(
        int Index,
        InterfaceAddress Address,
        bool IsPermanent,
        bool IsLinkLocal
    );
}
