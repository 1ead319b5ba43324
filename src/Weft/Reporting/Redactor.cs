using System.Text;
using System.Text.RegularExpressions;
using Weft.Core.History;
using Weft.Core.Ipsec;

namespace Weft.Reporting;

/// <summary>
/// Removes secrets from text: values in places known to hold secrets, and known secrets in any place and any encoding.
/// </summary>
internal sealed partial class Redactor
{
    // Anything shorter occurs in texts by chance.
    private const int LeastLetters = 6;
    private const int MatchMilliseconds = 60_000;

    private readonly string[] forms;

    /// <summary>Creates a redactor.</summary>
    /// <param name="secrets">The known secrets.</param>
    public Redactor(IEnumerable<Secret> secrets) =>
        forms = [
            .. secrets
                .SelectMany(Forms)
                .Where(form => form.Length >= LeastLetters)
                .Distinct(StringComparer.OrdinalIgnoreCase)
                .OrderByDescending(form => form.Length),
        ];

    /// <summary>Returns the text without secrets.</summary>
    public string Clean(string text)
    {
        text = PrivateKey().Replace(text, Secret.Veil);
        text = KernelKey().Replace(text, $"${{algorithm}} {Secret.Veil}");
        text = Option()
            .Replace(
                text,
                found =>
                    found.Groups["name"].Value
                    + (
                        found.Groups["value"].Value.StartsWith('"')
                            ? $"\"{Secret.Veil}\""
                            : Secret.Veil
                    )
            );
        foreach (var form in forms)
        {
            text = text.Replace(form, Secret.Veil, StringComparison.OrdinalIgnoreCase);
        }
        return text;
    }

    /// <summary>
    /// Returns an overlay file without its key. With mistakes in the file, the end of the key is uncertain: everything that may
    /// belong to it is removed, even what else follows on its lines.
    /// </summary>
    /// <param name="yaml">The file.</param>
    /// <param name="mayHoldKey">Whether the file may contain the key itself, rather than say where it is.</param>
    public string CleanFile(string yaml, bool mayHoldKey)
    {
        if (!mayHoldKey)
        {
            return Clean(SecretMask.OfComments(yaml));
        }
        var kept = new List<string>();
        int? inside = null;
        foreach (var line in yaml.Split('\n'))
        {
            var depth = line.Length - line.TrimStart().Length;
            if (inside is { } outer && (depth > outer || line.Trim().Length == 0))
            {
                continue;
            }
            inside = null;
            if (KeyInFile().Match(line) is { Success: true } found)
            {
                inside = depth;
                kept.Add($"{line[..(found.Index + found.Length)]} {Secret.Veil}");
            }
            else
            {
                kept.Add(line);
            }
        }
        return Clean(string.Join('\n', kept));
    }

    /// <summary>The encodings of a secret: as it is, in hexadecimal, in base64.</summary>
    private static IEnumerable<string> Forms(Secret secret)
    {
        var bytes = secret.Reveal().ToArray();
        var hexadecimal = Convert.ToHexString(bytes);
        yield return Encoding.UTF8.GetString(bytes);
        yield return hexadecimal;
        yield return string.Join(':', hexadecimal.Chunk(2).Select(pair => new string(pair)));
        yield return string.Join(' ', hexadecimal.Chunk(2).Select(pair => new string(pair)));
        // Within a longer base64 text a secret may begin at any of three offsets.
        yield return Convert.ToBase64String(bytes);
        for (var skipped = 0; skipped < 3 && bytes.Length - skipped >= 3; skipped++)
        {
            var whole = (bytes.Length - skipped) / 3 * 3;
            yield return Convert.ToBase64String(bytes, skipped, whole);
        }
    }

    [GeneratedRegex(
        "-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\\z)",
        RegexOptions.Singleline,
        MatchMilliseconds
    )]
    private static partial Regex PrivateKey();

    // ip-xfrm(8): the algorithm and then its key.
    [GeneratedRegex(
        "\\b(?<algorithm>(?:enc|auth|auth-trunc|aead|comp) \\S+) 0x[0-9a-fA-F]+",
        RegexOptions.None,
        MatchMilliseconds
    )]
    private static partial Regex KernelKey();

    // Options as ovs-vsctl, ovsdb-client and ovs-monitor-ipsec write them; a quoted value may contain anything.
    [GeneratedRegex(
        "(?<name>\\b(?:psk|password|passphrase|secret)\"?[ \\t]*[=,:][ \\t]*)(?<value>\"(?:[^\"\\\\]|\\\\.)*\"|[^\\s,}\\])\"{]+)",
        RegexOptions.IgnoreCase,
        MatchMilliseconds
    )]
    private static partial Regex Option();

    [GeneratedRegex("(?<![\\w-])[\"']?psk[\"']?\\s*:", RegexOptions.None, MatchMilliseconds)]
    private static partial Regex KeyInFile();
}
