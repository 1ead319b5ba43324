using System.Collections.Immutable;
using System.ComponentModel;
using System.Net;
using System.Runtime.InteropServices;
using Weft.Core.Addressing;
using Weft.Core.Linux;

namespace Weft.Core.Observation;

/// <summary>
/// Reads who the kernel believes to be where: the tables of neighbours (arp(7)) and of bridges (bridge(8), <c>fdb</c>).
/// </summary>
public static class NeighbourReader
{
    // linux/rtnetlink.h and linux/neighbour.h.
    private const ushort NewNeighbour = 28;
    private const ushort GetNeighbour = 30;
    private const int NeighbourBytes = 12;
    private const byte Bridge = 7;
    private const int Failed = 0x1 | 0x20;
    private const int NoArp = 0x40;
    private const int Permanent = 0x80;

    /// <summary>The neighbours of this host's links.</summary>
    /// <exception cref="HostException">The kernel did not say.</exception>
    public static ImmutableArray<Neighbour> Read() => Read(null);

    /// <summary>The neighbours of the links inside a network namespace.</summary>
    /// <param name="path">Its file; null for this host's own.</param>
    /// <exception cref="HostException">The kernel did not say, or the namespace is gone.</exception>
    public static ImmutableArray<Neighbour> Read(string? path)
    {
        try
        {
            return path is null ? ReadHere() : NetworkNamespace.Run(path, ReadHere);
        }
        catch (Exception exception) when (exception is IOException or Win32Exception)
        {
            throw new HostException(
                $"the kernel does not list its neighbours: {exception.Message}",
                exception
            );
        }
    }

    /// <summary>What this host's bridges have learned or were told.</summary>
    /// <exception cref="HostException">The kernel did not say.</exception>
    public static ImmutableArray<BridgeEntry> ReadBridges()
    {
        var entries = new List<BridgeEntry>();
        try
        {
            Dump(
                Bridge,
                entries.Clear,
                (link, state, attributes) =>
                {
                    // An entry without a master is of a device's own filter, not of a bridge.
                    if (attributes is { Mac: { } mac, HasMaster: true })
                    {
                        entries.Add(new BridgeEntry(link, mac, (state & (NoArp | Permanent)) != 0));
                    }
                }
            );
        }
        catch (Win32Exception exception)
        {
            throw new HostException(
                $"the kernel does not list what its bridges have learned: {exception.Message}",
                exception
            );
        }
        return [.. entries];
    }

    private static ImmutableArray<Neighbour> ReadHere()
    {
        var neighbours = new List<Neighbour>();
        Dump(
            0,
            neighbours.Clear,
            (link, state, attributes) =>
            {
                if (attributes.Address is { } address)
                {
                    neighbours.Add(
                        new Neighbour(
                            link,
                            address,
                            (state & Failed) == 0 ? attributes.Mac : null,
                            (state & (NoArp | Permanent)) != 0
                        )
                    );
                }
            }
        );
        return [.. neighbours];
    }

    private static void Dump(byte family, Action begin, Action<int, int, Attributes> take)
    {
        var question = new byte[NeighbourBytes];
        question[0] = family;
        Netlink.Dump(
            Netlink.RouteProtocol,
            GetNeighbour,
            question,
            begin,
            (kind, body) =>
            {
                if (kind == NewNeighbour)
                {
                    take(
                        MemoryMarshal.Read<int>(body[4..]),
                        MemoryMarshal.Read<ushort>(body[8..]),
                        Parse(body[NeighbourBytes..])
                    );
                }
            }
        );
    }

    private static Attributes Parse(ReadOnlySpan<byte> attributes)
    {
        var found = new Attributes(null, null, false);
        Netlink.ForEachAttribute(
            attributes,
            (kind, value) =>
                found = kind switch
                {
                    1 when value.Length is 4 or 16 => found with { Address = new IPAddress(value) },
                    2 when value.Length == MacAddress.Length => found with
                    {
                        Mac = new MacAddress(value),
                    },
                    9 => found with { HasMaster = true },
                    _ => found,
                }
        );
        return found;
    }

    private readonly record struct Attributes(IPAddress? Address, MacAddress? Mac, bool HasMaster);
}

/// <summary>Whom the kernel believes to have an address.</summary>
/// <param name="Link">The number of the link that the neighbour is on.</param>
/// <param name="Address">The address.</param>
/// <param name="Mac">The neighbour's Ethernet address; null where nobody has answered.</param>
/// <param name="IsPermanent">Whether somebody has set it, so that nobody is asked.</param>
public sealed record Neighbour(int Link, IPAddress Address, MacAddress? Mac, bool IsPermanent);

/// <summary>Behind which of its ports a bridge believes an Ethernet address to be.</summary>
/// <param name="Link">The number of the port, or of the bridge itself.</param>
/// <param name="Mac">The address.</param>
/// <param name="IsStatic">Whether somebody has set it, so that nothing is learned of the address.</param>
public sealed record BridgeEntry(int Link, MacAddress Mac, bool IsStatic);
