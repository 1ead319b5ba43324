namespace Weft.Core.Addressing;

/// <summary>The packets of a tunnel protocol between two hosts, as a kernel policy selects them.</summary>
/// <param name="Protocol">The IP protocol number.</param>
/// <param name="Port">The UDP destination port, the same in both directions; null for a protocol without ports.</param>
public readonly record struct TunnelTraffic(byte Protocol, ushort? Port)
{
    /// <summary>The IP protocol number of GRE (RFC 2784 section 3).</summary>
    public const byte Gre = 47;

    /// <summary>The IP protocol number of UDP (RFC 768).</summary>
    public const byte Udp = 17;

    /// <summary>The default destination port of VXLAN (RFC 7348 section 5).</summary>
    public const ushort VxlanPort = 4789;

    /// <summary>The default destination port of Geneve (RFC 8926 section 3.3).</summary>
    public const ushort GenevePort = 6081;

    /// <summary>The packets of a tunnel protocol.</summary>
    /// <param name="tunnel">The protocol.</param>
    /// <param name="port">The chosen UDP destination port; null for the default.</param>
    public static TunnelTraffic Of(TunnelType tunnel, ushort? port) =>
        tunnel switch
        {
            TunnelType.Gre => new(Gre, null),
            TunnelType.Vxlan => new(Udp, port ?? VxlanPort),
            TunnelType.Geneve => new(Udp, port ?? GenevePort),
            _ => throw new ArgumentOutOfRangeException(nameof(tunnel), tunnel, "no such tunnel"),
        };

    /// <summary>In words: <c>gre</c>, <c>udp port 4789</c>.</summary>
    public override string ToString() => Port is { } port ? $"udp port {port}" : "gre";
}
