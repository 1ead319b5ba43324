using System.Net;
using Weft.Core.Addressing;

namespace Weft.Core.Overlays;

/// <summary>The shapes of the texts in an overlay file.</summary>
internal static class Texts
{
    private const string Ipv4 = @"[0-9]{1,3}(\.[0-9]{1,3}){3}";
    private const string Ipv6 = "[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*";
    private const string Label = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?";

    public static readonly TextShape<string> OverlayName = new(
        "1 to 32 letters, digits, dots, dashes and underscores",
        @"^(?!\.{1,2}$)[A-Za-z0-9._-]{1,32}$",
        (text, out name) =>
            WrongName(name = text, ".-_", "letters, digits, dots, dashes and underscores", most: 32)
            // The name is also that of the directory in which a host keeps what it remembers of the overlay.
            ?? (text is "." or ".." ? "is no name of a directory: choose another name" : null)
    );

    /// <summary>A name as in hostname(7), but of at most 63 characters in all, Linux's limit.</summary>
    public static readonly TextShape<string> HostName = new(
        "a host's name, of letters, digits, dashes and dots",
        $@"^(?=.{{1,63}}$){Label}(\.{Label})*$",
        (text, out name) =>
            WrongName(name = text, ".-", "letters, digits, dashes and dots", most: 63)
            ?? WrongLabels(text)
    );

    /// <summary>
    /// A name that the most liberal engines (Docker, Podman) accept. The container's own engine may be stricter.
    /// </summary>
    public static readonly TextShape<string> ContainerName = new(
        "a container's name, of letters, digits, dots, dashes and underscores",
        "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        (text, out name) =>
            WrongName(name = text, ".-_", "letters, digits, dots, dashes and underscores", most: 63)
            ?? (
                char.IsAsciiLetterOrDigit(text[0])
                    ? null
                    : $"begins with '{text[0]}': begin with a letter or a digit"
            )
    );

    public static readonly TextShape<string> LinkName = new(
        "a link's name, of 1 to 15 bytes",
        """^(?!-|@|\.{1,2}$)[^/:%#"'\\\s]{1,15}$""",
        (text, out name) => LinkNames.IsValid(name = text, out var wrong) ? null : wrong
    );

    public static readonly TextShape<IPAddress> Address = new(
        "an IP address such as 192.0.2.1 or fd00::1",
        $"^({Ipv4}|{Ipv6})$",
        (text, out address) =>
            IPText.TryReadAddress(text, out address!, out var wrong) ? null : wrong
    );

    public static readonly TextShape<SshTarget> SshTarget = new(
        "where SSH reaches a host, such as admin@host1.example:22",
        Overlays.SshTarget.Pattern,
        (text, out target) =>
            Overlays.SshTarget.TryParse(text, out target, out var wrong) ? null : wrong
    );

    public static readonly FamilyShape<IPAddress> Addresses = new(
        Address,
        "address",
        address => address.AddressFamily
    );

    public static readonly TextShape<IPNetwork> Subnet = new(
        "a subnet such as 10.8.2.0/24 or fd00:8:2::/64",
        $"^({Ipv4}|{Ipv6})/[0-9]{{1,3}}$",
        (text, out subnet) =>
            !IPText.TryReadSubnet(text, out subnet, out var wrong) ? wrong
            : SpecialRange.Overlapping(subnet) is { } special
                ? $"reaches into {special.Range}, where each is {special.What}: choose a private subnet, such as 10.8.2.0/24 or fd00:8:2::/64"
            : null
    );

    public static readonly TextShape<IPNetwork> Slice = new(
        "a part of the network's subnet such as 10.8.2.64/26",
        $"^({Ipv4}|{Ipv6})/[0-9]{{1,3}}$",
        (text, out slice) => IPText.TryReadNetwork(text, out slice, out var wrong) ? null : wrong
    );

    /// <summary>The destination of a route, as text: the keys of a mapping are always texts.</summary>
    public static readonly TextShape<string> Destination = new(
        "where to, such as 10.9.0.0/16 or 0.0.0.0/0",
        $"^({Ipv4}|{Ipv6})/[0-9]{{1,3}}$",
        (text, out name) => IPText.TryReadNetwork(name = text, out _, out var wrong) ? null : wrong
    );

    /// <summary>A label name as engines accept it; LXD's and Incus' keys have no white space.</summary>
    public static readonly TextShape<string> LabelKey = new(
        "a label's name",
        @"^[^\s\u0000-\u001f\u007f-\u009f]+$",
        (text, out name) =>
            (name = text).Length == 0 ? "is empty: write the label's name"
            : text.Any(letter => char.IsControl(letter) || char.IsWhiteSpace(letter))
                ? "holds white space or a control character: take it out"
            : null
    );

    public static readonly TextShape<MacAddress> Mac = new(
        "a MAC address such as 02:00:00:00:00:01",
        "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$",
        (text, out mac) =>
            !MacAddress.TryParse(text, out mac) ? WrongMacForm(text)
            : mac.IsZero ? "names no station: leave the key out to have one derived"
            : mac.IsMulticast
                ? "is a multicast address: make its second digit even, or leave the key out to have one derived"
            : null
    );

    /// <summary>
    /// The path of a file that holds a secret. Someone may write the secret itself here, so messages do not repeat the text.
    /// </summary>
    public static readonly TextShape<string> SecretFile = Path(holdsSecret: true);

    public static readonly TextShape<string> File = Path(holdsSecret: false);

    public static readonly TextShape<string> SecretVariable = new(
        "the name of a variable, of letters, digits and underscores",
        "^[A-Za-z_][A-Za-z0-9_]*$",
        (text, out name) =>
        {
            name = text;
            return
                name.Length > 0
                && !char.IsAsciiDigit(name[0])
                && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '_')
                ? null
                : "is not the name of a variable: write one of letters, digits and underscores, such as WEFT_PSK";
        }
    )
    {
        HoldsSecret = true,
    };

    private static TextShape<string> Path(bool holdsSecret) =>
        new(
            "the absolute path of a file",
            "^/.*[^/]$",
            (text, out path) =>
            {
                path = text;
                return !text.StartsWith('/') ? "is not an absolute path: begin with '/'"
                    : text.EndsWith('/') ? "is a directory: name the file in it"
                    : text.Any(char.IsControl) ? "holds a control character: take it out"
                    : null;
            }
        )
        {
            HoldsSecret = holdsSecret,
        };

    private static string? WrongName(string text, string marks, string allowed, int most)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (
                !rune.IsAscii
                || (
                    !char.IsAsciiLetterOrDigit((char)rune.Value)
                    && !marks.Contains((char)rune.Value)
                )
            )
            {
                return $"holds {Words.Quote(rune.ToString())}: use {allowed} only";
            }
        }
        return text.Length == 0 ? $"is empty: use {allowed}"
            : text.Length > most
                ? $"has {text.Length} characters, and {most} are the most: shorten it"
            : null;
    }

    private static string? WrongLabels(string hostName) =>
        hostName.Split('.').All(label => label.Length > 0 && label[0] != '-' && label[^1] != '-')
            ? null
            : "has a part that is empty, or begins or ends with '-': use letters and digits there";

    private static string WrongMacForm(string text) =>
        MacAddress.TryParse(text.Replace('-', ':'), out var meant)
            ? $"has dashes: write {meant}"
            : "is no MAC address: write six pairs of hexadecimal digits with colons between, as in 02:00:00:00:00:01";
}
