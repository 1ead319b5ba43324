using System.Security.Cryptography;
using System.Text;

namespace Weft.Core.Overlays;

/// <summary>
/// The names of the links and ports that Weft makes. The kernel allows 15 bytes (IFNAMSIZ less its terminator);
/// a longer name keeps its beginning and its role and gets four hexadecimal digits of its hash in between.
/// </summary>
public static class LinkNames
{
    /// <summary>The longest name in bytes that the kernel takes.</summary>
    public const int MaxLength = 15;

    /// <summary>The tunnel port towards another host.</summary>
    public static string Tunnel(string host) => Fit(host, prefix: "tun-", suffix: "");

    /// <summary>The end of a network's uplink that is a port of the switch.</summary>
    public static string UplinkAtSwitch(string network) => Fit(network, prefix: "", suffix: "-sw");

    /// <summary>The end of a network's uplink that is a port of the container bridge.</summary>
    public static string UplinkAtBridge(string network) => Fit(network, prefix: "", suffix: "-br");

    /// <summary>The host's end of a container's interface.</summary>
    public static string ContainerPort(string container, string @interface) =>
        Fit(container, prefix: "", suffix: "-" + @interface);

    private static string Fit(string name, string prefix, string suffix)
    {
        var room = MaxLength - prefix.Length - suffix.Length;
        if (name.Length <= room)
        {
            return prefix + name + suffix;
        }
        var hash = Convert.ToHexStringLower(
            SHA256.HashData(Encoding.UTF8.GetBytes(name + suffix)).AsSpan(0, 2)
        );
        // A long interface name inside the container leaves no room for its role: the hash alone then keeps names apart.
        var kept = room - hash.Length;
        return kept >= 2
            ? prefix + name[..kept] + hash + suffix
            : Fit(name + suffix, prefix, suffix: "");
    }
}
