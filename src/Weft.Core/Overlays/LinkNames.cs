using System.Diagnostics.CodeAnalysis;
using System.IO.Hashing;
using System.Text;

namespace Weft.Core.Overlays;

/// <summary>
/// The names of the links and ports that Weft makes. The kernel allows 15 bytes (IFNAMSIZ less its terminator);
/// a longer name keeps its beginning and its role and gets five characters of its hash in between.
/// </summary>
public static class LinkNames
{
    /// <summary>The longest name in bytes that the kernel takes.</summary>
    public const int MaxLength = 15;

    // Five characters of a 32-letter alphabet are 25 bits: with 1,000 hosts whose names begin alike, 1.5 % of overlays have
    // a collision. With four hexadecimal digits nearly all would.
    private const string HashAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private const int HashLength = 5;

    // Names that the kernel uses itself (fall-back devices of its tunnel modules; the sysctl directories "all" and "default";
    // the file bonding_masters beside the devices in sysfs), and those of Open vSwitch.
    private static readonly HashSet<string> Reserved =
    [
        "lo",
        "all",
        "default",
        "bonding_masters",
        "gre0",
        "gretap0",
        "erspan0",
        "ip6gre0",
        "ip6tnl0",
        "sit0",
        "tunl0",
        "ip_vti0",
        "ip6_vti0",
        "ovs-system",
        "ovs-netdev",
    ];

    // Prefixes of Open vSwitch's kernel devices for tunnels (lib/dpif-netlink-rtnl.c); some end with a port number.
    private static readonly string[] ReservedPrefixes =
    [
        "gre_sys",
        "ip6gre_sys",
        "erspan_sys",
        "ip6erspan_sys",
        "vxlan_sys",
        "genev_sys",
        "lisp_sys",
        "stt_sys",
        "gtpu_sys",
        "bareudp_sys",
    ];

    /// <summary>
    /// The tunnel port to another host. The key is part of the name: port names are unique across all bridges of a host, and two
    /// overlays on the same hosts differ in their keys.
    /// </summary>
    public static string Tunnel(string host, uint? key = null) =>
        key is null
            ? Fit(host, prefix: "tun-", suffix: "")
            : Fit($"tun{key}-{host}", prefix: "", suffix: "");

    /// <summary>The end of a network's uplink that is a port of the switch.</summary>
    public static string UplinkAtSwitch(string network) => Fit(network, prefix: "", suffix: "-sw");

    /// <summary>The end of a network's uplink that is a port of the container bridge.</summary>
    public static string UplinkAtBridge(string network) => Fit(network, prefix: "", suffix: "-br");

    /// <summary>The host's end of a container's interface.</summary>
    public static string ContainerPort(string container, string @interface) =>
        Fit(container, prefix: "", suffix: "-" + @interface);

    /// <summary>
    /// Whether the kernel (<c>dev_valid_name</c> in net/core/dev.c) and the tools that configure links accept a link name.
    /// </summary>
    /// <param name="name">The proposed name.</param>
    /// <param name="wrong">What is wrong and what to do, as the rest of a sentence that begins with the name.</param>
    public static bool IsValid(string name, [NotNullWhen(false)] out string? wrong)
    {
        wrong = Wrong(name);
        return wrong is null;
    }

    private static string? Wrong(string name)
    {
        if (name.Length == 0)
        {
            return "is empty: give it 1 to 15 bytes";
        }
        foreach (var rune in name.EnumerateRunes())
        {
            if (Refusal(rune) is { } refusal)
            {
                return refusal;
            }
        }
        var bytes = Encoding.UTF8.GetBytes(name);
        if (bytes.Length > MaxLength)
        {
            var counted = bytes.Length == name.Length ? "" : " in UTF-8";
            return $"has {bytes.Length} bytes{counted}, and the kernel takes {MaxLength}: shorten it";
        }
        // The kernel's isspace reads bytes as Latin-1, where 0xA0 is the no-break space. In UTF-8, 'à' ends with this byte.
        if (bytes.Contains((byte)0xA0))
        {
            return "holds the byte 0xA0, a space to the kernel: choose another letter";
        }
        if (name is "." or "..")
        {
            return "is a directory to the kernel: choose another name";
        }
        if (name[0] == '-')
        {
            return "begins with '-', an option to ip and ovs-vsctl: begin with a letter";
        }
        if (name[0] == '@')
        {
            return "begins with '@', the name of a row to ovs-vsctl: begin with a letter";
        }
        if (Reserved.Contains(name) || ReservedPrefixes.Any(prefix => IsNumbered(name, prefix)))
        {
            return "is a name that the kernel or Open vSwitch gives to something else: choose another";
        }
        return null;
    }

    private static string? Refusal(Rune rune) =>
        rune.Value switch
        {
            '/' or ':' => $"holds '{rune}', which the kernel refuses: take it out",
            '%' => "holds '%', which the kernel replaces by a number: take it out",
            // iproute2 reads a batch word by word: quotes group, '#' begins a comment, nothing escapes them.
            '"' or '\'' or '\\' or '#' =>
                $"holds {rune}, which cannot be written for 'ip -batch': take it out",
            _ when Rune.IsWhiteSpace(rune) =>
                "holds white space, which the kernel refuses: take it out",
            _ when Rune.IsControl(rune) => "holds a control character: take it out",
            _ => null,
        };

    private static bool IsNumbered(string name, string prefix) =>
        name.StartsWith(prefix, StringComparison.Ordinal)
        && (name.Length == prefix.Length || name[prefix.Length] == '_');

    private static string Fit(string name, string prefix, string suffix)
    {
        var whole = prefix + name + suffix;
        if (Encoding.UTF8.GetByteCount(whole) <= MaxLength)
        {
            return whole;
        }
        var kept = MaxLength - HashLength - Encoding.UTF8.GetByteCount(prefix + suffix)
            is var room
                and >= 2
            ? Beginning(name, room)
            : null;
        // A long interface name leaves no room to keep the role as a suffix; the hash alone then tells names apart.
        return kept is null
            ? Fit(name + suffix, prefix, suffix: "")
            : prefix + kept + Hash(name + suffix) + suffix;
    }

    /// <summary>As many whole characters of the name as fit the bytes.</summary>
    private static string Beginning(string name, int bytes)
    {
        var length = 0;
        foreach (var rune in name.EnumerateRunes())
        {
            bytes -= rune.Utf8SequenceLength;
            if (bytes < 0)
            {
                break;
            }
            length += rune.Utf16SequenceLength;
        }
        return name[..length];
    }

    /// <summary>A hash of a text, as five letters and digits.</summary>
    internal static string Hash(string text)
    {
        var hash = XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(text));
        return string.Create(
            HashLength,
            hash,
            static (characters, hash) =>
            {
                foreach (ref var character in characters)
                {
                    character = HashAlphabet[(int)(hash % (uint)HashAlphabet.Length)];
                    hash /= (uint)HashAlphabet.Length;
                }
            }
        );
    }
}
