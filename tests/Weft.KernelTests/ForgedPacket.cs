using System.Buffers.Binary;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Weft.Core.Linux;
using Weft.Labs;
using Weft.LabTests;

namespace Weft.KernelTests;

/// <summary>
/// What somebody on the wire could send: GRE in plaintext from host1's address to host2, with an echo request for
/// mastodon inside.
/// </summary>
internal sealed class ForgedPacket
{
    private const int Vlan = 200;

    private readonly byte[] frame;
    private readonly string wire;

    private ForgedPacket(byte[] frame, string wire)
    {
        this.frame = frame;
        this.wire = wire;
    }

    /// <summary>Makes one for the hosts of a lab.</summary>
    public static async Task<ForgedPacket> MakeAsync(OverlayLab lab)
    {
        var outer = await AddressAsync("cat /sys/class/net/eth0/address");
        var inner = await AddressAsync(
            $"ip netns exec {TwoHosts.Mastodon} cat /sys/class/net/eth1/address"
        );
        var echo = Internet(1, "10.8.2.99", TwoHosts.MastodonAddress, Echo());
        byte[] ethernet = [.. inner, .. Sender, 0x81, 0, 0, Vlan, 0x08, 0, .. echo];
        // RFC 2784: no flags, and what is inside is Ethernet.
        var gre = Internet(47, "192.0.2.1", "192.0.2.2", [0, 0, 0x65, 0x58, .. ethernet]);
        return new ForgedPacket(
            [.. outer, .. Sender, 0x08, 0, .. gre],
            Segment.NamespaceOf(lab.Lab.Record.Segment)
        );

        async Task<byte[]> AddressAsync(string script) =>
            PhysicalAddress.Parse((await lab.RunAsync("host2", script)).Trim()).GetAddressBytes();
    }

    private static byte[] Sender => [2, 0, 0, 0, 0, 9];

    /// <summary>Puts it on the wire so many times.</summary>
    public void Send(int times)
    {
        using var socket = NetworkNamespace.MakeSocket(
            wire,
            AddressFamily.Packet,
            SocketType.Raw,
            ProtocolType.Unspecified
        );
        var index = NetworkNamespace.Run(
            wire,
            () =>
                NetworkInterface
                    .GetAllNetworkInterfaces()
                    .Single(link => link.Name == Segment.Bridge)
                    .GetIPProperties()
                    .GetIPv4Properties()
                    .Index
        );
        for (var time = 0; time < times; time++)
        {
            socket.SendTo(frame, new LinkEndPoint(index));
        }
    }

    private static byte[] Echo()
    {
        byte[] echo = [8, 0, 0, 0, 0, 9, 0, 1, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt16BigEndian(echo.AsSpan(2), Checksum(echo));
        return echo;
    }

    private static byte[] Internet(byte protocol, string from, string to, byte[] payload)
    {
        byte[] header =
        [
            0x45,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            64,
            protocol,
            0,
            0,
            .. IPAddress.Parse(from).GetAddressBytes(),
            .. IPAddress.Parse(to).GetAddressBytes(),
        ];
        BinaryPrimitives.WriteUInt16BigEndian(
            header.AsSpan(2),
            (ushort)(header.Length + payload.Length)
        );
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), Checksum(header));
        return [.. header, .. payload];
    }

    // RFC 1071.
    private static ushort Checksum(byte[] bytes)
    {
        var sum = 0;
        for (var at = 0; at < bytes.Length; at += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
        }
        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }

    /// <summary>A link of the segment, as packet(7) has it: <c>sockaddr_ll</c>.</summary>
    private sealed class LinkEndPoint(int index) : EndPoint
    {
        private const int Bytes = 20;

        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, Bytes);
            Span<byte> word = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(word, index);
            for (var at = 0; at < word.Length; at++)
            {
                address[4 + at] = word[at];
            }
            return address;
        }
    }
}
