namespace Weft.Core.Addressing;

/// <summary>The encapsulation of an overlay frame between two hosts; it decides how large the frame may be.</summary>
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
    // RFC 4303 section 2.4: the encrypted part of ESP ends with two bytes (pad length, next header) and is padded to a
    // multiple of four.
    private const int EspTrailer = 2;
    private const int EspAlignment = 4;

    /// <summary>
    /// The name and size in bytes of each header that is subtracted from the underlay MTU, outermost first. ESP's trailer is only
    /// in <see cref="Breakdown"/>, as its size depends on the MTU.
    /// </summary>
    public IEnumerable<(string What, int Bytes)> Headers => Outside.Concat(Inside);

    /// <summary>The headers in front of the part that ESP encrypts.</summary>
    private IEnumerable<(string What, int Bytes)> Outside
    {
        get
        {
            yield return Ipv6Underlay ? ("IPv6 header", 40) : ("IPv4 header", 20);
            if (Esp is EspMode.TransportInUdp)
            {
                yield return ("UDP header of NAT traversal (RFC 3948)", 8);
            }
            if (Esp is not EspMode.None)
            {
                // RFC 4303 section 2 with RFC 4106: SPI and sequence number 8, explicit IV 8, check value 16.
                yield return ("ESP header, IV and ICV (AES-GCM-16)", 8 + 8 + 16);
            }
        }
    }

    /// <summary>The headers from the tunnel's own inwards, which ESP encrypts.</summary>
    private IEnumerable<(string What, int Bytes)> Inside
    {
        get
        {
            yield return Tunnel switch
            {
                TunnelType.Gre when Keyed => ("GRE header with key", 8),
                TunnelType.Gre => ("GRE header", 4),
                TunnelType.Vxlan => ("UDP and VXLAN headers", 8 + 8),
                TunnelType.Geneve => ("UDP and Geneve headers", 8 + 8),
                _ => throw new InvalidOperationException($"unknown tunnel type {Tunnel}"),
            };
            yield return ("inner Ethernet header", 14);
            if (Vlan)
            {
                yield return ("inner VLAN tag", 4);
            }
        }
    }

    /// <summary>
    /// How <see cref="OverlayMtu"/> is computed: the name and size in bytes of everything subtracted from <paramref
    /// name="underlayMtu"/>, including ESP's trailer and the padding that results from this MTU.
    /// </summary>
    public IEnumerable<(string What, int Bytes)> Breakdown(int underlayMtu)
    {
        if (Esp is EspMode.None)
        {
            return Headers;
        }
        var encrypted = underlayMtu - Outside.Sum(header => header.Bytes);
        return
        [
            .. Outside,
            ("ESP trailer and padding", EspTrailer + encrypted % EspAlignment),
            .. Inside,
        ];
    }

    /// <summary>
    /// The largest IP packet in bytes that a container may send so that the wrapped packet fits <paramref name="underlayMtu"/>
    /// bytes unfragmented.
    /// </summary>
    public int OverlayMtu(int underlayMtu) =>
        underlayMtu - Breakdown(underlayMtu).Sum(part => part.Bytes);
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
    /// <summary>No ESP.</summary>
    None,

    /// <summary>Transport mode, directly over IP.</summary>
    Transport,

    /// <summary>Transport mode inside UDP port 4500, for hosts behind address translation (RFC 3948).</summary>
    TransportInUdp,
}
