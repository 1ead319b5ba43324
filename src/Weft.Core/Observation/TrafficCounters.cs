using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Weft.Core.Linux;
using Weft.Ovsdb;

namespace Weft.Core.Observation;

/// <summary>What a link or a port of the switch has carried since it was made, as itself sees it.</summary>
/// <param name="BytesIn">Bytes that it received.</param>
/// <param name="BytesOut">Bytes that it sent.</param>
/// <param name="PacketsIn">Packets that it received.</param>
/// <param name="PacketsOut">Packets that it sent.</param>
/// <param name="Errors">Packets that were wrong, both ways.</param>
/// <param name="Drops">Packets that it dropped, both ways.</param>
public sealed record TrafficCounters(
    long BytesIn,
    long BytesOut,
    long PacketsIn,
    long PacketsOut,
    long Errors,
    long Drops
)
{
    // linux/rtnetlink.h and linux/if_link.h.
    private const ushort NewLink = 16;
    private const ushort GetLink = 18;
    private const int LinkBytes = 16;
    private const ushort Name = 3;
    private const ushort Statistics = 23;

    /// <summary>The same from the other end.</summary>
    public TrafficCounters Reverse() =>
        new(BytesOut, BytesIn, PacketsOut, PacketsIn, Errors, Drops);

    /// <summary>What all links of this host have carried, by name.</summary>
    /// <exception cref="HostException">The kernel did not say.</exception>
    public static IReadOnlyDictionary<string, TrafficCounters> OfLinks()
    {
        var links = new Dictionary<string, TrafficCounters>(StringComparer.Ordinal);
        try
        {
            Netlink.Dump(
                Netlink.RouteProtocol,
                GetLink,
                new byte[LinkBytes],
                links.Clear,
                (kind, body) =>
                {
                    if (kind == NewLink && Parse(body) is var (name, counters))
                    {
                        links[name] = counters;
                    }
                }
            );
            return links;
        }
        catch (Win32Exception exception)
        {
            throw new HostException(
                $"the kernel does not list its links: {exception.Message}",
                exception
            );
        }
    }

    /// <summary>What an interface of the switch has carried (ovs-vswitchd.conf.db(5), <c>statistics</c>).</summary>
    public static TrafficCounters OfSwitch(Datum statistics)
    {
        return new TrafficCounters(
            Of("rx_bytes"),
            Of("tx_bytes"),
            Of("rx_packets"),
            Of("tx_packets"),
            Of("rx_errors") + Of("tx_errors"),
            Of("rx_dropped") + Of("tx_dropped")
        );

        long Of(string key) => statistics.TryGetValue(key, out var value) ? value.AsInteger() : 0;
    }

    /// <summary>Reads a struct ifinfomsg with its attributes, among them struct rtnl_link_stats64.</summary>
    private static (string, TrafficCounters)? Parse(ReadOnlySpan<byte> message)
    {
        string? name = null;
        TrafficCounters? counters = null;
        Netlink.ForEachAttribute(
            message[LinkBytes..],
            (kind, value) =>
            {
                switch (kind)
                {
                    case Name:
                        name = Encoding.UTF8.GetString(value.TrimEnd((byte)0));
                        break;
                    case Statistics:
                        var numbers = MemoryMarshal.Cast<byte, long>(value);
                        counters = new TrafficCounters(
                            numbers[2],
                            numbers[3],
                            numbers[0],
                            numbers[1],
                            numbers[4] + numbers[5],
                            numbers[6] + numbers[7]
                        );
                        break;
                }
            }
        );
        return name is not null && counters is not null ? (name, counters) : null;
    }
}
