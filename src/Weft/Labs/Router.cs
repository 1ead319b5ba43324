using System.Net;
using System.Net.Sockets;
using Weft.Core.Overlays;

namespace Weft.Labs;

/// <summary>
/// A router of its own on the segment for each host whose overlay entry has a local address. It has the host's underlay address
/// and translates it into the local one, one to one and both ways, as clouds do.
/// </summary>
/// <param name="Port">The number of the host's port on the segment, from 1.</param>
/// <param name="Public">The underlay address, which the router has on the segment.</param>
/// <param name="PrefixLength">The prefix length of the segment's subnet.</param>
/// <param name="Local">The address that the host has.</param>
/// <param name="Mtu">The MTU of the host's link in bytes.</param>
internal sealed record Router(
    int Port,
    IPAddress Public,
    int PrefixLength,
    IPAddress Local,
    int Mtu
)
{
    /// <summary>
    /// The prefix length of the wire between host and router: all but one bit (RFC 3021), so that no other host's address seems
    /// to be on it.
    /// </summary>
    public const int LocalPrefixLength = 31;

    /// <summary>The program that makes routers translate, and its Debian package.</summary>
    public static KeyValuePair<string, string> Program { get; } = new("nft", "nftables");

    /// <summary>The router's address towards the host.</summary>
    public IPAddress Gateway => Neighbour(Local);

    /// <summary>The arguments of <c>segment.sh</c> that make it.</summary>
    public IEnumerable<string> Arguments =>
        [
            Port.ToString(),
            $"{Public}/{PrefixLength}",
            Local.ToString(),
            $"{Gateway}/{LocalPrefixLength}",
            Mtu.ToString(),
        ];

    /// <summary>Refuses an overlay with local addresses that a lab cannot translate.</summary>
    /// <exception cref="LabException">One is IPv6.</exception>
    public static void Check(Overlay overlay)
    {
        if (
            overlay.Hosts.FirstOrDefault(host =>
                host.Local?.AddressFamily is AddressFamily.InterNetworkV6
            ) is
            { } host
        )
        {
            throw new LabException(
                $"host '{host.Name}' has local address {host.Local}: a lab translates IPv4 addresses only"
            );
        }
    }

    /// <summary>The other address of a <see cref="LocalPrefixLength"/> subnet, which has two.</summary>
    public static IPAddress Neighbour(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        bytes[^1] ^= 1;
        return new IPAddress(bytes);
    }
}
