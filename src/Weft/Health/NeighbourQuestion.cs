using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;
using Weft.Reachability;

namespace Weft.Health;

/// <summary>
/// A frame that asks who has an address without claiming it: an ARP probe (RFC 5227 section 2.1.1), or a neighbour solicitation
/// for duplicate address detection (RFC 4862 section 5.4.2).
/// </summary>
/// <param name="address">The address.</param>
/// <param name="own">The Ethernet address that asks.</param>
internal sealed class NeighbourQuestion(IPAddress address, MacAddress own)
{
    private const int Ethernet = 14;
    private const int Ipv6 = 40;
    private const byte IcmpV6 = 58;
    private const byte Solicitation = 135;
    private const byte Advertisement = 136;

    private bool IsIpv6 => address.AddressFamily is AddressFamily.InterNetworkV6;

    /// <summary>The EtherType of question and answer.</summary>
    public ushort EtherType => (ushort)(IsIpv6 ? 0x86dd : 0x0806);

    /// <summary>The question, as an Ethernet frame.</summary>
    public byte[] Frame() => IsIpv6 ? NeighbourSolicitation() : ArpProbe();

    /// <summary>The Ethernet address that a frame says has the address; null if the frame does not say so.</summary>
    public MacAddress? Answer(ReadOnlySpan<byte> frame)
    {
        if (
            frame.Length < Ethernet + 28
            || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != EtherType
        )
        {
            return null;
        }
        var packet = frame[Ethernet..];
        // Any ARP packet with the address as its sender is a conflict, not only a reply (RFC 5227 section 2.1.1).
        var isAbout = IsIpv6
            ? packet.Length >= Ipv6 + 24
                && packet[6] == IcmpV6
                && packet[Ipv6] == Advertisement
                && packet.Slice(Ipv6 + 8, 16).SequenceEqual(address.GetAddressBytes())
            : packet.Slice(14, 4).SequenceEqual(address.GetAddressBytes());
        return
            isAbout
            && new MacAddress(frame.Slice(6, MacAddress.Length)) is var other
            && other != own
            ? other
            : null;
    }

    private byte[] ArpProbe() =>
        [
            .. Enumerable.Repeat((byte)0xff, 6),
            .. own.GetBytes(),
            0x08,
            0x06,
            // Ethernet, IPv4, the lengths of their addresses, request (RFC 826).
            0,
            1,
            0x08,
            0,
            6,
            4,
            0,
            1,
            .. own.GetBytes(),
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            .. address.GetAddressBytes(),
        ];

    private byte[] NeighbourSolicitation()
    {
        var target = address.GetAddressBytes();
        // The solicited-node multicast address (RFC 4291 section 2.7.1), and its Ethernet address (RFC 2464 section 7).
        byte[] group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, .. target[13..]];
        byte[] message = [Solicitation, 0, 0, 0, 0, 0, 0, 0, .. target];
        var from = new byte[16];
        BinaryPrimitives.WriteUInt16BigEndian(
            message.AsSpan(2),
            InternetChecksum.Of([
                .. from,
                .. group,
                0,
                0,
                0,
                (byte)message.Length,
                0,
                0,
                0,
                IcmpV6,
                .. message,
            ])
        );
        return
        [
            0x33,
            0x33,
            .. group[12..],
            .. own.GetBytes(),
            0x86,
            0xdd,
            0x60,
            0,
            0,
            0,
            0,
            (byte)message.Length,
            IcmpV6,
            255,
            .. from,
            .. group,
            .. message,
        ];
    }
}
