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
/// Reads links and addresses by rtnetlink(7), as <c>ip -d addr show</c> does. No process is started for it: a host with a
/// thousand containers has as many network namespaces to look into.
/// </summary>
public static class LinkReader
{
    // linux/rtnetlink.h, linux/if_link.h and linux/if_addr.h.
    private const ushort NewLink = 16;
    private const ushort GetLink = 18;
    private const ushort NewAddress = 20;
    private const ushort GetAddress = 22;
    private const int LinkBytes = 16;
    private const int AddressBytes = 8;
    private const uint LinkIsUp = 1;
    private const uint AddressIsPermanent = 0x80;
    private const byte ScopeLink = 253;
    private const ushort ExtendedMask = 29;
    private const uint SkipStatistics = 8;

    private static readonly byte[] AllLinks = Question();

    /// <summary>The links of this host.</summary>
    /// <exception cref="HostException">The kernel did not say.</exception>
    public static ImmutableDictionary<string, Link> Read()
    {
        try
        {
            return ReadHere();
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
    public static ImmutableDictionary<string, Link>? Read(string path)
    {
        try
        {
            return NetworkNamespace.Run(path, ReadHere);
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

    private static ImmutableDictionary<string, Link> ReadHere()
    {
        var links = new Dictionary<int, Link>();
        Netlink.Dump(
            Netlink.RouteProtocol,
            GetLink,
            AllLinks,
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
        var addresses = new List<FoundAddress>();
        Netlink.Dump(
            Netlink.RouteProtocol,
            GetAddress,
            new byte[AddressBytes],
            addresses.Clear,
            (kind, body) =>
            {
                if (kind == NewAddress && ParseAddress(body) is { } found)
                {
                    addresses.Add(found);
                }
            }
        );
        using var socket = Netlink.Open(Netlink.RouteProtocol);
        var byLink = addresses.ToLookup(found => found.Index);
        return links.Values.ToImmutableDictionary(
            link => link.Name,
            link => Complete(link, links, byLink[link.Index], socket),
            StringComparer.Ordinal
        );
    }

    /// <summary>What only the other links and the addresses tell of a link.</summary>
    private static Link Complete(
        Link link,
        Dictionary<int, Link> links,
        IEnumerable<FoundAddress> addresses,
        SafeHandle socket
    )
    {
        var isVeth = link.Kind == "veth";
        var set = addresses.Where(found => found.IsPermanent).ToList();
        return link with
        {
            Master = NameOf(link.MasterIndex),
            // What is at the other end of a tunnel's device is no link of its kind.
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

        string? NameOf(int? index) =>
            index is { } number && links.TryGetValue(number, out var other) ? other.Name : null;
    }

    /// <summary>Reads a struct ifinfomsg and its attributes.</summary>
    private static Link ParseLink(ReadOnlySpan<byte> message)
    {
        var link = new Link
        {
            Index = MemoryMarshal.Read<int>(message[4..]),
            Name = "",
            Up = (MemoryMarshal.Read<uint>(message[8..]) & LinkIsUp) != 0,
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
                    5 => link with { PeerIndex = MemoryMarshal.Read<int>(value) },
                    10 => link with { MasterIndex = MemoryMarshal.Read<int>(value) },
                    18 => WithInformation(link, value),
                    20 => link with { Alias = Text(value) },
                    37 => link with { PeerNamespace = MemoryMarshal.Read<int>(value) },
                    _ => link,
                }
        );
        return link;
    }

    /// <summary>Reads IFLA_LINKINFO: the link's kind, and a bridge's settings.</summary>
    private static Link WithInformation(Link link, ReadOnlySpan<byte> information)
    {
        Netlink.ForEachAttribute(
            information,
            (kind, value) =>
                link = kind switch
                {
                    1 => link with { Kind = Text(value) },
                    2 when link.Kind == "bridge" => WithBridge(link, value),
                    _ => link,
                }
        );
        return link;
    }

    private static Link WithBridge(Link link, ReadOnlySpan<byte> settings)
    {
        Netlink.ForEachAttribute(
            settings,
            (kind, value) =>
                link = kind switch
                {
                    1 => link with { ForwardDelay = MemoryMarshal.Read<int>(value) },
                    5 => link with { Stp = MemoryMarshal.Read<uint>(value) != 0 },
                    _ => link,
                }
        );
        return link;
    }

    /// <summary>Reads a struct ifaddrmsg and its attributes; null for an address of neither family.</summary>
    private static FoundAddress? ParseAddress(ReadOnlySpan<byte> message)
    {
        const int Inet = 2;
        const int Inet6 = 10;
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
                    // Where there is one it is the link's own, and the other that of the far end (rtnetlink(7), IFA_LOCAL).
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

    private static string Text(ReadOnlySpan<byte> value) =>
        Encoding.UTF8.GetString(value.TrimEnd((byte)0));

    /// <summary>A struct ifinfomsg that asks for all links, without their statistics, which nobody reads.</summary>
    private static byte[] Question()
    {
        var question = new byte[LinkBytes + 8];
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
