using System.Net;
using System.Net.Sockets;
using Weft.Core.Addressing;

namespace Weft.Labs;

/// <summary>The addressing of the segment between the hosts of a lab.</summary>
internal static class Underlay
{
    private const int WidthAnAdministratorWouldChoose4 = 24;
    private const int WidthAnAdministratorWouldChoose6 = 64;

    /// <summary>
    /// One subnet that contains all these addresses, so that on the lab's single wire no host needs a router to reach another,
    /// whatever subnets they are in at home. Routes to single hosts would not do: Open vSwitch sends tunnel packets only from an
    /// address whose own subnet contains the other end.
    /// </summary>
    /// <param name="addresses">The underlay addresses of one family; at least one.</param>
    public static IPNetwork Subnet(IReadOnlyCollection<IPAddress> addresses)
    {
        var first = addresses.First();
        var length =
            first.AddressFamily is AddressFamily.InterNetworkV6
                ? WidthAnAdministratorWouldChoose6
                : WidthAnAdministratorWouldChoose4;
        while (length > 0 && !addresses.All(IPText.SubnetOf(first, length).Contains))
        {
            length--;
        }
        // In IPv4 no host has the first or the last address of a subnet (RFC 1122 section 3.2.1.3).
        while (length > 0 && addresses.Any(address => IsAtEdge(address, length)))
        {
            length--;
        }
        return IPText.SubnetOf(first, length);
    }

    private static bool IsAtEdge(IPAddress address, int length)
    {
        if (address.AddressFamily is AddressFamily.InterNetworkV6)
        {
            return false;
        }
        var hostBits = uint.MaxValue >> length;
        var bits = BitConverter.ToUInt32([.. address.GetAddressBytes().Reverse()]) & hostBits;
        return bits == 0 || bits == hostBits;
    }
}
