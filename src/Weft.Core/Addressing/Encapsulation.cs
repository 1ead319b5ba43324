namespace Weft.Core.Addressing;

/// <summary>How one overlay frame is wrapped on its way to another host; decides how large the frame may be.</summary>
/// <param name="Tunnel">The tunnel protocol.</param>
/// <param name="Ipv6Underlay">Whether the hosts reach each other over IPv6.</param>
/// <param name="Keyed">Whether a GRE header carries a key (RFC 2890: 4 bytes more).</param>
/// <param name="Vlan">Whether the inner frame carries an 802.1Q tag.</param>
/// <param name="Esp">Whether the packet is protected by ESP in transport mode.</param>
public sealed record Encapsulation(
    TunnelType Tunnel,
    bool Ipv6Underlay,
    bool Keyed,
    bool Vlan,
    EspMode Esp
)
{
    private const int EthernetHeader = 14;
    private const int VlanTag = 4;
    private const int UdpHeader = 8;

    // RFC 4303 section 2, with AES-GCM and a 16-byte ICV (RFC 4106): SPI and sequence number, explicit IV, ICV.
    private const int EspHeader = 8;
    private const int EspIv = 8;
    private const int EspIcv = 16;
    private const int EspTrailer = 2;
    private const int EspAlignment = 4;

    /// <summary>The name and size in bytes of each thing that is taken from the underlay MTU, outermost first.</summary>
    public IEnumerable<(string What, int Bytes)> Headers
    {
        get
        {
            yield return Ipv6Underlay ? ("IPv6 header", 40) : ("IPv4 header", 20);
            if (Esp is EspMode.TransportInUdp)
            {
                yield return ("UDP header of NAT traversal (RFC 3948)", UdpHeader);
            }
            if (Esp is not EspMode.None)
            {
                yield return ("ESP header, IV and ICV (AES-GCM-16)", EspHeader + EspIv + EspIcv);
            }
            switch (Tunnel)
            {
                case TunnelType.Gre:
                    yield return Keyed ? ("GRE header with key", 8) : ("GRE header", 4);
                    break;
                case TunnelType.Vxlan:
                    yield return ("UDP and VXLAN headers", UdpHeader + 8);
                    break;
                case TunnelType.Geneve:
                    yield return ("UDP and Geneve headers", UdpHeader + 8);
                    break;
            }
            yield return ("inner Ethernet header", EthernetHeader);
            if (Vlan)
            {
                yield return ("inner VLAN tag", VlanTag);
            }
        }
    }

    /// <summary>
    /// The largest IP packet in bytes that a container may send so that the wrapped packet still fits
    /// <paramref name="underlayMtu"/> bytes without a fragment.
    /// </summary>
    public int OverlayMtu(int underlayMtu)
    {
        var fixedBytes = Headers.Sum(header => header.Bytes);
        if (Esp is EspMode.None)
        {
            return underlayMtu - fixedBytes;
        }
        // The encrypted part, with its two trailing bytes, is padded to a multiple of four (RFC 4303 section 2.4):
        // of what is left for it only the largest such multiple can be used.
        var outside = Headers
            .TakeWhile(header => !header.What.StartsWith("ESP", StringComparison.Ordinal))
            .Sum(h => h.Bytes);
        var encrypted = underlayMtu - outside - (EspHeader + EspIv + EspIcv);
        var usable = encrypted / EspAlignment * EspAlignment - EspTrailer;
        return usable - (fixedBytes - outside - (EspHeader + EspIv + EspIcv));
    }
}

/// <summary>The tunnel protocols that join two switches.</summary>
public enum TunnelType
{
    /// <summary>Ethernet in GRE (RFC 2784), IP protocol 47.</summary>
    Gre,

    /// <summary>VXLAN (RFC 7348), UDP port 4789.</summary>
    Vxlan,

    /// <summary>Geneve (RFC 8926), UDP port 6081.</summary>
    Geneve,
}

/// <summary>How ESP (RFC 4303) protects the tunnel packets.</summary>
public enum EspMode
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Transport mode, directly over IP.</summary>
    Transport,

    /// <summary>Transport mode inside UDP port 4500, for hosts behind address translation (RFC 3948).</summary>
    TransportInUdp,
}
