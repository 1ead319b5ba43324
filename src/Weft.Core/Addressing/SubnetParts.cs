using System.Net;
using System.Numerics;

namespace Weft.Core.Addressing;

/// <summary>
/// Divides a subnet among hosts by their order alone. The part of each begins where the binary digits of its number,
/// reversed, point to (van der Corput's sequence), whatever the number of hosts, and ends where the next one begins. So
/// every part is a subnet of its own, and one host more takes the far half of one part and moves no beginning.
/// </summary>
public static class SubnetParts
{
    /// <summary>The part of one host; null where the subnet is too small to have one for it.</summary>
    /// <param name="subnet">What is divided.</param>
    /// <param name="number">The host's place in the order, from 0.</param>
    /// <param name="hosts">How many hosts there are.</param>
    public static IPNetwork? Of(IPNetwork subnet, int number, int hosts)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        ArgumentOutOfRangeException.ThrowIfLessThan(hosts, number + 1);
        var family = subnet.BaseAddress.AddressFamily;
        var free = IPText.Bits(subnet.BaseAddress) - subnet.PrefixLength;
        // The first part keeps an address beside the subnet's own, which no host can have: at least two to a part.
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
        // A part of the level before, whose far half nobody has taken yet.
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
