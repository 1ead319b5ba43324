using System.Buffers.Binary;
using System.Diagnostics;
using Weft.Core.Linux;

namespace Weft.Labs;

/// <summary>Watches what crosses between the hosts of a lab and sorts it, as proof of what does and what does not.</summary>
internal sealed class WireTap : IAsyncDisposable
{
    // pcap-savefile(5).
    private const int FileHeaderBytes = 24;
    private const int PacketHeaderBytes = 16;
    private const int SnapBytes = 128;

    private readonly Process process;
    private readonly Task<WireCounts> counting;

    private WireTap(Process process, IReadOnlySet<int> tunnelPorts)
    {
        this.process = process;
        counting = CountAsync(process.StandardOutput.BaseStream, tunnelPorts);
    }

    /// <summary>Begins to watch; what crosses after this is counted.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="tunnelPort">The UDP port of the overlay's tunnels, where it is not the protocol's own.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="LabException">tcpdump is missing or fails.</exception>
    public static async Task<WireTap> StartAsync(
        Lab lab,
        int? tunnelPort,
        CancellationToken cancellationToken
    )
    {
        if (Tool.Find("tcpdump") is null)
        {
            throw new LabException("this machine has no tcpdump: apt-get install tcpdump");
        }
        var tcpdump = Tool.Start(
            lab.Capture("--immediate-mode", "-B", "8192", "-s", $"{SnapBytes}", "-U", "-w", "-")
        );
        while (await tcpdump.StandardError.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.Contains("listening on", StringComparison.Ordinal))
            {
                HashSet<int> ports =
                [
                    4789,
                    6081,
                    .. tunnelPort is { } port ? [port] : Array.Empty<int>(),
                ];
                return new WireTap(tcpdump, ports);
            }
        }
        throw new LabException("tcpdump ended before it began to watch");
    }

    /// <summary>Stops watching.</summary>
    /// <returns>What crossed.</returns>
    public async Task<WireCounts> StopAsync()
    {
        if (!counting.IsCompleted && ProcessIdentity.Of(process.Id) is { } identity)
        {
            identity.Send(Libc.SigInt);
        }
        return await counting;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private static async Task<WireCounts> CountAsync(Stream pcap, IReadOnlySet<int> tunnelPorts)
    {
        var counts = new WireCounts();
        var header = new byte[FileHeaderBytes];
        if (await pcap.ReadAtLeastAsync(header, FileHeaderBytes, false) < FileHeaderBytes)
        {
            return counts;
        }
        var packet = new byte[SnapBytes];
        while (
            await pcap.ReadAtLeastAsync(
                header.AsMemory(0, PacketHeaderBytes),
                PacketHeaderBytes,
                false
            ) == PacketHeaderBytes
        )
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8));
            if (await pcap.ReadAtLeastAsync(packet.AsMemory(0, length), length, false) < length)
            {
                break;
            }
            counts.Add(WirePacket.KindOf(packet.AsSpan(0, length), tunnelPorts));
        }
        return counts;
    }
}

/// <summary>How many packets of each kind crossed between the hosts.</summary>
internal sealed class WireCounts
{
    private readonly int[] counts = new int[Enum.GetValues<WireKind>().Length];

    /// <summary>How many of a kind.</summary>
    public int this[WireKind kind] => counts[(int)kind];

    /// <summary>What is encrypted, inside UDP or not.</summary>
    public int Encrypted => this[WireKind.Esp] + this[WireKind.EspInUdp];

    /// <summary>Everything but what hosts need to find each other on the wire.</summary>
    public int BetweenHosts => counts.Sum() - this[WireKind.Neighbours];

    /// <summary>One more.</summary>
    public void Add(WireKind kind) => counts[(int)kind]++;

    /// <inheritdoc/>
    public override string ToString() =>
        string.Join(", ", Enum.GetValues<WireKind>().Select(kind => $"{this[kind]} {kind}"));
}

/// <summary>What a packet on the wire is.</summary>
internal enum WireKind
{
    /// <summary>Address resolution, neighbour discovery and its like: no IP packet between two hosts.</summary>
    Neighbours,

    /// <summary>Encrypted: ESP (RFC 4303).</summary>
    Esp,

    /// <summary>Encrypted: ESP inside UDP, through address translation (RFC 3948).</summary>
    EspInUdp,

    /// <summary>The negotiation of keys: IKE (RFC 7296).</summary>
    Ike,

    /// <summary>A tunnel's packet in plaintext: gre, vxlan or geneve.</summary>
    Tunnel,

    /// <summary>What hosts tell each other about the underlay itself (ICMP): that a port is not open yet, for one.</summary>
    Icmp,

    /// <summary>Anything else.</summary>
    Other,
}

/// <summary>Tells packets apart.</summary>
internal static class WirePacket
{
    private const int Ethernet = 14;
    private const int Gre = 47;
    private const int Esp = 50;
    private const int Udp = 17;
    private const int Icmp = 1;
    private const int IcmpV6 = 58;
    private const int FirstNeighbourMessage = 130;
    private const int LastNeighbourMessage = 143;
    private const int Ike = 500;
    private const int NatTraversal = 4500;

    /// <summary>What an Ethernet frame carries.</summary>
    /// <param name="frame">Its beginning.</param>
    /// <param name="tunnelPorts">The UDP ports of tunnels.</param>
    public static WireKind KindOf(ReadOnlySpan<byte> frame, IReadOnlySet<int> tunnelPorts)
    {
        if (frame.Length < Ethernet + 20)
        {
            return WireKind.Neighbours;
        }
        var (protocol, payload) = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) switch
        {
            0x0800 => (frame[Ethernet + 9], Ethernet + (frame[Ethernet] & 0xf) * 4),
            0x86dd => (frame[Ethernet + 6], Ethernet + 40),
            _ => (-1, 0),
        };
        return protocol switch
        {
            -1 => WireKind.Neighbours,
            Esp => WireKind.Esp,
            Gre => WireKind.Tunnel,
            Udp when frame.Length >= payload + 8 => KindOfUdp(frame[payload..], tunnelPorts),
            // Router solicitations, neighbour discovery (RFC 4861) and multicast listeners (RFC 3810). A hop-by-hop
            // header (0) stands before the last.
            IcmpV6
                when frame.Length > payload
                    && frame[payload] is >= FirstNeighbourMessage and <= LastNeighbourMessage =>
                WireKind.Neighbours,
            0 => WireKind.Neighbours,
            Icmp or IcmpV6 => WireKind.Icmp,
            _ => WireKind.Other,
        };
    }

    private static WireKind KindOfUdp(ReadOnlySpan<byte> udp, IReadOnlySet<int> tunnelPorts)
    {
        var from = BinaryPrimitives.ReadUInt16BigEndian(udp);
        var to = BinaryPrimitives.ReadUInt16BigEndian(udp[2..]);
        if (tunnelPorts.Contains(to))
        {
            return WireKind.Tunnel;
        }
        if (from is Ike || to is Ike)
        {
            return WireKind.Ike;
        }
        if (from is not NatTraversal && to is not NatTraversal)
        {
            return WireKind.Other;
        }
        // RFC 3948: four zero bytes where ESP has its SPI mark IKE; a single byte keeps the translation open.
        var isIke = udp.Length < 12 || BinaryPrimitives.ReadUInt32BigEndian(udp[8..]) == 0;
        return isIke ? WireKind.Ike : WireKind.EspInUdp;
    }
}
