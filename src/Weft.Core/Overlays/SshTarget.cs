using System.Text.RegularExpressions;

namespace Weft.Core.Overlays;

/// <summary>How SSH reaches a host; what is null is left to the administrator's own SSH configuration.</summary>
/// <param name="User">The user to log in as.</param>
/// <param name="Name">A name that SSH's configuration or the resolver knows, or an address.</param>
/// <param name="Port">The TCP port.</param>
public sealed partial record SshTarget(string? User, string Name, int? Port)
{
    /// <summary>A pattern of what <see cref="TryParse"/> accepts, for editors.</summary>
    internal const string Pattern =
        @"^([A-Za-z0-9_][A-Za-z0-9._-]*@)?([A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$";

    /// <summary>Reads <c>[USER@]NAME[:PORT]</c>; an IPv6 address is written in brackets, as in a URL.</summary>
    /// <param name="text">The text.</param>
    /// <param name="target">The target.</param>
    /// <param name="wrong">What is wrong, as the rest of a sentence; null if nothing is.</param>
    public static bool TryParse(string text, out SshTarget target, out string? wrong)
    {
        target = null!;
        var match = Form().Match(text);
        if (!match.Success)
        {
            wrong =
                text.Count(letter => letter == ':') > 1 && !text.Contains('[')
                    ? "has an IPv6 address that stands alone: write it in brackets, as in admin@[2001:db8::1]:22"
                    : "is not where SSH reaches a host: write it as in admin@host1.example:22, of which user and port may be left out";
            return false;
        }
        var port = match.Groups[3].ValueSpan is [':', .. var digits]
            ? int.Parse(digits)
            : (int?)null;
        if (port is 0 or > ushort.MaxValue)
        {
            wrong = $"has port {port}: ports are 1 to {ushort.MaxValue}";
            return false;
        }
        wrong = null;
        target = new SshTarget(
            match.Groups[1].Success ? match.Groups[1].Value.TrimEnd('@') : null,
            match.Groups[2].Value.Trim('[', ']'),
            port
        );
        return true;
    }

    /// <summary>How SSH reaches a host of an overlay: at its underlay address unless the file says otherwise.</summary>
    public static SshTarget Of(Host host) =>
        host.Ssh ?? new SshTarget(null, host.Address.ToString(), null);

    /// <summary>The target as it is written in the overlay file.</summary>
    public override string ToString() =>
        (User is null ? "" : $"{User}@")
        + (Name.Contains(':') ? $"[{Name}]" : Name)
        + (Port is { } port ? $":{port}" : "");

#pragma warning disable MA0023 // The pattern is the JSON Schema's too, whose groups have no names.
    [GeneratedRegex(Pattern, RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Form();
#pragma warning restore MA0023
}
