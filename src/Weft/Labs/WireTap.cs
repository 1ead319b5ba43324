using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Weft.Core.Linux;

namespace Weft.Labs;

/// <summary>Captures what crosses between the hosts of a lab and counts it by kind, as proof of what is encrypted.</summary>
internal sealed partial class WireTap : IAsyncDisposable
{
    // pcap-savefile(5).
    private const int FileHeaderBytes = 24;
    private const int PacketHeaderBytes = 16;
    private const int SnapBytes = 128;

    // Holds a burst while other processes have the processor.
    private const int BufferKibibytes = 32 << 10;

    private readonly Process process;
    private readonly Task<WireCounts> counting;
    private readonly Task<string> lastWords;

    private WireTap(Process process, IReadOnlySet<int> tunnelPorts)
    {
        this.process = process;
        counting = CountAsync(process.StandardOutput.BaseStream, tunnelPorts);
        lastWords = process.StandardError.ReadToEndAsync();
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
            lab.Capture(
                "--immediate-mode",
                "-B",
                $"{BufferKibibytes}",
                "-s",
                $"{SnapBytes}",
                "-U",
                "-w",
                "-"
            )
        );
        try
        {
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
        catch
        {
            // Left alive, tcpdump would keep the segment's namespace: with no packets to write it never finds its pipe closed.
            tcpdump.Kill();
            tcpdump.Dispose();
            throw;
        }
    }

    /// <summary>Stops watching.</summary>
    /// <returns>What crossed.</returns>
    /// <exception cref="LabException">Not all that crossed was seen.</exception>
    public async Task<WireCounts> StopAsync()
    {
        var counts = await EndAsync();
        RequireWhole(await lastWords);
        return counts;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        await lastWords;
        await process.WaitForExitAsync();
        process.Dispose();
    }

    /// <summary>Refuses a capture with gaps, which proves nothing: what it missed may have been in plaintext.</summary>
    /// <param name="lastWords">What tcpdump says at its end.</param>
    /// <exception cref="LabException">It missed packets, or does not say that it missed none.</exception>
    internal static void RequireWhole(string lastWords)
    {
        if (Dropped().Match(lastWords) is not { Success: true } match)
        {
            throw new LabException(
                $"tcpdump ended before it was told to, and what crossed after that was not seen: {lastWords.Trim()}"
            );
        }
        if (int.Parse(match.Groups["count"].ValueSpan) is > 0 and var count)
        {
            throw new LabException(
                $"tcpdump missed {count} packets between the hosts, so that nothing is proved by those that it saw: try again with less beside it"
            );
        }
    }

    private async Task<WireCounts> EndAsync()
    {
        if (!counting.IsCompleted && ProcessIdentity.Of(process.Id) is { } identity)
        {
            identity.Send(Libc.SigInt);
        }
        return await counting;
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
            var seen = packet.AsSpan(0, length);
            counts.Add(WirePacket.KindOf(seen, tunnelPorts), seen);
        }
        return counts;
    }

    [GeneratedRegex(
        "^(?<count>[0-9]+) packets? dropped by kernel",
        RegexOptions.ExplicitCapture | RegexOptions.Multiline,
        1000
    )]
    private static partial Regex Dropped();
}

/// <summary>How many packets of each kind crossed between the hosts.</summary>
internal sealed class WireCounts
{
    private readonly int[] counts = new int[Enum.GetValues<WireKind>().Length];
    private string other = "";

    /// <summary>How many of a kind.</summary>
    public int this[WireKind kind] => counts[(int)kind];

    /// <summary>What is encrypted, inside UDP or not.</summary>
    public int Encrypted => this[WireKind.Esp] + this[WireKind.EspInUdp];

    /// <summary>All packets but those by which hosts find each other on the wire.</summary>
    public int BetweenHosts => counts.Sum() - this[WireKind.Neighbours];

    /// <summary>One more.</summary>
    public void Add(WireKind kind, ReadOnlySpan<byte> packet)
    {
        counts[(int)kind]++;
        if (kind is WireKind.Other && other.Length == 0)
        {
            other = $" (the first: {Convert.ToHexStringLower(packet)})";
        }
    }

    /// <summary>How many of each kind, and the first packet of kind <see cref="WireKind.Other"/>.</summary>
    public override string ToString() =>
        string.Join(", ", Enum.GetValues<WireKind>().Select(kind => $"{this[kind]} {kind}"))
        + other;
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

    /// <summary>ICMP between the hosts themselves, such as "port unreachable" while a port is not open yet.</summary>
    Icmp,

    /// <summary>SSH, by which hosts are administered: encrypted, and not part of the overlay.</summary>
    Ssh,

    /// <summary>Anything else.</summary>
    Other,
}

/// <summary>Tells packets apart.</summary>
internal static class WirePacket
{
    private const int Ethernet = 14;
    private const int Gre = 47;
    private const int Esp = 50;
    private const int Tcp = 6;
    private const int Udp = 17;
    private const int Icmp = 1;
    private const int Igmp = 2;
    private const int IcmpV6 = 58;
    private const int FirstNeighbourMessage = 130;
    private const int LastNeighbourMessage = 143;
    private const int Ssh = 22;
    private const int Ike = 500;
    private const int NatTraversal = 4500;

    /// <summary>The kind of packet that an Ethernet frame carries.</summary>
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
            Tcp when frame.Length >= payload + 4 && IsOfPort(frame[payload..], Ssh) => WireKind.Ssh,
            // Router solicitations, neighbour discovery (RFC 4861) and multicast listeners (RFC 3810), whose messages begin with
            // a hop-by-hop header (0).
            IcmpV6
                when frame.Length > payload
                    && frame[payload] is >= FirstNeighbourMessage and <= LastNeighbourMessage =>
                WireKind.Neighbours,
            0 => WireKind.Neighbours,
            // The counterpart of MLD in IPv4 (RFC 3376).
            Igmp => WireKind.Neighbours,
            Icmp or IcmpV6 => WireKind.Icmp,
            _ => WireKind.Other,
        };
    }

    private static WireKind KindOfUdp(ReadOnlySpan<byte> udp, IReadOnlySet<int> tunnelPorts)
    {
        if (tunnelPorts.Contains(BinaryPrimitives.ReadUInt16BigEndian(udp[2..])))
        {
            return WireKind.Tunnel;
        }
        if (IsOfPort(udp, Ike))
        {
            return WireKind.Ike;
        }
        if (!IsOfPort(udp, NatTraversal))
        {
            return WireKind.Other;
        }
        // RFC 3948: four zero bytes in place of ESP's SPI mark IKE; a single byte is a NAT keepalive.
        var isIke = udp.Length < 12 || BinaryPrimitives.ReadUInt32BigEndian(udp[8..]) == 0;
        return isIke ? WireKind.Ike : WireKind.EspInUdp;
    }

    /// <summary>Whether a TCP or UDP header, which begins with both ports, has this one as source or destination.</summary>
    private static bool IsOfPort(ReadOnlySpan<byte> segment, int port) =>
        BinaryPrimitives.ReadUInt16BigEndian(segment) == port
        || BinaryPrimitives.ReadUInt16BigEndian(segment[2..]) == port;
}
