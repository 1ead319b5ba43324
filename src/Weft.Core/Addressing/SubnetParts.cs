using System.Net;
using System.Numerics;

namespace Weft.Core.Addressing;

/// <summary>
/// Divides a subnet among hosts by their order alone. A host's part begins at the reversed binary digits of its number (the van
/// der Corput sequence), whatever the number of hosts, and ends where the next part begins. So every part is itself a subnet, and
/// an additional host takes the far half of one part without moving the beginning of any other.
/// </summary>
public static class SubnetParts
{
    /// <summary>The part of one host; null if the subnet is too small to have one for it.</summary>
    /// <param name="subnet">The subnet to divide.</param>
    /// <param name="number">The host's place in the order, from 0.</param>
    /// <param name="hosts">The number of hosts.</param>
    public static IPNetwork? Of(IPNetwork subnet, int number, int hosts)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        ArgumentOutOfRangeException.ThrowIfLessThan(hosts, number + 1);
        var family = subnet.BaseAddress.AddressFamily;
        var free = IPText.Bits(subnet.BaseAddress) - subnet.PrefixLength;
        // The first part includes the subnet's own address, which no host can have, so a part needs two addresses.
        var deepest =
            IPText.Hosts(subnet).Lowest == IPText.ToNumber(subnet.BaseAddress) ? free : free - 1;
        if (deepest < 31)
        {
            hosts = Math.Min(hosts, 1 << deepest);
        }
        if (number >= hosts)
        {
            return null;
        }
        var level = hosts == 1 ? 0 : BitOperations.Log2((uint)(hosts - 1)) + 1;
        var half = hosts == 1 ? 0 : 1 << (level - 1);
        // This part keeps the size of the level before, as no host has taken its far half yet.
        if (level > 0 && number < half && number + half >= hosts)
        {
            level--;
        }
        UInt128 offset = 0;
        for (var digit = 0; number >> digit > 0; digit++)
        {
            offset |= (UInt128)((number >> digit) & 1) << (free - 1 - digit);
        }
        return new IPNetwork(
            IPText.FromNumber(IPText.ToNumber(subnet.BaseAddress) | offset, family),
            subnet.PrefixLength + level
        );
    }
}
