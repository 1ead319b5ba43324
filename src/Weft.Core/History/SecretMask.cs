using System.Text;
using System.Text.RegularExpressions;
using Weft.Core.Ipsec;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Weft.Core.History;

/// <summary>An overlay file as it may be shown: keys that stand in the file itself are left out.</summary>
internal static partial class SecretMask
{
    private const string SecretKey = "psk";

    // Beside `psk`, what only says where the key is (OverlaySchema.Psk).
    private static readonly string[] Whereabouts = ["file", "env"];

    // A shorter text than this is no key, and may stand anywhere.
    private const int ShortestSecret = 8;

    /// <summary>The text without its secrets, and the secrets, of which nothing may be shown but whether they are the same.</summary>
    public static (string Text, IReadOnlyList<string> Secrets) Of(string text)
    {
        List<(int Start, int End, string Secret)> found;
        try
        {
            found = Find(text);
        }
        catch (YamlException)
        {
            // What cannot be read cannot be shown: a key may be anywhere in it.
            return ($"{Secret.Veil}\n", []);
        }
        var masked = new StringBuilder(text);
        foreach (var (start, end, _) in found.OrderByDescending(one => one.Start))
        {
            var length = text.AsSpan(start, end - start).TrimEnd().Length;
            masked.Remove(start, length).Insert(start, Secret.Veil);
        }
        // A key that was commented out, or is told again elsewhere.
        foreach (var (_, _, secret) in found.Where(one => one.Secret.Length >= ShortestSecret))
        {
            masked.Replace(secret, Secret.Veil);
        }
        return (OfComments(masked.ToString()), [.. found.Select(one => one.Secret)]);
    }

    /// <summary>The text without what comments say that a key is or was: with all that follows, since nobody knows where it ends.</summary>
    public static string OfComments(string text) =>
        KeyInComment().Replace(text, $"${{name}}{Secret.Veil}");

    private static List<(int Start, int End, string Secret)> Find(string text)
    {
        var found = new List<(int, int, string)>();
        var parser = new Parser(new Scanner(new StringReader(text), skipComments: true));
        // Each collection that is open: whether it is a mapping, and the key whose value comes next.
        var open = new Stack<(bool IsMapping, string? Key)>();
        while (parser.MoveNext())
        {
            switch (parser.Current)
            {
                case MappingStart or SequenceStart:
                    open.Push((parser.Current is MappingStart, null));
                    break;
                case MappingEnd or SequenceEnd:
                    open.Pop();
                    Done();
                    break;
                case Scalar scalar
                    when open.TryPeek(out var at) && at is { IsMapping: true, Key: null }:
                    open.Pop();
                    open.Push((true, scalar.Value));
                    break;
                case Scalar scalar:
                    if (IsSecret())
                    {
                        found.Add(((int)scalar.Start.Index, (int)scalar.End.Index, scalar.Value));
                    }
                    Done();
                    break;
            }
        }
        return found;

        void Done()
        {
            if (open.TryPop(out var at))
            {
                open.Push((at.IsMapping, null));
            }
        }

        bool IsSecret() =>
            open.Any(level => level.Key == SecretKey)
            && !(open.Peek() is { Key: { } key } && Whereabouts.Contains(key));
    }

    [GeneratedRegex(
        """(?<name>#.*\bpsk["']?\s*:\s*)\S.*""",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase,
        1000
    )]
    private static partial Regex KeyInComment();
}
