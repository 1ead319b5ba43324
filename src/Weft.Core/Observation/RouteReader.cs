using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>Asks the kernel by which route packets leave, as <c>ip route get</c> does (rtnetlink(7), RTM_GETROUTE).</summary>
public static class RouteReader
{
    private const ushort GetRoute = 26;
    private const int RouteBytes = 12;
    private const int Inet = 2;
    private const int Inet6 = 10;

    // linux/rtnetlink.h: kinds of routes.
    private const byte Unicast = 1;
    private const byte Local = 2;

    /// <summary>Finds the way to an address.</summary>
    /// <param name="to">The address.</param>
    /// <param name="from">The address that packets come from; null for whichever the kernel chooses.</param>
    /// <param name="path">The file of the network namespace that they leave from; null for this host's own.</param>
    /// <returns>The way; null where there is none.</returns>
    /// <exception cref="IOException">There is no such namespace.</exception>
    public static FoundRoute? Find(IPAddress to, IPAddress? from = null, string? path = null)
    {
        try
        {
            return path is null
                ? FindHere(to, from)
                : NetworkNamespace.Run(path, () => FindHere(to, from));
        }
        catch (Win32Exception)
        {
            // Network is unreachable, no route to host: the kernel says so by an error.
            return null;
        }
    }

    private static FoundRoute? FindHere(IPAddress to, IPAddress? from)
    {
        FoundRoute? found = null;
        Netlink.Ask(
            Netlink.RouteProtocol,
            GetRoute,
            Question(to, from),
            (_, body) => found = Parse(body)
        );
        return found;
    }

    private static byte[] Question(IPAddress to, IPAddress? from)
    {
        var length = to.AddressFamily is AddressFamily.InterNetworkV6 ? 16 : 4;
        var message = new byte[RouteBytes + (from is null ? 1 : 2) * (4 + length)];
        message[0] = (byte)(length == 16 ? Inet6 : Inet);
        message[1] = (byte)(8 * length);
        message[2] = (byte)(from is null ? 0 : 8 * length);
        Write(message.AsSpan(RouteBytes), 1, to);
        if (from is not null)
        {
            Write(message.AsSpan(RouteBytes + 4 + length), 2, from);
        }
        return message;
    }

    private static void Write(Span<byte> attribute, ushort kind, IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        MemoryMarshal.Write(attribute, (ushort)(4 + bytes.Length));
        MemoryMarshal.Write(attribute[2..], kind);
        bytes.CopyTo(attribute[4..]);
    }

    private static FoundRoute? Parse(ReadOnlySpan<byte> body)
    {
        if (body[7] is not (Unicast or Local))
        {
            return null;
        }
        var route = new FoundRoute(0, null);
        Netlink.ForEachAttribute(
            body[RouteBytes..],
            (kind, value) =>
                route = kind switch
                {
                    4 => route with { Link = MemoryMarshal.Read<int>(value) },
                    5 => route with { Via = new IPAddress(value) },
                    _ => route,
                }
        );
        return route;
    }
}

/// <summary>The way to an address.</summary>
/// <param name="Link">The number of the link that packets leave by.</param>
/// <param name="Via">The next hop; null if the address is on the link itself.</param>
public sealed record FoundRoute(int Link, IPAddress? Via);
